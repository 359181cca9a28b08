package herder_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// Two versions of a plugin lie side by side, and each connector has the one that it asks for.
func TestVersionsSideBySide(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	second := filepath.Join(t.TempDir(), "more")
	if err := os.Mkdir(second, 0o755); err != nil {
		t.Fatal(err)
	}
	other := *s
	other.plugins = second
	other.install("diary", "2.0.0")
	w := s.start("plugin.path", s.plugins+","+second)
	if got := s.listed(w); !slices.Equal(got, []string{diaryClass + " 2.0.0", diaryClass + " 1.0.0"}) {
		t.Errorf("plugins %v", got)
	}
	n := 0
	for version, want := range map[string]string{"1.0.0": "1.0.0", "[1,2)": "1.0.0", "latest": "2.0.0", "[1,)": "2.0.0", "": "2.0.0"} {
		n++
		b, name := newBook(t), "d"+strconv.Itoa(n)
		s.create(w, name, b.connector("days", "connector.plugin.version", version))
		if e := b.started(name+"-0", 1); e.version != want {
			t.Errorf("%q runs %s, want %s", version, e.version, want)
		}
		if st, err := w.Status(t.Context(), name); err != nil || st.Connector.Version != want || st.Tasks[0].Version != want {
			t.Errorf("%q: status %+v, %v; want %s", version, st, err, want)
		}
	}
	cfg := newBook(t).connector("days", "name", "v", "connector.plugin.version", "[3,4]")
	infos, err := w.Validate(t.Context(), diaryClass, cfg)
	if err != nil {
		t.Fatal(err)
	}
	const unfit = "Plugin " + diaryClass + " not found that matches the version range [3,4], available versions: [2.0.0, 1.0.0]"
	for _, c := range infos.Configs {
		blamed := c.Value.Name == "connector.class" || c.Value.Name == "connector.plugin.version"
		if blamed != slices.Contains(c.Value.Errors, unfit) {
			t.Errorf("%s: errors %q", c.Value.Name, c.Value.Errors)
		}
		if c.Value.Name == "connector.plugin.version" && (*c.Definition.DefaultValue != "2.0.0" || !slices.Equal(c.Value.Recommended, []string{"2.0.0", "1.0.0"})) {
			t.Errorf("%+v", c)
		}
	}
	for version, want := range map[string]string{"": "", "2.0.0": "", "[3,4]": unfit, "[3": "Invalid version specification: [3"} {
		keys, err := w.PluginConfig(t.Context(), "DiarySink", version)
		if (want == "") != (err == nil) || err != nil && (err.Error() != want || status(err) != 400) || err == nil && len(keys) == 0 {
			t.Errorf("keys of %q: %d, %v; want %s", version, len(keys), err, want)
		}
	}
}

// Converters are plugins, too, and tell their keys.
func TestConvertersAreDescribed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	list, err := w.Plugins(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, p := range list {
		kinds[p.Type]++
		if _, err := w.PluginConfig(t.Context(), p.Class, ""); err != nil {
			t.Errorf("%s %s: %v", p.Type, p.Class, err)
		}
	}
	if kinds["sink"] != 1 || kinds["converter"] != 9 || kinds["header_converter"] != 10 {
		t.Errorf("plugins %v", kinds)
	}
	cfg := newBook(t).connector("days", "name", "v", "value.converter", "JsonConverter", "value.converter.schemas.enable", "false", "header.converter", "Nope")
	infos, err := w.Validate(t.Context(), diaryClass, cfg)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, c := range infos.Configs {
		if c.Value.Value != nil {
			shown[c.Value.Name] = *c.Value.Value
		}
		if want := c.Value.Name == "header.converter"; want != (len(c.Value.Errors) > 0) {
			t.Errorf("%s: errors %q", c.Value.Name, c.Value.Errors)
		}
	}
	for key, want := range map[string]string{
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false", "value.converter.converter.type": "value",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "key.converter.plugin.version": "4.3.1",
	} {
		if shown[key] != want {
			t.Errorf("%s is shown as %q, want %q", key, shown[key], want)
		}
	}
}
