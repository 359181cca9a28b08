package hdfs

import (
	"maps"
	"path"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// bench is a task over the model file system, with instruments that can be read.
type bench struct {
	*task
	m                               *model
	raw                             map[string]string
	files, bytes, retries, buffered reading
}

type reading struct{ n atomic.Int64 }

func (r *reading) Add(n int64) { r.n.Add(n) }
func (r *reading) Set(n int64) { r.n.Store(n) }
func (r *reading) get() int64  { return r.n.Load() }

// overModel starts a task that writes texts to a model; set adds to its configuration.
func overModel(t testing.TB, set map[string]string) *bench {
	t.Helper()
	raw := map[string]string{"store.url": "file:///d", "format.class": "StringFormat", "flush.size": "1000000"}
	maps.Copy(raw, set)
	b := &bench{task: newTask(t, connectors.PayloadString, raw), m: newModel(), raw: raw}
	b.open = func() filesystem { return &view{m: b.m} }
	b.meters = &meters{files: &b.files, bytes: &b.bytes, retries: &b.retries, buffered: &b.buffered}
	return b
}

// write writes records whose values are their offsets.
func (b *bench) write(t testing.TB, w *writer, first, last int64) {
	t.Helper()
	if err := written(t.Context(), w, batch(first, last, decimal)); err != nil {
		t.Fatal(err)
	}
}

// refuse fails calls from now on, before they take effect.
func (b *bench) refuse(f func(call string) error) {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	b.m.refuse = f
}

// content is that of the committed file with these offsets.
func (b *bench) content(first, last int64) []byte {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	return b.m.files[b.set.names.file(part, first, last)]
}

// stored are the offsets in all committed files.
func (b *bench) stored(t testing.TB) []int64 {
	t.Helper()
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	return b.m.stored(t, b.set.names, part)
}

func (b *bench) mkdir(dir string) {
	for ; dir != "/"; dir = path.Dir(dir) {
		b.m.dirs[dir] = true
	}
}

// committed names the committed files, in order.
func (b *bench) committed() []string {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	var names []string
	for name := range b.m.files {
		if path.Dir(name) == b.set.names.dir(part) {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}

// temporary names what lies in temporary folders, the folders of openings among it.
func (b *bench) temporary() []string {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	var names []string
	for name := range b.m.files {
		if _, ok := cut(name, b.set.names.temp(part), b.set.names.fenced(part)); ok {
			names = append(names, name)
		}
	}
	for name := range b.m.dirs {
		if rest, ok := cut(name, b.set.names.temp(part), b.set.names.fenced(part)); ok && rest != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// cut takes the first of the folders off that the name lies in.
func cut(name string, folders ...string) (rest string, ok bool) {
	for _, f := range folders {
		if len(name) >= len(f) && name[:len(f)] == f {
			return name[len(f):], true
		}
	}
	return "", false
}

func (a *acks) state() (durable int64, rejected []int64, troubles int, trouble error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.durable, slices.Clone(a.rejected), a.troubles, a.trouble
}

// expectFiles compares the names of the committed files.
func (b *bench) expectFiles(t testing.TB, want ...string) {
	t.Helper()
	if got := b.committed(); !slices.Equal(got, want) {
		t.Errorf("committed are %v, want %v", got, want)
	}
}

// span is the name of a file of the task.
func (b *bench) span(first, last int64) string { return path.Base(b.set.names.file(part, first, last)) }

// reasons keeps why records were rejected.
type reasons struct {
	*acks
	why []error
}

func (r *reasons) Reject(offset int64, err error) {
	r.why = append(r.why, err)
	r.acks.Reject(offset, err)
}
