package api

import (
	"flag"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the tables of README.md anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newHandler makes the API of a herder, which may be nil.
func newHandler(t *testing.T, h Herder, o Options) *Handler {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet()
	}
	a, err := New(h, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// request is one request to be; a body without a Content-Type of its own is JSON.
type request struct {
	method, path string
	body         string
	header       http.Header
}

// ask sends a request and gives the answer with its whole body.
func ask(t *testing.T, a http.Handler, q request) (*http.Response, string) {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r := httptest.NewRequestWithContext(t.Context(), q.method, q.path, body)
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, q.header)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	resp := w.Result()
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(out)
}

// expect holds an answer against its status and whole body.
func expect(t *testing.T, a http.Handler, q request, status int, body string) *http.Response {
	t.Helper()
	resp, got := ask(t, a, q)
	if resp.StatusCode != status || got != body {
		t.Errorf("%s %s: answered %d %s\nwant %d %s", q.method, q.path, resp.StatusCode, got, status, body)
	}
	return resp
}
