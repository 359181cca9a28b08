package hdfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// localFS is a folder of this machine. It syncs files before they are renamed, and folders after.
type localFS struct{}

var (
	_ filesystem = localFS{}
	_ file       = (*localFile)(nil)
)

func (localFS) MkdirAll(_ context.Context, dir string) error { return os.MkdirAll(dir, 0o755) }

func (localFS) Create(_ context.Context, name string, _ int64) (file, error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &localFile{f}, nil
}

// lockPause is the time between two attempts to lock a file.
const lockPause = 50 * time.Millisecond

func (localFS) Append(ctx context.Context, name string) (file, error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	for { // what is a lease in HDFS is a lock here
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return &localFile{f}, nil
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

func (localFS) Rename(_ context.Context, from, to string) error {
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

func (localFS) Size(_ context.Context, name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (localFS) List(_ context.Context, dir string) ([]string, error) {
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

func (localFS) ReadFile(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Clean(name))
}

func (localFS) Truncate(_ context.Context, name string, size int64) error {
	return os.Truncate(name, size)
}

func (localFS) RemoveAll(_ context.Context, name string) error { return os.RemoveAll(name) }

func (localFS) Reset() {}

type localFile struct{ *os.File }

func (f *localFile) Within(context.Context) {}

func (f *localFile) Close() error { return errors.Join(f.Sync(), f.File.Close()) }
