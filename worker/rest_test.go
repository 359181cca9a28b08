package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/metrics"
)

// selfSigned writes a certificate with its key to a PEM file, and gives both as a client shows them.
func selfSigned(t *testing.T, name string) (path string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
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
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	path = filepath.Join(t.TempDir(), name+".pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if pair, err = tls.X509KeyPair(text, text); err != nil {
		t.Fatal(err)
	}
	return path, pair
}

// Worker properties by Kafka Connect's names make a REST API that lets in who shows a certificate and knows a password.
func TestPropertiesSecureREST(t *testing.T) {
	serverPEM, server := selfSigned(t, "server")
	friendPEM, friend := selfSigned(t, "friend")
	_, stranger := selfSigned(t, "stranger")
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("ada=lovelace\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	w, err := config.ParseWorker(map[string]string{
		"bootstrap.servers": "127.0.0.1:1", "group.id": "g",
		"key.converter":        "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":      "org.apache.kafka.connect.storage.StringConverter",
		"config.storage.topic": "c", "status.storage.topic": "s", "offset.storage.topic": "o",
		"listeners":                                        "https://127.0.0.1:0",
		"listeners.https.ssl.keystore.location":            serverPEM,
		"listeners.https.ssl.truststore.location":          friendPEM,
		"listeners.https.ssl.client.auth":                  "required",
		"rest.extension.classes":                           config.BasicAuthExtension,
		"sluice.rest.basic.auth.file":                      users,
		"response.http.headers.config":                     "set X-Frame-Options: DENY",
		"admin.listeners":                                  "http://127.0.0.1:0",
		"admin.listeners.https.ssl.client.auth":            "none",
		"access.control.allow.origin":                      "http://ui.example",
		"connector.client.config.override.policy":          "None",
		"listeners.https.ssl.keystore.type":                "PEM",
		"listeners.https.ssl.truststore.type":              "PEM",
		"listeners.https.ssl.protocol":                     "TLSv1.3",
		"listeners.https.ssl.enabled.protocols":            "TLSv1.3",
		"listeners.https.ssl.keymanager.algorithm":         "SunX509",
		"listeners.https.ssl.secure.random.implementation": "",
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.Listen(restOptions(w, log, metrics.New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	if got, want := w.Advertised(s.URLs()[:1]), s.URLs()[0].String()+"/"; got != want {
		t.Errorf("advertised %s, want %s", got, want)
	}
	tests := []struct {
		name     string
		shown    *tls.Certificate
		password string
		want     int // 0: no connection
	}{
		{"a friend who knows the password", &friend, "lovelace", http.StatusServiceUnavailable}, // there is no herder yet
		{"a friend who does not", &friend, "wrong", http.StatusUnauthorized},
		{"no certificate", nil, "lovelace", 0},
		{"the certificate of a stranger", &stranger, "lovelace", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
			c.RootCAs.AddCert(server.Leaf)
			if tt.shown != nil { // whomever the server says that it trusts
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tt.shown, nil }
			}
			transport := &http.Transport{TLSClientConfig: c}
			defer transport.CloseIdleConnections()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URLs()[0].JoinPath("connectors").String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("ada", tt.password)
			resp, err := transport.RoundTrip(req)
			if (err == nil) != (tt.want != 0) {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want || resp.Header.Get("X-Frame-Options") != "DENY" || resp.TLS.Version != tls.VersionTLS13 {
				t.Errorf("answered %d with %v over TLS %x, want %d", resp.StatusCode, resp.Header, resp.TLS.Version, tt.want)
			}
		})
	}
}
