package hdfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/sluice-connect/sluice/connectors"
)

// appendStore is the mode append: one growing file, to which commits are appended. What counts of it is what the progress
// file says (invariant 5).
//
// A predecessor may still have the file open, or wake up and open it. So every opening first gives the file a new name,
// with the next generation number, under which predecessors do not know it; then it opens and closes the file, which HDFS
// only grants when nobody else has it open; then it cuts off what was never acknowledged.
type appendStore struct {
	w       *writer
	current progress
	attempt int
	dirty   bool // the file may be longer than recorded
}

// progress is the content of the progress file.
type progress struct {
	File   string `json:"file"`   // name of the growing file, "" before the first commit
	Length int64  `json:"length"` // bytes of it that count
	Next   int64  `json:"next"`   // offset behind the last record in it
}

var _ store = (*appendStore)(nil)

func newAppendStore(w *writer) *appendStore { return &appendStore{w: w} }

func (s *appendStore) recover(ctx context.Context) (int64, error) {
	w := s.w
	dir := w.set.names.dir(w.partition)
	if err := w.fs.MkdirAll(ctx, dir); err != nil {
		return -1, failure("making the folder "+dir, err)
	}
	if err := w.fs.MkdirAll(ctx, path.Dir(w.set.names.progress(w.partition))); err != nil {
		return -1, failure("making the folder of the progress file", err)
	}
	names, err := w.fs.List(ctx, dir)
	if err != nil {
		return -1, failure("looking for committed files in "+dir, err)
	}
	next := int64(-1)
	latest, found := growing{first: -1}, ""
	for _, name := range names {
		if _, last, ok := w.set.names.parseFile(w.partition, name); ok {
			next = max(next, last+1) // written in the other mode
		}
		if g, ok := w.set.names.parseGrowing(w.partition, name); ok && (g.first > latest.first || g.first == latest.first && g.generation > latest.generation) {
			latest, found = g, name
		}
	}
	s.current, err = s.read(ctx)
	if err != nil {
		return -1, err
	}
	if found == "" {
		s.current = progress{Next: next} // new, or moved away by the user, who then has the records
		return next, nil
	}
	if g, ok := w.set.names.parseGrowing(w.partition, s.current.File); !ok || g.first != latest.first {
		s.current = progress{} // made, and its first commit never recorded
	}
	if err := s.adopt(ctx, path.Join(dir, found), latest); err != nil {
		return -1, err
	}
	if latest.ext != w.set.names.ext { // of another format: the next commit begins a file of its own
		s.current = progress{Next: s.current.Next}
	}
	return max(next, s.current.Next), nil
}

// adopt takes the growing file over from its last writer.
func (s *appendStore) adopt(ctx context.Context, from string, g growing) error {
	w := s.w
	g.generation++
	to := w.set.names.growing(w.partition, g)
	if err := w.fs.Rename(ctx, from, to); err != nil {
		return failure("taking over "+from, err)
	}
	f, err := w.fs.Append(ctx, to)
	if err != nil {
		return failure("taking over "+to, err)
	}
	if err := f.Close(); err != nil {
		return failure("taking over "+to, err)
	}
	size, err := w.fs.Size(ctx, to)
	if err != nil {
		return failure("taking over "+to, err)
	}
	if size < s.current.Length {
		return connectors.Fatal("taking over "+to, fmt.Errorf("it has %d bytes, the progress file says %d", size, s.current.Length),
			"the file was cut by somebody; move it and "+w.set.names.progress(w.partition)+" away to begin anew")
	}
	next := s.current
	if s.current.File == "" {
		next = progress{Next: g.first} // nothing of it counts
	}
	next.File = path.Base(to)
	if size > next.Length {
		if err := w.fs.Truncate(ctx, to, next.Length); err != nil {
			return failure("cutting off what was not acknowledged of "+to, err)
		}
	}
	return s.record(ctx, next)
}

func (s *appendStore) read(ctx context.Context) (p progress, err error) {
	name := s.w.set.names.progress(s.w.partition)
	text, err := s.w.fs.ReadFile(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return progress{Next: -1}, nil
	}
	if err != nil {
		return p, failure("reading "+name, err)
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Length < 0 || p.Next < -1 {
		return p, connectors.Fatal("reading "+name, fmt.Errorf("it is no progress file: %.100q", text), "move it and the growing file away to begin anew")
	}
	return p, nil
}

// record replaces the progress file. The rename comes from the temporary folder, so that only the present writer can.
func (s *appendStore) record(ctx context.Context, p progress) error {
	w := s.w
	text, err := json.Marshal(p)
	if err != nil {
		return connectors.Fatal("recording progress", err, "")
	}
	s.attempt++
	temp := w.place.path("progress-" + strconv.Itoa(s.attempt) + ".json")
	f, err := w.fs.Create(ctx, temp, 0)
	if err == nil {
		if _, err = f.Write(text); err == nil {
			err = f.Close()
		}
	}
	var size int64
	if err == nil {
		size, err = w.fs.Size(ctx, temp)
	}
	if err == nil && size != int64(len(text)) {
		err = fmt.Errorf("it has %d bytes of %d that were written", size, len(text))
	}
	if err == nil {
		err = w.fs.Rename(ctx, temp, w.set.names.progress(w.partition))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("recording progress in " + w.set.names.progress(w.partition))
	}
	if err != nil {
		return failure("recording progress in "+w.set.names.progress(w.partition), err)
	}
	s.current = p
	return nil
}

func (s *appendStore) commit(ctx context.Context, c content) error {
	if s.dirty { // the answer to an attempt was lost: perhaps it was recorded
		p, err := s.read(ctx)
		switch {
		case err != nil:
			return err
		case p.File == s.current.File && p.Next == c.last+1:
			s.current, s.dirty = p, false
			return nil
		case p.Next > s.current.Next:
			return fenced("recording progress in " + s.w.set.names.progress(s.w.partition))
		}
	}
	if err := s.append(ctx, c.first, c.data); err != nil {
		return err
	}
	next := s.current
	next.Length += int64(len(c.data))
	next.Next = c.last + 1
	err := s.record(ctx, next)
	if err == nil {
		s.dirty = false
	}
	return err
}

// append writes behind what counts of the growing file, and makes sure that all of it is there.
func (s *appendStore) append(ctx context.Context, first int64, data []byte) error {
	w := s.w
	if s.current.File == "" {
		if err := s.make(ctx, first); err != nil {
			return err
		}
	}
	name := path.Join(w.set.names.dir(w.partition), s.current.File)
	if s.dirty {
		if err := s.cut(ctx, name); err != nil {
			return err
		}
	}
	s.dirty = true
	f, err := w.fs.Append(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("appending to " + name)
	}
	if err != nil {
		return failure("appending to "+name, err)
	}
	if _, err := f.Write(data); err != nil {
		return failure("appending to "+name, err)
	}
	if err := f.Close(); err != nil {
		return failure("appending to "+name, err)
	}
	size, err := w.fs.Size(ctx, name)
	if err != nil {
		return failure("verifying "+name, err)
	}
	if want := s.current.Length + int64(len(data)); size != want {
		return failure("verifying "+name, fmt.Errorf("it has %d bytes where %d were expected", size, want))
	}
	return nil
}

// make begins a growing file. It is renamed into place, so that only the present writer can.
func (s *appendStore) make(ctx context.Context, first int64) error {
	w := s.w
	s.attempt++
	temp, name := w.place.path("growing-"+strconv.Itoa(s.attempt)), w.set.names.growing(w.partition, growing{first, 1, w.set.names.ext})
	f, err := w.fs.Create(ctx, temp, w.set.fileSize)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = w.fs.Rename(ctx, temp, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("making " + name)
	}
	if err != nil {
		return failure("making "+name, err)
	}
	s.current.File, s.current.Length = path.Base(name), 0
	return nil
}

// cut removes what an attempt that failed may have left behind what counts.
func (s *appendStore) cut(ctx context.Context, name string) error {
	size, err := s.w.fs.Size(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("appending to " + name)
	}
	if err == nil && size > s.current.Length {
		err = s.w.fs.Truncate(ctx, name, s.current.Length)
	}
	if err != nil {
		return failure("cutting off a failed attempt from "+name, err)
	}
	return nil
}
