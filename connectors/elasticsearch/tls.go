package elasticsearch

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// setTLS says whether any key of TLS has a value of the user's.
func setTLS(cfg connectors.Config) bool {
	return caFingerprint.Get(cfg) != "" || slices.ContainsFunc(definition().Keys(), func(k connectors.KeyDef) bool {
		return strings.HasPrefix(k.Name, sslPrefix) && cfg.IsSet(k.Name)
	})
}

// checkTLS finds what is wrong with the keys of TLS without looking at files.
func checkTLS(cfg connectors.Config, wrong func(string, ...string)) {
	if caFingerprint.Get(cfg) != "" && (trustLocation.Get(cfg) != "" || trustCertificates.Get(cfg) != "") {
		wrong("'sluice.ca.fingerprint' takes the place of a trust store; set one of them.", caFingerprint.Name())
	}
	const convert = "Stores of the type %s are not supported; convert it to PEM (keytool -exportcert -rfc, openssl pkcs12 -nodes) and set '%s' to PEM."
	if t := trustType.Get(cfg); trustLocation.Get(cfg) != "" && !is(t, "PEM") {
		wrong(fmt.Sprintf(convert, t, trustType.Name()), trustType.Name())
	}
	if t := keyType.Get(cfg); keyLocation.Get(cfg) != "" && !is(t, "PEM") {
		wrong(fmt.Sprintf(convert, t, keyType.Name()), keyType.Name())
	}
	if (keyChain.Get(cfg) != "") != (keyPEM.Get(cfg) != "") {
		wrong("Both '"+keyChain.Name()+"' and '"+keyPEM.Name()+"' must be set.", keyChain.Name(), keyPEM.Name())
	}
	if keyPassword.Get(cfg) != "" {
		wrong("Encrypted private keys are not supported; decrypt it (openssl pkcs8) and protect the file instead.", keyPassword.Name())
	}
	if _, err := tlsVersions(cfg); err != nil {
		wrong(err.Error(), sslEnabled.Name())
	}
	if a := sslIdentity.Get(cfg); a != "" && !is(a, "https") {
		wrong("Must be https or empty.", sslIdentity.Name())
	}
}

func tlsVersions(cfg connectors.Config) (lowest uint16, err error) {
	for _, v := range sslEnabled.Get(cfg) {
		var n uint16
		switch v {
		case "TLSv1.2":
			n = tls.VersionTLS12
		case "TLSv1.3":
			n = tls.VersionTLS13
		default:
			return 0, fmt.Errorf("Version %s is not supported; use TLSv1.2 and TLSv1.3.", v)
		}
		if lowest == 0 || n < lowest {
			lowest = n
		}
	}
	return lowest, nil
}

func newTLS(cfg connectors.Config) (*tls.Config, error) {
	lowest, err := tlsVersions(cfg)
	if err != nil {
		return nil, connectors.Misconfigured("reading "+sslEnabled.Name(), err, "")
	}
	c := &tls.Config{MinVersion: max(lowest, tls.VersionTLS12)}
	if !strings.Contains(strings.Join(sslEnabled.Get(cfg), ","), "TLSv1.3") {
		c.MaxVersion = tls.VersionTLS12
	}
	if c.RootCAs, err = trusted(cfg); err != nil {
		return nil, err
	}
	if err := identity(cfg, c); err != nil {
		return nil, err
	}
	names := hosts(connectionURL.Get(cfg))
	switch fingerprint := caFingerprint.Get(cfg); {
	case fingerprint != "":
		if sslIdentity.Get(cfg) == "" {
			names = nil
		}
		digest, err := parseFingerprint(fingerprint)
		if err != nil {
			return nil, connectors.Misconfigured("reading "+caFingerprint.Name(), err, "")
		}
		withFingerprint(c, [sha256.Size]byte(digest), names)
	case sslIdentity.Get(cfg) == "":
		verifyAgainst(c, func(tls.ConnectionState) (*x509.CertPool, error) { return c.RootCAs, nil }, nil)
	}
	return c, nil
}

// trusted gives the trusted authorities; nil means those of the system.
func trusted(cfg connectors.Config) (*x509.CertPool, error) {
	text, from := []byte(trustCertificates.Get(cfg).Reveal()), trustCertificates.Name()
	if len(text) == 0 {
		name := trustLocation.Get(cfg)
		if name == "" {
			return nil, nil
		}
		var err error
		if text, err = os.ReadFile(filepath.Clean(name)); err != nil {
			return nil, connectors.Misconfigured("reading the trusted certificates", err, "correct "+trustLocation.Name())
		}
		from = name
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, connectors.Misconfigured("reading the trusted certificates of "+from, errors.New("no certificate in PEM form"), "convert it to PEM")
	}
	return pool, nil
}

// identity adds the client's own certificate, where there is one.
func identity(cfg connectors.Config, c *tls.Config) error {
	chain, key := []byte(keyChain.Get(cfg).Reveal()), []byte(keyPEM.Get(cfg).Reveal())
	if name := keyLocation.Get(cfg); name != "" && len(chain) == 0 {
		text, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			return connectors.Misconfigured("reading the client's key and certificate", err, "correct "+keyLocation.Name())
		}
		chain, key = text, text
	}
	if len(chain) == 0 {
		return nil
	}
	if block, _ := pem.Decode(key); block != nil && strings.Contains(block.Type, "ENCRYPTED") {
		return connectors.Misconfigured("reading the client's key", errors.New("it is encrypted"), "decrypt it (openssl pkcs8) and protect the file instead")
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return connectors.Misconfigured("reading the client's key and certificate", err, "give a private key and its certificate chain as PEM")
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// withFingerprint trusts the one authority whose certificate has a digest, and which the server sends along. That the
// server sends it proves nothing, for anybody can; its own certificate has to come from it.
func withFingerprint(c *tls.Config, digest [sha256.Size]byte, names []string) {
	verifyAgainst(c, func(s tls.ConnectionState) (*x509.CertPool, error) {
		for _, cert := range s.PeerCertificates {
			if sha256.Sum256(cert.Raw) == digest {
				pool := x509.NewCertPool()
				pool.AddCert(cert)
				return pool, nil
			}
		}
		return nil, errors.New("tls: no certificate of the server has the fingerprint of sluice.ca.fingerprint")
	}, names)
}

// hosts gives the hosts of URLs.
func hosts(urls []string) []string {
	var names []string
	for _, s := range urls {
		if u, err := url.Parse(s); err == nil {
			names = append(names, u.Hostname())
		}
	}
	return names
}

// verifyAgainst replaces the check of the server's certificate by one against authorities of our own choice. The
// certificate must be for the name that was dialled; for one of names where that was an address, because a connection
// does not tell which. Without names it may be for any.
func verifyAgainst(c *tls.Config, authorities func(tls.ConnectionState) (*x509.CertPool, error), names []string) {
	c.InsecureSkipVerify = true // the check below takes its place
	c.VerifyConnection = func(s tls.ConnectionState) error {
		roots, err := authorities(s)
		if err != nil {
			return err
		}
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		leaf := s.PeerCertificates[0]
		if _, err = leaf.Verify(opts); err != nil || names == nil {
			return err
		}
		if s.ServerName != "" {
			return leaf.VerifyHostname(s.ServerName)
		}
		for _, name := range names {
			if err = leaf.VerifyHostname(name); err == nil {
				return nil
			}
		}
		return err
	}
}
