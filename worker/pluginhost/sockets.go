package pluginhost

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	socketPrefix = "sluice-plugins-"
	lockName     = "lock"
	settleTime   = time.Minute // a folder without a lock is taken for one that is just being made

	// A unix socket's path has at most 107 bytes on Linux, 103 on macOS; go-plugin appends "/plugin-dirNNNNNNNNNN/pluginNNNNNNNNNN".
	maxSocketDir = 103 - 40
	randomDigits = 10 // that os.MkdirTemp appends, at most

	// shortParent serves where the folder that was asked for has too long a path.
	shortParent = "/tmp"
)

// socketDir is the folder of this worker for its plugins' sockets (invariant 5). A lock on a file in it, which the
// kernel drops with the process, tells it from what killed workers left behind.
type socketDir struct {
	path string
	lock *os.File
}

func newSocketDir(parent string) (*socketDir, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	if len(parent)+1+len(socketPrefix)+randomDigits > maxSocketDir && len(shortParent) < len(parent) {
		parent = shortParent // as private there: the folder is
	}
	sweep(parent)
	path, err := os.MkdirTemp(parent, socketPrefix) // 0700
	if err != nil {
		return nil, fmt.Errorf("making a folder for plugin sockets: %w; set sluice.run.dir to a folder that can be written to", err)
	}
	if len(path) > maxSocketDir {
		_ = os.Remove(path) // it is empty
		return nil, fmt.Errorf("the folder for plugin sockets, %s, has a path of %d bytes; unix sockets allow %d: set sluice.run.dir to a shorter one", path, len(path), maxSocketDir)
	}
	// The file has its name only when it is locked: a worker that sweeps meanwhile would take it for one that was left behind.
	unnamed := filepath.Join(path, lockName+".new")
	lock, err := os.OpenFile(unnamed, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the folder for plugin sockets: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = os.Rename(unnamed, filepath.Join(path, lockName))
	}
	if err != nil {
		_ = lock.Close() // the error that counts is the other
		return nil, fmt.Errorf("locking the folder for plugin sockets: %w", err)
	}
	return &socketDir{path: path, lock: lock}, nil
}

func (d *socketDir) remove() error {
	err := os.RemoveAll(d.path)
	if cerr := d.lock.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("removing the folder for plugin sockets: %w", err)
	}
	return nil
}

// sweep removes the folders of workers that are gone. What cannot be removed, of other users for instance, stays.
func sweep(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, socketPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
		if err != nil {
			if info, serr := os.Lstat(dir); os.IsNotExist(err) && serr == nil && info.IsDir() && time.Since(info.ModTime()) > settleTime {
				_ = os.RemoveAll(dir)
			}
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
