package herder_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func (s *site) listed(w *worker) (classes []string) {
	s.t.Helper()
	list, err := w.Plugins(s.t.Context(), true)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range list {
		classes = append(classes, p.Class+" "+p.Version)
	}
	return classes
}

func TestPluginIsDroppedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	const class = "org.example.JournalSinkConnector"
	cfg := b.connector("days", "connector.class", class)
	if _, err := w.Create(t.Context(), api.CreateRequest{Name: "j", Config: cfg}); err == nil {
		t.Fatal("a connector was made of a plugin that is not there")
	}
	if got := s.listed(w); !slices.Equal(got, []string{diaryClass + " 1.0.0"}) {
		t.Errorf("plugins %v", got)
	}
	s.install("journal", "3.1.0")
	s.create(w, "j", cfg) // without anybody having asked for the list
	s.arrive(b, "days", 0, `1`)
	if got := s.listed(w); !slices.Equal(got, []string{diaryClass + " 1.0.0", class + " 3.1.0"}) {
		t.Errorf("plugins %v", got)
	}
	if st, err := w.Status(t.Context(), "j"); err != nil || st.Connector.Version != "3.1.0" || st.Tasks[0].Version != "3.1.0" {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestPluginIsReplaced(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		restart func(w *worker, running entry) error
	}{
		{"restart of the connector", func(w *worker, _ entry) error {
			_, err := w.Restart(t.Context(), "d", api.RestartOptions{IncludeTasks: true})
			return err
		}},
		{"restart of the task", func(w *worker, _ entry) error { return w.RestartTask(t.Context(), api.TaskID{Connector: "d"}) }},
		{"crash", func(_ *worker, running entry) error { return syscall.Kill(running.pid, syscall.SIGKILL) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			embeddedtest.CreateTopic(t, s.broker, "days", 1)
			w, b := s.start(), newBook(t)
			s.create(w, "d", b.connector("days"))
			s.install("diary", "2.0.0")
			s.arrive(b, "days", 0, `1`)
			running := b.started("d-0", 1) // what runs goes on running
			if err := tc.restart(w, running); err != nil {
				t.Fatal(err)
			}
			if e := b.started("d-0", 2); e.version != "2.0.0" {
				t.Errorf("started version %s", e.version)
			}
			eventually(t, "the new version in the status", func() bool {
				st, err := w.Status(t.Context(), "d")
				return err == nil && st.Connector.Version == "2.0.0" && st.Tasks[0].Version == "2.0.0"
			})
			s.arrive(b, "days", 0, `2`)
		})
	}
}

func TestPluginIsRemoved(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days"))
	if err := os.Remove(filepath.Join(s.plugins, "diary")); err != nil {
		t.Fatal(err)
	}
	s.arrive(b, "days", 0, `1`) // what runs goes on running
	restart := func(w *worker) {
		t.Helper()
		if _, err := w.Restart(t.Context(), "d", api.RestartOptions{IncludeTasks: true}); err != nil {
			t.Fatal(err)
		}
	}
	failed := func(w *worker) {
		t.Helper()
		s.states(w, "d", "FAILED", "FAILED", 1)
		st, err := w.Status(t.Context(), "d")
		if err != nil || st.Type != "unknown" {
			t.Errorf("status %+v, %v", st, err)
		}
		for _, trace := range []string{st.Connector.Trace, st.Tasks[0].Trace} {
			if !strings.Contains(trace, diaryClass) || !strings.Contains(trace, "plugin.path") || !strings.Contains(trace, "restart") {
				t.Errorf("the trace does not say what is missing and what to do: %q", trace)
			}
		}
	}
	restart(w)
	failed(w)
	s.install("diary", "1.0.1")
	restart(w)
	s.running(w, "d", 1)
	s.arrive(b, "days", 0, `2`)

	// The same for a worker that starts without the plugin: it keeps the tasks.
	s.close(w)
	if err := os.Remove(filepath.Join(s.plugins, "diary")); err != nil {
		t.Fatal(err)
	}
	w = s.start()
	failed(w)
	s.install("diary", "1.0.2")
	restart(w)
	s.running(w, "d", 1)
	s.arrive(b, "days", 0, `3`)
	if got := b.lines("days-0"); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("wrote %v", got)
	}
}

func TestIsolatedTasks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w, b := s.start("plugin.isolation", "task"), newBook(t)
	s.create(w, "d", b.connector("days", "tasks.max", "2"))
	first, second := b.started("d-0", 1), b.started("d-1", 1)
	if first.pid == second.pid {
		t.Fatal("both tasks run in one process")
	}
	if err := syscall.Kill(first.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.started("d-0", 2)
	s.running(w, "d", 2)
	b.started("d-1", 1)
	for p := range int32(2) {
		s.arrive(b, "days", p, `1`)
	}
}

func TestPluginConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	keys, err := w.PluginConfig(t.Context(), "DiarySink", "latest")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	for _, want := range []string{"diary.folder", "diary.pages", "diary.lock", "topics", "tasks.max"} {
		if !slices.Contains(names, want) {
			t.Errorf("key %s is not listed", want)
		}
	}
	if _, err := w.PluginConfig(t.Context(), "Nothing", ""); status(err) != 404 {
		t.Errorf("unknown plugin: %v", err)
	}
	if _, err := w.PluginConfig(t.Context(), "DiarySink", "9.9.9"); status(err) != 400 || !strings.Contains(err.Error(), "available versions: [1.0.0]") {
		t.Errorf("unknown version: %v", err)
	}
	list, err := w.Plugins(t.Context(), false)
	if err != nil || !slices.ContainsFunc(list, func(p api.PluginInfo) bool { return p.Type == "converter" }) {
		t.Errorf("all plugins: %v, %v", list, err)
	}
}
