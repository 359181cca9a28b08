package connectortest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// runtime is what a task has of the framework here.
type runtime struct{ records connectors.Format }

var _ connectors.Runtime = runtime{}

func (runtime) Connector() string            { return "acceptance" }
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

// errStuck is the error of a call that did not return.
var errStuck = errors.New("the call does not return")

// bounded makes a call that may take as long as ctx lives, and a little longer (invariant 9). What panics is an error.
func bounded(ctx context.Context, longer time.Duration, op string, f func(ctx context.Context) error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("%s panics: %v\n%s", op, r, debug.Stack())
			}
		}()
		if err := f(ctx); err != nil {
			done <- fmt.Errorf("%s: %w", op, err)
			return
		}
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(longer)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("%s: %w, %s after its context has ended", op, errStuck, longer)
	}
}

// acks listens to one writer and remembers what was wrong with what it said.
type acks struct {
	partition connectors.Partition
	expect    func(offset int64) bool // whether a record may be rejected

	mu       sync.Mutex
	opened   bool
	durable  int64 // -1: nothing reported
	given    int64 // behind the last record handed over, or where the writer began
	rejected map[int64]error
	trouble  error // the last one
	faults   []error
}

var _ connectors.Ack = (*acks)(nil)

// Durable implements connectors.Ack. What is wrong with it is invariant 5.
func (a *acks) Durable(next int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case next < a.durable:
		a.fault("durable went back from %d to %d", a.durable, next)
	case a.opened && next > a.given:
		a.fault("%d was reported durable, but only the records below %d were written", next, a.given)
	}
	a.durable = max(a.durable, next)
}

// Reject implements connectors.Ack.
func (a *acks) Reject(offset int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch code := connectors.CodeOf(err); {
	case err == nil:
		a.fault("offset %d was rejected without a reason", offset)
	case code != connectors.CodeBadRecord:
		a.fault("offset %d was rejected with the code %q: %w", offset, code, err)
	}
	switch _, twice := a.rejected[offset]; {
	case twice:
		a.fault("offset %d was rejected twice", offset)
	case offset < a.durable:
		a.fault("offset %d was rejected after %d had been reported durable: a crash between would have lost it", offset, a.durable)
	case !a.expect(offset):
		a.fault("offset %d was rejected: %w", offset, err)
	}
	a.rejected[offset] = err
}

// Settled implements connectors.Ack.
func (*acks) Settled(context.Context) error { return nil }

// Trouble implements connectors.Ack.
func (a *acks) Trouble(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.trouble = err
	}
}

func (a *acks) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Errorf("partition %s: "+format, append([]any{a.partition}, args...)...))
}

// begin notes where the writer begins.
func (a *acks) begin(from int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opened, a.given = true, from
	if a.durable > from {
		a.fault("%d was reported durable before a record was written; the writer resumes at %d", a.durable, from)
	}
}

func (a *acks) give(next int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given = max(a.given, next)
}

func (a *acks) reported() (durable int64, rejected int, trouble error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.durable, len(a.rejected), a.trouble
}

func (a *acks) problem() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.faults...)
}
