package api

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// keyStore is a PEM file with a certificate and its key, read again when it changes: certificates are renewed while
// the worker runs.
type keyStore struct {
	path string

	mu      sync.Mutex
	cert    *tls.Certificate
	changed time.Time
}

// certificate gives the certificate of the file. One that has become unreadable leaves the last good one in use.
func (k *keyStore) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.path)
	if err == nil && (k.cert == nil || !info.ModTime().Equal(k.changed)) {
		var cert tls.Certificate
		if cert, err = loadKeyPair(k.path); err == nil {
			k.cert, k.changed = &cert, info.ModTime()
		}
	}
	if err != nil && k.cert == nil {
		return nil, fmt.Errorf("reading configuration ssl.keystore.location: %w", err)
	}
	return k.cert, nil
}

func loadKeyPair(path string) (tls.Certificate, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return tls.Certificate{}, err
	}
	if bytes.Contains(pem, []byte("ENCRYPTED PRIVATE KEY")) {
		return tls.Certificate{}, fmt.Errorf("%s: the private key is encrypted; store it without a password, readable for the worker only", path)
	}
	cert, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s: %w; expected PEM with a certificate and its private key", path, err)
	}
	return cert, nil
}
