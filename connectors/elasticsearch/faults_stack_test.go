//go:build stack

package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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

// load writes n documents of a partition through a proxy. With a quarter of them written, and an eighth confirmed, fault begins; it closes begun
// when the fault is there, and returns when it is over. Half of the documents are written after it has begun.
func load(t *testing.T, c *counting, rt *fakeRuntime, p connectors.Partition, set map[string]string, n int64,
	records func(offset int64, n int) *connectors.Batch, fault func(ctx context.Context, ack *fakeAck, begun chan<- struct{}),
) *fakeAck {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ack := newAck(t)
	w := openWriter(t, startTask(t, rt, c.url, with(set, "max.retries", "-1")), p, ack)
	var faults sync.WaitGroup
	defer faults.Wait()
	begun := make(chan struct{})
	const chunk = 500
	for o := int64(0); o < n; o += chunk {
		if o == n/4 {
			faults.Go(func() {
				c.await(int(n / 8)) // so that the index exists and requests are under way
				fault(ctx, ack, begun)
			})
		}
		if o == n/2 {
			<-begun
		}
		if err := w.Write(ctx, records(o, chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	faults.Wait()
	if d, _, trouble := ack.state(); d != n || trouble != nil {
		t.Errorf("durable %d of %d, trouble %v", d, n, trouble)
	}
	return ack
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

// TestStackFaults breaks a server of its own: it is stopped, killed, frozen, has a short queue and takes short requests.
func TestStackFaults(t *testing.T) {
	s := stack.Own(t, stack.Options{Env: map[string]string{
		"STACK_ES_SETTINGS": "http.max_content_length=1mb thread_pool.write.size=1 thread_pool.write.queue_size=20",
	}}, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
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
			const n = 20_000
			c := count(t, s.ElasticsearchURL())
			p := connectors.Partition{Topic: "es-" + tc.name, ID: 1}
			load(t, c, newRuntime(connectors.PayloadString, connectors.PayloadJSON), p, map[string]string{"read.timeout.ms": "1000"}, n,
				func(o int64, n int) *connectors.Batch { return documents(p, o, n, numbered) }, tc.fault)
			r.expect(p.Topic, p, n)
			c.settled(n)
		})
	}
	t.Run("order of updates", func(t *testing.T) {
		const n, keys = 6_000, 700
		c := count(t, s.ElasticsearchURL())
		p := connectors.Partition{Topic: "es-order", ID: 1}
		load(t, c, newRuntime(connectors.PayloadString, connectors.PayloadJSON), p,
			map[string]string{"read.timeout.ms": "1000", "key.ignore": "false", "write.method": "upsert"}, n,
			func(o int64, n int) *connectors.Batch {
				var b connectors.Builder
				for i := o; i < o+int64(n); i++ {
					b.Append(i, 1, fmt.Append(nil, i%keys), numbered(i))
				}
				return b.Batch(p)
			}, func(ctx context.Context, ack *fakeAck, begun chan<- struct{}) {
				must(s.Kill(ctx, stack.Elasticsearch))
				close(begun)
				must(s.Start(ctx, stack.Elasticsearch))
			})
		docs := r.all(p.Topic)
		if len(docs) != keys {
			t.Errorf("%d documents, want %d", len(docs), keys)
		}
		for id, doc := range docs {
			var d struct{ N int64 }
			if err := json.Unmarshal(doc, &d); err != nil || strconv.FormatInt(d.N%keys, 10) != id || d.N < n-keys {
				t.Errorf("document %s is %s, which is not the last", id, doc)
			}
		}
		c.settled(n)
	})
	t.Run("too large", func(t *testing.T) {
		const n = 2000
		c := count(t, s.ElasticsearchURL())
		p := connectors.Partition{Topic: "es-large", ID: 1}
		rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
		w := openWriter(t, startTask(t, rt, c.url, map[string]string{"sluice.index.mappings": `{"properties":{"x":{"enabled":false,"type":"object"}}}`}), p, ack)
		value := func(o int64) []byte {
			size := 2000
			if o == 1234 {
				size = 1 << 20
			}
			return fmt.Appendf(nil, `{"n":%d,"x":%q}`, o, strings.Repeat("x", size))
		}
		if err := w.Write(t.Context(), documents(p, 0, n, value)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		d, rejected, _ := ack.state()
		if d != n || len(rejected) != 1 || !strings.Contains(fmt.Sprint(rejected[1234]), "413") {
			t.Errorf("durable %d, rejected %v", d, rejected)
		}
		if got := r.all(p.Topic); len(got) != n-1 {
			t.Errorf("%d documents", len(got))
		}
		if c.settled(n - 1); c.statuses[413] == 0 {
			t.Error("no request was too large")
		}
	})
	t.Run("full queue", func(t *testing.T) {
		const n = 6000
		p := connectors.Partition{Topic: "es-queue", ID: 1}
		c := count(t, s.ElasticsearchURL())
		rt := newRuntime(connectors.PayloadString, connectors.PayloadJSON)
		load(t, c, rt, p, map[string]string{
			"read.timeout.ms": "10000", "batch.size": "500", "max.in.flight.requests": "2", "retry.backoff.ms": "20",
			"sluice.index.settings": `{"number_of_shards":30,"number_of_replicas":0}`,
		}, n,
			func(o int64, n int) *connectors.Batch { return documents(p, o, n, numbered) },
			func(_ context.Context, _ *fakeAck, begun chan<- struct{}) { close(begun) })
		r.expect(p.Topic, p, n)
		if c.settled(n); c.items[http.StatusTooManyRequests] == 0 || rt.metric("retries_items_total").get() == 0 {
			t.Error("no item was refused because of the queue")
		}
	})
}

// TestStackMemoryPressure has four partitions send more at once than the server takes.
func TestStackMemoryPressure(t *testing.T) {
	s := stack.Own(t, stack.Options{Env: map[string]string{"STACK_ES_SETTINGS": "indexing_pressure.memory.limit=100kb"}}, stack.Elasticsearch)
	c := count(t, s.ElasticsearchURL())
	const n, partitions = 5000, 4
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	rt := newRuntime(connectors.PayloadString, connectors.PayloadJSON)
	task := startTask(t, rt, c.url, map[string]string{"max.retries": "-1", "batch.size": "500"})
	var all sync.WaitGroup
	for id := range int32(partitions) {
		p := connectors.Partition{Topic: "es-pressure", ID: id}
		ack := newAck(t)
		w := openWriter(t, task, p, ack)
		all.Go(func() {
			for o := int64(0); o < n; o += 500 {
				if err := w.Write(ctx, documents(p, o, 500, numbered)); err != nil {
					t.Error(err)
					return
				}
			}
			if err := w.Flush(ctx); err != nil {
				t.Error(err)
			}
			if d, _, trouble := ack.state(); d != n || trouble != nil {
				t.Errorf("partition %d: durable %d, trouble %v", id, d, trouble)
			}
		})
	}
	all.Wait()
	if docs := (reader{t, s.ElasticsearchURL()}).all("es-pressure"); len(docs) != n*partitions {
		t.Errorf("%d documents, want %d", len(docs), n*partitions)
	}
	if c.settled(n * partitions); c.statuses[http.StatusTooManyRequests] == 0 || rt.metric("retries_busy_total").get() == 0 {
		t.Error("no request was refused")
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
			p := connectors.Partition{Topic: index, ID: 0}
			r.call("DELETE", "/"+index, "")
			t.Cleanup(func() { r.call("DELETE", "/"+index, "") })
			if tc.before != "" {
				r.must("PUT", "/"+index+"?wait_for_active_shards=0&timeout=1s", tc.before)
			}
			c := count(t, s.ElasticsearchURL())
			rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
			w := openWriter(t, startTask(t, rt, c.url, map[string]string{"max.retries": "3", "retry.backoff.ms": "20", "read.timeout.ms": "1000"}), p, ack)
			const half = 1000
			if err := w.Write(ctx, documents(p, 0, half, numbered)); err != nil {
				t.Fatal(err)
			}
			if tc.before == "" {
				if err := w.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				r.must(tc.block[0], "/"+index+tc.block[1], tc.block[2])
			}
			if err := w.Write(ctx, documents(p, half, half, numbered)); err != nil {
				t.Fatal(err)
			}
			awaitTrouble(ctx, t, ack, tc.shown)
			awaitTrouble(ctx, t, ack, "goes on by itself")
			for ack.count() < 7 {
				select {
				case <-ack.changed:
				case <-ctx.Done():
					t.Fatal("no further repetition")
				}
			}
			r.must(tc.clear[0], "/"+index+tc.clear[1], tc.clear[2])
			if err := w.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			r.expect(index, p, 2*half)
			if c.settled(2 * half); rt.metric("retries_blocked_total").get() < 4 {
				t.Error("the wait was not counted")
			}
		})
	}
}

// TestStackMappingConflict has one document in a thousand that the mapping refuses.
func TestStackMappingConflict(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	p := connectors.Partition{Topic: fmt.Sprintf("es-conflict-%d", time.Now().UnixNano()), ID: 0}
	c := count(t, s.ElasticsearchURL())
	rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
	w := openWriter(t, startTask(t, rt, c.url, map[string]string{"sluice.index.mappings": `{"properties":{"n":{"type":"long"}}}`}), p, ack)
	if err := w.Write(t.Context(), documents(p, 0, 1000, func(o int64) []byte {
		if o == 321 {
			return []byte(`{"n":"three"}`)
		}
		return numbered(o)
	})); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader{t, s.ElasticsearchURL()}.expect(p.Topic, p, 1000, 321)
	d, rejected, _ := ack.state()
	reason := fmt.Sprint(rejected[321])
	if d != 1000 || len(rejected) != 1 || !strings.Contains(reason, "failed to parse field [n] of type [long]") || !strings.Contains(reason, "offset 321") {
		t.Errorf("durable %d, rejected %v", d, rejected)
	}
	c.settled(999)
}
