//go:build stack

package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// limit bounds every wait of a fault test.
const limit = 5 * time.Minute

// pair writes to two indices at once: documents with ids of their own, and updates of few documents, whose order shows.
type pair struct {
	t           *testing.T
	c           *counting
	plain       connectors.Partition
	docs, turns connectors.Writer
	first       *fakeAck     // of docs
	second      *fakeAck     // of turns
	rt          *fakeRuntime // of docs
	n           int64        // records written
	numbered    func(offset int64) []byte
}

// updated is how many documents the updates of a pair are spread over.
const updated = 70

func openPair(t *testing.T, c *counting, topic string, set map[string]string) *pair {
	t.Helper()
	p := &pair{
		t: t, c: c, plain: connectors.Partition{Topic: topic, ID: 1}, rt: newRuntime(connectors.PayloadString, connectors.PayloadJSON),
		first: newAck(t), second: newAck(t), numbered: numbered,
	}
	p.docs = openWriter(t, startTask(t, p.rt, c.url, set), p.plain, p.first)
	p.turns = openWriter(t, startTask(t, newRuntime(connectors.PayloadString, connectors.PayloadJSON), c.url, with(set, "key.ignore", "false", "write.method", "upsert")), p.keyed(), p.second)
	return p
}

func (p *pair) keyed() connectors.Partition {
	return connectors.Partition{Topic: p.plain.Topic + "-keyed", ID: 1}
}

// write writes n more records to each.
func (p *pair) write(ctx context.Context, n int) error {
	if err := p.docs.Write(ctx, documents(p.plain, p.n, n, p.numbered)); err != nil {
		return err
	}
	var b connectors.Builder
	for o := p.n; o < p.n+int64(n); o++ {
		b.Append(o, 1, fmt.Append(nil, o%updated), p.numbered(o))
	}
	p.n += int64(n)
	return p.turns.Write(ctx, b.Batch(p.keyed()))
}

func (p *pair) flush(ctx context.Context) error {
	if err := p.docs.Flush(ctx); err != nil {
		return err
	}
	return p.turns.Flush(ctx)
}

// settled checks that both indices hold what they should, that nothing is in trouble, and that nothing was sent again that had been
// confirmed. Those without were refused.
func (p *pair) settled(r reader, without ...int64) {
	p.t.Helper()
	r.expect(p.plain.Topic, p.plain, p.n, p.numbered, without...)
	last := map[string]int64{}
	for o := range p.n {
		if !slices.Contains(without, o) {
			last[strconv.FormatInt(o%updated, 10)] = o
		}
	}
	docs := r.all(p.keyed().Topic)
	if len(docs) != len(last) {
		p.t.Errorf("%d documents with updates, want %d", len(docs), len(last))
	}
	for id, doc := range docs {
		var d struct{ N int64 }
		if err := json.Unmarshal(doc, &d); err != nil || d.N != last[id] {
			p.t.Errorf("document %s is %s, which is not the last, %d", id, doc, last[id])
		}
	}
	for _, ack := range []*fakeAck{p.first, p.second} {
		if d, rejected, trouble := ack.state(); d != p.n || trouble != nil || len(rejected) != len(without) {
			p.t.Errorf("durable %d of %d, rejected %v, trouble %v", d, p.n, rejected, trouble)
		}
	}
	p.c.settled(2 * (int(p.n) - len(without)))
}

// load writes n documents of each kind through a proxy. With a quarter of them written, and an eighth confirmed, fault begins; it closes
// begun when the fault is there, and returns when it is over. Half of the documents are written after it has begun.
func load(t *testing.T, c *counting, topic string, set map[string]string, n int64, fault func(ctx context.Context, ack *fakeAck, begun chan<- struct{})) *pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	p := openPair(t, c, topic, with(set, "max.retries", "-1"))
	var faults sync.WaitGroup
	defer faults.Wait()
	begun := make(chan struct{})
	const chunk = 500
	for p.n < n {
		if p.n == n/4 {
			faults.Go(func() {
				c.await(ctx, int(n/8)) // so that the index exists and requests are under way
				fault(ctx, p.first, begun)
			})
		}
		if p.n == n/2 {
			select {
			case <-begun:
			case <-ctx.Done():
				t.Fatal("the fault does not begin")
			}
		}
		if err := p.write(ctx, chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.flush(ctx); err != nil {
		t.Fatal(err)
	}
	faults.Wait()
	return p
}

// awaitTrouble waits until the operator is shown an error with a text in it.
func awaitTrouble(ctx context.Context, t *testing.T, ack *fakeAck, text string) {
	t.Helper()
	for {
		_, _, trouble := ack.state()
		if trouble != nil && strings.Contains(trouble.Error(), text) {
			return
		}
		select {
		case <-ack.changed:
		case <-ctx.Done():
			t.Errorf("trouble is %v, want %q", trouble, text)
			return
		}
	}
}

// TestStackFaults breaks a server of its own: it has little memory, is stopped, killed, frozen, has a short queue and takes short
// requests. From when it was stopped on it has other settings, which spares a start.
func TestStackFaults(t *testing.T) {
	const settings = "STACK_ES_SETTINGS"
	s := stack.Own(t, stack.Options{Env: map[string]string{settings: "indexing_pressure.memory.limit=100kb"}}, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	t.Run("memory pressure", func(t *testing.T) { memoryPressure(t, s.ElasticsearchURL()) })
	s.Set(settings, "http.max_content_length=1mb thread_pool.write.size=1 thread_pool.write.queue_size=20")
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	outages := []struct {
		name  string
		fault func(ctx context.Context, ack *fakeAck, begun chan<- struct{})
	}{
		{"stopped", func(ctx context.Context, ack *fakeAck, begun chan<- struct{}) {
			defer close(begun)
			must(s.Stop(ctx, stack.Elasticsearch))
			must(s.Start(ctx, stack.Elasticsearch))
		}},
		{"killed", func(ctx context.Context, ack *fakeAck, begun chan<- struct{}) {
			must(s.Kill(ctx, stack.Elasticsearch))
			close(begun)
			awaitTrouble(ctx, t, ack, "closed the connection")
			must(s.Start(ctx, stack.Elasticsearch))
		}},
		{"frozen", func(ctx context.Context, ack *fakeAck, begun chan<- struct{}) {
			must(s.Pause(ctx, stack.Elasticsearch))
			close(begun)
			awaitTrouble(ctx, t, ack, "read.timeout.ms")
			must(s.Resume(ctx, stack.Elasticsearch))
		}},
	}
	for _, tc := range outages {
		t.Run(tc.name, func(t *testing.T) {
			load(t, count(t, s.ElasticsearchURL()), "es-"+tc.name, map[string]string{"read.timeout.ms": "1000"}, 10_000, tc.fault).settled(r)
		})
	}
	t.Run("too large", func(t *testing.T) {
		const n, large = 2000, 1234
		c := count(t, s.ElasticsearchURL())
		p := openPair(t, c, "es-large", map[string]string{"sluice.index.mappings": `{"properties":{"x":{"enabled":false,"type":"object"}}}`})
		p.numbered = func(o int64) []byte {
			size := 2000
			if o == large {
				size = 1 << 20
			}
			return fmt.Appendf(nil, `{"n":%d,"x":%q}`, o, strings.Repeat("x", size))
		}
		if err := p.write(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if err := p.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.settled(r, large)
		if _, rejected, _ := p.first.state(); !strings.Contains(fmt.Sprint(rejected[large]), "413") {
			t.Errorf("rejected %v", rejected)
		}
		if c.statuses[http.StatusRequestEntityTooLarge] == 0 {
			t.Error("no request was too large")
		}
	})
	t.Run("full queue", func(t *testing.T) {
		c := count(t, s.ElasticsearchURL())
		p := load(t, c, "es-queue", map[string]string{
			"read.timeout.ms": "10000", "batch.size": "500", "max.in.flight.requests": "2", "retry.backoff.ms": "20",
			"sluice.index.settings": `{"number_of_shards":30,"number_of_replicas":0}`,
		}, 6000, func(_ context.Context, _ *fakeAck, begun chan<- struct{}) { close(begun) })
		p.settled(r)
		if c.items[http.StatusTooManyRequests] == 0 || p.rt.metric("retries_items_total").get() == 0 {
			t.Error("no item was refused because of the queue")
		}
	})
}

// memoryPressure has four partitions of four tasks send more at once than the server takes.
func memoryPressure(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	const n = 5000
	var all sync.WaitGroup
	pairs, refused := make([]*pair, 2), 0
	for i := range pairs {
		p := openPair(t, count(t, url), fmt.Sprintf("es-pressure-%d", i), map[string]string{"max.retries": "-1", "batch.size": "500"})
		pairs[i] = p
		all.Go(func() {
			for p.n < n {
				if err := p.write(ctx, 500); err != nil {
					t.Error(err)
					return
				}
			}
			if err := p.flush(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, p := range pairs {
		p.settled(reader{t, url})
		refused += p.c.statuses[http.StatusTooManyRequests]
	}
	if refused == 0 || pairs[0].rt.metric("retries_busy_total").get()+pairs[1].rt.metric("retries_busy_total").get() == 0 {
		t.Errorf("%d requests were refused", refused)
	}
}

// TestStackBlocked makes an index unwritable under way: it is waited for, with more repetitions than are allowed.
func TestStackBlocked(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	for _, tc := range []struct {
		name          string
		block, clear  [3]string // method, path behind the index, body
		before, shown string
	}{
		{
			name: "read-only", shown: "cluster_block_exception",
			block: [3]string{"PUT", "/_settings", `{"index.blocks.write":true}`},
			clear: [3]string{"PUT", "/_settings", `{"index.blocks.write":null}`},
		},
		{
			name: "flood-stage", shown: "cluster_block_exception",
			block: [3]string{"PUT", "/_settings", `{"index.blocks.read_only_allow_delete":true}`},
			clear: [3]string{"PUT", "/_settings", `{"index.blocks.read_only_allow_delete":null}`},
		},
		{
			name: "closed", shown: "index_closed_exception",
			block: [3]string{"POST", "/_close", ""},
			clear: [3]string{"POST", "/_open", ""},
		},
		{
			name: "red", shown: "unavailable_shards_exception",
			before: `{"settings":{"index.routing.allocation.require._name":"nobody"},"mappings":{"properties":{"n":{"type":"long"},"color":{"type":"keyword"}}}}`,
			clear:  [3]string{"PUT", "/_settings", `{"index.routing.allocation.require._name":null}`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			index := fmt.Sprintf("es-blocked-%s-%d", tc.name, time.Now().UnixNano())
			both := []string{"/" + index, "/" + index + "-keyed"}
			for _, path := range both {
				t.Cleanup(func() { r.call("DELETE", path, "") })
				if tc.before != "" {
					r.must("PUT", path+"?wait_for_active_shards=0&timeout=1s", tc.before)
				}
			}
			c := count(t, s.ElasticsearchURL())
			patience := "30000"
			if tc.before != "" {
				patience = "1000" // the server waits for the shard half of that
			}
			p := openPair(t, c, index, map[string]string{"max.retries": "3", "retry.backoff.ms": "20", "read.timeout.ms": patience})
			const half = 1000
			if err := p.write(ctx, half); err != nil {
				t.Fatal(err)
			}
			if tc.before == "" {
				if err := p.flush(ctx); err != nil {
					t.Fatal(err)
				}
				for _, path := range both {
					r.must(tc.block[0], path+tc.block[1], tc.block[2])
				}
			}
			if err := p.write(ctx, half); err != nil {
				t.Fatal(err)
			}
			for _, ack := range []*fakeAck{p.first, p.second} {
				awaitTrouble(ctx, t, ack, tc.shown)
				awaitTrouble(ctx, t, ack, "goes on by itself")
				for ack.count() < 7 {
					select {
					case <-ack.changed:
					case <-ctx.Done():
						t.Fatal("no further repetition")
					}
				}
			}
			for _, path := range both {
				r.must(tc.clear[0], path+tc.clear[1], tc.clear[2])
			}
			if err := p.flush(ctx); err != nil {
				t.Fatal(err)
			}
			p.settled(r)
			if p.rt.metric("retries_blocked_total").get() < 4 {
				t.Error("the wait was not counted")
			}
		})
	}
}

// TestStackMappingConflict has one document in a thousand that the mapping refuses.
func TestStackMappingConflict(t *testing.T) {
	const wrong = 321
	s := stack.Shared(t, stack.Elasticsearch)
	c := count(t, s.ElasticsearchURL())
	p := openPair(t, c, fmt.Sprintf("es-conflict-%d", time.Now().UnixNano()), map[string]string{"sluice.index.mappings": `{"properties":{"n":{"type":"long"}}}`})
	p.numbered = func(o int64) []byte {
		if o == wrong {
			return []byte(`{"n":"three"}`)
		}
		return numbered(o)
	}
	if err := p.write(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	if err := p.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.settled(reader{t, s.ElasticsearchURL()}, wrong)
	for _, ack := range []*fakeAck{p.first, p.second} {
		_, rejected, _ := ack.state()
		if reason := fmt.Sprint(rejected[wrong]); !strings.Contains(reason, "failed to parse field [n] of type [long]") || !strings.Contains(reason, "offset 321") {
			t.Errorf("rejected %v", rejected)
		}
	}
}
