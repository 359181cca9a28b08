package api

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors/keystore"
)

// keyStore is a file with a certificate and its key, read again when it changes: certificates are renewed while the
// worker runs.
type keyStore struct {
	file keystore.File

	mu      sync.Mutex
	cert    *tls.Certificate
	changed time.Time
}

// certificate gives the certificate of the file. One that has become unreadable leaves the last good one in use.
func (k *keyStore) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.file.Path)
	if err == nil && (k.cert == nil || !info.ModTime().Equal(k.changed)) {
		var cert tls.Certificate
		if cert, err = k.file.KeyPair(); err == nil {
			k.cert, k.changed = &cert, info.ModTime()
		}
	}
	if err != nil && k.cert == nil {
		return nil, fmt.Errorf("reading configuration ssl.keystore.location: %w", err)
	}
	return k.cert, nil
}
