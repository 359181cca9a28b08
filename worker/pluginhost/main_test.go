package pluginhost

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

const (
	// patience is for what must happen some time.
	patience = 2 * time.Minute

	// soon is for what must not wait for anything: far more than it takes, because the machine may be slow.
	soon = 30 * time.Second
)

// roleKey makes this test's own binary behave as a plugin, or as a worker, of some kind.
const roleKey = "SLUICE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleKey); role != "" {
		play(role)
		return
	}
	embeddedtest.Main(m)
}

// drop puts a plugin into a folder: a script that runs this test's binary in a role. The file is there whole at once.
func drop(t testing.TB, dir, name, role string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return dropText(t, dir, name, fmt.Sprintf("#!/bin/sh\n%s=%s exec '%s'\n", roleKey, role, self))
}

func dropText(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	syscall.ForkLock.RLock() // a process that is started meanwhile would have the file open, and an open file cannot be executed
	err := os.WriteFile(path+".tmp", []byte(text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// capture is a log handler that keeps what it gets.
type capture struct {
	mu    sync.Mutex
	lines []string
}

func (c *capture) Enabled(context.Context, slog.Level) bool { return true }
func (c *capture) WithGroup(string) slog.Handler            { return c }
func (c *capture) WithAttrs([]slog.Attr) slog.Handler       { return c }

func (c *capture) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message[:min(len(r.Message), 1000)]
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	return nil
}

func (c *capture) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

func (c *capture) has(text string) bool {
	return slices.ContainsFunc(c.all(), func(l string) bool { return strings.Contains(l, text) })
}

// newHost makes a host over folders. It must end in order, with nothing left.
func newHost(t testing.TB, change func(*Config), dirs ...string) (*Host, *capture) {
	t.Helper()
	log := &capture{}
	cfg := Config{Paths: dirs, RunDir: shortDir(t), Logger: slog.New(log)}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(cfg.RunDir, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return h, log
}

// scan makes the host look, within a time in which it must be done whatever the files are.
func scan(t testing.TB, h *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.Rescan(ctx); err != nil {
		t.Fatal(err)
	}
}

// launch starts the plugin of a class.
func launch(t testing.TB, h *Host, class string) *Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := h.FindCurrent(ctx, class, "")
	if err != nil {
		t.Fatalf("%v; rejected: %v", err, h.Rejected())
	}
	proc, err := h.Launch(ctx, p, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proc.Kill)
	return proc
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// ended waits for the end of a process that this test is not the parent of.
func ended(pid int) bool {
	if pid <= 0 {
		return false
	}
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsNotExist(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z") // nobody has asked how it ended
}

// shortDir makes a folder whose path leaves room for sockets, unlike those of tests with long names.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ph") //nolint:usetesting // that has the name of the test in its path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// forever fills w until it fails.
func forever(w io.Writer, text string) {
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}
