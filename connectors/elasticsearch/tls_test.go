package elasticsearch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/keystore"
)

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// authority issues certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t *testing.T, name string, by *authority, host string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: by == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else if host != "" {
		c.DNSNames = []string{host}
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{parsed, key}
}

func (a *authority) certPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

func (a *authority) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// TestTLS tries right and wrong authorities, names and client certificates.
func TestTLS(t *testing.T) {
	ca, other := issue(t, "ca", nil, ""), issue(t, "other", nil, "")
	right, elsewhere, forged := issue(t, "es", ca, "127.0.0.1"), issue(t, "es", ca, "elsewhere"), issue(t, "es", other, "127.0.0.1")
	client, stranger := issue(t, "client", ca, ""), issue(t, "client", other, "")
	trust := map[string]string{sslPrefix + "ssl.truststore.certificates": ca.certPEM()}
	pinned := map[string]string{"sluice.ca.fingerprint": strings.ToUpper(fingerprint(ca.cert))}
	noName := sslPrefix + "ssl.endpoint.identification.algorithm"
	file := func(text string) string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "store.pem")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	trustFile := map[string]string{sslPrefix + "ssl.truststore.type": "PEM", sslPrefix + "ssl.truststore.location": file(ca.certPEM())}
	keys := file(client.keyPEM(t) + client.certPEM())
	mutual := func(set map[string]string, a *authority) map[string]string {
		return with(set, sslPrefix+"ssl.keystore.certificate.chain", a.certPEM(), sslPrefix+"ssl.keystore.key", a.keyPEM(t))
	}
	for _, tc := range []struct {
		name   string
		server *authority
		mutual bool
		newest uint16 // version of TLS that the server has; 0: all
		set    map[string]string
		bad    string
	}{
		{name: "trusted", server: right, set: trust},
		{name: "not trusted", server: right, set: nil, bad: "elastic.https.ssl"},
		{name: "other authority", server: forged, set: trust, bad: "elastic.https.ssl"},
		{name: "other name", server: elsewhere, set: trust, bad: "elastic.https.ssl"},
		{name: "other name that does not matter", server: elsewhere, set: with(trust, noName, "")},
		{name: "other authority where the name does not matter", server: forged, set: with(trust, noName, ""), bad: "elastic.https.ssl"},
		{name: "fingerprint", server: right, set: pinned},
		{name: "fingerprint, other name", server: elsewhere, set: pinned, bad: "elastic.https.ssl"},
		{name: "fingerprint, other name that does not matter", server: elsewhere, set: with(pinned, noName, "")},
		{name: "fingerprint of another", server: right, set: map[string]string{"sluice.ca.fingerprint": fingerprint(other.cert)}, bad: "sluice.ca.fingerprint"},
		{name: "the authority shown by somebody else", server: forged, set: pinned, bad: "elastic.https.ssl"},
		{name: "client certificate", server: right, mutual: true, set: mutual(trust, client)},
		{name: "client certificate missing", server: right, mutual: true, set: trust, bad: "certificate required"},
		{name: "files", server: right, mutual: true, set: with(trustFile, sslPrefix+"ssl.keystore.type", "PEM", sslPrefix+"ssl.keystore.location", keys)},
		{name: "older version", server: right, newest: tls.VersionTLS12, set: trust},
		{name: "older version that is not enabled", server: right, newest: tls.VersionTLS12, set: with(trust, sslPrefix+"ssl.enabled.protocols", "TLSv1.3"), bad: "protocol version"},
		{name: "client certificate of another authority", server: right, mutual: true, set: mutual(trust, stranger), bad: "elastic.https.ssl"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pool := x509.NewCertPool()
			pool.AddCert(ca.cert)
			server := httptest.NewUnstartedServer(newService(t))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.TLS = &tls.Config{
				Certificates: []tls.Certificate{{Certificate: [][]byte{tc.server.cert.Raw, ca.cert.Raw}, PrivateKey: tc.server.key}},
				ClientCAs:    pool,
				MaxVersion:   tc.newest,
			}
			if tc.mutual {
				server.TLS.ClientAuth = tls.RequireAndVerifyClientCert
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			err := New().Probe(t.Context(), parse(t, server.URL, with(tc.set, "elastic.security.protocol", "SSL", "connection.timeout.ms", "30000")))
			if (err == nil) != (tc.bad == "") || err != nil && (!strings.Contains(err.Error(), tc.bad) || connectors.CodeOf(err) != connectors.CodeRetriable) {
				t.Errorf("probe: %v, want %q", err, tc.bad)
			}
		})
	}
}

// TestStoresOfJava connects with files that keytool has made.
func TestStoresOfJava(t *testing.T) {
	const password = "store-password"
	dir := filepath.Join("..", "keystore", "testdata")
	own, err := keystore.File{Path: filepath.Join(dir, "ca.p12"), Password: password}.KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	ca := &authority{cert: own.Leaf, key: own.PrivateKey.(*ecdsa.PrivateKey)}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	es := issue(t, "es", ca, "127.0.0.1")
	server := httptest.NewUnstartedServer(newService(t))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{es.cert.Raw}, PrivateKey: es.key}},
		ClientCAs:    pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	trustKey, keysKey := sslPrefix+"ssl.truststore.location", sslPrefix+"ssl.keystore.location"
	trustPass, keysPass, keyPass := sslPrefix+"ssl.truststore.password", sslPrefix+"ssl.keystore.password", sslPrefix+"ssl.key.password"
	for _, tc := range []struct {
		name, trust, keys string
		set               map[string]string
		bad               string // key that is blamed
		hint              string
	}{
		{name: "PKCS12", trust: "trust.p12", keys: "keys.p12", set: map[string]string{sslPrefix + "ssl.truststore.type": "PKCS12", sslPrefix + "ssl.keystore.type": "PKCS12"}},
		{name: "PKCS12 that nobody calls so", trust: "trust.p12", keys: "java8.p12"},
		{name: "JKS", trust: "trust.jks", keys: "keys.jks", set: map[string]string{keyPass: "key-password"}},
		{name: "PEM and PKCS12", trust: "ca.pem", keys: "keys.p12", set: map[string]string{sslPrefix + "ssl.truststore.type": "PEM"}},
		{name: "one file for both", trust: "keys.p12", keys: "keys.p12"},
		{name: "wrong password of the trust store", trust: "trust.p12", keys: "keys.p12", set: map[string]string{trustPass: "x"}, bad: trustKey, hint: trustPass},
		{name: "wrong password of the key store", trust: "trust.p12", keys: "keys.p12", set: map[string]string{keysPass: "x"}, bad: keysKey, hint: keysPass},
		{name: "password of the key is missing", trust: "trust.jks", keys: "keys.jks", bad: keysKey, hint: keyPass},
		{name: "no such file", trust: "missing.jks", keys: "keys.jks", bad: trustKey, hint: trustKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := map[string]string{
				securityProtocol.Name(): "SSL", connectionTimeout.Name(): "30000",
				trustKey: filepath.Join(dir, tc.trust), trustPass: password, keysKey: filepath.Join(dir, tc.keys), keysPass: password,
			}
			maps.Copy(set, tc.set)
			cfg := parse(t, server.URL, set)
			err := New().Probe(t.Context(), cfg)
			if tc.bad == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var blame *connectors.ProbeError
			if !errors.As(err, &blame) || !slices.Equal(blame.Keys, []string{tc.bad}) || !strings.Contains(err.Error(), tc.hint) || connectors.CodeOf(err) != connectors.CodeMisconfigured {
				t.Errorf("probe: %v, want %s blamed and %q in it", err, tc.bad, tc.hint)
			}
			if _, err := New().Start(t.Context(), cfg, newRuntime(connectors.PayloadString, connectors.PayloadJSON)); connectors.CodeOf(err) != connectors.CodeMisconfigured {
				t.Errorf("start: %v", err)
			}
		})
	}
}
