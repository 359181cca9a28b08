package herder_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/sluice-connect/sluice/worker/herder"
)

func TestLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	level := func(name, want string, changed bool) {
		t.Helper()
		if l, err := w.Logger(t.Context(), name); err != nil || l.Level != want || (l.LastModified != nil) != changed {
			t.Errorf("level of %s: %+v, %v", name, l, err)
		}
	}
	level("root", "INFO", false)
	level("org.apache.kafka.connect.runtime", "INFO", false) // names that operators know
	if _, err := w.Logger(t.Context(), "nobody"); status(err) != http.StatusNotFound {
		t.Errorf("a logger of nobody: %v", err)
	}
	for _, tc := range []struct {
		name, level string
		want        []string
	}{
		{"a.b", "DEBUG", []string{"a.b"}},
		{"a", "warn", []string{"a", "a.b"}},
		{"a.b", "OFF", []string{"a.b"}},
		{"root", "ERROR", []string{"a", "a.b", "root"}},
	} {
		if got, err := w.SetLogger(t.Context(), tc.name, tc.level, false); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("setting %s to %s: %v, %v", tc.name, tc.level, got, err)
		}
	}
	level("a.b", "ERROR", true)
	for _, everywhere := range []bool{false, true} {
		if _, err := w.SetLogger(t.Context(), "a", "LOUD", everywhere); status(err) != http.StatusNotFound {
			t.Errorf("an unknown level: %v", err)
		}
	}
	if got, err := w.SetLogger(t.Context(), "c", "trace", true); err != nil || got != nil {
		t.Errorf("setting a level everywhere: %v, %v", got, err)
	}
	eventually(t, "the level of the config topic", func() bool { l, err := w.Logger(t.Context(), "c"); return err == nil && l.Level == "TRACE" })
	if all, err := w.Loggers(t.Context()); err != nil || len(all) != 4 {
		t.Errorf("loggers %v, %v", all, err)
	}
}

func TestLevelsDecideWhatIsLogged(t *testing.T) {
	var out bytes.Buffer
	levels := herder.NewLevels(slog.LevelWarn)
	log := slog.New(levels.Handler("sluice", slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.Info("hidden")
	log.With("a", 1).WithGroup("g").Info("hidden")
	log.Warn("shown")
	if got := out.String(); bytes.Count(out.Bytes(), []byte("\n")) != 1 || !bytes.Contains(out.Bytes(), []byte("shown")) {
		t.Errorf("logged %s", got)
	}
}
