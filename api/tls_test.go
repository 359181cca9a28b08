package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// identity is a certificate that signs itself, with its key.
type identity struct {
	cert *x509.Certificate
	pem  []byte // certificate and key
}

func newIdentity(t *testing.T, name string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	return identity{cert, text}
}

func (i identity) file(t *testing.T) string {
	t.Helper()
	return pemFile(t, i.pem)
}

func pemFile(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// trusting is a client that trusts one server and shows the certificate of another identity, if any.
func trusting(t *testing.T, server identity, own *identity) *http.Client {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	c.RootCAs.AddCert(server.cert)
	if own != nil {
		pair, err := tls.X509KeyPair(own.pem, own.pem)
		if err != nil {
			t.Fatal(err)
		}
		// Unlike Certificates this is shown whomever the server says that it trusts.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return client(t, &http.Transport{TLSClientConfig: c, DisableKeepAlives: true})
}

func TestTLS(t *testing.T) {
	server, friend, stranger := newIdentity(t, "server"), newIdentity(t, "friend"), newIdentity(t, "stranger")
	keys, trust := server.file(t), friend.file(t)
	tests := []struct {
		name    string
		options TLS
		own     *identity
		in      bool
	}{
		{"nothing asked", TLS{KeyStore: keys}, nil, true},
		{"none asked", TLS{KeyStore: keys, ClientAuth: "NONE"}, nil, true},
		{"requested and not shown", TLS{KeyStore: keys, TrustStore: trust, ClientAuth: "requested"}, nil, true},
		{"requested and shown", TLS{KeyStore: keys, TrustStore: trust, ClientAuth: "requested"}, &friend, true},
		{"required and not shown", TLS{KeyStore: keys, TrustStore: trust, ClientAuth: "required"}, nil, false},
		{"required and shown", TLS{KeyStore: keys, TrustStore: trust, ClientAuth: "required"}, &friend, true},
		{"requested, of a stranger", TLS{KeyStore: keys, TrustStore: trust, ClientAuth: "requested"}, &stranger, false},
		{"required, of a stranger", TLS{KeyStore: keys, TrustStore: trust, ClientAuth: "required"}, &stranger, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, ServerOptions{Listeners: []string{"https://127.0.0.1:0", "http://127.0.0.1:0"}, TLS: tt.options})
			s.Attach(newRunning())
			urls := s.URLs()
			if urls[0].Scheme != "https" || urls[1].Scheme != "http" {
				t.Fatalf("URLs %v", urls)
			}
			status, body, err := get(t, trusting(t, server, tt.own), urls[0], "connectors")
			if tt.in != (err == nil && status == 200 && body == `["g1"]`) {
				t.Errorf("answered %d %s, %v", status, body, err)
			}
			if status, _, err := get(t, trusting(t, server, nil), urls[1], "connectors"); status != 200 || err != nil {
				t.Errorf("http beside https: answered %d, %v", status, err)
			}
		})
	}
}

func TestTLSVersions(t *testing.T) {
	server := newIdentity(t, "server")
	tests := []struct {
		name      string
		protocols []string
		version   uint16
		spoken    bool
	}{
		{"1.1 is never spoken", []string{"TLSv1.1", "TLSv1.2"}, tls.VersionTLS11, false},
		{"1.2 by default", nil, tls.VersionTLS12, true},
		{"1.3 by default", nil, tls.VersionTLS13, true},
		{"1.2 where 1.3 is asked for", []string{"TLSv1.3"}, tls.VersionTLS12, false},
		{"1.3 where 1.3 is asked for", []string{"TLSv1.3"}, tls.VersionTLS13, true},
		{"1.3 where 1.2 is asked for", []string{"TLSv1.2"}, tls.VersionTLS13, false},
		{"1.2 where both are asked for", []string{"TLSv1.3", "TLSv1.2"}, tls.VersionTLS12, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, ServerOptions{Listeners: []string{"https://127.0.0.1:0"}, TLS: TLS{KeyStore: server.file(t), Protocols: tt.protocols}})
			s.Attach(newRunning())
			c := trusting(t, server, nil)
			config := c.Transport.(*http.Transport).TLSClientConfig
			config.MinVersion, config.MaxVersion = tt.version, tt.version
			_, _, err := get(t, c, s.URLs()[0], "connectors")
			if tt.spoken != (err == nil) || err != nil && !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestLocationIsHTTPS(t *testing.T) {
	server := newIdentity(t, "server")
	s := listen(t, ServerOptions{Listeners: []string{"https://127.0.0.1:0"}, TLS: TLS{KeyStore: server.file(t)}})
	s.Attach(newFake())
	u := s.URLs()[0].JoinPath("connectors")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.String(), strings.NewReader(`{"name":"n","config":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := trusting(t, server, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, want := resp.Header.Get("Location"), u.JoinPath("n").String(); got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
}

// TestRenewedCertificate holds that a key store which changed is used without a restart, and a broken one is not.
func TestRenewedCertificate(t *testing.T) {
	first, second := newIdentity(t, "first"), newIdentity(t, "second")
	path := first.file(t)
	s := listen(t, ServerOptions{Listeners: []string{"https://127.0.0.1:0"}, TLS: TLS{KeyStore: path}})
	s.Attach(newRunning())
	replace := func(text []byte, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		changed := time.Now().Add(age) // file times may be coarser than this test is fast
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	serves := func(when string, want identity) {
		t.Helper()
		if status, _, err := get(t, trusting(t, want, nil), s.URLs()[0], "connectors"); status != 200 || err != nil {
			t.Errorf("%s: answered %d, %v; want the certificate %s", when, status, err, want.cert.Subject.CommonName)
		}
	}
	serves("at first", first)
	replace(second.pem, time.Minute)
	serves("renewed", second)
	replace([]byte("half a file"), 2*time.Minute)
	serves("broken", second)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	serves("gone", second)
	replace(first.pem, 3*time.Minute)
	serves("mended", first)
}

func TestTLSThatCannotBe(t *testing.T) {
	server := newIdentity(t, "server")
	keys, empty := server.file(t), pemFile(t, nil)
	encrypted := pemFile(t, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	tests := []struct {
		name    string
		options TLS
		want    string
	}{
		{"no key store", TLS{}, "configuration listeners has a listener of https: set listeners.https.ssl.keystore.location, or ssl.keystore.location, to a file"},
		{"key store is gone", TLS{KeyStore: "testdata/none.pem"}, "reading configuration ssl.keystore.location: stat testdata/none.pem"},
		{"key store is empty", TLS{KeyStore: empty}, "expected a certificate and its private key in PEM, PKCS12 or JKS"},
		{"encrypted key", TLS{KeyStore: encrypted}, "the private key is encrypted; store it without a password, readable for the worker only, or in a PKCS12 file"},
		{"old protocols", TLS{KeyStore: keys, Protocols: []string{"TLSv1", "TLSv1.1"}}, "configuration ssl.enabled.protocols has no version that is still safe"},
		{"client auth", TLS{KeyStore: keys, ClientAuth: "maybe"}, `invalid value "maybe" for configuration ssl.client.auth: expected none, requested or required`},
		{"no trust store", TLS{KeyStore: keys, ClientAuth: "required"}, "configuration ssl.client.auth is required: set ssl.truststore.location"},
		{"trust store is gone", TLS{KeyStore: keys, ClientAuth: "required", TrustStore: "testdata/none.pem"}, "reading configuration ssl.truststore.location: open testdata/none.pem"},
		{"trust store is empty", TLS{KeyStore: keys, ClientAuth: "required", TrustStore: empty}, "it has no certificate in PEM, PKCS12 or JKS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.options.config("listeners"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	t.Run("no listener of https asks for a key store", func(t *testing.T) {
		s := listen(t, ServerOptions{Listeners: []string{"http://127.0.0.1:0"}, TLS: TLS{KeyStore: "testdata/none.pem"}})
		if u := s.URLs()[0]; u.Scheme != "http" {
			t.Errorf("URL %v", u)
		}
	})
}
