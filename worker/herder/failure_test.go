package herder_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestKilledPluginStartsAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days", "tasks.max", "2"))
	for round := 1; round <= 2; round++ {
		_, last := b.starts("d-0")
		if err := syscall.Kill(last.pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for _, task := range []string{"d-0", "d-1"} {
			if e := b.started(task, round+1); e.pid == last.pid {
				t.Errorf("%s runs in a process that was killed", task)
			}
			// The state may have been over in a moment, so the topic is asked for it.
			eventually(t, "the story of the failure", func() bool {
				return slices.ContainsFunc(s.history("status-task-"+task), func(v string) bool {
					return strings.Contains(v, `"state":"FAILED"`) && strings.Contains(v, fmt.Sprintf("plugin diary (pid %d) died: signal: killed", last.pid)) &&
						strings.Contains(v, "It starts again by itself in")
				})
			})
		}
		s.running(w, "d", 2)
		for p := range int32(2) {
			s.arrive(b, "days", p, strconv.Itoa(round))
		}
	}
}

func TestCrashLoopEnds(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"start", "write"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			embeddedtest.CreateTopic(t, s.broker, "days", 1)
			w, b := s.start("sluice.restart.crash.limit", "3", "sluice.restart.backoff.max.ms", "100"), newBook(t)
			b.mood("die " + moment)
			if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: b.connector("days")}); err != nil {
				t.Fatal(err)
			}
			embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `1`)...)
			st := s.task(w, "d", 0, "FAILED", "The plugin died 4 times within ten minutes.")
			for _, want := range []string{"died: exit status 3", "the pen has burst", "It stays failed", "POST /connectors/d/tasks/0/restart"} {
				if !strings.Contains(st.Trace, want) {
					t.Errorf("trace lacks %q: %s", want, st.Trace)
				}
			}
			if n, _ := b.starts("d-0"); moment == "write" && n != 4 {
				t.Errorf("%d starts, wanted 4", n)
			}
			b.mood("")
			if err := w.RestartTask(t.Context(), api.TaskID{Connector: "d"}); err != nil {
				t.Fatal(err)
			}
			s.running(w, "d", 1)
			s.arrived(b, "days", 0, `1`)
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	for i, tc := range []struct {
		mood  string
		trace string
		stays bool
	}{
		{"fatal start", "the diary is full; buy another one", true},
		{"fatal open", "the diary is full; buy another one", true},
		{"fatal write", "the diary is full; buy another one", true},
		{"misconfigured start", "the folder is no diary; change diary.folder", true},
		{"misconfigured write", "the folder is no diary; change diary.folder", true},
		{"retriable start", "the diary is lent out; wait until it is back", false},
		{"retriable open", "the diary is lent out; wait until it is back", false},
		{"retriable write", "the diary is lent out; wait until it is back", false},
		{"unauthorized start", "the diary is locked; give diary.lock", false},
	} {
		t.Run(tc.mood, func(t *testing.T) {
			t.Parallel()
			s := s.in(t)
			b, name, topic := newBook(t), fmt.Sprintf("d%d", i), fmt.Sprintf("days%d", i)
			embeddedtest.CreateTopic(t, s.broker, topic, 1)
			embeddedtest.Produce(t, s.broker, embeddedtest.Values(topic, 0, `1`)...)
			b.mood(tc.mood)
			if _, err := w.Create(t.Context(), api.CreateRequest{Name: name, Config: b.connector(topic)}); err != nil {
				t.Fatal(err)
			}
			st := s.task(w, name, 0, "FAILED", tc.trace)
			if !strings.HasPrefix(st.Trace, "task "+name+"-0 failed: ") {
				t.Errorf("trace %s", st.Trace)
			}
			if !tc.stays {
				s.told(name, 0, "(restart 2)") // it is tried again and again
				b.mood("")
				s.running(w, name, 1)
				s.arrived(b, topic, 0, `1`)
				return
			}
			for _, want := range []string{"It stays failed until its configuration changes", "POST /connectors/" + name + "/tasks/0/restart"} {
				if !strings.Contains(st.Trace, want) {
					t.Errorf("trace lacks %q: %s", want, st.Trace)
				}
			}
			b.mood("")
			n, _ := b.starts(name + "-0")
			if cs, err := w.Status(t.Context(), name); err != nil || cs.Connector.State != "RUNNING" || cs.Tasks[0] != st {
				t.Errorf("status %+v, %v", cs, err)
			}
			if _, _, err := w.PutConfig(t.Context(), name, b.connector(topic, "diary.pages", "20")); err != nil {
				t.Fatal(err)
			}
			s.running(w, name, 1)
			s.arrived(b, topic, 0, `1`)
			if after, _ := b.starts(name + "-0"); after != n+1 {
				t.Errorf("%d starts before the change and %d after, wanted one more", n, after)
			}
		})
	}
}

// With sluice.restart.on empty, every failure waits for a human, as in Kafka Connect.
func TestNoRestartsWanted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start("sluice.restart.on", ""), newBook(t)
	s.create(w, "d", b.connector("days"))
	b.mood("retriable write")
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `1`)...)
	s.task(w, "d", 0, "FAILED", "It stays failed")
	b.mood("")
	if err := w.RestartTask(t.Context(), api.TaskID{Connector: "d"}); err != nil {
		t.Fatal(err)
	}
	s.running(w, "d", 1)
	_, last := b.starts("d-0")
	if err := syscall.Kill(last.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if st := s.task(w, "d", 0, "FAILED", "died: signal: killed"); !strings.Contains(st.Trace, "It stays failed") {
		t.Errorf("trace %s", st.Trace)
	}
}

// What troubles a sink that keeps trying by itself is shown, also while the connector is paused.
func TestTroubleIsShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days"))
	b.mood("unauthorized write")
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `1`)...)
	const trace = "the diary is locked; give diary.lock"
	s.task(w, "d", 0, "RUNNING", trace)
	for _, step := range []struct {
		target api.TargetState
		state  string
	}{{api.Paused, "PAUSED"}, {api.Started, "RUNNING"}} {
		if err := w.SetState(t.Context(), "d", step.target); err != nil {
			t.Fatal(err)
		}
		if st := s.task(w, "d", 0, step.state, ""); !strings.Contains(st.Trace, trace) {
			t.Errorf("%s: the trouble is not shown any more: %q", step.state, st.Trace)
		}
	}
	b.mood("")
	s.running(w, "d", 1)
	s.arrived(b, "days", 0, `1`)
	b.started("d-0", 1)
}

func TestHangingPlugin(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"start", "open", "write", "stop"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			embeddedtest.CreateTopic(t, s.broker, "days", 1)
			w, b, other := s.start("task.shutdown.graceful.timeout.ms", "2000"), newBook(t), newBook(t)
			b.mood("hang " + moment)
			if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: b.connector("days")}); err != nil {
				t.Fatal(err)
			}
			embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `1`)...)
			s.create(w, "other", other.connector("days")) // which it does not delay
			s.arrived(other, "days", 0, `1`)
			hangs := func(n int) {
				what := "hang"
				if moment == "stop" {
					what = "start" // and hangs when it is stopped
				}
				eventually(t, "the plugin to "+what, func() bool {
					return len(slices.DeleteFunc(b.entries("d-0"), func(e entry) bool { return e.what != what })) == n
				})
			}
			hangs(1)
			began := time.Now()
			if err := w.Delete(t.Context(), "d"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("deleting it took %s", took)
			}
			s.arrive(other, "days", 0, `2`)
			if _, last := b.starts("d-0"); last.pid != 0 {
				eventually(t, "the end of the process", func() bool { return syscall.Kill(last.pid, 0) != nil })
			}

			// It is the same for a worker that stops.
			if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: b.connector("days")}); err != nil {
				t.Fatal(err)
			}
			embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `3`)...)
			s.arrived(other, "days", 0, `3`)
			hangs(2)
			began = time.Now()
			if err := w.close(); err != nil {
				t.Errorf("closing the worker: %v", err)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("closing the worker took %s", took)
			}
		})
	}
}

func TestBadRecordFailsTheTask(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 3)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days"))
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 2, `{"day":1}`, `{"day":`, `{"day":3}`)...)
	st := s.task(w, "d", 0, "FAILED", "days-2 offset 1")
	for _, want := range []string{"task d-0 failed: converting record value with JsonConverter (days-2 offset 1)", "skip this one by altering the connector's offsets", "It stays failed"} {
		if !strings.Contains(st.Trace, want) {
			t.Errorf("trace lacks %q: %s", want, st.Trace)
		}
	}
	if got := b.values("days", 2); slices.Contains(got, `{"day":3}`) {
		t.Errorf("what follows the record was written: %v", got)
	}

	// The way out that the trace names.
	if err := w.SetState(t.Context(), "d", api.Stopped); err != nil {
		t.Fatal(err)
	}
	next := int64(2)
	if _, err := w.AlterOffsets(t.Context(), "d", []api.PartitionOffset{{Topic: "days", Partition: 2, Offset: &next}}); err != nil {
		t.Fatal(err)
	}
	if err := w.SetState(t.Context(), "d", api.Started); err != nil {
		t.Fatal(err)
	}
	s.running(w, "d", 1)
	s.arrived(b, "days", 2, `{"day":3}`)
	if got := b.lines("days-2"); !slices.Equal(got, []string{`{"day":1}`, `{"day":3}`}) {
		t.Errorf("wrote %v", got)
	}
}
