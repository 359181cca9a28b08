package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

var (
	refused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	broken  = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
)

const (
	rebalancing = `{"error_code":409,"message":"Cannot complete request because of a conflicting operation (e.g. worker rebalance)"}`
	exists      = `{"error_code":409,"message":"Connector c already exists"}`
)

func get(ctx context.Context, c *client.Client) error {
	_, err := c.Connectors(ctx)
	return err
}

func create(ctx context.Context, c *client.Client) error {
	_, err := c.Create(ctx, api.CreateRequest{Name: "c", Config: map[string]string{}})
	return err
}

// TestFailOver tells which workers are asked (invariant 2).
func TestFailOver(t *testing.T) {
	for _, test := range []struct {
		name string
		one  func() (*http.Response, error) // what the first of two workers does; the second answers
		call func(context.Context, *client.Client) error
		want string // workers that were asked
		err  string
	}{
		{name: "an answer", one: answers(200, `[]`), call: get, want: "one"},
		{name: "no connection", one: fails(refused), call: get, want: "one two"},
		{name: "no connection to create", one: fails(refused), call: create, want: "one two"},
		{name: "a broken connection", one: fails(broken), call: get, want: "one two"},
		{
			name: "a broken connection may have created it", one: fails(broken), call: create, want: "one",
			err: "no worker answers at http://one (read tcp: connection reset by peer)",
		},
		{
			name: "a broken connection may have deleted it", one: fails(broken), want: "one",
			call: func(ctx context.Context, c *client.Client) error { return c.Delete(ctx, "c") },
			err:  "no worker answers at http://one (read tcp: connection reset by peer)",
		},
		{name: "starting", one: answers(503, `{"error_code":503,"message":"starting"}`), call: create, want: "one two"},
		{name: "rebalancing", one: answers(409, rebalancing), call: create, want: "one two"},
		{name: "a conflict that stays", one: answers(409, exists), call: create, want: "one", err: "POST http://one/connectors: 409: Connector c already exists"},
		{name: "an error", one: answers(500, `{"error_code":500,"message":"boom"}`), call: get, want: "one", err: "GET http://one/connectors: 500: boom"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []string
			c := with(t, func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r.URL.Host)
				switch {
				case r.URL.Host == "one":
					return test.one()
				case r.Method == http.MethodPost:
					return response(201, `{"name":"c","config":{},"tasks":[],"type":"sink"}`), nil
				default:
					return response(200, `[]`), nil
				}
			}, urls("http://one", "http://two"))
			if err := test.call(t.Context(), c); message(err) != test.err {
				t.Errorf("error %q, want %q", message(err), test.err)
			}
			if got := strings.Join(asked, " "); got != test.want {
				t.Errorf("asked %s, want %s", got, test.want)
			}
		})
	}
}

func answers(status int, body string, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) { return response(status, body, headers...), nil }
}

func fails(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestStays asks the worker that has answered, and nobody else, until it does not any more.
func TestStays(t *testing.T) {
	var asked []string
	away := "one"
	c := with(t, func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.Host)
		if r.URL.Host == away {
			return nil, refused
		}
		return response(200, `[]`), nil
	}, urls("http://one", "http://two"))
	for _, away = range []string{"one", "one", "two"} {
		if err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"one", "two", "two", "two", "one"}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

func TestUnreachable(t *testing.T) {
	c := with(t, always(fails(refused)), urls("http://one", "two:8083/connect/"))
	err := get(t.Context(), c)
	const want = "no worker answers at http://one (dial tcp: connection refused), nor at http://two:8083/connect (dial tcp: connection refused)"
	if message(err) != want || !client.IsUnreachable(err) || !errors.Is(err, refused) {
		t.Errorf("got %v, want %s", err, want)
	}
}

type outcome = func() (*http.Response, error)

// TestWaits counts tries and time while workers rebalance (invariants 1 and 2).
func TestWaits(t *testing.T) {
	for _, test := range []struct {
		name     string
		answers  []outcome // the last one for ever
		timeout  time.Duration
		retryFor time.Duration
		tries    int
		atLeast  time.Duration
		atMost   time.Duration
		check    func(error) bool
	}{
		{name: "until it is over", answers: []outcome{answers(409, rebalancing), answers(503, ``), answers(200, `[]`)}, tries: 3, atMost: time.Second, check: isNil},
		{name: "as long as the worker says", answers: []outcome{answers(503, ``, "Retry-After", "3"), answers(200, `[]`)}, tries: 2, atLeast: 3 * time.Second, atMost: 3 * time.Second, check: isNil},
		{name: "for RetryFor", answers: []outcome{answers(409, rebalancing)}, retryFor: 5 * time.Second, tries: -1, atLeast: time.Second, atMost: 5 * time.Second, check: client.IsRebalancing},
		{name: "not at all", answers: []outcome{answers(409, rebalancing)}, retryFor: -1, tries: 1, check: client.IsConflict},
		{name: "for Timeout", answers: []outcome{answers(409, rebalancing)}, timeout: time.Second, retryFor: time.Minute, tries: -1, atMost: time.Second, check: client.IsRebalancing},
		{name: "not for what stays", answers: []outcome{answers(409, exists)}, tries: 1, check: func(err error) bool { return client.IsConflict(err) && !client.IsRebalancing(err) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				c := with(t, func(*http.Request) (*http.Response, error) {
					next := test.answers[min(tries, len(test.answers)-1)]
					tries++
					return next()
				}, func(c *client.Config) { c.Timeout, c.RetryFor = test.timeout, test.retryFor })
				begin := time.Now()
				err := get(t.Context(), c)
				took := time.Since(begin)
				if !test.check(err) || took < test.atLeast || took > test.atMost || (test.tries >= 0 && tries != test.tries) {
					t.Errorf("%d tries in %s, error %v", tries, took, err)
				}
			})
		})
	}
}

func isNil(err error) bool { return err == nil }

// TestEnds holds calls of workers that never answer against their bounds (invariant 1).
func TestEnds(t *testing.T) {
	hangs := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	for _, test := range []struct {
		name           string
		context        time.Duration
		timeout, after time.Duration
	}{
		{"with the context", 3 * time.Second, time.Minute, 3 * time.Second},
		{"with Timeout", time.Hour, 7 * time.Second, 7 * time.Second},
		{"with the default", time.Hour, 0, client.DefaultTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := with(t, hangs, urls("one", "two"), func(c *client.Config) { c.Timeout = test.timeout })
				ctx, cancel := context.WithTimeout(t.Context(), test.context)
				defer cancel()
				begin := time.Now()
				err := get(ctx, c)
				if took := time.Since(begin); took != test.after || !errors.Is(err, context.DeadlineExceeded) || client.IsUnreachable(err) {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// TestCancelledWait ends a wait for a rebalancing cluster at once.
func TestCancelledWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := with(t, always(answers(503, ``, "Retry-After", "5")))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		err := get(ctx, c)
		var e *client.Error
		if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || time.Since(begin) != time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// TestNoJSON tells a worker from something else at the same address.
func TestNoJSON(t *testing.T) {
	page := "<html>welcome</html>"
	c := with(t, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(page))}, nil
	})
	if err := get(t.Context(), c); err == nil || !strings.Contains(err.Error(), "is this the URL of a Kafka Connect worker?") {
		t.Errorf("got %v", err)
	}
}

// always is a transport that does the same with every request.
func always(f outcome) transport {
	return func(*http.Request) (*http.Response, error) { return f() }
}
