package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxAnswer bounds what is read of an answer: some hundred thousand connectors.
const maxAnswer = 256 << 20

// request is what a method asks for.
type request struct {
	method string
	path   []string // its segments, not yet encoded
	query  url.Values
	body   any  // nil: none
	once   bool // the first answer counts, whatever it is
}

// call sends a request and decodes the answer.
func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var out T
	a, err := c.do(ctx, r)
	if err != nil {
		return out, err
	}
	return out, a.decode(&out)
}

// send sends a request whose answer has no body of interest.
func (c *Client) send(ctx context.Context, r request) error {
	_, err := c.do(ctx, r)
	return err
}

// answer is one of 2xx.
type answer struct {
	request string // method and URL
	status  int
	body    []byte
}

func (a answer) decode(into any) error {
	if len(a.body) == 0 && a.status == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("reading the answer to %s: %w; is this the URL of a Kafka Connect worker?", a.request, err)
	}
	return nil
}

// do gets the answer to a request from any worker, within the bounds of time (invariant 1).
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	var path string
	for _, segment := range r.path {
		if segment == "" {
			return answer{}, errEmptyName
		}
		path += "/" + escape(segment)
	}
	if path == "" {
		path = "/"
	}
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{}, fmt.Errorf("writing the body of %s %s as JSON: %w", r.method, path, err)
		}
	}

	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, 2*time.Second
	begin := time.Now()
	for {
		a, err := c.round(ctx, r, path, body)
		var e *Error
		if err == nil || r.once || !errors.As(err, &e) || !e.didNothing() {
			return a, err
		}
		pause := max(pauses.NextBackOff(), e.RetryAfter)
		end, _ := ctx.Deadline()
		if time.Since(begin)+pause > c.retryFor || time.Until(end) < pause {
			return answer{}, err // better than to say that time is up
		}
		select {
		case <-ctx.Done():
			return answer{}, fmt.Errorf("waiting to send %s %s again after %w: %w", r.method, path, err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

var errEmptyName = errors.New("a name is empty: a connector, plugin or logger needs one")

// round asks one worker after the other, beginning with the one that answered last, until one has an answer (invariant 2).
func (c *Client) round(ctx context.Context, r request, path string, body []byte) (answer, error) {
	var said error // by a worker that does not serve this at the moment
	away := &Unreachable{}
	first := int(c.first.Load())
	for i := range c.workers {
		n := (first + i) % len(c.workers)
		a, err := c.ask(ctx, c.workers[n], r, path, body)
		var e *Error
		switch {
		case err == nil, errors.As(err, &e) && (r.once || !e.didNothing()):
			c.first.Store(int32(n))
			return a, err
		case e != nil:
			said = err
		case ctx.Err() != nil:
			return answer{}, fmt.Errorf("%s %s%s: %w", r.method, c.workers[n].base, path, ctx.Err())
		default:
			away.add(c.workers[n].base, err)
			if !repeatable(r.method, err) {
				return answer{}, away
			}
		}
	}
	if said != nil {
		return answer{}, said
	}
	return answer{}, away
}

// repeatable says whether a request that got no answer may be sent to another worker. A connector that is created or
// deleted twice would be an error the second time.
func repeatable(method string, err error) bool {
	var op *net.OpError
	notSent := errors.As(err, &op) && op.Op == "dial"
	return notSent || method == http.MethodGet || method == http.MethodPut || method == http.MethodPatch
}

// ask sends a request to one worker.
func (c *Client) ask(ctx context.Context, w worker, r request, path string, body []byte) (answer, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, w.base+path, reader)
	if err != nil {
		return answer{}, err
	}
	q.Header.Set("Accept", "application/json")
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if w.user != "" {
		q.SetBasicAuth(w.user, w.password)
	}
	resp, err := c.http.Do(q)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // what was asked is said by the caller
		}
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{request: r.method + " " + w.base + path, status: resp.StatusCode}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	case len(a.body) > maxAnswer:
		return answer{}, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return answer{}, newError(a, resp.Header)
	}
	return a, nil
}

// escape makes one segment of the path of a name (invariant 3). Dots alone would lead elsewhere.
func escape(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// flag is a query parameter for a boolean.
func flag(q url.Values, name string, value bool) {
	if value {
		q.Set(name, strconv.FormatBool(value))
	}
}
