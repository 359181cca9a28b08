package elasticsearch

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// enough is for what must happen some time, however slow the machine is.
const enough = 2 * time.Minute

// fakeRuntime is what the framework gives a task, with counters that can be read.
type fakeRuntime struct {
	format connectors.Format
	log    io.Writer
	mu     sync.Mutex
	values map[string]*value
}

type value struct {
	mu sync.Mutex
	n  int64
}

func (v *value) Add(n int64) { v.mu.Lock(); v.n += n; v.mu.Unlock() }
func (v *value) Set(n int64) { v.mu.Lock(); v.n = n; v.mu.Unlock() }
func (v *value) get() int64  { v.mu.Lock(); defer v.mu.Unlock(); return v.n }

func newRuntime(key, val connectors.Payload) *fakeRuntime {
	return &fakeRuntime{format: connectors.Format{Key: key, Value: val}, log: io.Discard, values: map[string]*value{}}
}

func (r *fakeRuntime) Connector() string           { return "es" }
func (r *fakeRuntime) Task() int                   { return 0 }
func (r *fakeRuntime) Records() connectors.Format  { return r.format }
func (r *fakeRuntime) Logger() *slog.Logger        { return slog.New(slog.NewTextHandler(r.log, nil)) }
func (r *fakeRuntime) Metrics() connectors.Metrics { return r }
func (r *fakeRuntime) Now() time.Time              { return time.Now() }

func (r *fakeRuntime) metric(name string) *value {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.values[name]
	if v == nil {
		v = &value{}
		r.values[name] = v
	}
	return v
}

func (r *fakeRuntime) Counter(name, _ string) connectors.Counter { return r.metric(name) }
func (r *fakeRuntime) Gauge(name, _ string) connectors.Gauge     { return r.metric(name) }

// fakeAck records what a writer reports, and fails the test when it reports nonsense.
type fakeAck struct {
	t        testing.TB
	mu       sync.Mutex
	durable  int64
	rejected map[int64]error
	order    []int64 // of rejections
	trouble  error
	troubles int
	changed  chan struct{}
}

func newAck(t testing.TB) *fakeAck {
	t.Helper()
	return &fakeAck{t: t, durable: -1, rejected: map[int64]error{}, changed: make(chan struct{}, 1)}
}

func (a *fakeAck) Durable(next int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next <= a.durable {
		a.t.Errorf("durable went from %d to %d", a.durable, next)
	}
	a.durable = next
	tell(a.changed)
}

func (a *fakeAck) Reject(offset int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if offset < a.durable {
		a.t.Errorf("offset %d rejected after %d was durable", offset, a.durable)
	}
	if connectors.CodeOf(err) != connectors.CodeBadRecord {
		a.t.Errorf("rejection of %d has code %v", offset, connectors.CodeOf(err))
	}
	if a.rejected[offset] != nil {
		a.t.Errorf("offset %d rejected twice", offset)
	}
	a.rejected[offset] = err
	a.order = append(a.order, offset)
	tell(a.changed)
}

func (*fakeAck) Settled(context.Context) error { return nil }

func (a *fakeAck) Trouble(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trouble = err
	if err != nil {
		a.troubles++
	}
	tell(a.changed)
}

func (a *fakeAck) state() (durable int64, rejected map[int64]error, trouble error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.durable, maps.Clone(a.rejected), a.trouble
}

// parse makes a configuration for a service at url.
func parse(t testing.TB, url string, more map[string]string) connectors.Config {
	t.Helper()
	raw := map[string]string{"connection.url": url, "key.ignore": "true"}
	maps.Copy(raw, more)
	cfg, err := definition().Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if errs := check(cfg); len(errs) > 0 {
		t.Fatal(errs)
	}
	return cfg
}

// startTask starts a task that ends with the test.
func startTask(t testing.TB, rt *fakeRuntime, url string, more map[string]string) connectors.Task {
	t.Helper()
	task, err := New().Start(t.Context(), parse(t, url, more), rt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := task.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return task
}

func openWriter(t testing.TB, task connectors.Task, p connectors.Partition, ack connectors.Ack) connectors.Writer {
	t.Helper()
	w, err := task.Open(t.Context(), p, -1, ack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Close(ctx) // tests that care close it themselves
	})
	return w
}

// documents makes a batch of n records from offset on.
func documents(p connectors.Partition, offset int64, n int, value func(offset int64) []byte) *connectors.Batch {
	var b connectors.Builder
	for o := offset; o < offset+int64(n); o++ {
		b.Append(o, 1700000000000+o, nil, value(o))
	}
	return b.Batch(p)
}

func numbered(o int64) []byte { return fmt.Appendf(nil, `{"n":%d,"color":"green"}`, o) }

// count gives how often trouble was reported.
func (a *fakeAck) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.troubles
}
