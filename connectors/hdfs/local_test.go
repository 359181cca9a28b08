package hdfs

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

var bothModes = []string{modeFlush, modeAppend}

// inFolder starts a task that writes texts below a folder of this machine.
func inFolder(t testing.TB, dir string, set map[string]string) *task {
	t.Helper()
	return inFolderOf(t, dir, connectors.PayloadString, set)
}

func inFolderOf(t testing.TB, dir string, payload connectors.Payload, set map[string]string) *task {
	t.Helper()
	raw := map[string]string{"store.url": "file://" + dir, "format.class": "StringFormat", "flush.size": "5", "retry.backoff.ms": "10"}
	maps.Copy(raw, set)
	return newTask(t, payload, raw)
}

// readFolder reads what is committed below dir, without the sink's code: in append mode as far as the progress file says.
func readFolder(t testing.TB, dir string) (offsets []int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "topics", "select-color", "partition=1", "select-color+1+*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files) // which is the order of the offsets
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			o, err := strconv.ParseInt(strings.TrimSuffix(line, "\n"), 10, 64)
			if err != nil {
				t.Fatalf("%s: torn line %q", name, line)
			}
			offsets = append(offsets, o)
		}
	}
	return offsets
}

func expectFolder(t testing.TB, dir string, n int64) {
	t.Helper()
	if got := readFolder(t, dir); !slices.Equal(got, sequence(0, n-1)) {
		t.Errorf("stored are %v, want 0 to %d", got, n-1)
	}
}

func send(t testing.TB, w *writer, first, last int64) {
	t.Helper()
	if err := written(t.Context(), w, batch(first, last, decimal)); err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "not yet", "there")
			tk := inFolder(t, dir, map[string]string{"sluice.write.mode": mode})
			for next := int64(0); next < 30; next += 10 {
				w := openAt(t, tk, -1, newAcks())
				if next > 0 && w.Resume() != next || next == 0 && w.Resume() != -1 {
					t.Fatalf("resumes at %d, want %d", w.Resume(), next)
				}
				send(t, w, next, next+12) // three more than are committed
				shut(t, w)
				expectFolder(t, dir, next+10)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "topics", "+tmp", "select-color", "partition=1", "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			want := []string{"topics"}
			if mode == modeAppend {
				want = []string{"logs", "topics"}
			}
			if names, err := newLocalFS().List(t.Context(), dir); err != nil || !slices.Equal(names, want) {
				t.Errorf("there are %v, %v", names, err)
			}
		})
	}
}

// Two tasks that think they own a partition: the later one does, and the other can do nothing more.
func TestFolderIsFenced(t *testing.T) {
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			set := map[string]string{"sluice.write.mode": mode}
			old := openAt(t, inFolder(t, dir, set), -1, newAcks())
			send(t, old, 0, 12)
			young := openAt(t, inFolder(t, dir, set), -1, newAcks())
			if young.Resume() != 10 {
				t.Errorf("resumes at %d, want 10", young.Resume())
			}
			for _, call := range []func() error{
				func() error { return old.Flush(t.Context()) },
				func() error { return written(t.Context(), old, batch(13, 30, decimal)) },
			} {
				err := call()
				if connectors.CodeOf(err) != connectors.CodeRetriable || !errors.Is(err, errFenced) || !strings.Contains(err.Error(), "another writer has taken the partition over") {
					t.Errorf("the old writer: %v", err)
				}
			}
			send(t, young, 10, 19)
			shut(t, old)
			send(t, young, 20, 24)
			shut(t, young)
			expectFolder(t, dir, 25)
		})
	}
}

// Someone removes folders while the writer runs. Those of readers come back; the writer's own is its right to write.
func TestFoldersVanish(t *testing.T) {
	for _, tc := range []struct {
		gone   string
		fenced bool
	}{
		{"topics/select-color", false},
		{"topics/select-color/partition=1", false},
		{"topics/+tmp", true},
		{"topics", true},
	} {
		t.Run(tc.gone, func(t *testing.T) {
			dir, a := t.TempDir(), newAcks()
			w := openAt(t, inFolder(t, dir, nil), -1, a)
			send(t, w, 0, 4)
			if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(tc.gone))); err != nil {
				t.Fatal(err)
			}
			err := written(t.Context(), w, batch(5, 9, decimal))
			if tc.fenced != errors.Is(err, errFenced) || !tc.fenced && err != nil {
				t.Errorf("%v", err)
			}
			if !tc.fenced {
				if got := readFolder(t, dir); !slices.Equal(got, sequence(5, 9)) {
					t.Errorf("stored are %v", got)
				}
			}
			shut(t, w)
		})
	}
}

// The root may be a symbolic link, and so may the topic's folder; the writer follows them and replaces none.
func TestSymbolicLinks(t *testing.T) {
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			real1, real2, root := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "root")
			for _, d := range []string{filepath.Join(real1, "topics"), real2} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			link := filepath.Join(real1, "topics", "select-color")
			for from, to := range map[string]string{root: real1, link: real2} {
				if err := os.Symlink(to, from); err != nil {
					t.Fatal(err)
				}
			}
			tk := inFolder(t, root, map[string]string{"sluice.write.mode": mode})
			for next := int64(0); next < 20; next += 10 {
				w := openAt(t, tk, -1, newAcks())
				send(t, w, next, next+9)
				shut(t, w)
			}
			expectFolder(t, real1, 20)
			if files, _ := filepath.Glob(filepath.Join(real2, "partition=1", "*")); len(files) == 0 {
				t.Error("nothing is behind the link")
			}
			for _, l := range []string{root, link} {
				if info, err := os.Lstat(l); err != nil || info.Mode()&fs.ModeSymlink == 0 {
					t.Errorf("%s is no link any more: %v", l, err)
				}
			}
		})
	}
}

// A file where a folder should be, or a link to nowhere, is shown and tried again, until somebody mends it.
func TestSomethingInTheWay(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(name string) error
		want string
	}{
		{"file", func(name string) error { return os.WriteFile(name, nil, 0o644) }, "not a directory"},
		{"link to nowhere", func(name string) error { return os.Symlink("nowhere", name) }, "file exists"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, a := t.TempDir(), newAcks()
			block := filepath.Join(dir, "topics")
			if err := tc.make(block); err != nil {
				t.Fatal(err)
			}
			opened := make(chan *writer)
			go func() { opened <- openAt(t, inFolder(t, dir, nil), -1, a) }()
			a.until(t, "the trouble is shown", func(a *acks) bool { return a.trouble != nil && strings.Contains(a.trouble.Error(), tc.want) })
			if err := os.Remove(block); err != nil {
				t.Fatal(err)
			}
			w := <-opened
			send(t, w, 0, 4)
			shut(t, w)
			expectFolder(t, dir, 5)
		})
	}
}

func TestRelativeFoldersAreRefused(t *testing.T) {
	for _, u := range []string{"file://data", "file://./data", "file://../data", "file:data", "file:/data", "data"} {
		if _, err := definition().Parse(map[string]string{"store.url": u, "flush.size": "1"}); connectors.CodeOf(err) != connectors.CodeMisconfigured {
			t.Errorf("%s: %v", u, err)
		}
	}
	// dots do not lead out of the root
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	tk := inFolder(t, root, map[string]string{"topics.dir": "../escaped", "logs.dir": "../../../escaped"})
	for _, folder := range []string{tk.set.names.topics, tk.set.names.logs} {
		if !strings.HasPrefix(folder, root+"/") {
			t.Errorf("%s is not below %s", folder, root)
		}
	}
}

// Whoever has a file open to append keeps others out until it is closed or given up: as with HDFS's leases.
func TestFolderLocks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	tk := inFolder(t, filepath.Dir(name), nil)
	one, two := tk.open(), tk.open()
	f, err := one.Append(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*lockPause)
	defer cancel()
	if _, err := two.Append(ctx, name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second one: %v", err)
	}
	if _, err := f.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	one.Reset() // f had failed, and nobody closes it
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	g, err := two.Append(ctx, name)
	if err != nil {
		t.Fatalf("after the first let go of it: %v", err)
	}
	if _, err := g.Write([]byte("c")); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "abc" {
		t.Errorf("%q, %v", data, err)
	}
	two.Reset()
}

func TestProbeOfAFolder(t *testing.T) {
	dir := t.TempDir()
	probe := func(url string) error {
		cfg, err := definition().Parse(map[string]string{"store.url": url, "flush.size": "1"})
		if err != nil {
			t.Fatal(err)
		}
		return New().Probe(t.Context(), cfg)
	}
	if err := probe("file://" + dir); err != nil {
		t.Error(err)
	}
	if err := probe("file://" + dir + "/missing"); err == nil || !strings.Contains(err.Error(), dir+"/missing") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
