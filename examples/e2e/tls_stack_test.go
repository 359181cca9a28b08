//go:build stack

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// authority issues certificates for 127.0.0.1.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	return a
}

func (a *authority) issue(c, by *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by == nil {
		by, key = c, own
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, own.Public(), key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// member issues a certificate and its key, as one file of PEM.
func (a *authority) member() []byte {
	a.t.Helper()
	_, key, cert := a.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return append(cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}

// Workers that speak https only, and ask for certificates, send requests on to each other; one that does not believe the others says so.
func TestHTTPSBetweenWorkers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, embeddedtest.Start(t).Bootstrap(), 3)
	ours, others := newAuthority(t), newAuthority(t)
	write := func(name string, text []byte) string {
		path := filepath.Join(c.dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, foreign, own := write("ca.pem", ours.pem), write("foreign.pem", others.pem), ours.member()
	pair, err := tls.X509KeyPair(own, own)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	t.Cleanup(transport.CloseIdleConnections)
	add := func(prefix, trusts, auth string) *member {
		m := c.add("listeners", "https://127.0.0.1:"+freePort(t), prefix+"ssl.keystore.location", write(fmt.Sprintf("worker-%d.pem", len(c.workers)), ours.member()),
			prefix+"ssl.truststore.location", trusts, prefix+"ssl.client.auth", auth)
		m.id = strings.TrimPrefix(m.url, "https://")
		m.client = &http.Client{Transport: transport}
		c.healthy(m)
		return m
	}
	a, b := add("listeners.https.", ca, "required"), add("", ca, "required")
	for i, m := range []*member{a, b} {
		name := fmt.Sprintf("by-%d", i)
		c.create(name, m, "connector.class", "FileStreamSink", "tasks.max", "2", "file", filepath.Join(c.dir, name))
		c.spread(name, 2, a, b)
		for n := range 2 {
			if err := requestBy(m.client, http.MethodPost, fmt.Sprintf("%s/connectors/%s/tasks/%d/restart", m.url, name, n), nil, nil); err != nil {
				t.Errorf("a restart through %s: %v", m.id, err)
			}
		}
	}
	if _, err := http.Get(a.url + "/"); err == nil {
		t.Error("a client without a certificate is served")
	}

	doubtful := add("", foreign, "none")
	err = requestBy(doubtful.client, http.MethodDelete, doubtful.url+"/connectors/by-0", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "forward REST request") || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a request through a worker that does not believe the leader: %v", err)
	}
	log, err := os.ReadFile(a.log)
	if err != nil || bytes.Contains(log, []byte("PRIVATE KEY")) {
		t.Errorf("the log tells a key (%v)", err)
	}
}
