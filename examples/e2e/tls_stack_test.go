//go:build stack

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
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

// On real Kafka, three workers that speak https only, and ask for certificates, send requests on to each other, signed with a key that changes meanwhile;
// one that does not believe the others says so.
func TestHTTPSBetweenWorkers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, stack.Shared(t, stack.Kafka).KafkaBootstrap(), 3, "inter.worker.key.ttl.ms", "1000", "session.timeout.ms", "30000")
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
	add("listeners.https.", ca, "required")
	add("", ca, "required")
	add("", ca, "required")
	// Each worker is asked for what the leader does, and for a restart of the tasks of all.
	for i, m := range c.workers {
		name := fmt.Sprintf("%s-%d", c.topic, i)
		c.create(name, m, "connector.class", "FileStreamSink", "tasks.max", "3", "file", filepath.Join(c.dir, name))
		c.spread(name, 3, c.workers...)
		for n := range 3 {
			if err := requestBy(m.client, http.MethodPost, fmt.Sprintf("%s/connectors/%s/tasks/%d/restart", m.url, name, n), nil, nil); err != nil {
				t.Errorf("a restart through %s: %v", m.id, err)
			}
		}
		c.spread(name, 3, c.workers...)
	}
	if _, err := http.Get(c.workers[0].url + "/"); err == nil {
		t.Error("a client without a certificate is served")
	}
	keys := c.sessionKeys()
	t.Logf("%d keys have been in use", len(keys))
	if len(keys) < 2 {
		t.Error("the key has not changed")
	}
	leader := c.leader()
	for _, signed := range []struct {
		name  string
		by    func() []byte
		error string // none: it is served
	}{
		{"nobody's key", func() []byte { return []byte("nobody's") }, "403 Forbidden"},
		{"a key of before", func() []byte { return keys[0] }, "403 Forbidden"},
		{"the key", func() []byte { all := c.sessionKeys(); return all[len(all)-1] }, ""},
	} {
		var got error
		eventually(t, 10*time.Second, "the answer to a request signed with "+signed.name, func() error { // the key may change under it
			if got = signedDelete(leader, "/connectors/"+c.topic+"-0", signed.by()); signed.error == "" {
				return got
			}
			return nil
		})
		if signed.error != "" && (got == nil || !strings.Contains(got.Error(), signed.error)) {
			t.Errorf("signed with %s: %v", signed.name, got)
		}
	}

	doubtful := add("", foreign, "none")
	err = requestBy(doubtful.client, http.MethodDelete, doubtful.url+"/connectors/"+c.topic+"-1", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "forward REST request") || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a request through a worker that does not believe the leader: %v", err)
	}
	for _, m := range c.workers {
		log, err := os.ReadFile(m.log)
		if err != nil || bytes.Contains(log, []byte("PRIVATE KEY")) {
			t.Errorf("the log of %s tells a key (%v)", m.id, err)
		}
	}
}

// sessionKeys are the keys that workers have signed requests to each other with, the latest last.
func (c *cluster) sessionKeys() (keys [][]byte) {
	c.t.Helper()
	topic := c.props["config.storage.topic"]
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		c.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		c.t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	for next := int64(0); next < end.Offset; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			c.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			var k struct{ Key []byte }
			if string(r.Key) != "session-key" {
				return
			}
			if err := json.Unmarshal(r.Value, &k); err != nil || len(k.Key) != 32 {
				c.t.Errorf("a session key of %d bytes, %v", len(k.Key), err)
			}
			keys = append(keys, k.Key)
		})
	}
	return keys
}

// signedDelete sends a request as another worker would.
func signedDelete(to *member, path string, key []byte) error {
	req, err := http.NewRequest(http.MethodDelete, to.url+path+"?forward=true", nil)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	req.Header.Set("X-Connect-Authorization", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-Connect-Request-Signature-Algorithm", "HmacSHA256")
	resp, err := to.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return errors.New(resp.Status)
	}
	return nil
}
