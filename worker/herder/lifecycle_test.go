package herder_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestCreateRunsTasks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w, b := s.start(), newBook(t)
	cfg := b.connector("days", "tasks.max", "2", "diary.lock", "sesame")
	info, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	cfg["name"], cfg["diary.lock"] = "d", connectors.MaskedValue
	if diff := cmp.Diff(api.ConnectorInfo{Name: "d", Config: cfg, Tasks: []api.TaskID{}, Type: "sink"}, info); diff != "" {
		t.Error("answer (-want +got):\n" + diff)
	}
	s.running(w, "d", 2)
	s.arrive(b, "days", 0, `{"day":1}`)
	s.arrive(b, "days", 1, `{"day":2}`)

	const id = "127.0.0.1:8083"
	st, err := w.Status(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.ConnectorStatus{
		Name: "d", Type: "sink", Connector: api.ConnectorState{State: "RUNNING", WorkerID: id, Version: "1.0.0"},
		Tasks: []api.TaskStatus{{ID: 0, State: "RUNNING", WorkerID: id, Version: "1.0.0"}, {ID: 1, State: "RUNNING", WorkerID: id, Version: "1.0.0"}},
	}, st); diff != "" {
		t.Error("status (-want +got):\n" + diff)
	}
	tasks, err := w.Tasks(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	cfg["task.class"] = "org.example.DiarySinkTask"
	if diff := cmp.Diff([]api.TaskInfo{{ID: api.TaskID{Connector: "d"}, Config: cfg}, {ID: api.TaskID{Connector: "d", Task: 1}, Config: cfg}}, tasks); diff != "" {
		t.Error("tasks (-want +got):\n" + diff)
	}
	if topics, err := w.Topics(t.Context(), "d"); err != nil || !slices.Equal(topics, []string{"days"}) {
		t.Errorf("topics %v, %v", topics, err)
	}
	_, first := b.starts("d-0")
	_, second := b.starts("d-1")
	if first.pid != second.pid || first.lock != "sesame" {
		t.Errorf("tasks of one connector started as %+v and %+v, wanted one process, and the password", first, second)
	}
	if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: cfg}); status(err) != http.StatusConflict || err.Error() != "Connector d already exists" {
		t.Errorf("creating it again: %v", err)
	}
}

func TestConfigChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	embeddedtest.CreateTopic(t, s.broker, "nights", 1)
	w, b, other := s.start(), newBook(t), newBook(t)
	s.create(w, "d", b.connector("days", "diary.lock", "sesame"))
	s.create(w, "other", other.connector("days"))
	untouched := func() {
		t.Helper()
		if n, _ := other.starts("other-0"); n != 1 {
			t.Errorf("the other connector was started %d times", n)
		}
	}
	restarted := func(times int) entry {
		t.Helper()
		eventually(t, "start "+strconv.Itoa(times), func() bool { n, _ := b.starts("d-0"); return n >= times })
		s.running(w, "d", 1)
		n, last := b.starts("d-0")
		if n != times {
			t.Errorf("%d starts, wanted %d", n, times)
		}
		return last
	}

	// What GET gives can be PUT as it is: the masked password stands for the stored one, and nothing restarts.
	info, err := w.Connector(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	same, created, err := w.PutConfig(t.Context(), "d", info.Config)
	if err != nil || created || cmp.Diff(info.Config, same.Config) != "" {
		t.Errorf("putting what was got: %+v, %t, %v", same, created, err)
	}
	s.arrive(b, "days", 0, `"same"`)
	restarted(1)

	if _, _, err := w.PutConfig(t.Context(), "d", b.connector("days", "diary.lock", connectors.MaskedValue, "diary.pages", "20")); err != nil {
		t.Fatal(err)
	}
	if e := restarted(2); e.pages != "20" || e.lock != "sesame" {
		t.Errorf("started with %+v", e)
	}

	if _, _, err := w.PutConfig(t.Context(), "d", b.connector("nights")); err != nil {
		t.Fatal(err)
	}
	restarted(3)
	s.arrive(b, "nights", 0, `"other topic"`)
	s.arrive(other, "days", 0, `"still read"`)
	if slices.Contains(b.values("days", 0), `"still read"`) {
		t.Error("a topic is read that is not wanted any more")
	}

	pages := "30"
	if _, err := w.PatchConfig(t.Context(), "d", map[string]*string{"diary.pages": &pages}); err != nil {
		t.Fatal(err)
	}
	if e := restarted(4); e.pages != "30" {
		t.Errorf("started with %+v", e)
	}
	if _, err := w.PatchConfig(t.Context(), "d", map[string]*string{"diary.pages": nil}); err != nil {
		t.Fatal(err)
	}
	if e := restarted(5); e.pages != "10" {
		t.Errorf("started with %+v", e)
	}
	untouched()

	if _, _, err := w.PutConfig(t.Context(), "d", b.connector("nights", "diary.pages", "1000")); status(err) != http.StatusBadRequest {
		t.Errorf("a wrong configuration was put: %v", err)
	}
	if _, err := w.PatchConfig(t.Context(), "nobody", nil); status(err) != http.StatusNotFound {
		t.Errorf("a missing connector was patched: %v", err)
	}
	if _, created, err := w.PutConfig(t.Context(), "new", b.connector("nights", "diary.folder", t.TempDir())); err != nil || !created {
		t.Errorf("putting a new connector: %t, %v", created, err)
	}
	s.running(w, "new", 1)
	s.arrive(b, "nights", 0, `"last"`)
	if n, _ := b.starts("d-0"); n != 5 {
		t.Errorf("%d starts, a refused configuration must not restart", n)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days", "tasks.max", "2"))
	s.arrive(b, "days", 0, `1`)
	if err := w.Delete(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	for _, task := range []string{"d-0", "d-1"} {
		if all := b.entries(task); len(all) != 2 || all[1].what != "stop" {
			t.Errorf("task %s did not end before the answer: %+v", task, all)
		}
	}
	if names, err := w.Connectors(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("connectors %v, %v", names, err)
	}
	id := api.TaskID{Connector: "d"}
	for what, f := range map[string]func(ctx context.Context) error{
		"connector":   func(ctx context.Context) error { _, err := w.Connector(ctx, "d"); return err },
		"status":      func(ctx context.Context) error { _, err := w.Status(ctx, "d"); return err },
		"tasks":       func(ctx context.Context) error { _, err := w.Tasks(ctx, "d"); return err },
		"task status": func(ctx context.Context) error { _, err := w.TaskStatus(ctx, id); return err },
		"pause":       func(ctx context.Context) error { return w.SetState(ctx, "d", api.Paused) },
		"restart":     func(ctx context.Context) error { _, err := w.Restart(ctx, "d", api.RestartOptions{}); return err },
		"task":        func(ctx context.Context) error { return w.RestartTask(ctx, id) },
		"offsets":     func(ctx context.Context) error { _, err := w.Offsets(ctx, "d"); return err },
		"reset":       func(ctx context.Context) error { _, err := w.ResetOffsets(ctx, "d"); return err },
		"delete":      func(ctx context.Context) error { return w.Delete(ctx, "d") },
	} {
		if err := f(t.Context()); status(err) != http.StatusNotFound {
			t.Errorf("%s of a deleted connector: %v", what, err)
		}
	}
	// The topics have tombstones: another reader finds nothing.
	records := s.lastRecords(w.config.ConfigTopic, w.config.StatusTopic)
	for _, key := range []string{"connector-d", "target-state-d", "status-connector-d", "status-task-d-0", "status-task-d-1"} {
		if value, ok := records[key]; ok && value != "" {
			t.Errorf("the last record of %s is %s", key, value)
		}
	}
	// The same name can be used again, and begins where the group has been.
	again := newBook(t)
	s.create(w, "d", again.connector("days"))
	s.arrive(again, "days", 0, `2`)
	if got := again.lines("days-0"); !slices.Equal(got, []string{"2"}) {
		t.Errorf("the new connector wrote %v", got)
	}
}

func TestPauseResumeStop(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b, witness := s.start(), newBook(t), newBook(t)
	s.create(w, "d", b.connector("days"))
	s.create(w, "witness", witness.connector("days"))
	s.arrive(b, "days", 0, `1`)
	set := func(target api.TargetState) {
		t.Helper()
		if err := w.SetState(t.Context(), "d", target); err != nil {
			t.Fatal(err)
		}
	}
	persisted := func(want string) {
		t.Helper()
		if got := s.lastRecords(w.config.ConfigTopic)["target-state-d"]; got != want {
			t.Errorf("target state is kept as %s, wanted %s", got, want)
		}
	}

	set(api.Paused)
	s.states(w, "d", "PAUSED", "PAUSED", 1)
	persisted(`{"state":"PAUSED","state.v2":"PAUSED"}`)
	set(api.Paused) // again changes nothing
	s.arrive(witness, "days", 0, `2`)
	s.arrive(witness, "days", 0, `3`)
	if got := b.lines("days-0"); len(got) != 1 {
		t.Errorf("a paused connector wrote %v", got)
	}
	set(api.Started)
	s.states(w, "d", "RUNNING", "RUNNING", 1)
	persisted(`{"state":"STARTED","state.v2":"STARTED"}`)
	s.arrived(b, "days", 0, `3`)
	if n, _ := b.starts("d-0"); n != 1 {
		t.Errorf("pausing and resuming restarted the task: %d starts", n)
	}

	set(api.Stopped) // which returns when no task is left
	if st, err := w.Status(t.Context(), "d"); err != nil || len(st.Tasks) != 0 {
		t.Errorf("stopped: %+v, %v", st, err)
	}
	if all := b.entries("d-0"); all[len(all)-1].what != "stop" {
		t.Errorf("the task did not end before the answer: %+v", all)
	}
	s.states(w, "d", "STOPPED", "", 0)
	persisted(`{"state":"PAUSED","state.v2":"STOPPED"}`) // workers that know no STOPPED take it for PAUSED
	if info, err := w.Connector(t.Context(), "d"); err != nil || len(info.Tasks) != 0 {
		t.Errorf("stopped: %+v, %v", info, err)
	}
	if commit := s.lastRecords(w.config.ConfigTopic)["commit-d"]; commit != `{"tasks":0}` {
		t.Errorf("stopped: commit record %s", commit)
	}
	if err := w.RestartTask(t.Context(), api.TaskID{Connector: "d"}); status(err) != http.StatusConflict {
		t.Errorf("restarting a task of a stopped connector: %v", err)
	}
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, `4`)...)

	set(api.Paused) // from stopped: there are no tasks yet to be paused
	s.states(w, "d", "PAUSED", "", 0)
	set(api.Started)
	s.running(w, "d", 1)
	s.arrived(b, "days", 0, `4`)
	if got := b.lines("days-0"); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
		t.Errorf("wrote %v", got)
	}
}

func TestInitialState(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w := s.start()
	for _, tc := range []struct {
		initial api.TargetState
		want    string
	}{{api.Paused, "PAUSED"}, {api.Stopped, "STOPPED"}} {
		t.Run(tc.want, func(t *testing.T) {
			t.Parallel()
			s, b := s.in(t), newBook(t)
			name := "d-" + tc.want
			if _, err := w.Create(t.Context(), api.CreateRequest{Name: name, Config: b.connector("days"), InitialState: tc.initial}); err != nil {
				t.Fatal(err)
			}
			s.states(w, name, tc.want, "", 0)
			if n, _ := b.starts(name + "-0"); n != 0 {
				t.Error("a task was started")
			}
			if err := w.SetState(t.Context(), name, api.Started); err != nil {
				t.Fatal(err)
			}
			s.running(w, name, 1)
		})
	}
}
