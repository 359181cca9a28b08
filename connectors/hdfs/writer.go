package hdfs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
	"github.com/sluice-connect/sluice/connectors/hdfs/partition"
)

// store is how the content of files gets to where readers see it: the two write modes.
type store interface {
	// recover finds what is committed and gives the offset behind it, -1 where nothing is.
	recover(ctx context.Context) (next int64, err error)
	// commit makes files visible and durable, all or none. It may be called again with the same tranche after it has failed.
	commit(ctx context.Context, t *tranche) error
}

// streamer is a store that takes the beginning of a file that is too large for memory. After it has failed the file is
// lost. For other stores such a file is committed early.
type streamer interface {
	stream(ctx context.Context, o *output, part encode.Bytes) error
	// seal puts a file aside until its commit, so that it takes no more memory.
	seal(ctx context.Context, o *output) error
}

// writer writes the files of one partition. The framework calls it by one goroutine; the timer that commits files by the
// clock is another one, and turn is what they pass to each other. Commits run in the background, one at a time. The file
// system belongs to the commit in the background while there is one, and to whoever has the turn otherwise.
type writer struct {
	partition connectors.Partition
	set       *settings
	fs        filesystem
	ack       connectors.Ack
	log       *slog.Logger
	now       func() time.Time
	meters    *meters
	place     workplace
	aside     []string // folders of earlier writers, as they lie aside
	store     store
	resume    int64

	ctx      context.Context // of commits in the background; ends with Close
	cancel   context.CancelFunc
	turn     chan struct{} // holds one token
	troubled atomic.Bool   // the last attempt failed

	mu     sync.Mutex
	flight *flight        // the last commit in the background
	spare  []*encode.File // to be used again
	passed int64          // all below is committed, in flight, or needs no file

	// What follows belongs to whoever has the turn.
	schemas *encode.Schemas
	locator *partition.Locator
	open    outputs
	next    int64     // behind the last record seen
	base    int64     // record time of the first record in the open files
	began   time.Time // when that came
	due     time.Time
	timer   *time.Timer
	large   bool  // the last file was too large for memory
	failed  error // why no more can be written
	closed  bool
}

var _ connectors.Writer = (*writer)(nil)

func openWriter(ctx context.Context, t *task, p connectors.Partition, committed int64, ack connectors.Ack) (*writer, error) {
	set, err := t.set.forTopic(p.Topic)
	if err != nil {
		return nil, err
	}
	w := &writer{
		partition: p, set: set, fs: t.open(), ack: ack, log: t.rt.Logger(), now: t.rt.Now, meters: t.meters,
		turn: make(chan struct{}, 1), next: -1, passed: -1, schemas: t.set.format.NewSchemas(),
		locator: t.set.partitioner.Locator(p.ID, t.rt.Records().Value), open: outputs{byFolder: map[string]*output{}},
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.timer = time.AfterFunc(time.Hour, w.onDue)
	w.timer.Stop()
	if t.set.appends {
		w.store = newAppendStore(w)
	} else {
		w.store = newFileStore(w)
	}
	err = w.retry(ctx, -1, func() error {
		if err := w.occupy(ctx); err != nil {
			return err
		}
		next, err := w.store.recover(ctx)
		w.resume = next
		if err == nil && !t.set.appends {
			err = w.recoverMerges(ctx)
		}
		return err
	})
	if err != nil {
		w.cancel()
		w.fs.Reset()
		return nil, err
	}
	w.tidy(ctx)
	// The files are the truth where they are ahead of the commit. Where they are behind, somebody has moved them away, and
	// the commit counts.
	w.resume = max(w.resume, committed)
	w.turn <- struct{}{}
	return w, nil
}

// retry tries again while the failure may pass by itself, and shows it (invariant 7). at is the first offset concerned, or -1.
func (w *writer) retry(ctx context.Context, at int64, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			if w.troubled.CompareAndSwap(true, false) {
				w.ack.Trouble(nil)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if connectors.CodeOf(err) != connectors.CodeRetriable || errors.Is(err, errFenced) || errors.Is(err, errLost) {
			return err
		}
		w.troubled.Store(true)
		w.ack.Trouble(failure("", err).At(w.partition, at))
		w.meters.retries.Add(1)
		w.log.Debug("attempt failed", "partition", w.partition, "attempt", n, "error", err)
		w.fs.Reset()
		if err := sleep(ctx, pause(w.set.backoff, n)); err != nil {
			return err
		}
	}
}

// Resume implements connectors.Writer.
func (w *writer) Resume() int64 { return w.resume }

// take waits for the turn.
func (w *writer) take(ctx context.Context) error {
	select {
	case <-w.turn:
		if w.failed == nil {
			w.failed = w.landed()
		}
		if w.failed != nil {
			w.give()
			return w.failed
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) give() { w.turn <- struct{}{} }

// Write implements connectors.Writer.
func (w *writer) Write(ctx context.Context, b *connectors.Batch) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.give()
	for i := range b.Len() {
		if err := w.add(ctx, b, i); err != nil {
			return err
		}
	}
	w.show()
	if w.open.records == 0 {
		w.pass() // all that came after the last file was rejected or passed over
	}
	return w.ahead(ctx)
}

func (w *writer) add(ctx context.Context, b *connectors.Batch, i int) error {
	offset := b.Offset(i)
	if b.Value(i) == nil {
		if !w.set.skipNull {
			w.reject(offset, errors.New("the value is null; set behavior.on.null.values=ignore to pass over such records"))
		}
		w.next = offset + 1
		return nil
	}
	err := w.put(ctx, b, i)
	if bad, ok := errors.AsType[*badRecord](err); ok {
		w.reject(offset, bad.why)
		err = nil
	}
	if err != nil {
		return err
	}
	w.next = offset + 1
	return w.contain(ctx)
}

// badRecord is a record that can never be written.
type badRecord struct{ why error }

func (e *badRecord) Error() string { return e.why.Error() }

// put appends record i to the file in which it belongs, after a commit of what is open where it is not to be with that.
func (w *writer) put(ctx context.Context, b *connectors.Batch, i int) error {
	folder, at, err := w.locate(b, i)
	if err != nil {
		return &badRecord{err}
	}
	rotate, err := w.schemas.Check(b, i)
	if err != nil {
		return &badRecord{err}
	}
	if w.open.records > 0 && (rotate || w.set.rotation.overdue(w.base, at)) {
		if err := w.commit(ctx); err != nil {
			return err
		}
	}
	o, err := w.output(ctx, folder)
	if err != nil {
		return err
	}
	if err := o.content.Append(b, i); err != nil {
		return &badRecord{err}
	}
	if w.open.records == 0 {
		w.begin(at)
	}
	w.added(o, b.Offset(i))
	return nil
}

// locate gives the folder of record i, below topics.dir, and its time. The bytes are valid until the next call.
func (w *writer) locate(b *connectors.Batch, i int) (folder []byte, at int64, err error) {
	now := int64(0)
	if w.set.partitioner.Fixed() {
		if w.open.recent != nil && w.open.topic == b.Topic() { // the same one again
			return w.open.scratch, 0, nil
		}
		w.open.topic = b.Topic()
	} else {
		now = w.now().UnixMilli()
	}
	folder = append(append(w.open.scratch[:0], b.Topic()...), '/')
	folder, at, err = w.locator.Locate(folder, b, i, now)
	w.open.scratch = folder
	return folder, at, err
}

func (w *writer) reject(offset int64, err error) {
	w.ack.Reject(offset, connectors.BadRecord(w.partition, offset, err))
}

// begin starts the clock for the files that are begun.
func (w *writer) begin(at int64) {
	w.base = at
	now := w.now()
	w.began = now
	if at, ok := w.set.rotation.due(now); ok {
		w.due = at
		w.timer.Reset(at.Sub(now))
	}
}

// contain commits what has become large enough, and keeps memory within its bound (invariant 4).
func (w *writer) contain(ctx context.Context) error {
	if w.open.records >= w.set.records || w.open.size >= w.set.fileSize {
		return w.commit(ctx)
	}
	if w.open.held+w.open.flying <= w.set.buffer {
		return nil
	}
	if err := w.idle(ctx); err != nil {
		return err
	}
	if w.open.held <= w.set.buffer {
		return nil
	}
	return w.spill(ctx)
}

// Flush commits the open files early. The framework asks for it where what it holds must not be lost.
func (w *writer) Flush(ctx context.Context) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.give()
	if w.open.records > 0 {
		if err := w.commit(ctx); err != nil {
			return err
		}
	}
	return w.idle(ctx)
}

// onDue commits files whose time has come, also when no more records do.
func (w *writer) onDue() {
	if w.take(w.ctx) != nil {
		return
	}
	defer w.give()
	if w.closed || w.open.records == 0 || w.due.IsZero() {
		return
	}
	if early := w.due.Sub(w.now()); early > 0 { // a timer of the files before
		w.timer.Reset(early)
		return
	}
	_ = w.commit(w.ctx) // the commit before it has failed, which was shown and is returned by the next Write or Flush
}

// tidyWithin bounds the end of the last commit, and the removal of a temporary folder.
const tidyWithin = 2 * time.Second

// Close lets the commit in the background come to its end, and drops what is not committed: the successor reads it again, and
// writes files of the usual size.
func (w *writer) Close(ctx context.Context) error {
	w.timer.Stop()
	grace, end := context.WithTimeout(ctx, tidyWithin)
	defer end()
	if !w.troubled.Load() {
		w.mu.Lock()
		last := w.flight
		w.mu.Unlock()
		if last != nil {
			select {
			case <-last.done:
			case <-grace.Done():
			}
		}
	}
	w.cancel() // what is in the background ends now, or has ended
	<-w.turn   // only the timer may have it
	defer w.give()
	_ = w.idle(context.Background()) // soon, because its context is over
	w.closed = true
	w.timer.Stop()
	w.drop()
	defer w.fs.Reset()
	if w.troubled.Load() {
		return nil // HDFS is away, and the next writer tidies up
	}
	tidy, cancel := context.WithTimeout(ctx, tidyWithin)
	defer cancel()
	if err := w.fs.RemoveAll(tidy, w.place.dir); err != nil {
		w.log.Debug("the temporary folder could not be removed; the next writer does it", "partition", w.partition, "folder", w.place.dir, "error", err)
	}
	return nil
}
