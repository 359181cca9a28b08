package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestErrorsOfTheHerder(t *testing.T) {
	tests := []struct {
		name       string
		err        error
		status     int
		body       string
		retryAfter string
	}{
		{"not found", &Error{Status: 404, Message: "Connector g1 not found"}, 404, `{"error_code":404,"message":"Connector g1 not found"}`, ""},
		{"conflict", &Error{Status: 409, Message: "Connector g1 already exists"}, 409, `{"error_code":409,"message":"Connector g1 already exists"}`, ""},
		{"rebalance", &Error{Status: 409, Message: "rebalance", RetryAfter: time.Second}, 409, `{"error_code":409,"message":"rebalance"}`, "1"},
		{"a wait is never said too short", &Error{Status: 409, Message: "rebalance", RetryAfter: 1001 * time.Millisecond}, 409, `{"error_code":409,"message":"rebalance"}`, "2"},
		{"bad request in several lines", &Error{Status: 400, Message: "invalid:\nfile \"x\" <&>"}, 400, `{"error_code":400,"message":"invalid:\nfile \"x\" <&>"}`, ""},
		{"forbidden", &Error{Status: 403, Message: "Topic tracking is disabled."}, 403, `{"error_code":403,"message":"Topic tracking is disabled."}`, ""},
		{"wrapped", fmt.Errorf("asking the leader: %w", &Error{Status: 404, Message: "gone"}), 404, `{"error_code":404,"message":"gone"}`, ""},
		{"error without a status", &Error{Message: "odd"}, 500, `{"error_code":500,"message":"odd"}`, ""},
		{"error with the status of a success", &Error{Status: 200, Message: "odd", RetryAfter: time.Second}, 500, `{"error_code":500,"message":"odd"}`, "1"},
		{"any other error", errors.New("broker is gone"), 500, `{"error_code":500,"message":"broker is gone"}`, ""},
		{"a deadline that is not the request's", fmt.Errorf("plugin: %w", context.DeadlineExceeded), 500, `{"error_code":500,"message":"plugin: context deadline exceeded"}`, ""},
		{"not UTF-8", errors.New("bad \xff byte"), 500, `{"error_code":500,"message":"bad \ufffd byte"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, op := range operations {
				if len(op.calls) == 0 || op.name == "health" {
					continue // never reaches the herder, or has an answer of its own
				}
				h := newRunning()
				h.err = tt.err
				resp := expect(t, newHandler(t, h, Options{}), op.ask, tt.status, tt.body)
				if got := resp.Header.Get("Retry-After"); got != tt.retryAfter {
					t.Errorf("%s: Retry-After %q, want %q", op.name, got, tt.retryAfter)
				}
				if got := resp.Header.Get("Content-Type"); got != "application/json" {
					t.Errorf("%s: Content-Type %q", op.name, got)
				}
				if got := resp.Header.Get("Location"); got != "" {
					t.Errorf("%s: Location %q although it failed", op.name, got)
				}
			}
		})
	}
}

func TestHealth(t *testing.T) {
	tests := []struct {
		state  Health
		status int
		body   string
	}{
		{Health{"healthy", "fine"}, 200, `{"status":"healthy","message":"fine"}`},
		{Health{"starting", "soon"}, 503, `{"status":"starting","message":"soon"}`},
		{Health{"unhealthy", "stuck"}, 500, `{"status":"unhealthy","message":"stuck"}`},
		{Health{"", "odd"}, 500, `{"status":"","message":"odd"}`},
	}
	for _, tt := range tests {
		t.Run(tt.state.Status, func(t *testing.T) {
			expect(t, newHandler(t, healthFake{newFake(), tt.state}, Options{}), request{method: "GET", path: "/health"}, tt.status, tt.body)
		})
	}
}

type healthFake struct {
	*fakeHerder
	state Health
}

func (h healthFake) Health(context.Context) Health { return h.state }

func TestBeforeTheHerderIsThere(t *testing.T) {
	a := newHandler(t, nil, Options{})
	for _, op := range operations {
		if op.name == "health" {
			continue
		}
		resp := expect(t, a, op.ask, 503, `{"error_code":503,"message":"Worker is still starting up. Try again in a moment."}`)
		if got := resp.Header.Get("Retry-After"); got != "1" {
			t.Errorf("%s: Retry-After %q, want 1", op.name, got)
		}
	}
	health := request{method: "GET", path: "/health"}
	expect(t, a, health, 503, `{"status":"starting","message":"Worker is still starting up."}`)
	a.Attach(newFake())
	expect(t, a, health, 200, `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`)
}

func TestTimeout(t *testing.T) {
	const text = `Request timed out. The worker is currently reading the config topic, which began at 2026-01-02T03:04:05.006Z`
	tests := []struct {
		name   string
		herder func(*fakeHerder) Herder
		body   string
	}{
		{"herder that tells its stage", func(h *fakeHerder) Herder { return stagedFake{h} }, `{"error_code":500,"message":"` + text + `"}`},
		{"herder that does not", func(h *fakeHerder) Herder { return h }, `{"error_code":500,"message":"Request timed out"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newRunning()
				h.before = func(ctx context.Context) { <-ctx.Done() }
				begin := time.Now()
				expect(t, newHandler(t, tt.herder(h), Options{}), request{method: "GET", path: "/connectors/g1"}, 500, tt.body)
				if took := time.Since(begin); took != DefaultRequestTimeout {
					t.Errorf("answered after %s, want %s", took, DefaultRequestTimeout)
				}
			})
		})
	}
}

func TestRequestTimeoutCanBeSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newRunning()
		h.before = func(ctx context.Context) { <-ctx.Done() }
		begin := time.Now()
		expect(t, newHandler(t, h, Options{RequestTimeout: 7 * time.Second}), request{method: "GET", path: "/"}, 500, `{"error_code":500,"message":"Request timed out"}`)
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("answered after %s, want 7s", took)
		}
	})
}

func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := newRunning()
	h.before = func(context.Context) { panic("herder is broken") }
	a := newHandler(t, h, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, op := range operations {
		if len(op.calls) == 0 {
			continue
		}
		log.Reset()
		expect(t, a, op.ask, 500, `{"error_code":500,"message":"internal error: the request panicked; the log of the worker has the details"}`)
		for _, want := range []string{"herder is broken", "stack=", "path=" + strings.Split(op.ask.path, "?")[0]} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: the log lacks %q", op.name, want)
			}
		}
	}
	h.before = nil
	expect(t, a, request{method: "GET", path: "/connectors"}, 200, `["g1"]`)
}

func TestPanicAfterTheAnswerBegan(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("broken")
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares this very value
			t.Errorf("recovered %v; only a broken connection tells that the answer is not whole", p)
		}
	}()
	ask(t, newHandler(t, newFake(), Options{Metrics: metrics}), request{method: "GET", path: "/metrics"})
}

func TestAbortIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	h := newRunning()
	h.before = func(context.Context) { panic(http.ErrAbortHandler) }
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares this very value
			t.Errorf("recovered %v, want http.ErrAbortHandler", p)
		}
		if log.Len() > 0 {
			t.Errorf("logged %s", log.String())
		}
	}()
	ask(t, newHandler(t, h, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), request{method: "GET", path: "/"})
}

// TestLogHoldsNoSecrets holds that bodies, credentials and queries are never logged (invariant 5).
func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	a := newHandler(t, newRunning(), Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, body := range []string{`{"name":"n","config":{"connection.password":"hunter2"}}`, `{"name":"n","config":"hunter2"}`, `hunter2`} {
		ask(t, a, request{method: "POST", path: "/connectors?token=hunter2", body: body, header: http.Header{"Authorization": {"Basic hunter2"}}})
	}
	if !strings.Contains(log.String(), "method=POST path=/connectors status=201") {
		t.Errorf("the log lacks the request: %s", log.String())
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log has a secret: %s", log.String())
	}
}

func TestAnswerThatIsNoJSON(t *testing.T) {
	a := newHandler(t, nil, Options{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.send(w, r, ok(func() {})) })
	expect(t, h, request{method: "GET", path: "/"}, 500, `{"error_code":500,"message":"writing the answer as JSON: json: unsupported type: func()"}`)
}
