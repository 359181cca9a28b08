package elasticsearch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// serve runs a service over HTTP that ends with the test.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// TestHostileAnswers has a server answer the first three bulk requests with something no server should, and then behave.
// The operator is told, nothing is given up or taken for stored, and nothing hangs.
func TestHostileAnswers(t *testing.T) {
	raw := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { // past what net/http lets a server say
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	body := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = io.WriteString(w, text) }
	}
	ok := strings.Repeat(`{"index":{"status":201}},`, 4)
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		shown  string
	}{
		{"empty", body(""), "unreadable answer"},
		{"no JSON", body("<html>welcome</html>"), "unreadable answer"},
		{"truncated JSON", body(`{"took":1,"errors":false,"items":[{"index":{"status":201}},{"ind`), "unreadable answer"},
		{"too few items", body(`{"items":[` + strings.TrimSuffix(ok, ",") + `]}`), "4 items for the 5"},
		{"too many items", body(`{"items":[` + ok + ok + `{"index":{"status":201}}]}`), "more than the 5 items"},
		{"no items", body(`{"took":1,"errors":false}`), "0 items for the 5"},
		{"items without status", body(`{"items":[` + strings.Repeat(`{"index":{}},`, 4) + `{"index":{}}]}`), "without a status"},
		{"deep nesting", body(strings.Repeat("[", 1<<20)), "unreadable answer"},
		{"endless body", func(w http.ResponseWriter) {
			chunk := make([]byte, 1<<16)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "longer than"},
		{"endless headers", func(w http.ResponseWriter) {
			for i := range 5000 {
				w.Header().Set(fmt.Sprint("X-Endless-", i), strings.Repeat("x", 100))
			}
		}, "headers exceeded"},
		{"body shorter than said", raw("HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: 1000\r\n\r\n{"), "closed the connection"},
		{"not HTTP", raw("SSH-2.0-OpenSSH_9.6\r\n"), "malformed HTTP"},
		{"closed at once", raw(""), "closed the connection"},
		{"redirect", func(w http.ResponseWriter) { w.Header().Set("Location", "http://elsewhere/_bulk"); w.WriteHeader(301) }, `redirects to "http://elsewhere/_bulk"`},
		{"not found", func(w http.ResponseWriter) { w.WriteHeader(404) }, "404"},
		{"no product", func(w http.ResponseWriter) { w.Header().Del("X-Elastic-Product"); _, _ = io.WriteString(w, "{}") }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newService(t)
			var bulks atomic.Int32
			var seen atomic.Bool // what is wrong was shown: it is until then, because nobody can say when that is looked at
			seen.Store(tc.shown == "")
			s.before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if !isBulk(r) || bulks.Add(1) > 3 && seen.Load() {
					return false
				}
				tc.answer(w)
				return true
			}
			ack := newAck(t)
			task := startTask(t, newRuntime(connectors.PayloadString, connectors.PayloadJSON), serve(t, s), map[string]string{"retry.backoff.ms": "1", "max.retries": "-1", "read.timeout.ms": "5000"})
			w := openWriter(t, task, part, ack)
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			if err := w.Write(ctx, documents(part, 0, 5, numbered)); err != nil {
				t.Fatal(err)
			}
			for tc.shown != "" {
				_, _, trouble := ack.state()
				if trouble != nil && strings.Contains(trouble.Error(), tc.shown) {
					break
				}
				select {
				case <-ack.changed:
				case <-ctx.Done():
					t.Fatalf("trouble %v, want %q", trouble, tc.shown)
				}
			}
			seen.Store(true)
			for w.Flush(ctx) != nil { // a wrong configuration is handed to the caller, and tried again all the same
				select {
				case <-ack.changed:
				case <-ctx.Done():
					t.Fatal(ctx.Err())
				}
			}
			if err := w.Close(ctx); err != nil {
				t.Error(err)
			}
			if d, rejected, trouble := ack.state(); d != 5 || len(rejected) != 0 || trouble != nil {
				t.Errorf("durable %d, rejected %v, trouble %v", d, rejected, trouble)
			}
		})
	}
}

// TestIdentity probes servers of all kinds.
func TestIdentity(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answer  string
		product string
		set     map[string]string
		want    string // in the error; "" is none
	}{
		{name: "Elasticsearch 7.0", answer: `{"version":{"number":"7.0.1"}}`, product: "", want: "X-Elastic-Product"},
		{name: "Elasticsearch 7.0 unchecked", answer: `{"version":{"number":"7.0.1"}}`, set: map[string]string{"sluice.product.check": "false"}},
		{name: "Elasticsearch 7.17", answer: `{"version":{"number":"7.17.0"}}`, product: "Elasticsearch"},
		{name: "Elasticsearch 8", answer: `{"version":{"number":"8.19.0"}}`, product: "Elasticsearch"},
		{name: "Elasticsearch 9", answer: `{"version":{"number":"9.2.1"}}`, product: "Elasticsearch"},
		{name: "Elasticsearch 6", answer: `{"version":{"number":"6.8.0"}}`, product: "Elasticsearch", want: "use 7.0 or later"},
		{name: "streams on 7.8", answer: `{"version":{"number":"7.8.0"}}`, product: "Elasticsearch", set: stream, want: "7.9 or later"},
		{name: "OpenSearch", answer: `{"version":{"distribution":"opensearch","number":"2.19.0"}}`, want: "set sluice.product.check to false for OpenSearch"},
		{name: "OpenSearch unchecked", answer: `{"version":{"distribution":"opensearch","number":"2.19.0"}}`, set: map[string]string{"sluice.product.check": "false"}},
		{name: "something else", answer: `hello`, product: "Elasticsearch", want: "does not tell its version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.product != "" {
					w.Header().Set("X-Elastic-Product", tc.product)
				}
				_, _ = io.WriteString(w, tc.answer)
			}))
			err := New().Probe(t.Context(), parse(t, url, tc.set))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("probe: %v, want %q", err, tc.want)
			}
		})
	}
}

// TestProbeBlames checks which keys a failed probe is about.
func TestProbeBlames(t *testing.T) {
	refuse := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
			if r.URL.Path == "/" && status == http.StatusNotFound {
				_, _ = io.WriteString(w, `{"version":{"number":"8.19.0"}}`)
				return
			}
			w.WriteHeader(status)
		})
	}
	basic := map[string]string{"connection.username": "u", "connection.password": "p"}
	for _, tc := range []struct {
		name   string
		status int
		set    map[string]string
		want   []string
	}{
		{"unavailable", 503, basic, []string{"connection.url"}},
		{"user", 401, basic, []string{"connection.url", "connection.username"}},
		{"API key", 401, map[string]string{"sluice.api.key": "k"}, []string{"connection.url", "sluice.api.key"}},
		{"no credentials", 401, nil, []string{"connection.url"}},
		{"no such index", 404, map[string]string{"external.resource.usage": "INDEX", "topic.to.external.resource.mapping": "t:i"}, []string{"topic.to.external.resource.mapping"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := New().Probe(t.Context(), parse(t, serve(t, refuse(tc.status)), tc.set))
			if e, ok := errors.AsType[*connectors.ProbeError](err); !ok || !slices.Equal(e.Keys, tc.want) {
				t.Errorf("%v, want keys %v", err, tc.want)
			}
		})
	}
}

// storeFive stores five documents through a configuration.
func storeFive(t *testing.T, url string, set map[string]string) {
	t.Helper()
	ack := newAck(t)
	w := openWriter(t, startTask(t, newRuntime(connectors.PayloadString, connectors.PayloadJSON), url, with(set, "retry.backoff.ms", "1")), part, ack)
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	if err := w.Write(ctx, documents(part, 0, 5, numbered)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if d, _, _ := ack.state(); d != 5 {
		t.Errorf("durable %d", d)
	}
}

// TestNodes has one node of two away from the start.
func TestNodes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := newService(t)
	storeFive(t, away+","+serve(t, s), nil)
	if n := len(s.live()); n != 5 {
		t.Errorf("%d documents", n)
	}
}

// TestSniffing has two nodes behind one address: with sniffing they get the requests themselves.
func TestSniffing(t *testing.T) {
	var front, first, second *service
	for _, tc := range []struct {
		name  string
		set   map[string]string
		right func() bool
	}{
		{"off", nil, func() bool { return front.count() > 2 && first.count()+second.count() == 0 }},
		{"on", map[string]string{"sluice.sniffing.interval.ms": "60000"}, func() bool { return front.count() == 0 && first.count() > 0 && second.count() > 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			front, first, second = newService(t), newService(t), newService(t)
			nodes := fmt.Sprintf(`{"nodes":{"a":{"roles":["data"],"http":{"publish_address":%q}},"b":{"roles":["data","master"],"http":{"publish_address":"localhost/%s"}},
				"c":{"roles":["master"],"http":{"publish_address":"127.0.0.1:1"}}}}`, strings.TrimPrefix(serve(t, first), "http://"), strings.TrimPrefix(serve(t, second), "http://"))
			front.before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.URL.Path != "/_nodes/http" {
					return false
				}
				_, _ = io.WriteString(w, nodes)
				return true
			}
			ack := newAck(t)
			w := openWriter(t, startTask(t, newRuntime(connectors.PayloadString, connectors.PayloadJSON), serve(t, front), tc.set), part, ack)
			for o := int64(0); o < 20; o += 5 {
				if err := w.Write(t.Context(), documents(part, o, 5, numbered)); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d, _, _ := ack.state(); d != 20 || !tc.right() {
				t.Errorf("durable %d; requests: %d at the address, %d and %d at the nodes", d, front.count(), first.count(), second.count())
			}
		})
	}
}

// TestCredentials looks at what arrives at the server.
func TestCredentials(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  map[string]string
		want string
	}{
		{"basic", map[string]string{"connection.username": "u", "connection.password": "p"}, "Basic dTpw"},
		{"API key", map[string]string{"sluice.api.key": "aWQ6a2V5"}, "ApiKey aWQ6a2V5"},
		{"bearer", map[string]string{"sluice.bearer.token": "tok"}, "Bearer tok"},
		{"none", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newService(t)
			s.before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if got := r.Header.Get("Authorization"); !strings.EqualFold(got, tc.want) {
					t.Errorf("%s %s with %q, want %q", r.Method, r.URL.Path, got, tc.want)
				}
				return false
			}
			storeFive(t, serve(t, s), tc.set)
		})
	}
}

// TestProxy goes through a proxy that asks for credentials, without and with a tunnel for TLS.
func TestProxy(t *testing.T) {
	s := newService(t)
	secure := httptest.NewTLSServer(s)
	t.Cleanup(secure.Close)
	var plain, tunnels atomic.Int32
	proxy := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dTpw" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			plain.Add(1)
			s.ServeHTTP(w, r)
			return
		}
		tunnels.Add(1)
		tunnel(t, w, r.Host)
	}))
	host, port, err := net.SplitHostPort(strings.TrimPrefix(proxy, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{"proxy.host": host, "proxy.port": port, "proxy.username": "u", "proxy.password": "p"}
	storeFive(t, "http://es.invalid:9200", set)
	storeFive(t, secure.URL, with(set, "sluice.ca.fingerprint", fingerprint(secure.Certificate())))
	if plain.Load() == 0 || tunnels.Load() == 0 {
		t.Errorf("%d requests and %d tunnels through the proxy", plain.Load(), tunnels.Load())
	}
	err = New().Probe(t.Context(), parse(t, "http://es.invalid:9200", with(set, "proxy.password", "wrong")))
	if connectors.CodeOf(err) != connectors.CodeUnauthorized {
		t.Errorf("wrong password: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "wrong") {
		t.Errorf("the password is shown: %v", err)
	}
}

// tunnel copies bytes both ways until one side ends.
func tunnel(t *testing.T, w http.ResponseWriter, host string) {
	t.Helper()
	out, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	defer out.Close()
	w.WriteHeader(http.StatusOK)
	in, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer in.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, bufio.NewReader(buffered))
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
	_ = in.Close()
	<-done
}
