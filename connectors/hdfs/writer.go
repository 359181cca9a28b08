package hdfs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// store is how the content of a file gets to where readers see it: the two write modes.
type store interface {
	// recover finds what is committed and gives the offset behind it, -1 where nothing is.
	recover(ctx context.Context) (next int64, err error)
	// commit makes the content of a file visible and durable, or fails without a trace. It may be called again with the same
	// content after it has failed.
	commit(ctx context.Context, c content) error
}

// streamer is a store that takes the beginning of a file that is too large for memory. After it has failed the file is
// lost. For other stores such a file is committed early.
type streamer interface {
	stream(ctx context.Context, first int64, part []byte) error
	// drop gives up what was streamed.
	drop()
}

// content is a file in the making: what is in memory, behind what was streamed.
type content struct {
	first, last int64
	data        []byte
	streamed    int64 // bytes
}

// writer writes the files of one partition. The framework calls it by one goroutine; the timer that commits a file by the
// clock is the other one, and turn is what they pass to each other.
type writer struct {
	partition connectors.Partition
	set       *settings
	fs        filesystem
	ack       connectors.Ack
	log       *slog.Logger
	now       func() time.Time
	meters    *meters
	place     workplace
	store     store
	resume    int64

	ctx    context.Context // of the timer's commits; ends with Close
	cancel context.CancelFunc
	turn   chan struct{} // holds one token

	// What follows belongs to whoever has the turn.
	schemas  *encode.Schemas
	encoder  *encode.File // content of the present file, but for what was streamed
	file     content
	sealed   bool // the encoder has finished the present file, which only waits for its commit
	held     int  // memory of the encoder, as the meters have it
	records  int
	next     int64 // behind the last record seen
	due      time.Time
	timer    *time.Timer
	failed   error // why no more can be written
	troubled bool  // the last attempt failed
	closed   bool
}

var _ connectors.Writer = (*writer)(nil)

func openWriter(ctx context.Context, t *task, p connectors.Partition, committed int64, ack connectors.Ack) (*writer, error) {
	w := &writer{
		partition: p, set: &t.set, fs: t.open(), ack: ack, log: t.rt.Logger(), now: t.rt.Now, meters: t.meters,
		turn: make(chan struct{}, 1), next: -1, schemas: t.set.format.NewSchemas(),
	}
	w.encoder = t.set.format.NewFile(w.schemas)
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.timer = time.AfterFunc(time.Hour, w.onDue)
	w.timer.Stop()
	if t.set.appends {
		w.store = newAppendStore(w)
	} else {
		w.store = newFileStore(w)
	}
	err := w.retry(ctx, func() error {
		if err := w.occupy(ctx); err != nil {
			return err
		}
		next, err := w.store.recover(ctx)
		w.resume = next
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

// retry tries again while the failure may pass by itself, and shows it (invariant 7).
func (w *writer) retry(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			if w.troubled {
				w.troubled = false
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
		w.troubled = true
		at := int64(-1)
		if w.records > 0 {
			at = w.file.first
		}
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
	if w.records == 0 {
		w.ack.Durable(w.next) // all that came after the last file was rejected or passed over
	}
	return nil
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
	rotate, err := w.schemas.Check(b, i)
	if err == nil && w.records > 0 && (rotate || w.sealed) {
		if err := w.commit(ctx); err != nil {
			return err
		}
	}
	if err == nil {
		err = w.encoder.Append(b, i)
	}
	if err != nil {
		w.reject(offset, err)
		w.next = offset + 1
		return nil
	}
	w.account()
	if w.records == 0 {
		w.begin(offset)
	}
	w.records++
	w.file.last, w.next = offset, offset+1
	if w.records >= w.set.records || w.encoder.Size() >= w.set.fileSize {
		return w.commit(ctx)
	}
	if w.encoder.Held() > w.set.buffer {
		return w.spill(ctx)
	}
	return nil
}

func (w *writer) reject(offset int64, err error) {
	w.ack.Reject(offset, connectors.BadRecord(w.partition, offset, err))
}

// account shows the memory that the present file takes.
func (w *writer) account() {
	held := w.encoder.Held()
	w.meters.hold(held - w.held)
	w.held = held
}

// begin starts a file, and the clock for it.
func (w *writer) begin(offset int64) {
	w.file.first = offset
	now := w.now()
	if at, ok := w.set.rotation.due(now); ok {
		w.due = at
		w.timer.Reset(at.Sub(now))
	}
}

// spill streams what is in memory, because the file is too large for it (invariant 4).
func (w *writer) spill(ctx context.Context) error {
	s, ok := w.store.(streamer)
	if !ok {
		return w.commit(ctx)
	}
	part := w.encoder.Take()
	if part == nil { // this format keeps all of it to the end
		return w.commit(ctx)
	}
	if err := s.stream(ctx, w.file.first, part); err != nil {
		w.failed = err
		return err
	}
	w.file.streamed += int64(len(part))
	w.account()
	return nil
}

// commit makes the present file durable and begins a new one.
func (w *writer) commit(ctx context.Context) error {
	w.timer.Stop()
	w.due = time.Time{}
	data, err := w.encoder.Finish()
	if err != nil {
		w.failed = connectors.Fatal("finishing a file", err, "").At(w.partition, w.file.first)
		return w.failed
	}
	w.file.data, w.sealed = data, true
	err = w.retry(ctx, func() error { return w.store.commit(ctx, w.file) })
	if err != nil {
		if ctx.Err() == nil {
			w.failed = err
		}
		return err
	}
	w.meters.files.Add(1)
	w.meters.bytes.Add(w.file.streamed + int64(len(data)))
	w.reset()
	w.ack.Durable(w.next)
	return nil
}

// reset begins a new file.
func (w *writer) reset() {
	w.encoder.Reset()
	w.account()
	w.file, w.sealed, w.records = content{}, false, 0
}

// onDue commits a file whose time has come, also when no more records do.
func (w *writer) onDue() {
	if w.take(w.ctx) != nil {
		return
	}
	defer w.give()
	if w.closed || w.records == 0 || w.due.IsZero() {
		return
	}
	if early := w.due.Sub(w.now()); early > 0 { // a timer of the file before
		w.timer.Reset(early)
		return
	}
	if err := w.commit(w.ctx); err != nil && w.ctx.Err() == nil {
		w.ack.Trouble(err) // the next Write or Flush returns it
	}
}

// Flush commits the present file early. The framework asks for it where what it holds must not be lost.
func (w *writer) Flush(ctx context.Context) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.give()
	if w.records == 0 {
		return nil
	}
	return w.commit(ctx)
}

// tidyWithin bounds the removal of a temporary folder at the end.
const tidyWithin = 2 * time.Second

// Close drops what is not committed: the successor reads it again, and writes files of the usual size.
func (w *writer) Close(ctx context.Context) error {
	w.cancel() // a commit by the clock ends now, or has ended
	w.timer.Stop()
	<-w.turn // only a commit by the clock may have it
	defer w.give()
	w.closed = true
	w.reset()
	if s, ok := w.store.(streamer); ok {
		s.drop()
	}
	defer w.fs.Reset()
	if w.troubled {
		return nil // HDFS is away, and the next writer tidies up
	}
	ctx, cancel := context.WithTimeout(ctx, tidyWithin)
	defer cancel()
	if err := w.fs.RemoveAll(ctx, w.place.dir); err != nil {
		w.log.Debug("the temporary folder could not be removed; the next writer does it", "partition", w.partition, "folder", w.place.dir, "error", err)
	}
	return nil
}
