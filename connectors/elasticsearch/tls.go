package elasticsearch

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/keystore"
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
	for _, store := range []struct {
		location connectors.Key[string]
		kind     connectors.Key[string]
	}{{trustLocation, trustType}, {keyLocation, keyType}} {
		switch strings.ToUpper(store.kind.Get(cfg)) {
		case "JKS", "PKCS12", "PEM":
		default:
			if store.location.Get(cfg) != "" {
				wrong("Stores of the type "+store.kind.Get(cfg)+" are not supported; use JKS, PKCS12 or PEM.", store.kind.Name())
			}
		}
	}
	if (keyChain.Get(cfg) != "") != (keyPEM.Get(cfg) != "") {
		wrong("Both '"+keyChain.Name()+"' and '"+keyPEM.Name()+"' must be set.", keyChain.Name(), keyPEM.Name())
	}
	if keyPassword.Get(cfg) != "" && (keyPEM.Get(cfg) != "" || is(keyType.Get(cfg), "PEM")) {
		wrong("Encrypted private keys in PEM are not supported; use PKCS12 or JKS, or decrypt it (openssl pkcs8) and protect the file instead.", keyPassword.Name())
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
	if c.Certificates, err = identity(cfg); err != nil {
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
	const op = "reading the trusted certificates"
	if text := trustCertificates.Get(cfg).Reveal(); text != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(text)) {
			return nil, connectors.Misconfigured(op, errors.New("no certificate in PEM form"), "correct "+trustCertificates.Name())
		}
		return pool, nil
	}
	name := trustLocation.Get(cfg)
	if name == "" {
		return nil, nil
	}
	pool, err := keystore.File{Path: name, Password: trustPassword.Get(cfg).Reveal(), Prefix: sslPrefix}.Authorities()
	if err != nil {
		return nil, connectors.Misconfigured(op, err, "correct "+trustLocation.Name())
	}
	return pool, nil
}

// identity gives the client's own certificate; none where it has none.
func identity(cfg connectors.Config) ([]tls.Certificate, error) {
	const op = "reading the client's key and certificate"
	if chain, key := keyChain.Get(cfg).Reveal(), keyPEM.Get(cfg).Reveal(); chain != "" {
		if block, _ := pem.Decode([]byte(key)); block != nil && strings.Contains(block.Type, "ENCRYPTED") {
			return nil, connectors.Misconfigured(op, errors.New("the key is encrypted"), "decrypt it (openssl pkcs8), or use a store of the type PKCS12 or JKS")
		}
		pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
		if err != nil {
			return nil, connectors.Misconfigured(op, err, "give a private key and its certificate chain as PEM")
		}
		return []tls.Certificate{pair}, nil
	}
	name := keyLocation.Get(cfg)
	if name == "" {
		return nil, nil
	}
	store := keystore.File{Path: name, Password: keyStorePassword.Get(cfg).Reveal(), KeyPassword: keyPassword.Get(cfg).Reveal(), Prefix: sslPrefix}
	pair, err := store.KeyPair()
	if err != nil {
		return nil, connectors.Misconfigured(op, err, "correct "+keyLocation.Name())
	}
	return []tls.Certificate{pair}, nil
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
