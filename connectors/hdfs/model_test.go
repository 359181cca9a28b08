package hdfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
)

// model is a file system in memory with HDFS's rules: a rename is atomic and replaces files, a file is made in an existing
// folder only, a write after a failed one may say that all is well, a close may lie about the length. It fails calls when
// told to, before or after their effect, or ends the process that makes them. A file that was open to append when that
// happened stays with its writer until the lease ends; nobody else can open it, but move it.
type model struct {
	mu    sync.Mutex // for tests whose writer has a clock
	files map[string][]byte
	dirs  map[string]bool
	held  map[string]int // files under a lease, until this call
	lease int            // calls that a lease lasts
	now   int            // calls so far
	fault map[int]fault
	calls []string
	await []awaited // effects that take place later
	delay int       // calls that they take
	// refuse fails calls before they take effect, by what they are; nil fails none.
	refuse func(call string) error
}

type awaited struct {
	at int
	f  func() error
}

type fault int

const (
	noFault fault = iota
	failBefore
	failAfter // the effect took place, the answer is lost
	shortFile // Close says that all is well, and half is there
	crash     // the process ends before the call
	crashPast // the process ends after it
	late      // the answer is lost, and the effect takes place some calls later
)

var (
	errFault = errors.New("injected fault")
	errCrash = connectors.Fatal("running", errors.New("the process has died"), "")
)

func newModel() *model {
	return &model{files: map[string][]byte{}, dirs: map[string]bool{"/": true}, held: map[string]int{}, fault: map[int]fault{}}
}

// view is the model as one process sees it.
type view struct {
	m    *model
	dead bool
}

var _ filesystem = (*view)(nil)

func (v *view) do(what string, f func() error) error {
	if v.dead {
		return errCrash
	}
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	v.m.now++
	v.m.calls = append(v.m.calls, what)
	v.m.comeLate()
	if v.m.refuse != nil {
		if err := v.m.refuse(what); err != nil {
			return err
		}
	}
	switch v.m.fault[v.m.now] {
	case failBefore:
		return errFault
	case failAfter:
		if err := f(); err != nil {
			return err
		}
		return errFault
	case late:
		if kind, _, _ := strings.Cut(what, " "); kind == "rename" || kind == "truncate" || kind == "remove" || kind == "mkdir" {
			v.m.await = append(v.m.await, awaited{v.m.now + v.m.delay, f})
		}
		return errFault
	case crash:
		v.dead = true
		return errCrash
	case crashPast:
		_ = f()
		v.dead = true
		return errCrash
	default:
		return f()
	}
}

// comeLate lets what is due take effect.
func (m *model) comeLate() {
	m.await = slices.DeleteFunc(m.await, func(a awaited) bool {
		if a.at > m.now {
			return false
		}
		_ = a.f() // nobody waits for its answer
		return true
	})
}

func notExist(name string) error { return &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist} }

func (v *view) MkdirAll(_ context.Context, dir string) error {
	return v.do("mkdir "+dir, func() error {
		for d := dir; !v.m.dirs[d]; d = path.Dir(d) {
			v.m.dirs[d] = true
		}
		return nil
	})
}

func (v *view) Create(_ context.Context, name string, _ int64) (file, error) {
	err := v.do("create "+name, func() error {
		if !v.m.dirs[path.Dir(name)] {
			return notExist(name)
		}
		if _, ok := v.m.files[name]; ok {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
		v.m.files[name] = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &viewFile{v: v, name: name}, nil
}

func (v *view) Append(_ context.Context, name string) (file, error) {
	err := v.do("append "+name, func() error {
		if _, ok := v.m.files[name]; !ok {
			return notExist(name)
		}
		if err := v.m.free(name); err != nil {
			return err
		}
		v.m.held[name] = v.m.now + v.m.lease
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &viewFile{v: v, name: name}, nil
}

func (m *model) free(name string) error {
	if m.now < m.held[name] {
		return errors.New("AlreadyBeingCreatedException: another writer has " + name)
	}
	return nil
}

func (v *view) Rename(_ context.Context, from, to string) error {
	return v.do("rename "+from+" "+to, func() error {
		if !v.m.dirs[path.Dir(to)] {
			return notExist(to)
		}
		if data, ok := v.m.files[from]; ok {
			delete(v.m.files, from)
			v.m.files[to] = data
			v.m.held[to] = v.m.held[from] // a lease is on the file, not on its name
			delete(v.m.held, from)
			return nil
		}
		if !v.m.dirs[from] {
			return notExist(from)
		}
		for d := range v.m.dirs {
			if d == from || strings.HasPrefix(d, from+"/") {
				delete(v.m.dirs, d)
				v.m.dirs[to+d[len(from):]] = true
			}
		}
		for f, data := range v.m.files {
			if strings.HasPrefix(f, from+"/") {
				delete(v.m.files, f)
				v.m.files[to+f[len(from):]] = data
			}
		}
		return nil
	})
}

func (v *view) Size(_ context.Context, name string) (size int64, err error) {
	err = v.do("size "+name, func() error {
		if v.m.dirs[name] {
			return nil
		}
		data, ok := v.m.files[name]
		if !ok {
			return notExist(name)
		}
		size = int64(len(data))
		return nil
	})
	return size, err
}

func (v *view) List(_ context.Context, dir string) (names []string, err error) {
	err = v.do("list "+dir, func() error {
		if !v.m.dirs[dir] {
			return notExist(dir)
		}
		for f := range v.m.files {
			if path.Dir(f) == dir {
				names = append(names, path.Base(f))
			}
		}
		for d := range v.m.dirs {
			if path.Dir(d) == dir && d != dir {
				names = append(names, path.Base(d))
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

func (v *view) Folders(_ context.Context, dir string) (names []string, err error) {
	err = v.do("folders "+dir, func() error {
		if !v.m.dirs[dir] {
			return notExist(dir)
		}
		for d := range v.m.dirs {
			if path.Dir(d) == dir && d != dir {
				names = append(names, path.Base(d))
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

func (v *view) ReadFile(_ context.Context, name string) (data []byte, err error) {
	err = v.do("read "+name, func() error {
		d, ok := v.m.files[name]
		if !ok {
			return notExist(name)
		}
		data = slices.Clone(d)
		return nil
	})
	return data, err
}

func (v *view) Open(ctx context.Context, name string) (compact.Source, error) {
	data, err := v.ReadFile(ctx, name)
	return opened{bytes.NewReader(data)}, err
}

type opened struct{ *bytes.Reader }

func (opened) Close() error { return nil }

func (v *view) Truncate(_ context.Context, name string, size int64) error {
	return v.do("truncate "+name, func() error {
		d, ok := v.m.files[name]
		if !ok {
			return notExist(name)
		}
		if err := v.m.free(name); err != nil {
			return err
		}
		if size > int64(len(d)) {
			return errors.New("cannot truncate to a larger file size")
		}
		v.m.files[name] = slices.Clone(d[:size])
		return nil
	})
}

func (v *view) RemoveAll(_ context.Context, name string) error {
	return v.do("remove "+name, func() error {
		for d := range v.m.dirs {
			if d == name || strings.HasPrefix(d, name+"/") {
				delete(v.m.dirs, d)
			}
		}
		for f := range v.m.files {
			if f == name || strings.HasPrefix(f, name+"/") {
				delete(v.m.files, f)
				delete(v.m.held, f)
			}
		}
		return nil
	})
}

func (v *view) Reset() {}

// viewFile shows its content to others when it is closed, as HDFS does.
type viewFile struct {
	v       *view
	name    string
	pending []byte
}

func (f *viewFile) Within(context.Context) {}

func (f *viewFile) Write(p []byte) (int, error) {
	err := f.v.do("write "+f.name, func() error { f.pending = append(f.pending, p...); return nil })
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *viewFile) Close() error {
	short := f.v.m.fault[f.v.m.now+1] == shortFile
	return f.v.do("close "+f.name, func() error {
		data, ok := f.v.m.files[f.name]
		if !ok {
			return notExist(f.name) // moved away under our feet
		}
		if short {
			f.pending = f.pending[:len(f.pending)/2]
		}
		f.v.m.files[f.name] = append(slices.Clone(data), f.pending...)
		delete(f.v.m.held, f.name)
		return nil
	})
}

// counts is how much of a growing file is recorded as progress. There may be more of it until it has been opened again.
func (m *model) counts(n naming, p connectors.Partition, g growing, data []byte) int {
	recorded := m.progress(n, p)
	for _, l := range append(slices.Clone(recorded.Left), left{recorded.File, recorded.Length}) {
		if known, ok := n.parseGrowing(p, l.File); ok && known.first == g.first {
			return min(int(l.Length), len(data))
		}
	}
	if g.first >= recorded.Next {
		return 0 // nothing was recorded of it yet
	}
	return len(data)
}

func (m *model) progress(n naming, p connectors.Partition) (recorded progress) {
	if json.Unmarshal(m.files[n.progress(p)], &recorded) != nil {
		return progress{Next: -1}
	}
	return recorded
}

// stored are the offsets in the committed files of the partition, in the order of the files. A value is its offset.
func (m *model) stored(t interface{ Fatalf(string, ...any) }, n naming, p connectors.Partition) []int64 {
	type found struct {
		first int64
		data  []byte
	}
	var all []found
	for name, data := range m.files {
		if path.Dir(name) != n.dir(p) {
			continue
		}
		if first, last, ok := n.parseFile(p, path.Base(name)); ok {
			lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			if lines[0] != strconv.FormatInt(first, 10) || lines[len(lines)-1] != strconv.FormatInt(last, 10) {
				t.Fatalf("%s begins with %s and ends with %s", name, lines[0], lines[len(lines)-1])
			}
			all = append(all, found{first, data})
		} else if g, ok := n.parseGrowing(p, path.Base(name)); ok {
			all = append(all, found{g.first, data[:m.counts(n, p, g, data)]})
		} else {
			t.Fatalf("%s should not be there", name)
		}
	}
	slices.SortFunc(all, func(a, b found) int { return int(a.first - b.first) })
	var offsets []int64
	for _, f := range all {
		for line := range strings.Lines(string(f.data)) {
			o, err := strconv.ParseInt(strings.TrimSuffix(line, "\n"), 10, 64)
			if err != nil || !strings.HasSuffix(line, "\n") {
				t.Fatalf("torn line %q", line)
			}
			offsets = append(offsets, o)
		}
	}
	return offsets
}

func decimal(o int64) string { return strconv.FormatInt(o, 10) }

// scene is what a property test writes, and how the records lie in the files.
type scene struct {
	set     map[string]string
	payload connectors.Payload
	value   func(o int64) string
	stored  func(t interface{ Fatalf(string, ...any) }, m *model, tk *task) []int64
}

func plainScene(mode string) func(*rapid.T) scene {
	return func(*rapid.T) scene {
		return scene{
			set:     map[string]string{"format.class": "StringFormat", "sluice.write.mode": mode},
			payload: connectors.PayloadString, value: decimal,
			stored: func(t interface{ Fatalf(string, ...any) }, m *model, tk *task) []int64 {
				return m.stored(t, tk.set.names, part)
			},
		}
	}
}

// Whatever fails and whoever dies at whichever call, every record is in the files once, in order, and nothing was
// reported durable before it was there.
func TestExactlyOnceAgainstModel(t *testing.T) {
	for _, tc := range []struct {
		name  string
		scene func(*rapid.T) scene
	}{
		{modeFlush, plainScene(modeFlush)}, {modeAppend, plainScene(modeAppend)}, {"folders", foldersScene},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { exactlyOnce(t, rt, tc.scene(rt)) })
		})
	}
}

func exactlyOnce(t *testing.T, rt *rapid.T, sc scene) {
	t.Helper()
	const total = 60
	m := newModel()
	raw := map[string]string{
		"store.url": "file:///d", "flush.size": strconv.Itoa(rapid.IntRange(1, 20).Draw(rt, "flush size")), "retry.backoff.ms": "1",
	}
	maps.Copy(raw, sc.set)
	tk := newTask(t, sc.payload, raw)
	m.lease = rapid.IntRange(0, 100).Draw(rt, "lease")
	m.delay = rapid.IntRange(1, 30).Draw(rt, "delay")
	if rapid.Bool().Draw(rt, "tiny buffer") {
		tk.set.buffer = 8 // most files are streamed
	}
	// Some records have no value, and are in no file: perhaps those at the end of one, or all that come last.
	every, span := int64(rapid.IntRange(1, 5).Draw(rt, "nulls among")), int64(rapid.IntRange(1, 15).Draw(rt, "nulls in a row"))
	null := func(o int64) bool { return (o/span)%every == every-1 && every > 1 }
	tk.set.skipNull = rapid.Bool().Draw(rt, "skips nulls")
	records := func(first, last int64) *connectors.Batch {
		var b connectors.Builder
		for o := first; o <= last; o++ {
			if null(o) {
				b.Append(o, o, nil, nil)
			} else {
				b.Append(o, o, nil, []byte(sc.value(o)))
			}
		}
		return b.Batch(part)
	}
	var want []int64
	for o := range int64(total) {
		if !null(o) {
			want = append(want, o)
		}
	}
	at := 0
	for i, n := 0, rapid.IntRange(0, 12).Draw(rt, "faults"); i < n; i++ {
		if i > 0 && rapid.Bool().Draw(rt, "soon") { // what mends a fault fails too
			at += rapid.IntRange(1, 10).Draw(rt, "calls later")
		} else {
			at = rapid.IntRange(1, 250).Draw(rt, "call")
		}
		m.fault[at] = fault(rapid.IntRange(int(failBefore), int(late)).Draw(rt, "fault"))
	}
	var committed int64 = -1
	var zombies []*writer
	check := func() {
		got := sc.stored(rt, m, tk)
		if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			rt.Fatalf("stored are %v, want %v\n%s", got, want, strings.Join(m.calls, "\n"))
		}
		if len(got) < len(want) && want[len(got)] < committed {
			rt.Fatalf("%d is not stored, and all below %d was reported durable\n%s", want[len(got)], committed, strings.Join(m.calls, "\n"))
		}
	}
	for range 40 {
		v := &view{m: m}
		tk.open = func() filesystem { return v }
		a := newAcks()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cw, err := tk.Open(ctx, part, committed, a)
		if err != nil {
			cancel()
			if !v.dead && !errors.Is(err, errFenced) {
				rt.Fatalf("open: %v", err)
			}
			continue
		}
		w := cw.(*writer)
		next := max(w.Resume(), 0)
		if next < committed {
			rt.Fatalf("resumes at %d, %d were reported durable", next, committed)
		}
		stop := next + int64(rapid.IntRange(1, total).Draw(rt, "records of this life"))
		for next < total && next < stop && err == nil {
			last := min(next+int64(rapid.IntRange(0, 9).Draw(rt, "batch")), total-1)
			err = w.Write(ctx, records(next, last))
			next = last + 1
		}
		if err == nil && next == total {
			err = w.Flush(ctx)
		}
		if e := settle(w); err == nil {
			err = e
		}
		a.mu.Lock()
		committed = max(committed, a.durable)
		a.mu.Unlock()
		check()
		cancel()
		done := err == nil && next == total
		if done || rapid.Bool().Draw(rt, "closes") {
			_ = w.Close(t.Context())
		} else {
			zombies = append(zombies, w) // it only seems dead, and wakes up later
		}
		if done {
			for _, z := range zombies {
				zctx, zcancel := context.WithTimeout(t.Context(), patience)
				if z.open.records == 0 {
					_ = z.Write(zctx, records(max(z.next, 0), max(z.next, 0)+30))
				}
				_ = z.Flush(zctx)
				zcancel()
				_ = z.Close(t.Context())
			}
			check()
			if got := sc.stored(rt, m, tk); len(got) != len(want) {
				rt.Fatalf("%d of %d records are stored", len(got), len(want))
			}
			m.afterwards(t, rt, tk, committed, total)
			check()
			return
		}
	}
	for _, z := range zombies {
		_ = z.Close(t.Context())
	}
	rt.Fatalf("no progress:\n%s", fmt.Sprint(m.calls))
}

// afterwards opens the partition once more, when no fault and no lease is left, which leaves nothing but what counts.
func (m *model) afterwards(t *testing.T, rt *rapid.T, tk *task, committed, total int64) {
	t.Helper()
	m.fault, m.held = nil, map[string]int{}
	tk.open = func() filesystem { return &view{m: m} }
	last, err := tk.Open(t.Context(), part, committed, newAcks())
	if err != nil {
		rt.Fatal(err)
	}
	if last.Resume() != total {
		rt.Fatalf("resumes at %d, all are %d", last.Resume(), total)
	}
	_ = last.Close(t.Context())
	if l := m.progress(tk.set.names, part).Left; len(l) > 0 {
		rt.Fatalf("left are %v", l)
	}
	for name, data := range m.files {
		if g, ok := tk.set.names.parseGrowing(part, path.Base(name)); ok && m.counts(tk.set.names, part, g, data) != len(data) {
			rt.Fatalf("%s has %d bytes, %d count", name, len(data), m.counts(tk.set.names, part, g, data))
		}
		if strings.Contains(name, "/+tmp/") {
			rt.Fatalf("left is %s", name)
		}
	}
}
