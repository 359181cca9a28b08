package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/web/publish"
)

// cannedPublisher answers as the test wants and keeps what it was given; the real one is used in run_test.go.
type cannedPublisher struct {
	err    error
	counts publish.Counts
	status publish.Status
	values []string
}

func (p *cannedPublisher) Publish(value []byte, _ time.Time) error {
	if p.err == nil {
		p.values = append(p.values, string(value))
	}
	return p.err
}
func (p *cannedPublisher) Counts() publish.Counts { return p.counts }
func (p *cannedPublisher) Status() publish.Status { return p.status }

func testHandler(t *testing.T, p publisher) http.Handler {
	t.Helper()
	s := settings{topic: "select-color", bufferEvents: 100, bufferBytes: 1000}
	now := func() time.Time { return time.Date(2026, 11, 23, 4, 41, 52, 123e6, time.UTC) }
	return newHandler(s, p, now, testLogger(t))
}

func TestAnswers(t *testing.T) {
	const pick = "/api/select?color=red&user=Ada"
	up := publish.Status{Reachable: true, Topic: true}
	down := publish.Status{Problem: "nobody there"}
	tests := []struct {
		name         string
		method, path string
		publisher    cannedPublisher
		status       int
		body         string
		header       map[string]string
	}{
		{
			name: "accepted", method: "GET", path: pick, status: 202, body: `{"status":"accepted"}`,
			header: map[string]string{"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "Content-Type": "application/json"},
		},
		{
			name: "missing parameter", method: "GET", path: "/api/select?color=red", status: 400, body: `{"error":"user is missing","parameter":"user"}`,
			header: map[string]string{"Access-Control-Allow-Origin": "*"},
		},
		{
			name: "bad parameter", method: "GET", path: "/api/select?color=%ff&user=Ada", status: 400,
			body: `{"error":"color is not valid UTF-8","parameter":"color"}`,
		},
		{
			name: "full", method: "GET", path: pick, publisher: cannedPublisher{err: publish.ErrFull}, status: 503,
			body:   `{"error":"the event buffer is full; please try again shortly"}`,
			header: map[string]string{"Access-Control-Allow-Origin": "*", "Retry-After": "2"},
		},
		{
			name: "stopping", method: "GET", path: pick, publisher: cannedPublisher{err: publish.ErrStopping}, status: 503,
			body: `{"error":"the service is stopping; please try again shortly"}`, header: map[string]string{"Retry-After": "2"},
		},
		{
			name: "post", method: "POST", path: pick, status: 405, body: `{"error":"POST is not allowed here"}`,
			header: map[string]string{"Allow": "GET, OPTIONS", "Access-Control-Allow-Origin": "*"},
		},
		{name: "head", method: "HEAD", path: pick, status: 405, body: `{"error":"HEAD is not allowed here"}`, header: map[string]string{"Allow": "GET, OPTIONS"}},
		{name: "odd method", method: "BREW", path: pick, status: 405, body: `{"error":"BREW is not allowed here"}`},
		{
			name: "preflight", method: "OPTIONS", path: "/api/select", status: 204,
			header: map[string]string{
				"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, OPTIONS", "Access-Control-Allow-Headers": "*",
			},
		},
		{
			name: "unknown under the API", method: "GET", path: "/api/nope", status: 404, body: `{"error":"there is nothing at /api/nope"}`,
			header: map[string]string{"Access-Control-Allow-Origin": "*"},
		},
		{name: "unknown", method: "GET", path: "/nope", status: 404, body: `{"error":"there is nothing at /nope"}`},
		{name: "trailing slash", method: "GET", path: "/api/select/", status: 404, body: `{"error":"there is nothing at /api/select/"}`},
		{name: "post to the page", method: "POST", path: "/", status: 405, body: `{"error":"POST is not allowed here"}`, header: map[string]string{"Allow": "GET, HEAD"}},
		{
			name: "healthy", method: "GET", path: "/health", status: 200,
			publisher: cannedPublisher{status: up, counts: publish.Counts{Buffered: 50, BufferedBytes: 100}},
			body: `{"status":"up","kafka":{"reachable":true,"topic":"select-color","topicReady":true},` +
				`"buffer":{"events":50,"maxEvents":100,"bytes":100,"maxBytes":1000,"fill":0.5}}`,
		},
		{
			name: "healthy without Kafka", method: "GET", path: "/health", status: 200,
			publisher: cannedPublisher{status: down, counts: publish.Counts{Buffered: 9, BufferedBytes: 900}},
			body: `{"status":"up","kafka":{"reachable":false,"topic":"select-color","topicReady":false,"problem":"nobody there"},` +
				`"buffer":{"events":9,"maxEvents":100,"bytes":900,"maxBytes":1000,"fill":0.9}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			testHandler(t, &tt.publisher).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if got := strings.TrimSuffix(w.Body.String(), "\n"); got != tt.body {
				t.Errorf("body %s\nwant %s", got, tt.body)
			}
			for name, want := range tt.header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if published := len(tt.publisher.values) == 1; published != (tt.status == 202) {
				t.Errorf("published %q", tt.publisher.values)
			}
		})
	}
}

func TestPickBecomesEvent(t *testing.T) {
	p := &cannedPublisher{}
	r := httptest.NewRequest("GET", "/api/select?color=light+blue&user=Zo%C3%AB", nil)
	r.Header.Set("User-Agent", "Strange\xff/1.0 "+strings.Repeat("x", 5000))
	w := httptest.NewRecorder()
	testHandler(t, p).ServeHTTP(w, r)
	if w.Code != http.StatusAccepted {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	browser := "Strange\uFFFD/1.0 "
	browser += strings.Repeat("x", maxUserAgent-len(browser))
	want := []string{`{"timestamp":"2026-11-23T04:41:52.123+0000","userAgent":"` + browser + `","colorName":"light blue","userName":"Zoë"}`}
	if diff := cmp.Diff(want, p.values); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

func TestPageIsSelfContained(t *testing.T) {
	h := testHandler(t, &cannedPublisher{})
	types := map[string]string{"/": "text/html", "/app.js": "javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"}
	for path, want := range types {
		for _, method := range []string{"GET", "HEAD"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Type"), want) {
				t.Errorf("%s %s: %d, %s", method, path, w.Code, w.Header().Get("Content-Type"))
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
				t.Errorf("%s: policy %q", path, policy)
			}
			body := strings.ReplaceAll(w.Body.String(), "http://www.w3.org/2000/svg", "")
			for _, bad := range []string{"http://", "https://", "//cdn", " style=", "<script>", " onclick="} {
				if strings.Contains(body, bad) {
					t.Errorf("%s contains %q", path, bad)
				}
			}
		}
	}
}

// FuzzSelectHandler holds the handler to its promises for any query and any browser.
func FuzzSelectHandler(f *testing.F) {
	f.Add("color=red&user=Ada", "curl/8")
	f.Add("color=%f0%9f%8e%a8&user=\"\\", "\xff\u2028<&>")
	f.Add("user=%00", "")
	f.Fuzz(func(t *testing.T, query, userAgent string) {
		p := &cannedPublisher{}
		s := settings{topic: "t", bufferEvents: 1, bufferBytes: 1}
		r := httptest.NewRequest("GET", "/api/select", nil)
		r.URL.RawQuery = query
		r.Header.Set("User-Agent", userAgent)
		w := httptest.NewRecorder()
		newHandler(s, p, time.Now, testLogger(t)).ServeHTTP(w, r)
		if !json.Valid(w.Body.Bytes()) || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("answer %d %q", w.Code, w.Body)
		}
		switch w.Code {
		case http.StatusAccepted:
			var e map[string]string
			if err := json.Unmarshal([]byte(p.values[0]), &e); err != nil || len(e) != 4 || len(e["userAgent"]) > maxUserAgent {
				t.Fatalf("event %q: %v", p.values[0], err)
			}
			color, user, _ := selectParams(query)
			if e["colorName"] != color || e["userName"] != user {
				t.Fatalf("event %q of %q and %q", p.values[0], color, user)
			}
		case http.StatusBadRequest:
			if len(p.values) != 0 || !strings.Contains(w.Body.String(), `"parameter":"`) {
				t.Fatalf("refused with %s, published %q", w.Body, p.values)
			}
		default:
			t.Fatalf("status %d", w.Code)
		}
	})
}
