package keystore

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/sha1" //nolint:gosec // the format has no other digest
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// File is a file with a key, or with certificates to trust.
type File struct {
	Path        string
	Password    string // of the file; PEM has none
	KeyPassword string // of the key in a JKS; empty: Password
	Prefix      string // of the settings that errors name, such as "elastic.https."
}

type form int

const (
	inPEM form = iota
	inPKCS12
	inJKS
)

func formOf(data []byte) form {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return inJKS
	case bytes.HasPrefix(data, []byte{0x30}): // a sequence in DER
		return inPKCS12
	}
	return inPEM
}

// KeyPair reads a certificate, those of its issuers, and its private key. Where a file has several keys, that of the first
// alias counts.
func (f File) KeyPair() (tls.Certificate, error) {
	data, err := os.ReadFile(filepath.Clean(f.Path))
	if err != nil {
		return tls.Certificate{}, err
	}
	var cert tls.Certificate
	switch formOf(data) {
	case inJKS:
		cert, err = f.jksKeyPair(data)
	case inPKCS12:
		cert, err = f.pkcs12KeyPair(data)
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
		return tls.Certificate{}, fmt.Errorf("%s: %w", f.Path, err)
	}
	return cert, nil
}

func (f File) pkcs12KeyPair(data []byte) (tls.Certificate, error) {
	key, leaf, others, err := pkcs12.DecodeChain(data, f.Password)
	if err != nil {
		return tls.Certificate{}, f.passwordHint(err, errors.Is(err, pkcs12.ErrIncorrectPassword), "ssl.keystore.password")
	}
	certs := append([]*x509.Certificate{leaf}, others...)
	own := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return belongs(key, c) })
	if own < 0 {
		return tls.Certificate{}, errors.New("it has no certificate of its private key")
	}
	certs[0], certs[own] = certs[own], certs[0]
	cert := tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for i, c := range certs {
		if !slices.ContainsFunc(certs[:i], c.Equal) { // an authority may be there for the chain, and to be trusted
			cert.Certificate = append(cert.Certificate, c.Raw)
		}
	}
	return cert, nil
}

// belongs says whether a certificate is that of a private key (invariant 2).
func belongs(key any, c *x509.Certificate) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(x crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func (f File) jksKeyPair(data []byte) (tls.Certificate, error) {
	ks, err := f.openJKS(data, "ssl.keystore.password")
	if err != nil {
		return tls.Certificate{}, err
	}
	for _, alias := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := ks.GetPrivateKeyEntry(alias, []byte(cmp.Or(f.KeyPassword, f.Password)))
		if err != nil {
			return tls.Certificate{}, f.passwordHint(err, true, "ssl.key.password")
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

// Authorities reads certificates to trust, as [File.Certificates] does.
func (f File) Authorities() (*x509.CertPool, error) {
	certs, err := f.Certificates()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

// Certificates reads certificates to trust, at least one. A file with a key may serve as well, as in Java: then all its certificates
// are trusted.
func (f File) Certificates() ([]*x509.Certificate, error) {
	data, err := os.ReadFile(filepath.Clean(f.Path))
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	switch formOf(data) {
	case inJKS:
		certs, err = f.jksCertificates(data)
	case inPKCS12:
		certs, err = f.pkcs12Certificates(data)
	case inPEM:
		certs = pemCertificates(data)
	}
	if err == nil && len(certs) == 0 {
		err = errors.New("it has no certificate in PEM, PKCS12 or JKS")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return certs, nil
}

// pemCertificates passes over what is no certificate, as x509.CertPool does.
func pemCertificates(data []byte) (certs []*x509.Certificate) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, c)
		}
	}
	return certs
}

func (f File) pkcs12Certificates(data []byte) ([]*x509.Certificate, error) {
	certs, err := pkcs12.DecodeTrustStore(data, f.Password)
	if err != nil && !errors.Is(err, pkcs12.ErrIncorrectPassword) {
		if _, leaf, others, e := pkcs12.DecodeChain(data, f.Password); e == nil {
			return append(others, leaf), nil
		}
	}
	return certs, f.passwordHint(err, errors.Is(err, pkcs12.ErrIncorrectPassword), "ssl.truststore.password")
}

func (f File) jksCertificates(data []byte) ([]*x509.Certificate, error) {
	if f.Password == "" && len(data) > sha1.Size { // certificates are not encrypted in it; Kafka's clients, too, then read them unchecked
		content := data[:len(data)-sha1.Size]
		data = slices.Concat(content, digest("", content))
	}
	ks, err := f.openJKS(data, "ssl.truststore.password")
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, alias := range ks.Aliases() {
		var chain []jks.Certificate
		if ks.IsTrustedCertificateEntry(alias) {
			entry, err := ks.GetTrustedCertificateEntry(alias)
			if err != nil {
				return nil, err
			}
			chain = append(chain, entry.Certificate)
		} else if chain, err = ks.GetPrivateKeyEntryCertificateChain(alias); err != nil {
			return nil, err
		}
		for _, cert := range chain {
			c, err := x509.ParseCertificate(cert.Content)
			if err != nil {
				return nil, err
			}
			certs = append(certs, c)
		}
	}
	return certs, nil
}

func (f File) openJKS(data []byte, setting string) (jks.KeyStore, error) {
	ks := jks.New(jks.WithOrderedAliases())
	if len(data) < sha1.Size {
		return ks, errors.New("it is cut off")
	}
	content, sum := data[:len(data)-sha1.Size], digest(f.Password, data[:len(data)-sha1.Size])
	if !bytes.Equal(sum, data[len(content):]) { // before anything is read, for the library believes all that the file says of sizes
		return ks, f.passwordHint(errors.New("its digest does not fit the password, or it is damaged"), true, setting)
	}
	return ks, ks.Load(bytes.NewReader(data), []byte(f.Password))
}

// digest is what ends a JKS: SHA-1 of the password in UTF-16, a fixed text, and the content.
func digest(password string, content []byte) []byte {
	h := sha1.New() //nolint:gosec // see above
	for _, c := range []byte(password) {
		h.Write([]byte{0, c})
	}
	h.Write([]byte("Mighty Aphrodite"))
	h.Write(content)
	return h.Sum(nil)
}

// passwordHint says what may be set to a wrong value.
func (f File) passwordHint(err error, hint bool, setting string) error {
	if err != nil && hint {
		return fmt.Errorf("%w; set %s to the password of the file", err, f.Prefix+setting)
	}
	return err
}
