package hdfs

import (
	"context"
	"testing"
)

// dying is a file system whose process ends at one of its calls; a write that it ends at is half done.
type dying struct {
	filesystem
	left int // calls until then
}

func (d *dying) dead() bool { d.left--; return d.left < 0 }

func (d *dying) MkdirAll(ctx context.Context, dir string) error {
	if d.dead() {
		return errCrash
	}
	return d.filesystem.MkdirAll(ctx, dir)
}

func (d *dying) Create(ctx context.Context, name string, blockSize int64) (file, error) {
	if d.dead() {
		return nil, errCrash
	}
	f, err := d.filesystem.Create(ctx, name, blockSize)
	return &dyingFile{f, d}, err
}

func (d *dying) Append(ctx context.Context, name string) (file, error) {
	if d.dead() {
		return nil, errCrash
	}
	f, err := d.filesystem.Append(ctx, name)
	return &dyingFile{f, d}, err
}

func (d *dying) Rename(ctx context.Context, from, to string) error {
	if d.dead() {
		return errCrash
	}
	return d.filesystem.Rename(ctx, from, to)
}

func (d *dying) Truncate(ctx context.Context, name string, size int64) error {
	if d.dead() {
		return errCrash
	}
	return d.filesystem.Truncate(ctx, name, size)
}

func (d *dying) RemoveAll(ctx context.Context, name string) error {
	if d.dead() {
		return errCrash
	}
	return d.filesystem.RemoveAll(ctx, name)
}

type dyingFile struct {
	file
	d *dying
}

func (f *dyingFile) Write(p []byte) (int, error) {
	if f.d.dead() {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, errCrash
	}
	return f.file.Write(p)
}

func (f *dyingFile) Close() error {
	if f.d.dead() {
		return errCrash
	}
	return f.file.Close()
}

// The process dies at each step that changes something, one after the other, while it opens, commits and closes; its
// successor finds out how far it came, and all is there once.
func TestCrashAtEachStep(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  map[string]string
	}{
		{modeFlush, nil},
		{modeAppend, map[string]string{"sluice.write.mode": modeAppend}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			steps := 0
			for ended := false; !ended; steps++ {
				dir := t.TempDir()
				tk := inFolder(t, dir, tc.set)
				w := openAt(t, tk, -1, newAcks()) // something is there already
				send(t, w, 0, 4)
				shut(t, w)

				local := newLocalFS()
				d := &dying{filesystem: local, left: steps}
				tk.open = func() filesystem { return d }
				a := newAcks()
				if cw, err := tk.Open(t.Context(), part, 0, a); err == nil {
					if cw.Write(t.Context(), batch(5, 16, decimal)) == nil {
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
				send(t, w, next, 19)
				shut(t, w)
				expectFolder(t, dir, 20)
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
