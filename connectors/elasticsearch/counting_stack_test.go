//go:build stack

package elasticsearch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// counting is a proxy before Elasticsearch that knows which operations were confirmed to the client. A document whose
// record says when it was written, {"n":…}, must not be sent again after that.
type counting struct {
	t   testing.TB
	url string // of the proxy

	mu       sync.Mutex
	acked    map[string]bool // operations that were confirmed: id and document
	twice    map[string]bool // those of them that were confirmed before
	requests int
	statuses map[int]int // of requests
	items    map[int]int // statuses of items
	again    []string    // operations sent after they were confirmed
	changed  chan struct{}
}

func count(t testing.TB, backend string) *counting {
	t.Helper()
	c := &counting{
		t: t, acked: map[string]bool{}, twice: map[string]bool{}, statuses: map[int]int{}, items: map[int]int{},
		changed: make(chan struct{}, 1),
	}
	transport := &http.Transport{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		ops := c.sent(r, body)
		out, err := http.NewRequestWithContext(r.Context(), r.Method, backend+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		out.Header = r.Header.Clone()
		out.Header.Set("Accept-Encoding", "identity")
		res, err := transport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler) // the client sees the connection end, as without a proxy
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), res.Header)
		w.WriteHeader(res.StatusCode)
		if _, err := w.Write(answer); err != nil || http.NewResponseController(w).Flush() != nil || r.Context().Err() != nil {
			return
		}
		c.answered(ops, res.StatusCode, answer)
		// A client that gave up just before may have taken nothing of that; it shows a little later.
		select {
		case <-r.Context().Done():
			c.unheard(ops)
		case <-time.After(goneWithin):
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	c.url = server.URL
	return c
}

// sent notes a bulk request and gives its operations.
func (c *counting) sent(r *http.Request, body []byte) []string {
	if !isBulk(r) {
		return nil
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			c.t.Error(err)
			return nil
		}
		if body, err = io.ReadAll(z); err != nil {
			c.t.Error(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	var ops []string
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		op := lines[i]
		if !strings.HasPrefix(op, `{"delete"`) {
			i++
			op += lines[i]
		}
		if c.acked[op] {
			c.again = append(c.again, op)
		}
		ops = append(ops, op)
	}
	return ops
}

func (c *counting) answered(ops []string, status int, answer []byte) {
	if ops == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer tell(c.changed)
	c.statuses[status]++
	if status != http.StatusOK {
		return
	}
	var a struct {
		Items []map[string]struct{ Status int }
	}
	if err := json.Unmarshal(answer, &a); err != nil || len(a.Items) != len(ops) {
		c.t.Errorf("%d items for %d operations: %v", len(a.Items), len(ops), err)
		return
	}
	for i, item := range a.Items {
		for _, v := range item {
			c.items[v.Status]++
			if v.Status < 300 {
				c.twice[ops[i]] = c.acked[ops[i]]
				c.acked[ops[i]] = true
			}
		}
	}
}

// goneWithin is how long the end of a connection may take to be noticed.
const goneWithin = time.Second

// unheard takes back that operations were confirmed.
func (c *counting) unheard(ops []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := map[string]bool{}
	for _, op := range ops {
		if !c.twice[op] {
			delete(c.acked, op)
		}
		gone[op] = true
	}
	c.again = slices.DeleteFunc(c.again, func(op string) bool { return gone[op] })
}

// await waits until so many operations were confirmed.
func (c *counting) await(ctx context.Context, n int) {
	c.t.Helper()
	for {
		c.mu.Lock()
		got := len(c.acked)
		c.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
			c.t.Errorf("%d of %d operations were confirmed", got, n)
			return
		}
	}
}

// settled checks that n operations were confirmed, and none sent again afterwards.
func (c *counting) settled(n int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.acked) != n {
		c.t.Errorf("%d operations confirmed, want %d", len(c.acked), n)
	}
	if len(c.again) > 0 {
		c.t.Errorf("%d operations were sent again after they were confirmed, such as %.200s", len(c.again), c.again[0])
	}
	c.t.Logf("%d requests, answered %v; items %v", c.requests, c.statuses, c.items)
}
