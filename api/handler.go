package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
)

// Stager is a Herder that can tell what its worker is busy with; a request that times out passes it on.
type Stager interface {
	// Stage says what the worker is doing, in words that follow "the worker is currently", and since when.
	Stage() (stage string, since time.Time)
}

// Handler is the REST API as an http.Handler.
type Handler struct {
	log     *slog.Logger
	timeout time.Duration
	maxBody int64
	herder  atomic.Pointer[Herder] // nil while the worker starts
	root    http.Handler
	peers   http.RoundTripper // to other workers

	silentLook time.Duration
}

var _ http.Handler = (*Handler)(nil)

// New makes the API of a herder. The herder may be nil, and given with Attach when it is ready: until then /health says
// that the worker is starting, and what needs the herder is answered with 503.
func New(h Herder, o Options) (*Handler, error) {
	a := &Handler{
		log:     cmp.Or(o.Logger, slog.Default()),
		timeout: cmp.Or(o.RequestTimeout, DefaultRequestTimeout),
		maxBody: cmp.Or(o.MaxBody, int64(DefaultMaxBody)),
		peers:   o.Peers,

		silentLook: silentLook,
	}
	if a.peers == nil {
		a.peers = newPeers(nil)
	}
	if h != nil {
		a.Attach(h)
	}
	cors, err := newCORS(o.AllowOrigin, o.AllowMethods)
	if err != nil {
		return nil, err
	}
	headers, err := parseHeaderRules(o.ResponseHeaders)
	if err != nil {
		return nil, err
	}
	users, err := loadUsers(o.BasicAuthFile)
	if err != nil {
		return nil, err
	}

	mux := chi.NewRouter()
	mux.Use(a.observe, a.limit, headers.middleware, cors.middleware, users.middleware)
	mux.NotFound(func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) })
	for _, e := range a.routes() {
		if admin := strings.HasPrefix(e.pattern, "/admin/"); (o.Part == WithoutAdmin && admin) || (o.Part == OnlyAdmin && !admin) {
			continue
		}
		mux.Handle(e.pattern, a.resource(e))
	}
	if o.Part != OnlyAdmin {
		for path, h := range a.pages(o.Metrics) {
			mux.Handle(path, page(h))
		}
	}
	a.root = mux
	return a, nil
}

// Attach gives the handler its herder.
func (a *Handler) Attach(h Herder) { a.herder.Store(&h) }

// ServeHTTP answers a request. Routes are found by the path as it was sent, percent-encoding and all (invariant 3), and
// without its last slash and without matrix parameters (";key=value"), as in Connect. The method is left to the resource, which knows what it allows.
func (a *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := matrix.ReplaceAllString(r.URL.EscapedPath(), "")
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	route := chi.NewRouteContext()
	route.RoutePath, route.RouteMethod = cmp.Or(path, "/"), http.MethodGet
	a.root.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route)))
}

// matrix is a parameter of a path segment.
var matrix = regexp.MustCompile(`;[^/]*`)

// param gives a decoded segment of the path (invariant 3).
func param(r *http.Request, name string) string {
	raw := chi.URLParam(r, name)
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw // cannot be: the server has parsed the path
}

// query reads the parameters of a request as Connect does: whatever is no percent-encoding stands for itself.
func query(r *http.Request) url.Values {
	values := url.Values{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		values.Add(unescape(key), unescape(value))
	}
	return values
}

func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// observe logs requests and turns panics into answers (invariants 4 and 5).
func (a *Handler) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares this very value
					panic(p)
				}
				a.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if rec.status != 0 {
					panic(http.ErrAbortHandler) // part of an answer is out: only a broken connection tells the truth
				}
				a.fail(rec, r, errors.New("internal error: the request panicked; the log of the worker has the details"))
			}
			a.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", rec.status, "bytes", rec.bytes,
				"ms", time.Since(begin).Milliseconds(), "remote", r.RemoteAddr)
		}()
		next.ServeHTTP(rec, r)
	})
}

// limit bounds a request in time and size (invariant 4).
func (a *Handler) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, a.maxBody)
		if why := badPath(r); why != "" {
			a.fail(w, r, badRequest("%s", why))
			return
		}
		if !wellFormed(r) {
			a.fail(w, r, badRequest("malformed header Content-Type: expected application/json"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// badPath says why a path cannot be that of anything, in the words of Connect's server. What it takes for ambiguous cannot be
// part of a connector's name in a path: slashes, backslashes and percent signs.
func badPath(r *http.Request) string {
	sent, _, _ := strings.Cut(r.RequestURI, "?")
	raw := strings.ToUpper(r.URL.EscapedPath())
	switch {
	case strings.Contains(raw, "//"):
		return "Ambiguous URI empty segment"
	case strings.Contains(raw, "%2F"):
		return "Ambiguous URI path separator"
	case strings.Contains(raw, "%25"):
		return "Ambiguous URI path encoding"
	case dots.MatchString(raw):
		return "Ambiguous URI path segment"
	case !utf8.ValidString(r.URL.Path):
		return "Bad UTF-8 encoding"
	case strings.ContainsFunc(r.URL.Path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }):
		return "Suspicious Path Character"
	case strings.ContainsAny(sent, "\"<>[]^`{|}"):
		return "Illegal Path Character"
	}
	return ""
}

// dots are segments of one or two dots, of which at least one is encoded.
var dots = regexp.MustCompile(`/(%2E|\.%2E|%2E\.|%2E%2E)(/|$)`)

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the writer beneath.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
