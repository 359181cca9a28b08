package hdfs

import (
	"context"
	"path"
	"slices"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// output is a file in the making: those records of a Kafka partition that go into one folder.
type output struct {
	folder      string // below topics.dir
	first, last int64
	content     *encode.File // nil when it is sealed
	held        int          // memory of the content
	temp        temp
}

// temp is what of a file is in the temporary folder.
type temp struct {
	name   string // of the file there
	open   file   // while it is streamed
	size   int64  // bytes written
	stream bool   // its beginning is not in memory any more
	done   bool   // closed, and its length verified
}

// outputs are the open files of a writer.
type outputs struct {
	byFolder map[string]*output
	sealed   []*output // full ones, which wait for the commit
	recent   *output   // where the last record went
	records  int       // in all of them, the sealed ones among them
	size     int64     // bytes of the largest, or about that
	held     int       // memory of all contents
	shown    int       // as the meters have it
	flying   int       // memory of what the commit in the background has taken over
	scratch  []byte    // the folder that was located last
	topic    string    // of scratch, where each topic has one folder
}

// tranche is what one commit makes durable: all that was open at a time.
type tranche struct {
	files    []*output // by their first offsets
	records  int
	next     int64 // behind the last record
	recorded bool  // its manifest is in place: it is committed, and only renames are left
}

func (t *tranche) first() int64 { return t.files[0].first }

// lastOffset is the last offset that is in one of the files.
func (t *tranche) lastOffset() int64 {
	last := int64(-1)
	for _, o := range t.files {
		last = max(last, o.last)
	}
	return last
}

// output gives the open file of a folder. A new one may need that another one is sealed.
func (w *writer) output(ctx context.Context, folder []byte) (*output, error) {
	if o := w.open.recent; o != nil && o.folder == string(folder) {
		return o, nil
	}
	o, ok := w.open.byFolder[string(folder)]
	if !ok {
		if len(w.open.byFolder) >= w.set.openFiles {
			if err := w.sealOldest(ctx); err != nil {
				return nil, err
			}
		}
		o = &output{folder: string(folder), first: -1, content: w.newContent()}
		w.open.byFolder[o.folder] = o
	}
	w.open.recent = o
	return o, nil
}

// newContent takes a file that is not in use any more, or makes one.
func (w *writer) newContent() *encode.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.spare); n > 0 {
		f := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return f
	}
	return w.set.format.NewFile(w.schemas)
}

// added counts a record that was appended to a file.
func (w *writer) added(o *output, offset int64) {
	if o.first < 0 {
		o.first = offset
	}
	o.last = offset
	w.open.records++
	w.open.size = max(w.open.size, o.content.Size())
	w.account(o)
}

// account counts the memory that the content of a file takes.
func (w *writer) account(o *output) {
	held := o.content.Held()
	w.open.held += held - o.held
	o.held = held
}

// show tells the meters.
func (w *writer) show() {
	w.meters.hold(w.open.held - w.open.shown)
	w.open.shown = w.open.held
}

// sealOldest makes room for another open file: the one whose last record came first is sealed, or all are committed.
func (w *writer) sealOldest(ctx context.Context) error {
	s, ok := w.store.(streamer)
	if !ok {
		return w.commit(ctx)
	}
	if err := w.idle(ctx); err != nil {
		return err
	}
	var oldest *output
	for _, o := range w.open.byFolder {
		if oldest == nil || o.last < oldest.last {
			oldest = o
		}
	}
	return w.seal(ctx, s, oldest)
}

func (w *writer) seal(ctx context.Context, s streamer, o *output) error {
	delete(w.open.byFolder, o.folder)
	w.open.recent = nil
	if o.first < 0 { // its first record was refused
		w.release(o)
		return nil
	}
	if err := s.seal(ctx, o); err != nil {
		w.open.sealed = append(w.open.sealed, o) // so that its memory is given back
		w.failed = err
		return err
	}
	w.release(o)
	w.open.sealed = append(w.open.sealed, o)
	return nil
}

// release gives the memory of an open file back.
func (w *writer) release(o *output) {
	w.show()
	w.open.held -= o.held
	w.open.shown = w.open.held
	w.recycle(o)
}

// recycle lets the content of a file be used again.
func (w *writer) recycle(o *output) {
	w.meters.hold(-o.held)
	o.held = 0
	if o.content == nil {
		return
	}
	o.content.Reset()
	w.mu.Lock()
	defer w.mu.Unlock()
	const most = 2 // the file that is filled, and the one that is being committed
	if len(w.spare) < most {
		w.spare = append(w.spare, o.content)
	}
	o.content = nil
}

// spill gets half of the memory back: the largest files are streamed, or all are committed where that is not possible.
func (w *writer) spill(ctx context.Context) error {
	s, ok := w.store.(streamer)
	if !ok {
		return w.commit(ctx)
	}
	for w.open.held > w.set.buffer/2 {
		var largest *output
		for _, o := range w.open.byFolder {
			if largest == nil || o.held > largest.held {
				largest = o
			}
		}
		if largest == nil {
			return nil
		}
		part := largest.content.Take()
		if part == nil { // this format keeps all of it to the end
			return w.commit(ctx)
		}
		if err := w.stream(ctx, s, largest, part); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) stream(ctx context.Context, s streamer, o *output, part encode.Bytes) error {
	if err := s.stream(ctx, o, part); err != nil {
		w.failed = err
		return err
	}
	w.account(o)
	return nil
}

// aheadBytes is how much of a file is streamed at a time that will be too large for memory anyway.
const aheadBytes = 1 << 20

// soonFull is how long a file may take to fill the memory, at its pace so far, for it to be streamed before: one that grows slowly
// would keep a datanode busy all the time, and is better written anew from memory when that fails.
const soonFull = 10 * time.Second

// ahead streams what there is of the only open file where that will be too large for memory: it need not fill the memory first, and
// HDFS need not wait until it has.
func (w *writer) ahead(ctx context.Context) error {
	s, ok := w.store.(streamer)
	o := w.open.recent
	if !ok || !w.set.format.Flows() || o == nil || len(w.open.byFolder) > 1 || o.held < min(aheadBytes, w.set.buffer/4) || w.flying() || !w.willBeLarge(o) {
		return nil
	}
	if err := w.idle(ctx); err != nil {
		return err
	}
	if part := o.content.Take(); part != nil {
		return w.stream(ctx, s, o, part)
	}
	return nil
}

// willBeLarge tells whether a file will be too large for memory: because the one before it was, or by its size and pace so far.
func (w *writer) willBeLarge(o *output) bool {
	if w.large || o.temp.stream {
		return true
	}
	size := float64(o.content.Size())
	whole := min(size/float64(w.open.records)*float64(w.set.records), float64(w.set.fileSize))
	full := float64(w.now().Sub(w.began)) * float64(w.set.buffer) / size
	return whole > float64(w.set.buffer) && full < float64(soonFull)
}

// cut takes all that is open away to be committed.
func (w *writer) cut() *tranche {
	w.show()
	t := &tranche{files: w.open.sealed, records: w.open.records, next: w.next}
	for _, o := range w.open.byFolder {
		if o.first < 0 {
			w.release(o)
			continue
		}
		t.files = append(t.files, o)
	}
	slices.SortFunc(t.files, func(a, b *output) int { return int(a.first - b.first) })
	clear(w.open.byFolder)
	w.large = len(t.files) == 1 && t.files[0].content != nil && t.files[0].content.Size() > int64(w.set.buffer)
	w.open = outputs{byFolder: w.open.byFolder, flying: w.open.held, scratch: w.open.scratch, topic: w.open.topic}
	return t
}

// drop gives up all that is open.
func (w *writer) drop() {
	for _, o := range w.open.byFolder {
		w.release(o)
	}
	for _, o := range w.open.sealed {
		w.release(o)
	}
	w.open = outputs{byFolder: map[string]*output{}}
}

// final is the name of the file when it is committed, below topics.dir.
func (n naming) final(p connectors.Partition, o *output) string {
	return path.Join(o.folder, n.base(p, o.first, o.last))
}
