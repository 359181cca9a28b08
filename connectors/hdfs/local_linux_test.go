package hdfs

import (
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// asNobody runs f without the rights of the superuser, for whom permissions do not count. It changes the file system's
// user of one thread.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	setUser := func(id uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, id, 0, 0) } // it has no error to give
	setUser(nobody)
	defer setUser(0)
	f()
}

// publicDir is a folder that everybody may reach; t.TempDir is its owner's.
func publicDir(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	for d, m := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: mode} {
		if err := os.Chmod(d, m); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	return dir
}

func expectUnauthorized(t *testing.T, err error) {
	t.Helper()
	var e *connectors.Error
	if !errors.As(err, &e) || e.Code != connectors.CodeUnauthorized || !strings.Contains(e.Hint, "give the user the right") {
		t.Errorf("%v", err)
	}
}

// Without permission a writer does not try again by itself: it says what to do.
func TestFolderWithoutPermission(t *testing.T) {
	for _, mode := range bothModes {
		t.Run(mode+" at open", func(t *testing.T) {
			dir, a := publicDir(t, 0o555), newAcks()
			tk := inFolder(t, dir, map[string]string{"sluice.write.mode": mode})
			asNobody(t, func() {
				_, err := tk.Open(t.Context(), part, -1, a)
				expectUnauthorized(t, err)
			})
			if _, _, troubles, _ := a.state(); troubles > 0 {
				t.Errorf("it tried %d times more", troubles)
			}
		})
		t.Run(mode+" at commit", func(t *testing.T) {
			dir := publicDir(t, 0o777)
			tk := inFolder(t, dir, map[string]string{"sluice.write.mode": mode})
			asNobody(t, func() {
				w := openAt(t, tk, -1, newAcks())
				if err := w.Write(t.Context(), batch(0, 3, decimal)); err != nil {
					t.Fatal(err)
				}
				<-w.turn
				if err := w.store.commit(t.Context(), w.cut()); err != nil {
					t.Fatal(err)
				}
				w.give()
				place := w.place.dir
				if err := os.Chmod(place, 0o555); err != nil {
					t.Fatal(err)
				}
				if err := w.Write(t.Context(), batch(4, 7, decimal)); err != nil {
					t.Fatal(err)
				}
				<-w.turn // the commit is made here, because other threads are somebody
				err := w.store.commit(t.Context(), w.cut())
				w.give()
				expectUnauthorized(t, err)
				if err := os.Chmod(place, 0o755); err != nil {
					t.Fatal(err)
				}
				shut(t, w)
			})
			w := openAt(t, tk, -1, newAcks())
			if w.Resume() != 4 {
				t.Errorf("the next one resumes at %d, want 4", w.Resume())
			}
			shut(t, w)
			expectFolder(t, dir, 4)
		})
	}
	t.Run("probe", func(t *testing.T) {
		dir := publicDir(t, 0)
		cfg, err := definition().Parse(map[string]string{"store.url": "file://" + dir + "/below", "flush.size": "1"})
		if err != nil {
			t.Fatal(err)
		}
		asNobody(t, func() { expectUnauthorized(t, New().Probe(t.Context(), cfg)) })
	})
}

// A writer that gives up or is closed leaves no file open.
func TestFolderLeavesNoFileOpen(t *testing.T) {
	dir := t.TempDir()
	w := openAt(t, inFolder(t, dir, map[string]string{"flush.size": "1000000", "sluice.buffer.bytes": "65536"}), -1, newAcks())
	if err := written(t.Context(), w, batch(0, 199, big)); err != nil {
		t.Fatal(err)
	}
	if len(openFiles(t, dir)) != 1 {
		t.Fatalf("open while streaming: %v", openFiles(t, dir))
	}
	shut(t, w)
	if names := openFiles(t, dir); len(names) > 0 {
		t.Errorf("still open: %v", names)
	}
}

// openFiles lists this process's open files below dir.
func openFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, dir) {
			names = append(names, name)
		}
	}
	return names
}
