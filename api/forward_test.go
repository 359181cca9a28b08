package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// peerFake is a worker of several: it sends everything on to another, or serves it itself.
type peerFake struct {
	*fakeHerder
	key      string
	newer    string // what catching up brings; empty: nothing
	caughtUp atomic.Int32
	lost     atomic.Bool // the other
}

func (p *peerFake) Lost(context.Context, string) bool { return p.lost.Load() }

func (p *peerFake) SessionKey() (key []byte, algorithm string, ok bool) {
	return []byte(p.key), "HmacSHA256", p.key != ""
}

func (p *peerFake) CatchUp(context.Context) error {
	p.caughtUp.Add(1)
	if p.newer != "" {
		p.key = p.newer
	}
	return nil
}

// pair is a worker that leaves everything to a second, and that second worker; both count their requests.
func pair(t *testing.T, keyOfFirst, keyOfSecond string, options Options) (first *peerFake, a *Handler, second *peerFake) {
	t.Helper()
	second = &peerFake{fakeHerder: newRunning(), key: keyOfSecond}
	server := httptest.NewServer(newHandler(t, second, options))
	t.Cleanup(server.Close)
	first = &peerFake{fakeHerder: newRunning(), key: keyOfFirst}
	first.err = &Elsewhere{URL: server.URL + "/"}
	transport := newPeers(nil)
	t.Cleanup(transport.CloseIdleConnections)
	options.Peers = transport
	return first, newHandler(t, first, options), second
}

func TestForward(t *testing.T) {
	first, a, second := pair(t, "secret", "secret", Options{})
	body := `{"name":"n","config":{"connector.class":"C"}}`
	resp := expect(t, a, request{method: "POST", path: "/connectors", body: body}, 201, `{"name":"n","config":{"connector.class":"C","name":"n"},"tasks":[],"type":"sink"}`)
	if resp.Header.Get("Location") == "" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", resp.Header)
	}
	if first.caughtUp.Load() != 1 {
		t.Error("the first worker answers before it has read what the second wrote")
	}
	expect(t, a, request{method: "DELETE", path: "/connectors/a%20b"}, 404, `{"error_code":404,"message":"Connector a b not found"}`)
	expect(t, a, request{method: "POST", path: "/connectors/g1/restart?includeTasks=true&onlyFailed=true"}, 202, second.restarted(t))
	expect(t, a, request{method: "PUT", path: "/connectors/g1/pause"}, 202, "")
	for _, call := range []string{`Create {"Name":"n"`, `Delete "a b"`, `Restart "g1" {"IncludeTasks":true,"OnlyFailed":true}`, `SetState "g1"`} {
		if !slices.ContainsFunc(second.made(), func(made string) bool { return strings.HasPrefix(made, call) }) {
			t.Errorf("the second worker was not asked %s, but %q", call, second.made())
		}
	}
}

// restarted is what a plain worker answers to the restart of the test.
func (p *peerFake) restarted(t *testing.T) string {
	t.Helper()
	_, body := ask(t, newHandler(t, newRunning(), Options{}), request{method: "POST", path: "/connectors/g1/restart?includeTasks=true&onlyFailed=true"})
	return body
}

// A request makes two hops at most.
func TestTwoHops(t *testing.T) {
	first, a, second := pair(t, "secret", "secret", Options{})
	second.err = first.err // the second sends it to itself
	resp := expect(t, a, request{method: "DELETE", path: "/connectors/g1"}, 409, `{"error_code":409,"message":"Cannot complete request because of a conflicting operation (e.g. worker rebalance)"}`)
	if resp.Header.Get("Retry-After") == "" || len(second.made()) != 2 {
		t.Errorf("headers %v after %q", resp.Header, second.made())
	}
	expect(t, a, request{method: "DELETE", path: "/connectors/g1?forward=false"}, 409, `{"error_code":409,"message":"Cannot complete request because of a conflicting operation (e.g. worker rebalance)"}`)
	if len(second.made()) != 2 {
		t.Errorf("it was sent on all the same: %q", second.made())
	}
}

func TestForwardToNobody(t *testing.T) {
	first, a, _ := pair(t, "", "", Options{})
	gone := httptest.NewServer(http.NotFoundHandler())
	first.err = &Elsewhere{URL: gone.URL}
	gone.Close()
	expect(t, a, request{method: "DELETE", path: "/connectors/g1"}, 409, `{"error_code":409,"message":"Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."}`)

	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	first.err = &Elsewhere{URL: cut.URL}
	resp, body := ask(t, a, request{method: "DELETE", path: "/connectors/g1"})
	if resp.StatusCode != 500 || !strings.Contains(body, "IO Error trying to forward REST request") {
		t.Errorf("answered %d %s", resp.StatusCode, body)
	}
}

// A signature has to be of the cluster's key; without one a request is as good as its credentials.
func TestForwardedSignature(t *testing.T) {
	_, a, second := pair(t, "one", "another", Options{})
	expect(t, a, request{method: "DELETE", path: "/connectors/g1"}, 403, `{"error_code":403,"message":"Internal request contained invalid signature."}`)
	if len(second.made()) != 0 || second.caughtUp.Load() == 0 {
		t.Errorf("asked %q, looked for a newer key %d times", second.made(), second.caughtUp.Load())
	}
	_, a, _ = pair(t, "", "another", Options{})
	expect(t, a, request{method: "DELETE", path: "/connectors/g1"}, 204, "")
	// The second has read of a newer key than the first, which learns of it and asks again.
	first, a, second := pair(t, "old", "new", Options{})
	first.newer = "new"
	if resp, body := ask(t, a, request{method: "PUT", path: "/connectors/g1/config", body: `{"connector.class":"C"}`}); resp.StatusCode != 200 || len(second.made()) != 1 {
		t.Errorf("answered %d %s after %q", resp.StatusCode, body, second.made())
	}

	signed := request{method: "PUT", path: "/connectors/g1/config", body: `{"connector.class":"C"}`, header: http.Header{
		signatureHeader: {signature(sha256.New, []byte("another"), []byte(`{"connector.class":"C"}`))}, algorithmHeader: {"HmacSHA256"},
	}}
	second = &peerFake{fakeHerder: newRunning(), key: "another"}
	if resp, body := ask(t, newHandler(t, second, Options{}), signed); resp.StatusCode != 200 {
		t.Errorf("answered %d %s", resp.StatusCode, body)
	}
	signed.body = `{"connector.class":"D"}`
	expect(t, newHandler(t, second, Options{}), signed, 403, `{"error_code":403,"message":"Internal request contained invalid signature."}`)
	signed.header[algorithmHeader] = []string{"HmacMD5"}
	if resp, body := ask(t, newHandler(t, second, Options{}), signed); resp.StatusCode != 400 || !strings.Contains(body, "HmacMD5") {
		t.Errorf("answered %d %s", resp.StatusCode, body)
	}
}

// A worker that has the request and is silent is waited for while it is a member of the cluster, and no longer; the answer names it.
func TestForwardToTheSilent(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 2)
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-release }))
	defer silent.Close()
	defer close(release)
	first, a, _ := pair(t, "", "", Options{})
	first.err = &Elsewhere{URL: silent.URL}
	a.silentLook = 10 * time.Millisecond
	go func() {
		<-asked
		first.lost.Store(true)
	}()
	resp, body := ask(t, a, request{method: "DELETE", path: "/connectors/g1"})
	if resp.StatusCode != 500 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "worker "+silent.URL+" does not answer, and it has lost its place") {
		t.Errorf("answered %d %v %s", resp.StatusCode, resp.Header, body)
	}

	first, a, _ = pair(t, "", "", Options{RequestTimeout: time.Second})
	first.err = &Elsewhere{URL: silent.URL}
	resp, body = ask(t, a, request{method: "DELETE", path: "/connectors/g1"})
	if resp.StatusCode != 500 || !strings.Contains(body, "Request timed out. Worker "+silent.URL) {
		t.Errorf("answered %d %s", resp.StatusCode, body)
	}
}
