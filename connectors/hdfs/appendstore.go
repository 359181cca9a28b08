package hdfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// appendStore is the mode append: one growing file, to which commits are appended. What counts of it is what the progress
// file says (invariant 5).
//
// A predecessor may still have the file open, or wake up and open it. So every opening first gives the file a new name,
// with the next generation number, under which predecessors do not know it; then it opens and closes the file, which HDFS
// only grants when nobody else has it open; then it cuts off what was never acknowledged.
//
// HDFS keeps a file whose writer died for a minute, and longer where it cannot bring its last block in order; and calls that
// were given up may take effect later. Records do not wait for that, and do not meet it: after a failure the file is left as it is,
// the next commit begins another one, and what was never acknowledged is cut off from the file that was left once HDFS lets it
// be opened.
type appendStore struct {
	w        *writer
	current  progress
	attempt  int
	dirty    bool   // the file may be longer than recorded
	tried    string // temporary name of a file whose rename was not answered
	settleAt time.Time

	generation int // of the next file that is made
}

// progress is the content of the progress file.
type progress struct {
	File   string `json:"file"`           // name of the growing file, "" before its first commit
	Length int64  `json:"length"`         // bytes of it that count
	Next   int64  `json:"next"`           // offset behind the last record in it
	Left   []left `json:"left,omitempty"` // earlier files that may still be longer than what counts of them
}

// left is a file that could not be opened.
type left struct {
	File   string `json:"file"`
	Length int64  `json:"length"` // bytes of it that count
}

// grown is a growing file as it was found.
type grown struct {
	growing
	name string
}

var _ store = (*appendStore)(nil)

func newAppendStore(w *writer) *appendStore { return &appendStore{w: w, generation: 1} }

func (s *appendStore) recover(ctx context.Context) (int64, error) {
	w := s.w
	dir := w.set.names.dir(w.partition)
	if err := w.fs.MkdirAll(ctx, dir); err != nil {
		return -1, failure("making the folder "+dir, err)
	}
	if err := w.fs.MkdirAll(ctx, path.Dir(w.set.names.progress(w.partition))); err != nil {
		return -1, failure("making the folder of the progress file", err)
	}
	earlier, err := newFileStore(w).committed(ctx) // in the other mode
	if err != nil {
		return -1, err
	}
	names, err := w.fs.List(ctx, dir)
	if err != nil {
		return -1, failure("looking for growing files in "+dir, err)
	}
	recorded, err := s.read(ctx)
	if err != nil {
		return -1, err
	}
	next := earlier.next
	files := map[int64]grown{} // by their first offsets, in their last generation
	for _, name := range names {
		if g, ok := w.set.names.parseGrowing(w.partition, name); ok {
			if other, twice := files[g.first]; !twice || g.generation > other.generation {
				files[g.first] = grown{g, name}
			}
		}
	}
	latest := int64(-1)
	for first := range files {
		latest = max(latest, first)
	}
	s.current = progress{Next: recorded.Next}
	present := recorded.Next >= 0 && recorded.File == "" && len(recorded.Left) == 0 // the last file was cut: what is recorded is in files that nobody touches any more
	// Those of earlier offsets come first, so that the last one that can be opened is the present one.
	for _, l := range append(slices.Clone(recorded.Left), left{recorded.File, recorded.Length}) {
		g, ok := w.set.names.parseGrowing(w.partition, l.File)
		if !ok {
			continue // there is none yet
		}
		f, ok := files[g.first]
		if !ok {
			continue // moved away by the user, who then has the records
		}
		present = true
		delete(files, g.first)
		if err := s.adopt(ctx, f, l.Length); err != nil {
			return -1, err
		}
		if g.first < latest { // what was written since is behind it, in a file that may not be recorded any more because it was cut
			s.current.File, s.current.Length = "", 0
		}
	}
	if f, unknown := files[latest]; unknown && latest >= recorded.Next { // made, and its first commit never recorded
		s.current.Next = latest
		if err := s.adopt(ctx, f, 0); err != nil {
			return -1, err
		}
		present = true
	} else if !present {
		s.current.Next = next
	}
	if present {
		if err := s.record(ctx, s.current); err != nil {
			return -1, err
		}
	}
	if g, ok := w.set.names.parseGrowing(w.partition, s.current.File); ok && g.ext != w.set.names.ext {
		s.current.File, s.current.Length = "", 0 // of another format: the next commit begins a file of its own
	}
	return max(next, s.current.Next), nil
}

// adopt takes a growing file over from its last writer. Where it can be written to it becomes the present one.
func (s *appendStore) adopt(ctx context.Context, f grown, length int64) error {
	w := s.w
	from := path.Join(w.set.names.dir(w.partition), f.name)
	f.generation++
	to := w.set.names.growing(w.partition, f.growing)
	if err := w.fs.Rename(ctx, from, to); err != nil {
		return failure("taking over "+from, err)
	}
	if length == 0 {
		return s.leave(ctx, path.Base(to), 0, nil)
	}
	whole, err := s.settle(ctx, to, length)
	switch {
	case held(err):
		return s.leave(ctx, path.Base(to), length, err)
	case err != nil:
		return err
	case whole:
		s.current.File, s.current.Length = path.Base(to), length
	default: // it was cut: nothing is appended to it any more
		s.current.File, s.current.Length = "", 0
	}
	return nil
}

// settle makes sure that nobody has a file open, and cuts off what does not count. It says whether there was nothing to cut.
func (s *appendStore) settle(ctx context.Context, name string, length int64) (whole bool, err error) {
	w := s.w
	f, err := w.fs.Append(ctx, name)
	if err == nil {
		err = f.Close()
	}
	var size int64
	if err == nil {
		size, err = w.fs.Size(ctx, name)
	}
	if err != nil {
		return false, failure("taking over "+name, err)
	}
	if size < length {
		return false, connectors.Fatal("taking over "+name, fmt.Errorf("it has %d bytes, the progress file says %d", size, length),
			"the file was cut by somebody; move it and "+w.set.names.progress(w.partition)+" away to begin anew")
	}
	if size > length {
		if err := w.fs.Truncate(ctx, name, length); err != nil {
			return false, failure("cutting off what was not acknowledged of "+name, err)
		}
	}
	return size == length, nil
}

// errUnknown says that an attempt to append ended without an answer.
var errUnknown = errors.New("an attempt to append to it failed")

// leave goes on without a file that cannot be opened for now, or whose end is not known. One of which nothing counts is
// removed.
func (s *appendStore) leave(ctx context.Context, name string, length int64, why error) error {
	w := s.w
	if length == 0 {
		whole := path.Join(w.set.names.dir(w.partition), name)
		if err := w.fs.RemoveAll(ctx, whole); err != nil {
			return failure("removing "+whole, err)
		}
		if g, ok := w.set.names.parseGrowing(w.partition, name); ok {
			s.generation = g.generation + 1 // a removal that comes late must not find the file that is made instead
		}
	} else {
		w.log.Warn("a growing file cannot be appended to; another one is begun", "partition", w.partition, "file", name, "bytes", length, "error", why)
		s.current.Left = append(slices.Clone(s.current.Left), left{File: name, Length: length})
	}
	s.current.File, s.current.Length = "", 0
	s.settleAt = w.now().Add(settlePause)
	return nil
}

// settlePause is the time between two attempts to open the files that were left.
const settlePause = 10 * time.Second

// settleLeft tries to bring in order what was left. It is of no consequence for the commit when it fails.
func (s *appendStore) settleLeft(ctx context.Context) {
	w := s.w
	if len(s.current.Left) == 0 || w.now().Before(s.settleAt) {
		return
	}
	s.settleAt = w.now().Add(settlePause)
	var still []left
	for _, l := range s.current.Left {
		name := path.Join(w.set.names.dir(w.partition), l.File)
		_, err := s.settle(ctx, name, l.Length)
		if err == nil || errors.Is(err, fs.ErrNotExist) { // moved away by the user, or by a successor
			continue
		}
		w.fs.Reset() // a client with a broken file would keep its lease
		w.log.Debug("a growing file that was left cannot be opened yet", "partition", w.partition, "file", l.File, "error", err)
		still = append(still, l)
	}
	s.current.Left = still
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
		s.tried = temp
		err = w.fs.Rename(ctx, temp, w.set.names.progress(w.partition))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("recording progress in " + w.set.names.progress(w.partition))
	}
	if err != nil {
		return failure("recording progress in "+w.set.names.progress(w.partition), err)
	}
	s.current, s.tried = p, ""
	return nil
}

func (s *appendStore) commit(ctx context.Context, t *tranche) error {
	o := t.files[0] // append mode has one folder
	data, err := s.w.finishContent(o)
	if err != nil {
		return err
	}
	// A rename that was not answered could come late, and turn the progress back or put an empty file over what was appended,
	// unless its source is removed.
	if s.tried != "" {
		if err := s.w.fs.RemoveAll(ctx, s.tried); err != nil {
			return failure("removing "+s.tried, err)
		}
		s.tried = ""
	}
	if s.dirty { // the answer to an attempt was lost: perhaps it was recorded
		p, err := s.read(ctx)
		switch {
		case err != nil:
			return err
		case p.File == s.current.File && p.Next == o.last+1:
			s.current, s.dirty = p, false
			return nil
		case p.Next > s.current.Next:
			return fenced("recording progress in " + s.w.set.names.progress(s.w.partition))
		}
		// What the attempt left behind, and what of it takes effect only later, must not meet what is appended from now on.
		if err := s.leave(ctx, s.current.File, s.current.Length, errUnknown); err != nil {
			return err
		}
		s.dirty = false
	}
	s.settleLeft(ctx)
	err = s.append(ctx, o.first, data)
	if held(err) {
		if err := s.leave(ctx, s.current.File, s.current.Length, err); err != nil {
			return err
		}
		s.dirty = false // another file
		err = s.append(ctx, o.first, data)
	}
	if err != nil {
		return err
	}
	next := s.current
	next.Length += int64(data.Len())
	next.Next = o.last + 1
	err = s.record(ctx, next)
	if err == nil {
		s.dirty, o.temp.size = false, int64(data.Len())
	}
	return err
}

// append writes behind what counts of the growing file, and makes sure that all of it is there.
func (s *appendStore) append(ctx context.Context, first int64, data encode.Bytes) error {
	w := s.w
	if s.current.File == "" {
		if err := s.make(ctx, first); err != nil {
			return err
		}
	}
	name := path.Join(w.set.names.dir(w.partition), s.current.File)
	s.dirty = true
	f, err := w.fs.Append(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("appending to " + name)
	}
	if err != nil {
		return failure("appending to "+name, err)
	}
	if _, err := data.WriteTo(f); err != nil {
		return failure("appending to "+name, err)
	}
	if err := f.Close(); err != nil {
		return failure("appending to "+name, err)
	}
	size, err := w.fs.Size(ctx, name)
	if err != nil {
		return failure("verifying "+name, err)
	}
	if want := s.current.Length + int64(data.Len()); size != want {
		return failure("verifying "+name, fmt.Errorf("it has %d bytes where %d were expected", size, want))
	}
	return nil
}

// make begins a growing file. It is renamed into place, so that only the present writer can.
func (s *appendStore) make(ctx context.Context, first int64) error {
	w := s.w
	s.attempt++
	temp, name := w.place.path("growing-"+strconv.Itoa(s.attempt)), w.set.names.growing(w.partition, growing{first, s.generation, w.set.names.ext})
	f, err := w.fs.Create(ctx, temp, w.set.fileSize)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		s.tried = temp
		err = w.fs.Rename(ctx, temp, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fenced("making " + name)
	}
	if err != nil {
		return failure("making "+name, err)
	}
	s.tried = ""
	s.current.File, s.current.Length = path.Base(name), 0
	return nil
}
