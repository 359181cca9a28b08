package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// seen is what a reader finds who takes all files of a folder, but for those within others.
type seen struct {
	offsets []int64
	twice   int // records that are in two files, as one sees who takes them all
	files   int
}

var errGone = errors.New("a file was removed while it was read")

// look reads a folder as it is at one moment. list and read give what a user has; a file that is gone meanwhile ends in errGone.
func look(list func() []string, read func(name string) (string, bool)) (s seen, err error) {
	type file struct {
		name        string
		first, last int64
	}
	var files []file
	for _, name := range list() {
		p := strings.Split(strings.TrimSuffix(name, ".txt"), "+")
		if len(p) != 4 {
			return s, fmt.Errorf("%s does not belong there", name)
		}
		first, err1 := strconv.ParseInt(p[2], 10, 64)
		last, err2 := strconv.ParseInt(p[3], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return s, err
		}
		files = append(files, file{name, first, last})
	}
	slices.SortFunc(files, func(a, b file) int { return int(a.first - b.first) })
	s.files = len(files)
	for _, f := range files {
		if slices.ContainsFunc(files, func(o file) bool { return o.name != f.name && o.first <= f.first && f.last <= o.last }) {
			s.twice += int(f.last - f.first + 1)
			continue
		}
		text, ok := read(f.name)
		if !ok {
			return s, errGone
		}
		from := len(s.offsets)
		for line := range strings.Lines(text) {
			head, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ".")
			o, err := strconv.ParseInt(head, 10, 64)
			if err != nil {
				return s, fmt.Errorf("%s: torn line %.40q", f.name, line)
			}
			s.offsets = append(s.offsets, o)
		}
		if got := s.offsets[from:]; len(got) == 0 || got[0] != f.first || got[len(got)-1] != f.last {
			return s, fmt.Errorf("%s holds %d records", f.name, len(got))
		}
	}
	if !slices.Equal(s.offsets, sequence(0, int64(len(s.offsets))-1)) {
		return s, fmt.Errorf("%d records, not each once and in order", len(s.offsets))
	}
	return s, nil
}

var compacting = map[string]string{
	"sluice.compact.after.ms": "300", "sluice.compact.interval.ms": "100", "sluice.compact.files.min": "3",
}

// watched writes files of five numbers while a reader looks all the time, until few files are left of many.
func watched(t *testing.T, tk *task, n int64, list func() []string, read func(name string) (string, bool)) {
	t.Helper()
	w, err := tk.Open(t.Context(), part, -1, newAcks())
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		looks, gone, twice, most := 0, 0, 0, int64(0)
		for {
			s, err := look(list, read)
			switch {
			case errors.Is(err, errGone):
				gone++
			case err != nil:
				t.Errorf("look %d: %v", looks, err)
				return
			case int64(len(s.offsets)) < most:
				t.Errorf("look %d: %d records, there were %d before", looks, len(s.offsets), most)
				return
			default:
				most = int64(len(s.offsets))
				if s.twice > 0 {
					twice++
				}
			}
			looks++
			select {
			case <-stop:
				t.Logf("%d looks; in %d of them files lay within others, in %d a file went away", looks, twice, gone)
				return
			default:
			}
		}
	}()
	for next := int64(0); next < n; next += 50 {
		if err := w.Write(t.Context(), batch(next, next+49, decimal)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for {
		s, err := look(list, read)
		if err == nil && int64(len(s.offsets)) == n && s.files <= 3 && s.twice == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records in %d files, %v", len(s.offsets), s.files, err)
		}
		_ = sleep(t.Context(), 100*time.Millisecond)
	}
	close(stop)
	<-ended
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, newTaskOf(t, tk), -1, newAcks())
	if again.Resume() != n {
		t.Errorf("resumes at %d behind merged files, want %d", again.Resume(), n)
	}
	shut(t, again)
}

// newTaskOf is one with the same settings that merges nothing.
func newTaskOf(t *testing.T, tk *task) *task {
	t.Helper()
	other := &task{set: tk.set, rt: tk.rt, open: tk.open, meters: tk.meters}
	return other
}

// Small files become large ones in the background, while a reader misses nothing and sees nothing twice.
func TestCompactionOfAFolder(t *testing.T) {
	for _, codec := range []string{"none"} {
		t.Run(codec, func(t *testing.T) {
			dir := t.TempDir()
			raw := map[string]string{"store.url": "file://" + dir, "format.class": "StringFormat", "flush.size": "5"}
			maps.Copy(raw, compacting)
			tk := newTask(t, connectors.PayloadString, raw)
			defer func() {
				if err := tk.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			folder := filepath.Join(dir, "topics", part.Topic, "partition=1")
			watched(t, tk, 1000, func() []string {
				names, err := localList(folder)
				if err != nil {
					t.Error(err)
				}
				return names
			}, func(name string) (string, bool) {
				b, err := os.ReadFile(filepath.Join(folder, name))
				return string(b), !errors.Is(err, fs.ErrNotExist)
			})
		})
	}
}

// localList names the files of a folder at one moment: unlike HDFS, a local file system may change while it is listed.
func localList(dir string) ([]string, error) {
	var before []string
	for {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		names := make([]string, 0, len(entries))
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if before != nil && slices.Equal(before, names) {
			return names, nil
		}
		before = names
	}
}

// A folder in which nothing has changed since the last round is not looked into again.
func TestCompactionRemembersQuietFolders(t *testing.T) {
	dir := t.TempDir()
	raw := map[string]string{"store.url": "file://" + dir, "format.class": "StringFormat", "flush.size": "5"}
	maps.Copy(raw, compacting)
	raw["sluice.compact.interval.ms"] = "3600000"
	tk := newTask(t, connectors.PayloadString, raw)
	defer func() { _ = tk.Stop(t.Context()) }()
	w, err := tk.Open(t.Context(), part, -1, newAcks())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close(t.Context()) }()
	counted := &countedTree{tree: tk.merger.fs, listed: map[string]int{}}
	tk.merger.fs = counted
	folder := filepath.Join(dir, "topics", part.Topic, "partition=1")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(folder, old, old); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tk.merger.round(t.Context())
	}
	if n := counted.listed[folder]; n != 1 {
		t.Errorf("listed %d times", n)
	}
	if err := os.WriteFile(filepath.Join(folder, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tk.merger.round(t.Context())
	if n := counted.listed[folder]; n != 2 {
		t.Errorf("listed %d times, though something came", n)
	}
}

type countedTree struct {
	tree
	listed map[string]int
}

func (c *countedTree) Entries(ctx context.Context, dir string) ([]entry, error) {
	c.listed[dir]++
	return c.tree.Entries(ctx, dir)
}
