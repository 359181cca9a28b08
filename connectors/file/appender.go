package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// appender appends to a file that others may append to as well (invariant 1). Tasks of this and of other processes take
// turns by a lock on the file, which the kernel drops when its holder dies; the partitions of a task, which have the same
// file descriptor and so the same lock, take turns by a channel.
type appender struct {
	*os.File
	turn   chan struct{} // holds one token
	shared bool          // a regular file that can be read: it can be locked, and its end can be looked at
	torn   bool          // our own last write ended within a line
}

var _ output = (*appender)(nil)

func open(name string) (*appender, error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	readable := err == nil
	if errors.Is(err, fs.ErrPermission) { // what may be written only; a pipe that nobody reads is not waited for
		f, err = os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0o644)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	a := &appender{File: f, turn: make(chan struct{}, 1), shared: readable && info.Mode().IsRegular()}
	a.turn <- struct{}{}
	return a, nil
}

// append ends the line that somebody was killed at, or ran out of disk, and writes lines behind it.
func (a *appender) append(ctx context.Context, lines []byte) error {
	select {
	case <-a.turn:
		defer func() { a.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	torn := a.torn
	if a.shared {
		if err := a.lock(ctx); err != nil {
			return err
		}
		defer a.unlock()
		var err error
		if torn, err = a.endsWithinLine(); err != nil {
			return err
		}
	}
	if torn {
		lines = append([]byte{'\n'}, lines...)
	}
	n, err := a.write(ctx, lines)
	if n > 0 {
		a.torn = lines[n-1] != '\n'
	}
	return err
}

// write ends early with ctx where it has to wait: for the reader of a pipe.
func (a *appender) write(ctx context.Context, lines []byte) (int, error) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = a.SetWriteDeadline(time.Now()) // a regular file has none, and needs none
	})
	n, err := a.Write(lines)
	if !stop() {
		<-interrupted
		_ = a.SetWriteDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.Join(ctx.Err(), err)
	}
	return n, err
}

func (a *appender) endsWithinLine() (bool, error) {
	info, err := a.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	if _, err := a.ReadAt(last[:], info.Size()-1); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil // it was emptied just now
		}
		return false, err
	}
	return last[0] != '\n', nil
}

// lockPause is the time between two attempts to lock the file. Others hold it as long as one write takes.
const lockPause = time.Millisecond

func (a *appender) lock(ctx context.Context) error {
	for {
		err := syscall.Flock(int(a.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil, errors.Is(err, errors.ErrUnsupported): // some network filesystems have no locks
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return &fs.PathError{Op: "lock", Path: a.Name(), Err: err}
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return &fs.PathError{Op: "lock", Path: a.Name(), Err: ctx.Err()}
		}
	}
}

func (a *appender) unlock() {
	_ = syscall.Flock(int(a.Fd()), syscall.LOCK_UN) // closing the file does it as well
}
