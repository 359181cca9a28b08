package herder_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// started waits until a task has been started a number of times and gives the last start.
func (b book) started(task string, times int) entry {
	b.t.Helper()
	eventually(b.t, "start "+strconv.Itoa(times)+" of "+task, func() bool { n, _ := b.starts(task); return n >= times })
	n, last := b.starts(task)
	if n != times {
		b.t.Errorf("%s was started %d times, wanted %d", task, n, times)
	}
	return last
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days", "tasks.max", "2"))
	began := b.started("d-0", 1)
	b.started("d-1", 1)

	t.Run("task", func(t *testing.T) {
		s := s.in(t)
		if err := w.RestartTask(t.Context(), api.TaskID{Connector: "d", Task: 1}); err != nil {
			t.Fatal(err)
		}
		if e := b.started("d-1", 2); e.pid != began.pid {
			t.Error("restarting one task ended the process that it shares with others")
		}
		s.running(w, "d", 2)
		b.started("d-0", 1)
		if err := w.RestartTask(t.Context(), api.TaskID{Connector: "d", Task: 2}); status(err) != http.StatusNotFound || err.Error() != "Unknown task: d-2" {
			t.Errorf("restarting an unknown task: %v", err)
		}
	})
	t.Run("connector only", func(t *testing.T) {
		s := s.in(t)
		if _, err := w.Restart(t.Context(), "d", api.RestartOptions{}); err != nil {
			t.Fatal(err)
		}
		s.running(w, "d", 2)
		b.started("d-0", 1)
		b.started("d-1", 2)
	})
	t.Run("with tasks", func(t *testing.T) {
		s := s.in(t)
		st, err := w.Restart(t.Context(), "d", api.RestartOptions{IncludeTasks: true})
		if err != nil {
			t.Fatal(err)
		}
		if st.Connector.State != "RESTARTING" || len(st.Tasks) != 2 || st.Tasks[0].State != "RESTARTING" || st.Tasks[1].State != "RESTARTING" {
			t.Errorf("answer %+v", st)
		}
		first, second := b.started("d-0", 2), b.started("d-1", 3)
		if first.pid != second.pid || first.pid == began.pid {
			t.Errorf("processes %d and %d after %d, wanted one that is new", first.pid, second.pid, began.pid)
		}
		s.running(w, "d", 2)
	})
	t.Run("what failed", func(t *testing.T) {
		s := s.in(t)
		b.mood("fatal write")
		embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 1, `1`)...)
		var failed, fine int
		eventually(t, "a failure", func() bool {
			st, err := w.Status(t.Context(), "d")
			for i, task := range st.Tasks {
				if task.State == "FAILED" {
					failed, fine = i, 1-i
					return err == nil
				}
			}
			return false
		})
		b.mood("")
		nFailed, _ := b.starts("d-" + strconv.Itoa(failed))
		nFine, _ := b.starts("d-" + strconv.Itoa(fine))

		if _, err := w.Restart(t.Context(), "d", api.RestartOptions{OnlyFailed: true}); err != nil { // the connector, which did not fail
			t.Fatal(err)
		}
		s.task(w, "d", failed, "FAILED", "the diary is full")
		st, err := w.Restart(t.Context(), "d", api.RestartOptions{IncludeTasks: true, OnlyFailed: true})
		if err != nil {
			t.Fatal(err)
		}
		if st.Connector.State != "RUNNING" || st.Tasks[failed].State != "RESTARTING" || !strings.Contains(st.Tasks[failed].Trace, "the diary is full") || st.Tasks[fine].State != "RUNNING" {
			t.Errorf("answer %+v", st)
		}
		b.started("d-"+strconv.Itoa(failed), nFailed+1)
		s.running(w, "d", 2)
		b.started("d-"+strconv.Itoa(fine), nFine)
		s.arrived(b, "days", 1, `1`)
	})
	if _, err := w.Restart(t.Context(), "nobody", api.RestartOptions{}); status(err) != http.StatusNotFound {
		t.Errorf("restarting nobody: %v", err)
	}
}

// A restart by hand ends the pause before the next restart by itself, and the series.
func TestRestartDuringPause(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start("sluice.restart.backoff.max.ms", "3600000"), newBook(t)
	s.create(w, "d", b.connector("days"))
	b.mood("retriable write")
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `1`)...)
	s.told("d", 0, "(restart 3)")
	if err := w.RestartTask(t.Context(), api.TaskID{Connector: "d"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "counting to begin anew", func() bool {
		all := s.history("status-task-d-0")
		third := slices.IndexFunc(all, func(v string) bool { return strings.Contains(v, "(restart 3)") })
		return slices.ContainsFunc(all[third:], func(v string) bool { return strings.Contains(v, "(restart 2)") })
	})
	b.mood("")
	s.running(w, "d", 1)
	s.arrived(b, "days", 0, `1`)
}
