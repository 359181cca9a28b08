package api

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// store is a file with keys or certificates in one of the three forms that Java knows. What the file begins with tells
// which: Java, too, takes PKCS12 for what is declared to be JKS, and the other way round.
type store struct {
	path        string
	password    string
	keyPassword string // of the key in a JKS; empty: password
}

type storeKind int

const (
	inPEM storeKind = iota
	inPKCS12
	inJKS
)

func kindOf(data []byte) storeKind {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return inJKS
	case bytes.HasPrefix(data, []byte{0x30}): // a sequence in DER
		return inPKCS12
	}
	return inPEM
}

// keyPair reads a certificate, those of its issuers, and its private key.
func (s store) keyPair() (tls.Certificate, error) {
	data, err := os.ReadFile(s.path)
	if err != nil {
		return tls.Certificate{}, err
	}
	var cert tls.Certificate
	switch kindOf(data) {
	case inJKS:
		cert, err = s.jksKeyPair(data)
	case inPKCS12:
		cert, err = s.pkcs12KeyPair(data)
	case inPEM:
		if bytes.Contains(data, []byte("ENCRYPTED PRIVATE KEY")) {
			err = errors.New("the private key is encrypted; store it without a password, readable for the worker only, or in a PKCS12 file")
			break
		}
		if cert, err = tls.X509KeyPair(data, data); err != nil {
			err = fmt.Errorf("%w; expected a certificate and its private key in PEM, PKCS12 or JKS", err)
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s: %w", s.path, err)
	}
	return cert, nil
}

func (s store) pkcs12KeyPair(data []byte) (tls.Certificate, error) {
	key, leaf, issuers, err := pkcs12.DecodeChain(data, s.password)
	if err != nil {
		return tls.Certificate{}, passwordHint(err, errors.Is(err, pkcs12.ErrIncorrectPassword), "ssl.keystore.password")
	}
	cert := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for _, c := range issuers {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

func (s store) jksKeyPair(data []byte) (tls.Certificate, error) {
	ks, err := s.openJKS(data, "ssl.keystore.password")
	if err != nil {
		return tls.Certificate{}, err
	}
	for _, alias := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := ks.GetPrivateKeyEntry(alias, []byte(cmp.Or(s.keyPassword, s.password)))
		if err != nil {
			return tls.Certificate{}, passwordHint(err, true, "ssl.key.password")
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return tls.Certificate{}, err
		}
		cert := tls.Certificate{PrivateKey: key}
		for _, c := range entry.CertificateChain {
			cert.Certificate = append(cert.Certificate, c.Content)
		}
		return cert, nil
	}
	return tls.Certificate{}, errors.New("it has no private key")
}

// authorities reads certificates to trust.
func (s store) authorities() (*x509.CertPool, error) {
	data, err := os.ReadFile(s.path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	switch kindOf(data) {
	case inJKS:
		err = s.addJKS(pool, data)
	case inPKCS12:
		var certs []*x509.Certificate
		if certs, err = pkcs12.DecodeTrustStore(data, s.password); err != nil {
			err = passwordHint(err, errors.Is(err, pkcs12.ErrIncorrectPassword), "ssl.truststore.password")
		}
		for _, c := range certs {
			pool.AddCert(c)
		}
	case inPEM:
		pool.AppendCertsFromPEM(data)
	}
	if err == nil && pool.Equal(x509.NewCertPool()) {
		err = errors.New("it has no certificate in PEM, PKCS12 or JKS")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return pool, nil
}

func (s store) addJKS(pool *x509.CertPool, data []byte) error {
	ks, err := s.openJKS(data, "ssl.truststore.password")
	if err != nil {
		return err
	}
	for _, alias := range ks.Aliases() {
		if !ks.IsTrustedCertificateEntry(alias) {
			continue
		}
		entry, err := ks.GetTrustedCertificateEntry(alias)
		if err != nil {
			return err
		}
		c, err := x509.ParseCertificate(entry.Certificate.Content)
		if err != nil {
			return err
		}
		pool.AddCert(c)
	}
	return nil
}

func (s store) openJKS(data []byte, property string) (jks.KeyStore, error) {
	ks := jks.New()
	if err := ks.Load(bytes.NewReader(data), []byte(s.password)); err != nil {
		return ks, passwordHint(err, true, property)
	}
	return ks, nil
}

// passwordHint says what may be set to a wrong value.
func passwordHint(err error, hint bool, property string) error {
	if hint {
		return fmt.Errorf("%w; set %s to the password of the file", err, property)
	}
	return err
}
