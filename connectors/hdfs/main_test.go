package hdfs

import (
	"context"
	"flag"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/connectors"
)

var update = flag.Bool("update", false, "write golden files again")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runtime is what a task has of the framework in these tests.
type runtime struct{ records connectors.Format }

func (runtime) Connector() string            { return "test" }
func (runtime) Task() int                    { return 0 }
func (r runtime) Records() connectors.Format { return r.records }
func (runtime) Logger() *slog.Logger         { return slog.New(slog.DiscardHandler) }
func (runtime) Metrics() connectors.Metrics  { return instruments{} }
func (runtime) Now() time.Time               { return time.Now() }

type instruments struct{}

func (instruments) Counter(string, string) connectors.Counter { return instrument{} }
func (instruments) Gauge(string, string) connectors.Gauge     { return instrument{} }

type instrument struct{}

func (instrument) Add(int64) {}
func (instrument) Set(int64) {}

// acks is what a writer has reported.
type acks struct {
	mu       sync.Mutex
	durable  int64
	rejected []int64
	trouble  error
	troubles int
	changed  chan struct{}
	settled  chan struct{} // closed: rejected records are dealt with; nil: they are at once
}

func newAcks() *acks { return &acks{durable: -1, changed: make(chan struct{}, 1)} }

func (a *acks) Durable(next int64) {
	a.mu.Lock()
	a.durable = max(a.durable, next)
	a.mu.Unlock()
	a.signal()
}

func (a *acks) Reject(offset int64, _ error) {
	a.mu.Lock()
	a.rejected = append(a.rejected, offset)
	a.mu.Unlock()
	a.signal()
}

func (a *acks) Settled(ctx context.Context) error {
	if a.settled == nil {
		return nil
	}
	select {
	case <-a.settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *acks) Trouble(err error) {
	a.mu.Lock()
	a.trouble = err
	if err != nil {
		a.troubles++
	}
	a.mu.Unlock()
	a.signal()
}

func (a *acks) signal() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// patience is for what must happen some time, on a machine that may be slow, and with HDFS, which takes its own.
const patience = 4 * time.Minute

func (a *acks) until(t testing.TB, what string, cond func(a *acks) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		a.mu.Lock()
		ok := cond(a)
		a.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-a.changed:
		case <-deadline:
			t.Fatalf("waited in vain until %s; durable %d, trouble %v", what, a.durable, a.trouble)
		}
	}
}

var part = connectors.Partition{Topic: "select-color", ID: 1}

// newTask starts a task of the sink with a configuration.
func newTask(t testing.TB, payload connectors.Payload, raw map[string]string) *task {
	t.Helper()
	cfg, err := definition().Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	started, err := New().Start(t.Context(), cfg, runtime{connectors.Format{Key: connectors.PayloadString, Value: payload}})
	if err != nil {
		t.Fatal(err)
	}
	return started.(*task)
}

func openAt(t testing.TB, tk *task, committed int64, a *acks) *writer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := tk.Open(ctx, part, committed, a)
	if err != nil {
		t.Fatal(err)
	}
	return w.(*writer)
}

// settle waits until no commit is in the background, and says how the last one ended.
func settle(w *writer) error {
	<-w.turn
	defer w.give()
	return w.idle(context.Background())
}

// written is Write up to the end of the commits that it began.
func written(ctx context.Context, w *writer, b *connectors.Batch) error {
	if err := w.Write(ctx, b); err != nil {
		return err
	}
	return settle(w)
}

func shut(t testing.TB, w *writer) {
	t.Helper()
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// batch makes records with the offsets from first to last.
func batch(first, last int64, value func(offset int64) string) *connectors.Batch {
	var b connectors.Builder
	for o := first; o <= last; o++ {
		b.Append(o, o, nil, []byte(value(o)))
	}
	return b.Batch(part)
}
