package compact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fault is what happens to one call.
type fault int

const (
	none     fault = iota
	before         // it fails and nothing is done
	after          // it is done and the answer is lost
	late           // the answer is lost, and it is done some calls later
	dieFirst       // the process is killed before it
	dieThen        // the process is killed when it is done
	short          // it succeeds, and not all of the file is there
	pause          // the process stops before it, and goes on when its successor has done all
)

var kinds = []fault{before, after, late, dieFirst, dieThen, short, pause}

var (
	errFault = errors.New("fault")
	errDead  = errors.New("dead")
)

// model is a file system in memory. Like HDFS it does one thing at a time, and makes no file in a folder that is not there.
type model struct {
	t       testing.TB
	files   map[string]string
	folders map[string]bool
	check   func()
	clock   int
	pending map[int]func() // by when it is done
}

// lateCalls is after how many calls one is done whose answer was lost.
const lateCalls = 5

// client is one process's way to the model.
type client struct {
	m     *model
	calls int
	at    map[int]fault
	dead  bool
	pause func() // what others do meanwhile
}

func (c *client) do(op string, f func() error) error {
	if c.dead {
		return errDead
	}
	c.m.clock++
	if f, ok := c.m.pending[c.m.clock]; ok {
		delete(c.m.pending, c.m.clock)
		f()
		c.m.check()
	}
	c.calls++
	switch c.at[c.calls] {
	case before:
		return errFault
	case after:
		_ = f()
		c.m.check()
		return errFault
	case late:
		c.m.pending[c.m.clock+lateCalls] = func() { _ = f() }
		return errFault
	case dieFirst:
		c.dead = true
		return errDead
	case dieThen:
		_ = f()
		c.dead = true
		c.m.check()
		return errDead
	case pause:
		if c.pause != nil {
			c.pause()
		}
	case none, short: // Close looks at the latter
	}
	err := f()
	c.m.check()
	return err
}

func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

func (c *client) List(_ context.Context, dir string) (names []string, err error) {
	return names, c.do("list", func() error {
		if !c.m.folders[dir] {
			return missing("list", dir)
		}
		names = c.m.names(dir)
		return nil
	})
}

func (c *client) Size(_ context.Context, name string) (size int64, err error) {
	return size, c.do("size", func() error {
		text, ok := c.m.files[name]
		if !ok {
			return missing("size", name)
		}
		size = int64(len(text))
		return nil
	})
}

type source struct{ *bytes.Reader }

func (source) Close() error { return nil }

func (c *client) Open(_ context.Context, name string) (s Source, err error) {
	return s, c.do("open", func() error {
		text, ok := c.m.files[name]
		if !ok {
			return missing("open", name)
		}
		s = source{bytes.NewReader([]byte(text))}
		return nil
	})
}

type writing struct {
	c    *client
	name string
	bytes.Buffer
}

func (w *writing) Close() error {
	return w.c.do("close", func() error {
		if _, ok := w.c.m.files[w.name]; !ok { // moved away with its folder
			return missing("close", w.name)
		}
		text := w.String()
		if w.c.at[w.c.calls] == short {
			text = text[:len(text)/2]
		}
		w.c.m.files[w.name] = text
		return nil
	})
}

func (c *client) Create(_ context.Context, name string, _ int64) (w io.WriteCloser, err error) {
	return &writing{c: c, name: name}, c.do("create", func() error {
		if !c.m.folders[path.Dir(name)] {
			return missing("create", name)
		}
		if _, ok := c.m.files[name]; ok {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
		c.m.files[name] = ""
		return nil
	})
}

func (c *client) ReadFile(_ context.Context, name string) (b []byte, err error) {
	return b, c.do("read", func() error {
		text, ok := c.m.files[name]
		if !ok {
			return missing("read", name)
		}
		b = []byte(text)
		return nil
	})
}

func (c *client) MkdirAll(_ context.Context, dir string) error {
	return c.do("mkdir", func() error { c.m.folders[dir] = true; return nil })
}

func (c *client) Rename(_ context.Context, from, to string) error {
	return c.do("rename", func() error {
		text, ok := c.m.files[from]
		if !ok || !c.m.folders[path.Dir(to)] {
			return missing("rename", from)
		}
		delete(c.m.files, from)
		c.m.files[to] = text
		return nil
	})
}

func (c *client) RemoveAll(_ context.Context, name string) error {
	return c.do("remove", func() error { delete(c.m.files, name); return nil })
}

func (m *model) names(dir string) (names []string) {
	for name := range m.files {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}

// moveAway is what a successor does first.
func (m *model) moveAway(dir string) {
	delete(m.folders, dir)
	for name := range maps.Clone(m.files) {
		if path.Dir(name) == dir {
			delete(m.files, name)
		}
	}
}

const data = "/t/p"

func nameOf(first, last int64) string { return fmt.Sprintf("t+0+%d+%d.txt", first, last) }

func (m *model) listing() (files []File) {
	for _, name := range m.names(data) {
		part := strings.Split(strings.TrimSuffix(name, ".txt"), "+")
		first, _ := strconv.ParseInt(part[2], 10, 64)
		last, _ := strconv.ParseInt(part[3], 10, 64)
		files = append(files, File{Name: name, Ext: ".txt", First: first, Last: last, Size: int64(len(m.files[path.Join(data, name)]))})
	}
	return files
}

// newModel makes files with as many records each, and a check that readers miss nothing and see nothing twice.
func newModel(t testing.TB, records ...int) *model {
	t.Helper()
	m := &model{t: t, pending: map[int]func(){}, files: map[string]string{}, folders: map[string]bool{data: true, "/logs": true}}
	n := 0
	for _, r := range records {
		var text strings.Builder
		for i := range r {
			fmt.Fprintln(&text, n+i)
		}
		m.files[path.Join(data, nameOf(int64(n), int64(n+r-1)))] = text.String()
		n += r
	}
	m.check = func() { m.reads(n) }
	return m
}

// reads is what the two kinds of readers see: one of all files, one that passes over files within others.
func (m *model) reads(n int) {
	m.t.Helper()
	all, once := make([]int, n), make([]int, n)
	files := m.listing()
	for _, f := range files {
		within := slices.ContainsFunc(files, func(o File) bool { return o.Name != f.Name && o.First <= f.First && f.Last <= o.Last })
		for line := range strings.Lines(m.files[path.Join(data, f.Name)]) {
			i, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				m.t.Fatalf("torn file %s", f.Name)
			}
			all[i]++
			if !within {
				once[i]++
			}
		}
	}
	for i := range n {
		if all[i] == 0 || once[i] != 1 {
			m.t.Fatalf("record %d is seen %d times in all files, %d times in those that count; files %v", i, all[i], once[i], m.names(data))
		}
	}
}

func concat(w io.Writer, files []Source) error {
	for _, f := range files {
		if _, err := io.Copy(w, io.NewSectionReader(f, 0, f.Size())); err != nil {
			return err
		}
	}
	return nil
}

var opts = Options{Target: 40, Least: 2}

// pass is one look at the folder by one process.
func (m *model) pass(f *Folder) error {
	if err := f.Recover(context.Background()); err != nil {
		return err
	}
	for _, g := range Plan(m.listing(), opts, time.Time{}) {
		if err := f.Swap(context.Background(), data, g, nameOf(g[0].First, g[len(g)-1].Last)); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) open(c *client, name string) *Folder {
	temp := "/tmp/" + name
	m.folders[temp] = true
	return &Folder{Store: c, Temp: temp, Journals: "/logs", Opening: name, Merge: concat}
}

func (m *model) settle() {
	for _, at := range slices.Sorted(maps.Keys(m.pending)) {
		m.pending[at]()
		m.check()
	}
	clear(m.pending)
}

// run lets a process with faults work, and others after it, until one has nothing to complain about.
func (m *model) run(at, then map[int]fault) (calls int) {
	first := &client{m: m, at: at}
	f := m.open(first, "a")
	second := &client{m: m, at: then}
	succeeded := false
	successor := func() {
		if succeeded {
			return
		}
		succeeded = true
		m.moveAway("/tmp/a")
		g := m.open(second, "b")
		_ = m.pass(g)
	}
	first.pause = successor
	err := m.pass(f)
	for n := 0; err != nil && !first.dead && n < 3; n++ { // it tries again
		err = m.pass(f)
	}
	successor()
	m.moveAway("/tmp/b")
	m.settle()
	last := m.open(&client{m: m}, "c")
	if err := m.pass(last); err != nil {
		m.t.Fatalf("a healthy process: %v", err)
	}
	if left := m.names("/logs"); len(left) > 0 {
		m.t.Errorf("left behind: %v", left)
	}
	return first.calls
}

// Whatever fails, is killed or stops at whatever call, and whatever happens to the one that comes after: readers miss
// nothing, nothing is left over, and the files are merged in the end.
func TestSwapWithFaults(t *testing.T) {
	sizes := []int{3, 4, 2}
	calls := newModel(t, sizes...).run(nil, nil)
	if calls < 15 {
		t.Fatalf("a swap makes %d calls", calls)
	}
	runs := 0
	for i := 1; i <= calls; i++ {
		for _, a := range kinds {
			for j := 1; j <= calls; j++ {
				for _, b := range []fault{after, late, dieFirst} {
					m := newModel(t, sizes...)
					m.run(map[int]fault{i: a}, map[int]fault{j: b})
					if got := m.names(data); len(got) != 1 || got[0] != nameOf(0, 8) {
						t.Fatalf("%v at call %d, %v at call %d: files %v", a, i, b, j, got)
					}
					runs++
				}
			}
		}
	}
	t.Logf("%d runs of %d calls", runs, calls)
}

func TestSwapProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 12).Draw(r, "records of files")
		faults := rapid.MapOfN(rapid.IntRange(1, 60), rapid.SampledFrom(kinds), 0, 6)
		m := newModel(t, sizes...)
		m.run(faults.Draw(r, "faults"), faults.Draw(r, "faults of the successor"))
		if groups := Plan(m.listing(), opts, time.Time{}); len(groups) > 0 {
			r.Fatalf("still to be merged: %v", groups)
		}
	})
}

// What somebody else has touched is left alone.
func TestSwapOfChangedFiles(t *testing.T) {
	for name, change := range map[string]func(m *model){
		"removed":            func(m *model) { delete(m.files, path.Join(data, nameOf(3, 6))) },
		"changed":            func(m *model) { m.files[path.Join(data, nameOf(3, 6))] += "more\n" },
		"merged by somebody": func(m *model) { m.files[path.Join(data, nameOf(0, 6))] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			for call := 1; ; call++ {
				m := newModel(t, 3, 4)
				m.check = func() {}
				groups := Plan(m.listing(), opts, time.Time{})
				c := &client{m: m, at: map[int]fault{call: pause}}
				var before map[string]string
				renamed := false
				c.pause = func() {
					change(m)
					before = maps.Clone(m.files)
					renamed = m.files[path.Join(data, nameOf(0, 6))] != "" && name != "merged by somebody"
				}
				f := m.open(c, "a")
				err := f.Swap(t.Context(), data, groups[0], nameOf(0, 6))
				if before == nil {
					return // all calls were tried
				}
				if renamed || err == nil { // it came too late, which only the last calls allow
					if call < 12 {
						t.Fatalf("not noticed at call %d", call)
					}
					continue
				}
				if !errors.Is(err, ErrChanged) {
					t.Errorf("call %d: %v", call, err)
				}
				for file, text := range before {
					if path.Dir(file) == data && m.files[file] != text {
						t.Errorf("call %d: %s was touched", call, file)
					}
				}
			}
		})
	}
}

func TestPlan(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	file := func(first, last, size int64) File {
		return File{Name: nameOf(first, last), Ext: ".txt", First: first, Last: last, Size: size, Changed: now.Add(-time.Hour)}
	}
	young, other := file(4, 5, 10), file(4, 5, 10)
	young.Changed = now.Add(-time.Second)
	other.Ext = ".json"
	for _, tc := range []struct {
		name  string
		files []File
		least int
		want  []string // first and last offset of each group
	}{
		{name: "nothing"},
		{name: "one", files: []File{file(0, 1, 10)}},
		{name: "neighbours in any order", files: []File{file(2, 3, 10), file(0, 1, 10), file(4, 5, 10)}, want: []string{"0 5"}},
		{name: "gaps between offsets", files: []File{file(0, 1, 10), file(100, 101, 10)}, want: []string{"0 101"}},
		{name: "target", files: []File{file(0, 1, 30), file(2, 3, 40), file(4, 5, 40), file(6, 7, 60)}, want: []string{"0 3", "4 7"}},
		{name: "large one between", files: []File{file(0, 1, 10), file(2, 3, 10), file(4, 5, 100), file(6, 7, 10)}, want: []string{"0 3"}},
		{name: "young one between", files: []File{file(0, 1, 10), file(2, 3, 10), young, file(6, 7, 10)}, want: []string{"0 3"}},
		{name: "other format between", files: []File{file(0, 1, 10), file(2, 3, 10), other, file(6, 7, 10), file(8, 9, 10)}, want: []string{"0 3", "6 9"}},
		{name: "within another", files: []File{file(0, 9, 20), file(0, 4, 10), file(5, 9, 10)}},
		{name: "overlapping", files: []File{file(0, 5, 20), file(3, 9, 10), file(10, 12, 10)}},
		{name: "too few to be worth it", least: 3, files: []File{file(0, 1, 10), file(2, 3, 10)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, g := range Plan(tc.files, Options{After: time.Minute, Target: 100, Least: tc.least}, now) {
				got = append(got, fmt.Sprint(g[0].First, " ", g[len(g)-1].Last))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
