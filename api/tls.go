package api

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-connect/sluice/connectors/keystore"
)

// TLS configures listeners of https. The names in brackets are those of the worker's properties, which may begin with
// listeners.https. or admin.listeners.https.
type TLS struct {
	// KeyStore is a file with the server's certificate, those of its issuers, and its private key
	// (ssl.keystore.location), in PEM, PKCS12 or JKS. It is read again for new connections after it has changed.
	KeyStore string
	// KeyStorePassword opens the file (ssl.keystore.password), and KeyPassword the key in a JKS where it has a password
	// of its own (ssl.key.password). PEM needs neither.
	KeyStorePassword, KeyPassword string
	// TrustStore is a file with the certificates of those who issue clients' certificates (ssl.truststore.location).
	TrustStore         string
	TrustStorePassword string // ssl.truststore.password
	// ClientAuth says whether clients must show a certificate: "none", "requested" or "required" (ssl.client.auth).
	ClientAuth string
	// Protocols are TLSv1.2, TLSv1.3 or both, which is the default (ssl.enabled.protocols).
	Protocols []string
}

// config makes the configuration of the listeners that a property names.
func (t TLS) config(listeners string) (*tls.Config, error) {
	if t.KeyStore == "" {
		return nil, fmt.Errorf("configuration %[1]s has a listener of https: set %[1]s.https.ssl.keystore.location, or ssl.keystore.location, to a file with certificate and private key in PEM, PKCS12 or JKS", listeners)
	}
	keys := &keyStore{file: keystore.File{Path: t.KeyStore, Password: t.KeyStorePassword, KeyPassword: t.KeyPassword}}
	if _, err := keys.certificate(nil); err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: keys.certificate, NextProtos: []string{"http/1.1"}}
	if err := t.setVersions(c); err != nil {
		return nil, err
	}
	switch strings.ToLower(t.ClientAuth) {
	case "", "none":
		return c, nil
	case "requested":
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case "required":
		c.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		return nil, fmt.Errorf("invalid value %q for configuration ssl.client.auth: expected none, requested or required", t.ClientAuth)
	}
	if t.TrustStore == "" {
		return nil, fmt.Errorf("configuration ssl.client.auth is %s: set ssl.truststore.location to a file with the certificates of those who issue clients' certificates, in PEM, PKCS12 or JKS", t.ClientAuth)
	}
	var err error
	if c.ClientCAs, err = (keystore.File{Path: t.TrustStore, Password: t.TrustStorePassword}).Authorities(); err != nil {
		return nil, fmt.Errorf("reading configuration ssl.truststore.location: %w", err)
	}
	return c, nil
}

// client makes the configuration of requests to other workers: this worker shows the certificate of its listeners, and believes
// those who issue clients' certificates or, where none are named, the authorities of the system.
func (t TLS) client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := t.setVersions(c); err != nil {
		return nil, err
	}
	if t.KeyStore != "" {
		keys := &keyStore{file: keystore.File{Path: t.KeyStore, Password: t.KeyStorePassword, KeyPassword: t.KeyPassword}}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return keys.certificate(nil) }
	}
	if t.TrustStore != "" {
		var err error
		if c.RootCAs, err = (keystore.File{Path: t.TrustStore, Password: t.TrustStorePassword}).Authorities(); err != nil {
			return nil, fmt.Errorf("reading configuration ssl.truststore.location: %w", err)
		}
	}
	return c, nil
}

// setVersions narrows the versions of TLS. Older ones than 1.2 are not spoken, whatever is asked for.
func (t TLS) setVersions(c *tls.Config) error {
	var known []uint16
	for _, name := range t.Protocols {
		switch strings.ToLower(name) {
		case "tlsv1.2":
			known = append(known, tls.VersionTLS12)
		case "tlsv1.3":
			known = append(known, tls.VersionTLS13)
		}
	}
	switch {
	case len(t.Protocols) == 0:
	case len(known) == 0:
		return errors.New("configuration ssl.enabled.protocols has no version that is still safe: expected TLSv1.2, TLSv1.3 or both")
	default:
		c.MinVersion, c.MaxVersion = known[0], known[0]
		for _, v := range known {
			c.MinVersion, c.MaxVersion = min(c.MinVersion, v), max(c.MaxVersion, v)
		}
	}
	return nil
}
