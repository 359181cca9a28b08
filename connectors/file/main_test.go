package file

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runtime is what a task has of the framework in these tests.
type runtime struct {
	values connectors.Payload
	bytes  *counter
}

func (runtime) Connector() string    { return "test" }
func (runtime) Task() int            { return 0 }
func (runtime) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }
func (runtime) Now() time.Time       { return time.Now() }
func (r runtime) Records() connectors.Format {
	return connectors.Format{Key: connectors.PayloadString, Value: r.values}
}
func (r runtime) Metrics() connectors.Metrics                 { return r }
func (r runtime) Counter(name, _ string) connectors.Counter   { return r.bytes }
func (runtime) Gauge(name, _ string) (gauge connectors.Gauge) { return gauge }

type counter struct{ n atomic.Int64 }

func (c *counter) Add(n int64) { c.n.Add(n) }

// acks is the last that a writer has reported.
type acks struct {
	mu      sync.Mutex
	durable int64
}

func (a *acks) Durable(next int64) { a.mu.Lock(); a.durable = next; a.mu.Unlock() }
func (*acks) Reject(int64, error)  {}
func (*acks) Trouble(error)        {}

func (*acks) Settled(context.Context) error { return nil }

func (a *acks) reported() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.durable
}

// start starts a task of the sink, without a file where name is empty.
func start(tb testing.TB, name string, rt runtime) (connectors.Task, error) {
	tb.Helper()
	raw := map[string]string{}
	if name != "" {
		raw["file"] = name
	}
	cfg, err := New().Spec().Config.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	if rt.bytes == nil {
		rt.bytes = &counter{}
	}
	return New().Start(tb.Context(), cfg, rt)
}

// begin opens a partition of a new task, which ends with the test.
func begin(tb testing.TB, name string, values connectors.Payload) (connectors.Writer, *acks) {
	tb.Helper()
	task, err := start(tb, name, runtime{values: values})
	if err != nil {
		tb.Fatal(err)
	}
	a := &acks{}
	w, err := task.Open(tb.Context(), part, -1, a)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := task.Stop(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return w, a
}

var part = connectors.Partition{Topic: "lines", ID: 2}

// batch makes records of values, beginning at an offset.
func batch(offset int64, values ...string) *connectors.Batch {
	var b connectors.Builder
	for i, v := range values {
		b.Append(offset+int64(i), 0, nil, []byte(v))
	}
	return b.Batch(part)
}

func write(tb testing.TB, w connectors.Writer, b *connectors.Batch) {
	tb.Helper()
	if err := w.Write(tb.Context(), b); err != nil {
		tb.Fatal(err)
	}
}

func newName(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "out")
}
