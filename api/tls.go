package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS configures listeners of https. Files are PEM, as Kafka takes them with ssl.keystore.type and ssl.truststore.type
// set to PEM; the names in brackets are those of the worker's properties, with or without the prefix listeners.https.
type TLS struct {
	// KeyStore is a file with the server's certificate, those of its issuers, and its private key
	// (ssl.keystore.location). It is read again for each new connection after it has changed.
	KeyStore string
	// TrustStore is a file with the certificates of those who issue clients' certificates (ssl.truststore.location).
	TrustStore string
	// ClientAuth says whether clients must show a certificate: "none", "requested" or "required" (ssl.client.auth).
	ClientAuth string
}

func (t TLS) config() (*tls.Config, error) {
	if t.KeyStore == "" {
		return nil, errors.New("configuration listeners has a listener of https: set ssl.keystore.location to a PEM file with certificate and private key, and ssl.keystore.type to PEM")
	}
	keys := &keyStore{path: t.KeyStore}
	if _, err := keys.certificate(nil); err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: keys.certificate, NextProtos: []string{"http/1.1"}}
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
		return nil, fmt.Errorf("configuration ssl.client.auth is %s: set ssl.truststore.location to a PEM file with the certificates of those who issue clients' certificates, and ssl.truststore.type to PEM", t.ClientAuth)
	}
	pem, err := os.ReadFile(t.TrustStore)
	if err != nil {
		return nil, fmt.Errorf("reading configuration ssl.truststore.location: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading configuration ssl.truststore.location: %s has no certificate in PEM", t.TrustStore)
	}
	return c, nil
}
