package cluster

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/store"
)

const patience = 20 * time.Second

// worker is one worker's share of a cluster under test.
type worker struct {
	*Membership
	store  *store.AssignmentStore
	client *store.Client
	cancel context.CancelFunc
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// open makes the client and the store of a worker; they are closed when the test ends, unless kill does it before.
func open(t testing.TB, bootstrap string) *worker {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := store.NewClient(map[string]string{"bootstrap.servers": bootstrap}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := store.OpenAssignment(within(t, patience), store.Options{Client: c, Topic: "assignments", ReplicationFactor: 1, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &worker{store: s, client: c}
}

func (w *worker) config(address string) Config {
	return Config{
		Client: w.client, Store: w.store, GroupID: "cluster", URL: "http://" + address,
		SessionTimeout: 6 * time.Second, HeartbeatInterval: 100 * time.Millisecond,
	}
}

// join starts a worker. It ends, without a word to the others, when the test does.
func join(t testing.TB, bootstrap, address string, want map[string]int, options ...func(*Config)) *worker {
	t.Helper()
	w := open(t, bootstrap)
	cfg := w.config(address)
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})).With("worker", address)
	for _, o := range options {
		o(&cfg)
	}
	m, err := Join(within(t, patience), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Membership = m
	t.Cleanup(w.kill)
	m.SetWant(want)
	return w
}

// kill ends a worker as the death of its process would: nobody is told.
func (w *worker) kill() {
	w.stop()
	w.wg.Wait()
	if !w.consumer.IsClosed() {
		_ = w.consumer.Close()
	}
}

// until waits for a condition.
func (w *worker) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-w.Changed():
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s: not within %s; worker %s: leads %t, settled %t, placement %+v, error %v", what, patience, w.ID(), w.Leading(), w.Settled(), w.Placement(), w.Err())
		}
	}
}

func workers(p Placement) []string {
	var all []string
	for id := range p.Workers {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func TestOneWorkerLeadsItself(t *testing.T) {
	b := embeddedtest.Start(t)
	start := time.Now()
	a := join(t, b.Bootstrap(), "127.0.0.1:8083", map[string]int{"x": 2})
	a.until(t, "settled", a.Settled)
	t.Logf("settled %s after the start", time.Since(start))
	if !a.Leading() || a.LeaderURL() != "http://127.0.0.1:8083" {
		t.Errorf("leads %t, leader at %q", a.Leading(), a.LeaderURL())
	}
	want := map[string]Work{"127.0.0.1:8083": {Connectors: []string{"x"}, Tasks: []TaskRef{{Connector: "x"}, {Connector: "x", Task: 1}}}}
	if d := cmp.Diff(want, a.Placement().Workers); d != "" {
		t.Error(d)
	}
}
