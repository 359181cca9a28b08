package hdfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
)

// localFS is a folder of this machine. It syncs files before they are renamed, and folders after.
type localFS struct {
	mu   sync.Mutex
	open map[*os.File]struct{}
}

var (
	_ tree = (*localFS)(nil)
	_ file = (*localFile)(nil)
)

func newLocalFS() *localFS { return &localFS{open: map[*os.File]struct{}{}} }

// file takes charge of an open file until it is closed.
func (l *localFS) file(f *os.File) *localFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[f] = struct{}{}
	return &localFile{f, l}
}

func (*localFS) MkdirAll(_ context.Context, dir string) error { return os.MkdirAll(dir, 0o755) }

func (l *localFS) Create(_ context.Context, name string, _ int64) (file, error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return l.file(f), nil
}

// lockPause is the time between two attempts to lock a file.
const lockPause = 50 * time.Millisecond

func (l *localFS) Append(ctx context.Context, name string) (file, error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	for { // what is a lease in HDFS is a lock here
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return l.file(f), nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: name, Err: err}, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: name, Err: ctx.Err()}, f.Close())
		case <-time.After(lockPause):
		}
	}
}

func (*localFS) Rename(_ context.Context, from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (*localFS) Size(_ context.Context, name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (*localFS) List(_ context.Context, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (*localFS) Folders(_ context.Context, dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		// a link to a folder is one to readers
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (*localFS) Entries(_ context.Context, dir string) ([]entry, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(found))
	for _, e := range found {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{e.Name(), e.IsDir(), info.Size(), info.ModTime()})
	}
	return entries, nil
}

func (*localFS) Open(_ context.Context, name string) (compact.Source, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return localSource{f, info.Size()}, nil
}

type localSource struct {
	*os.File
	size int64
}

func (s localSource) Size() int64 { return s.size }

func (*localFS) ReadFile(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Clean(name))
}

func (*localFS) Truncate(_ context.Context, name string, size int64) error {
	return os.Truncate(name, size)
}

func (*localFS) RemoveAll(_ context.Context, name string) error { return os.RemoveAll(name) }

// Reset closes what a failure or the end of the writer left open, and so lets go of its lock.
func (l *localFS) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.open {
		_ = f.Close() // nobody reads what it holds
	}
	clear(l.open)
}

type localFile struct {
	*os.File
	fs *localFS
}

func (f *localFile) Within(context.Context) {}

func (f *localFile) Close() error {
	f.fs.mu.Lock()
	delete(f.fs.open, f.File)
	f.fs.mu.Unlock()
	return errors.Join(f.Sync(), f.File.Close())
}
