package hdfs

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// dying is a file system whose process ends at one of its calls; a write that it ends at is half done.
type dying struct {
	filesystem
	left int               // calls until then
	seen func(call string) // what is called
	kill func()            // ends the process; nil: errCrash is all that happens
}

// dead tells whether the process ends at this call.
func (d *dying) dead(call string) bool {
	if d.seen != nil {
		d.seen(call)
	}
	d.left--
	return d.left < 0
}

func (d *dying) end() error {
	if d.kill != nil {
		d.kill()
	}
	return errCrash
}

func (d *dying) MkdirAll(ctx context.Context, dir string) error {
	if d.dead("make " + dir) {
		return d.end()
	}
	return d.filesystem.MkdirAll(ctx, dir)
}

func (d *dying) Create(ctx context.Context, name string, blockSize int64) (file, error) {
	if d.dead("create " + name) {
		return nil, d.end()
	}
	f, err := d.filesystem.Create(ctx, name, blockSize)
	return &dyingFile{f, d, name}, err
}

func (d *dying) Append(ctx context.Context, name string) (file, error) {
	if d.dead("append to " + name) {
		return nil, d.end()
	}
	f, err := d.filesystem.Append(ctx, name)
	return &dyingFile{f, d, name}, err
}

func (d *dying) Rename(ctx context.Context, from, to string) error {
	if d.dead("rename to " + to) {
		return d.end()
	}
	return d.filesystem.Rename(ctx, from, to)
}

func (d *dying) Truncate(ctx context.Context, name string, size int64) error {
	if d.dead("truncate " + name) {
		return d.end()
	}
	return d.filesystem.Truncate(ctx, name, size)
}

func (d *dying) RemoveAll(ctx context.Context, name string) error {
	if d.dead("remove " + name) {
		return d.end()
	}
	return d.filesystem.RemoveAll(ctx, name)
}

type dyingFile struct {
	file
	d    *dying
	name string
}

func (f *dyingFile) Write(p []byte) (int, error) {
	if f.d.dead("write " + f.name) {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, f.d.end()
	}
	return f.file.Write(p)
}

func (f *dyingFile) Close() error {
	if f.d.dead("close " + f.name) {
		return f.d.end()
	}
	return f.file.Close()
}

// The process dies at each step that changes something, one after the other, while it opens, commits and closes; its
// successor finds out how far it came, and all is there once.
func TestCrashAtEachStep(t *testing.T) {
	colors := map[string]string{"format.class": "JsonFormat", "partitioner.class": "FieldPartitioner", "partition.field.name": "color"}
	for _, tc := range []struct {
		name    string
		set     map[string]string
		payload connectors.Payload
		value   func(o int64) string
	}{
		{modeFlush, nil, connectors.PayloadString, decimal},
		{modeAppend, map[string]string{"sluice.write.mode": modeAppend}, connectors.PayloadString, decimal},
		{"folders", colors, connectors.PayloadJSON, func(o int64) string { return document(o, int(o%3)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			steps := 0
			for ended := false; !ended; steps++ {
				dir := t.TempDir()
				tk := inFolderOf(t, dir, tc.payload, tc.set)
				send := func(w *writer, first, last int64) {
					if err := written(t.Context(), w, batch(first, last, tc.value)); err != nil {
						t.Fatal(err)
					}
				}
				w := openAt(t, tk, -1, newAcks()) // something is there already
				send(w, 0, 4)
				shut(t, w)

				local := newLocalFS()
				d := &dying{filesystem: local, left: steps}
				tk.open = func() filesystem { return d }
				a := newAcks()
				if cw, err := tk.Open(t.Context(), part, 0, a); err == nil {
					if cw.Write(t.Context(), batch(5, 16, tc.value)) == nil {
						_ = cw.Close(t.Context())
					}
				}
				ended = d.left >= 0
				durable, _, _, _ := a.state()
				local.Reset() // as the end of a process does

				tk.open = func() filesystem { return newLocalFS() }
				w = openAt(t, tk, 0, newAcks())
				next := w.Resume()
				if next < durable || next < 5 || next > 15 {
					t.Fatalf("step %d: resumes at %d, durable was %d", steps, next, durable)
				}
				send(w, next, 19)
				shut(t, w)
				if tc.payload == connectors.PayloadJSON {
					expectColors(t, dir, 20)
				} else {
					expectFolder(t, dir, 20)
				}
				if t.Failed() {
					t.Fatalf("it died at step %d", steps)
				}
			}
			if steps < 12 {
				t.Errorf("there were %d steps only", steps)
			}
			t.Logf("%d steps", steps)
		})
	}
}

// expectColors reads the documents of all folders, without the sink's code.
func expectColors(t *testing.T, dir string, n int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "topics", "select-color", "color=c*", "select-color+1+*"))
	if err != nil {
		t.Fatal(err)
	}
	var offsets []int64
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			var d struct{ O int64 }
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatalf("%s: torn line %q", name, line)
			}
			offsets = append(offsets, d.O)
		}
	}
	slices.Sort(offsets)
	if !slices.Equal(offsets, sequence(0, n-1)) {
		t.Errorf("stored are %v, want 0 to %d", offsets, n-1)
	}
	for _, where := range []string{"+tmp/select-color/*/*", "+tmp/+fenced/*/*/*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, "topics", where)); len(left) > 0 {
			t.Errorf("left are %v", left)
		}
	}
}
