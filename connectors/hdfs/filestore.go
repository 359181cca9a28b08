package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// errLost says that a file failed whose content is in memory no more.
var errLost = errors.New("a file that was too large to keep in memory could not be finished")

// fileStore is the mode flush: every commit makes files of its own.
//
// A commit of a single file, into a folder where recovery looks anyway, is the rename of that file. Any other is a manifest,
// which a rename puts into place: what it says is committed, and the renames that are left can be repeated by anyone.
type fileStore struct {
	w         *writer
	attempt   int
	known     manifest            // the one in place
	tried     string              // the final name, or the manifest's id, of a rename whose outcome is not known
	triedTemp string              // of a manifest
	made      map[string]struct{} // folders that are there
}

var (
	_ store    = (*fileStore)(nil)
	_ streamer = (*fileStore)(nil)
)

func newFileStore(w *writer) *fileStore { return &fileStore{w: w, made: map[string]struct{}{}} }

func (s *fileStore) commit(ctx context.Context, t *tranche) error {
	if t.recorded {
		return s.publish(ctx, t)
	}
	single := len(t.files) == 1 && s.looksInto(t.files[0].folder)
	if single {
		if done, err := s.wasRenamed(ctx, t.files[0]); done || err != nil {
			return err
		}
	}
	for _, streamed := range []bool{true, false} { // an attempt that fails ends those that are streamed
		for _, o := range t.files {
			if o.temp.stream == streamed {
				if err := s.finish(ctx, o); err != nil {
					return err
				}
			}
		}
	}
	if single {
		return s.rename(ctx, t.files[0])
	}
	if err := s.record(ctx, t); err != nil {
		return err
	}
	t.recorded = true
	return s.publish(ctx, t)
}

// wasRenamed looks for a file whose rename was not answered.
func (s *fileStore) wasRenamed(ctx context.Context, o *output) (bool, error) {
	final := s.final(o)
	if s.tried != final {
		return false, nil
	}
	size, err := s.w.fs.Size(ctx, final)
	if err == nil && size == o.temp.size {
		s.tried = ""
		return true, nil
	}
	return false, nil
}

func (s *fileStore) final(o *output) string {
	return path.Join(s.w.set.names.topics, s.w.set.names.final(s.w.partition, o))
}

// rename commits a single file.
func (s *fileStore) rename(ctx context.Context, o *output) error {
	w := s.w
	final := s.final(o)
	if err := s.absent(ctx, final); err != nil {
		return err
	}
	if err := s.folder(ctx, path.Dir(final)); err != nil {
		return err
	}
	s.tried = final
	err := w.fs.Rename(ctx, o.temp.name, final)
	if errors.Is(err, fs.ErrNotExist) {
		return s.gone(ctx, "committing "+final, o, err)
	}
	if err != nil {
		return failure("committing "+final, err)
	}
	s.tried = ""
	return nil
}

// absent makes sure that nobody else has committed a file.
func (s *fileStore) absent(ctx context.Context, final string) error {
	_, err := s.w.fs.Size(ctx, final)
	if err == nil {
		return fenced(fmt.Sprintf("committing %s, which is there already", final))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return failure("looking for "+final, err)
	}
	return nil
}

// folder makes a folder where it was not made before.
func (s *fileStore) folder(ctx context.Context, dir string) error {
	if _, ok := s.made[dir]; ok {
		return nil
	}
	if err := s.w.fs.MkdirAll(ctx, dir); err != nil {
		return failure("making the folder "+dir, err)
	}
	const most = 1000 // of which the names are kept
	if len(s.made) >= most {
		clear(s.made)
	}
	s.made[dir] = struct{}{}
	return nil
}

// finish makes sure that all of a file is in the temporary folder, closed (invariant 2).
func (s *fileStore) finish(ctx context.Context, o *output) error {
	if o.temp.done {
		return nil
	}
	data, err := s.w.finishContent(o)
	if err != nil {
		return err
	}
	if o.temp.stream {
		return s.finishStreamed(ctx, o, data)
	}
	s.name(o)
	f, err := s.create(ctx, o, int64(data.Len()))
	if err != nil {
		return err
	}
	if _, err = data.WriteTo(f); err != nil { // the first error counts; Close may say that all is well
		return failure("writing "+o.temp.name, err)
	}
	return s.close(ctx, f, o, int64(data.Len()))
}

// name gives a file its name in the temporary folder, another one for each attempt.
func (s *fileStore) name(o *output) {
	s.attempt++
	o.temp.name = s.w.place.path(strconv.FormatInt(o.first, 10) + "-" + strconv.Itoa(s.attempt) + s.w.set.names.ext)
}

func (s *fileStore) create(ctx context.Context, o *output, size int64) (file, error) {
	const usual = 128 << 20
	f, err := s.w.fs.Create(ctx, o.temp.name, max(size, usual))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.gone(ctx, "making "+o.temp.name, o, err)
	}
	if err != nil {
		return nil, failure("making "+o.temp.name, err)
	}
	return f, nil
}

func (s *fileStore) close(ctx context.Context, f file, o *output, want int64) error {
	if err := f.Close(); err != nil {
		return failure("closing "+o.temp.name, err)
	}
	size, err := s.w.fs.Size(ctx, o.temp.name)
	if errors.Is(err, fs.ErrNotExist) {
		return s.gone(ctx, "verifying "+o.temp.name, o, err)
	}
	if err != nil {
		return failure("verifying "+o.temp.name, err)
	}
	if size != want {
		return failure("verifying "+o.temp.name, fmt.Errorf("it has %d bytes of %d that were written", size, want))
	}
	o.temp.size, o.temp.done = size, true
	return nil
}

// gone tells what is missing: the folder of this writer, which then is fenced, that of the final file, which is made again
// by the next attempt, or the file.
func (s *fileStore) gone(ctx context.Context, op string, o *output, cause error) error {
	w := s.w
	if _, err := w.fs.Size(ctx, w.place.dir); errors.Is(err, fs.ErrNotExist) {
		return fenced(op)
	}
	clear(s.made)
	if o.temp.done {
		if _, err := w.fs.Size(ctx, o.temp.name); errors.Is(err, fs.ErrNotExist) {
			o.temp.done = false // somebody has removed it
			if o.temp.stream || o.content == nil {
				return lost(failure(op, cause))
			}
		}
	}
	return failure(op, cause)
}

// stream writes the next part of a file that is too large for memory.
func (s *fileStore) stream(ctx context.Context, o *output, part encode.Bytes) error {
	w := s.w
	if !o.temp.stream {
		err := w.retry(ctx, o.first, func() error {
			s.name(o)
			f, err := s.create(ctx, o, w.set.fileSize+int64(w.set.buffer)+maxRecord)
			o.temp.open = f
			return err
		})
		if err != nil {
			return err
		}
		o.temp.stream = true
	}
	o.temp.open.Within(ctx)
	n, err := part.WriteTo(o.temp.open)
	o.temp.size += n
	if err != nil {
		return lost(failure("writing "+o.temp.name, err))
	}
	return nil
}

// maxRecord is what one record may add to a file beyond sluice.file.bytes.
const maxRecord = 64 << 20

// seal puts a whole file into the temporary folder.
func (s *fileStore) seal(ctx context.Context, o *output) error {
	return s.w.retry(ctx, o.first, func() error { return s.finish(ctx, o) })
}

// finishStreamed writes the rest of a streamed file and closes it. A failed one cannot be written again.
func (s *fileStore) finishStreamed(ctx context.Context, o *output, rest encode.Bytes) error {
	f := o.temp.open
	if f == nil {
		return lost(failure("finishing "+o.temp.name, errors.New("it failed before")))
	}
	o.temp.open = nil
	f.Within(ctx)
	if _, err := rest.WriteTo(f); err != nil {
		return lost(failure("writing "+o.temp.name, err))
	}
	if err := s.close(ctx, f, o, o.temp.size+int64(rest.Len())); err != nil {
		return lost(err)
	}
	return nil
}

// lost says that a file cannot be written again, so that the task goes back to the last commit.
func lost(err error) error {
	e := failure("", err)
	e.Err = errors.Join(errLost, e.Err)
	return e
}
