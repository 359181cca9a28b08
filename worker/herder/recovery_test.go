package herder_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// four are connectors, one of each kind of state.
type four struct{ runs, paused, stopped, failed book }

func (s *site) createFour(w *worker) four {
	s.t.Helper()
	f := four{newBook(s.t), newBook(s.t), newBook(s.t), newBook(s.t)}
	s.create(w, "runs", f.runs.connector("days", "tasks.max", "2"))
	s.create(w, "paused", f.paused.connector("days"))
	s.create(w, "stopped", f.stopped.connector("days"))
	s.create(w, "gone", newBook(s.t).connector("days"))
	s.create(w, "failed", f.failed.connector("days"))
	for name, target := range map[string]api.TargetState{"paused": api.Paused, "stopped": api.Stopped} {
		if err := w.SetState(s.t.Context(), name, target); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Delete(s.t.Context(), "gone"); err != nil {
		s.t.Fatal(err)
	}
	s.states(w, "paused", "PAUSED", "PAUSED", 1)
	f.failed.mood("fatal write")
	embeddedtest.Produce(s.t, s.broker, embeddedtest.Values("days", 1, `"one"`)...)
	s.task(w, "failed", 0, "FAILED", "the diary is full")
	s.arrived(f.runs, "days", 1, `"one"`)
	f.failed.mood("") // so that it runs in the next life
	// A task that ends while it joins its group again commits nothing: the coordinator answers one request after the other.
	eventually(s.t, "each of the tasks that run to have a partition", func() bool {
		partitions, stable := embeddedtest.Members(s.t, s.broker, "connect-runs")
		return stable && len(partitions) == 2 && !slices.Contains(slices.Collect(maps.Values(partitions)), 0)
	})
	return f
}

func (s *site) checkFour(w *worker, f four) {
	s.t.Helper()
	s.running(w, "runs", 2)
	s.states(w, "paused", "PAUSED", "PAUSED", 1)
	s.states(w, "stopped", "STOPPED", "", 0)
	s.running(w, "failed", 1)
	if names, err := w.Connectors(s.t.Context()); err != nil || !slices.Equal(names, []string{"failed", "paused", "runs", "stopped"}) {
		s.t.Errorf("connectors %v, %v", names, err)
	}
	s.arrive(f.runs, "days", 0, `"two"`)
	s.arrived(f.failed, "days", 1, `"one"`)
	s.arrived(f.failed, "days", 0, `"two"`)
	for name, b := range map[string]book{"paused": f.paused, "stopped": f.stopped} {
		if got := slices.Concat(b.lines("days-0"), b.lines("days-1")); len(got) != 0 {
			s.t.Errorf("%s wrote %v", name, got)
		}
	}
	if n, _ := f.stopped.starts("stopped-0"); n != 1 {
		s.t.Errorf("the stopped task was started %d times", n)
	}
	for name, b := range map[string]book{"paused": f.paused, "stopped": f.stopped} {
		if err := w.SetState(s.t.Context(), name, api.Started); err != nil {
			s.t.Fatal(err)
		}
		s.running(w, name, 1)
		s.arrived(b, "days", 0, `"two"`)
	}
}

func TestWorkerClosesAndStartsAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w := s.start()
	f := s.createFour(w)
	s.close(w)
	records := s.lastRecords(w.config.StatusTopic)
	for _, task := range []string{"runs-0", "runs-1", "paused-0"} {
		if !strings.Contains(records["status-task-"+task], `"state":"UNASSIGNED"`) {
			t.Errorf("%s of a worker that is gone: %s", task, records["status-task-"+task])
		}
	}
	for _, connector := range []string{"runs", "paused", "stopped"} {
		if !strings.Contains(records["status-connector-"+connector], `"state":"UNASSIGNED"`) {
			t.Errorf("%s of a worker that is gone: %s", connector, records["status-connector-"+connector])
		}
	}
	s.checkFour(s.start(), f)
	if got := f.runs.lines("days-1"); !slices.Equal(got, []string{`"one"`}) {
		t.Errorf("an orderly end wrote %v again", got)
	}
}

func TestWorkerIsKilledAndStartsAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w := s.start()
	f := s.createFour(w)
	s.close(w)
	n, _ := f.runs.starts("runs-1")
	kill := s.startChild()
	for _, task := range []string{"runs-0", "runs-1"} {
		eventually(t, "the child to run "+task, func() bool { after, _ := f.runs.starts(task); return after > n })
	}
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `"zero"`)...)
	s.arrived(f.runs, "days", 0, `"zero"`)
	kill()
	w = s.start()
	s.arrived(f.runs, "days", 0, `"zero"`)
	s.running(w, "runs", 2)
	s.checkFour(w, f)
}

// A worker that died while it deleted a connector, or was asked to by one that did, has left states behind.
func TestStatesOfNobodyAreForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	s.close(w)
	const value = `{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:8083","generation":1,"version":"1.0.0"}`
	for _, key := range []string{"status-connector-ghost", "status-task-ghost-0"} {
		embeddedtest.Produce(t, s.broker, embeddedtest.Record{Topic: w.config.StatusTopic, Key: []byte(key), Value: []byte(value)})
	}
	w = s.start()
	eventually(t, "the end of the ghost", func() bool {
		_, err := w.Status(t.Context(), "ghost")
		_, terr := w.TaskStatus(t.Context(), api.TaskID{Connector: "ghost"})
		return status(err) == 404 && status(terr) == 404
	})
}

func TestKafkaGoesAndComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSite(t, embeddedtest.InDir(dir))
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days"))
	s.arrive(b, "days", 0, `1`)
	address := s.broker.Bootstrap()
	if err := s.broker.Close(); err != nil {
		t.Fatal(err)
	}
	s.task(w, "d", 0, "RUNNING", "brokers are down") // it keeps trying, and says so
	for what, f := range map[string]func(context.Context) error{
		"create": func(ctx context.Context) error {
			_, err := w.Create(ctx, api.CreateRequest{Name: "e", Config: newBook(t).connector("days")})
			return err
		},
		"pause":   func(ctx context.Context) error { return w.SetState(ctx, "d", api.Paused) },
		"offsets": func(ctx context.Context) error { _, err := w.Offsets(ctx, "d"); return err },
	} {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if err := f(ctx); err == nil {
			t.Errorf("%s did not fail", what)
		}
		cancel()
		if took := time.Since(began); took > soon {
			t.Errorf("%s with half a second of time took %s", what, took)
		}
	}
	if _, err := w.Connector(t.Context(), "d"); err != nil {
		t.Errorf("what is known needs no Kafka: %v", err)
	}

	s.broker = embeddedtest.Start(t, embeddedtest.InDir(dir), embeddedtest.On(address))
	t.Cleanup(func() { s.close(w) }) // before the new broker
	eventually(t, "the worker to serve again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		return w.SetState(ctx, "d", api.Started) == nil
	})
	s.running(w, "d", 1)
	s.arrive(b, "days", 0, `2`)
	s.create(w, "f", newBook(t).connector("days"))
}
