package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
)

// errLost says that a streamed file failed, whose content is in memory no more.
var errLost = errors.New("a file that was too large to keep in memory could not be finished")

// fileStore is the mode flush: every commit is a file of its own.
type fileStore struct {
	w        *writer
	attempt  int
	tried    string // the final name of a rename whose outcome is not known
	open     file   // being streamed
	openName string
	openSize int64
}

var (
	_ store    = (*fileStore)(nil)
	_ streamer = (*fileStore)(nil)
)

func newFileStore(w *writer) *fileStore { return &fileStore{w: w} }

func (s *fileStore) recover(ctx context.Context) (int64, error) {
	w := s.w
	dir := w.set.names.dir(w.partition)
	if err := w.fs.MkdirAll(ctx, dir); err != nil {
		return -1, failure("making the folder "+dir, err)
	}
	names, err := w.fs.List(ctx, dir)
	if err != nil {
		return -1, failure("looking for committed files in "+dir, err)
	}
	next := int64(-1)
	for _, name := range names {
		if _, last, ok := w.set.names.parseFile(w.partition, name); ok {
			next = max(next, last+1)
		}
		if _, ok := w.set.names.parseGrowing(w.partition, name); ok && w.set.names.delim != growingMark {
			return newAppendStore(w).recover(ctx) // it was written in the other mode: only its progress file says how far
		}
	}
	return next, nil
}

func (s *fileStore) commit(ctx context.Context, c content) error {
	w := s.w
	final := w.set.names.file(w.partition, c.first, c.last)
	if s.tried == final { // the answer to a rename was lost: perhaps it was done
		if size, err := w.fs.Size(ctx, final); err == nil && size == c.streamed+int64(len(c.data)) {
			s.tried = ""
			return nil
		}
	}
	if c.streamed > 0 {
		if err := s.finishStreamed(ctx, c); err != nil {
			return err
		}
	} else if err := s.write(ctx, c); err != nil {
		return err
	}
	if _, err := w.fs.Size(ctx, final); err == nil {
		return fenced(fmt.Sprintf("committing %s, which is there already", final))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s.lost(c, failure("looking for "+final, err))
	}
	s.tried = final
	err := w.fs.Rename(ctx, s.openName, final)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.gone(ctx, "committing "+final, err)
	case err != nil:
		return s.lost(c, failure("committing "+final, err))
	}
	s.tried, s.openName = "", ""
	return nil
}

// write puts a file into the temporary folder, from memory.
func (s *fileStore) write(ctx context.Context, c content) error {
	s.attempt++
	s.openName = s.w.place.path(strconv.FormatInt(c.first, 10) + "-" + strconv.Itoa(s.attempt) + s.w.set.names.ext)
	f, err := s.create(ctx, int64(len(c.data)))
	if err != nil {
		return err
	}
	_, err = f.Write(c.data)
	if err != nil { // the first error counts; Close may say that all is well
		return failure("writing "+s.openName, err)
	}
	return s.finish(ctx, f, int64(len(c.data)))
}

func (s *fileStore) create(ctx context.Context, size int64) (file, error) {
	const usual = 128 << 20
	f, err := s.w.fs.Create(ctx, s.openName, max(size, usual))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.gone(ctx, "making "+s.openName, err)
	}
	if err != nil {
		return nil, failure("making "+s.openName, err)
	}
	return f, nil
}

// finish closes a file and makes sure that all of it is there (invariant 2).
func (s *fileStore) finish(ctx context.Context, f file, want int64) error {
	if err := f.Close(); err != nil {
		return failure("closing "+s.openName, err)
	}
	size, err := s.w.fs.Size(ctx, s.openName)
	if errors.Is(err, fs.ErrNotExist) {
		return s.gone(ctx, "verifying "+s.openName, err)
	}
	if err != nil {
		return failure("verifying "+s.openName, err)
	}
	if size != want {
		return failure("verifying "+s.openName, fmt.Errorf("it has %d bytes of %d that were written", size, want))
	}
	return nil
}

// gone tells a fenced writer from one whose folder for committed files was removed.
func (s *fileStore) gone(ctx context.Context, op string, cause error) error {
	w := s.w
	if _, err := w.fs.Size(ctx, w.place.dir); errors.Is(err, fs.ErrNotExist) {
		return fenced(op)
	}
	if err := w.fs.MkdirAll(ctx, w.set.names.dir(w.partition)); err != nil {
		return failure("making the folder "+path.Dir(w.set.names.file(w.partition, 0, 0)), err)
	}
	return failure(op, cause)
}

func (s *fileStore) stream(ctx context.Context, first int64, part []byte) error {
	if s.open == nil {
		s.attempt++
		s.openName = s.w.place.path(strconv.FormatInt(first, 10) + "-" + strconv.Itoa(s.attempt) + s.w.set.names.ext)
		err := s.w.retry(ctx, func() error {
			f, err := s.create(ctx, s.w.set.fileSize+int64(s.w.set.buffer)+maxRecord)
			if errors.Is(err, fs.ErrExist) { // by an attempt whose answer was lost
				s.attempt++
				s.openName = s.w.place.path(strconv.FormatInt(first, 10) + "-" + strconv.Itoa(s.attempt) + s.w.set.names.ext)
			}
			s.open = f
			return err
		})
		if err != nil {
			return err
		}
		s.openSize = 0
	}
	s.open.Within(ctx)
	n, err := s.open.Write(part)
	s.openSize += int64(n)
	if err != nil {
		return s.lost(content{streamed: s.openSize}, failure("writing "+s.openName, err))
	}
	return nil
}

// maxRecord is what one record may add to a file beyond sluice.file.bytes.
const maxRecord = 64 << 20

// finishStreamed writes the rest of a streamed file and closes it. A failed one cannot be written again.
func (s *fileStore) finishStreamed(ctx context.Context, c content) error {
	if s.open == nil { // it was finished; only the rename is to be tried again
		return nil
	}
	f := s.open
	s.open = nil
	f.Within(ctx)
	if _, err := f.Write(c.data); err != nil {
		return s.lost(c, failure("writing "+s.openName, err))
	}
	if err := s.finish(ctx, f, c.streamed+int64(len(c.data))); err != nil {
		return s.lost(c, err)
	}
	return nil
}

// lost gives up a file that is not in memory, so that the task goes back to the last commit.
func (s *fileStore) lost(c content, err error) error {
	if c.streamed == 0 || s.open == nil && s.tried != "" {
		return err
	}
	e := failure("", err)
	e.Err = errors.Join(errLost, e.Err)
	return e
}

func (s *fileStore) drop() { s.open, s.openName = nil, "" }
