package elasticsearch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// writer stores the records of one partition. Write fills the open bulk; the sender (run) takes it when it is full, has
// lingered or is flushed, and gives it to a goroutine of its own that does not end before every item is settled.
type writer struct {
	task      *task
	partition connectors.Partition
	home      string // index that requests name; "": every document names its own
	encoders  encoders
	ack       connectors.Ack
	log       *slog.Logger

	ctx     context.Context // of everything that goes on in the background; ends with Close
	cancel  context.CancelFunc
	done    chan struct{} // closed when the sender and all deliveries have ended
	flights sync.WaitGroup
	work    chan struct{} // something may be for the sender to do
	changed chan struct{} // something that Write or Flush waits for may have happened

	mu       sync.Mutex
	open     *bulk // nil when empty
	due      time.Time
	full     bool
	flushing bool
	progress progress
	held     int            // bulks with a reservation
	busy     map[uint64]int // ids under way, where order matters
	retrying int            // trials that wait to repeat something; nothing new is sent meanwhile
	failing  int            // those of them that have been reported through err
	err      error          // what Write and Flush return; nil while failing is 0
	warned   bool           // of a conflict

	preparing chan struct{}   // of one place: taken while targets are made, and for prepared
	prepared  map[string]bool // targets that exist; true: their mapping was seen to
}

var _ connectors.Writer = (*writer)(nil)

// Resume leaves the choice to the framework: Elasticsearch keeps no offsets, and what is sent again does no harm.
func (w *writer) Resume() int64 { return -1 }

// Write encodes a batch into the open bulk and returns; it waits only when the bulk is full and the sender has no room.
func (w *writer) Write(ctx context.Context, b *connectors.Batch) error {
	enc, err := w.encoders.of(b)
	if err != nil {
		return err
	}
	var invalid dropped
	defer func() { invalid.log(w.log, "records that make no document were left out") }()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 0; i < b.Len(); {
		if w.err != nil {
			return w.err
		}
		if i = w.fill(enc, b, i, &invalid); i == b.Len() {
			break
		}
		w.full = true
		if err := w.wait(ctx); err != nil {
			return connectors.Retriable("writing to "+w.task.client.name, err, "").At(w.partition, b.Offset(i))
		}
	}
	tell(w.work)
	return nil
}

// wait waits for a change. The lock is held before and after.
func (w *writer) wait(ctx context.Context) error {
	w.mu.Unlock()
	defer w.mu.Lock()
	tell(w.work)
	select {
	case <-w.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fill takes records from i into the open bulk until it is full, and gives the index of the first that did not fit.
func (w *writer) fill(enc *encoder, b *connectors.Batch, i int, invalid *dropped) int {
	if w.full {
		return i
	}
	if w.open == nil {
		w.open = w.task.spare.get()
		w.due = time.Now().Add(w.task.set.linger)
	}
	o, set := w.open, &w.task.set
	for ; i < b.Len(); i++ {
		if len(o.items) >= set.batch {
			break
		}
		if len(o.items) == sample {
			o.expect(set.batch, set.bulkBytes)
		}
		size, n := len(o.buf), len(o.items)
		if err := enc.append(o, b, i); err != nil {
			w.leaveOut(b.Offset(i), err, invalid)
		} else if n > 0 && len(o.buf) > set.bulkBytes {
			o.buf, o.items = o.buf[:size], o.items[:n]
			break
		} else if len(o.items) == n {
			w.task.m.skipped.Add(1)
		}
		o.next = b.Offset(i) + 1
	}
	return i
}

// leaveOut gives up a record that makes no document.
func (w *writer) leaveOut(offset int64, err error, invalid *dropped) {
	if !w.task.set.dropInvalid || w.task.set.tolerant {
		w.reject(offset, err)
	} else {
		w.task.m.skipped.Add(1)
	}
	if w.task.set.dropInvalid {
		invalid.add(offset, err)
	}
}

func (w *writer) reject(offset int64, err error) {
	w.task.m.rejected.Add(1)
	w.ack.Reject(offset, connectors.BadRecord(w.partition, offset, err))
}

// dropped sums up records that were left out, so that one line in the log can tell of many.
type dropped struct {
	count int
	first int64
	err   error
}

func (d *dropped) add(offset int64, err error) {
	if d.count == 0 {
		d.first, d.err = offset, err
	}
	d.count++
}

func (d *dropped) log(l *slog.Logger, message string) {
	if d.count > 0 {
		l.Warn(message, "count", d.count, "first_offset", d.first, "first_reason", d.err)
	}
}

// Flush waits until everything written is settled.
func (w *writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushing = true
	defer func() { w.flushing = false }()
	for w.open != nil || w.progress.open() > 0 {
		if w.err != nil {
			return w.err
		}
		if err := w.wait(ctx); err != nil {
			return connectors.Retriable("flushing to "+w.task.client.name, err, "the records will be read again").At(w.partition, -1)
		}
	}
	return nil
}

// Close flushes, and ends whatever is still going on when that fails.
func (w *writer) Close(ctx context.Context) error {
	err := w.Flush(ctx)
	w.cancel()
	<-w.done
	return err
}

// run is the sender.
func (w *writer) run() {
	defer close(w.done)
	defer w.flights.Wait()
	if w.insist(w.task.identify) != nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due, wait := w.ready()
		if !due {
			if timer.Stop(); wait > 0 {
				timer.Reset(wait)
			}
			select {
			case <-w.work:
			case <-timer.C:
			case <-w.ctx.Done():
				return
			}
			continue
		}
		if w.launch() != nil {
			return
		}
	}
}

// ready says whether a request is due, or else when one may be; 0 means not before something happens. One that is not full
// waits for the end of the one before: under load requests become as large as they may be, and without load nothing waits.
func (w *writer) ready() (due bool, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil || w.retrying > 0 {
		return false, 0
	}
	if w.full || w.flushing {
		return true, 0
	}
	if wait = time.Until(w.due); wait > 0 {
		return false, wait
	}
	return w.held == 0, 0
}

// launch takes the open bulk, which grows until there is room for a request, and sends it off.
func (w *writer) launch() error {
	l := w.task.limiter
	if err := l.enter(w.ctx); err != nil {
		return err
	}
	b := w.take()
	if b == nil || len(b.items) == 0 {
		l.leave()
		if b != nil {
			w.finish(b)
		}
		return nil
	}
	for {
		ok, wait := w.admit(b)
		if ok {
			break
		}
		l.leave() // whoever is in the way may need it
		select {
		case <-wait:
		case <-w.work:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
		if err := l.enter(w.ctx); err != nil {
			return err
		}
	}
	w.flights.Go(func() { w.deliver(b) })
	return nil
}

// take makes the open bulk the next in line.
func (w *writer) take() *bulk {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.open
	if b == nil || w.retrying > 0 {
		return nil
	}
	w.open, w.full = nil, false
	b.seq = w.progress.begin(b.next)
	for _, it := range b.items {
		if it.sum != 0 {
			b.sums = append(b.sums, it.sum)
		}
	}
	tell(w.changed)
	return b
}

// admit lets a bulk go when no other one of this partition writes to the same ids (invariant 5) and there is room for it
// (invariant 7). Otherwise it may give a channel that tells when there is room; the end of a delivery tells work.
func (w *writer) admit(b *bulk) (ok bool, wait <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range b.sums {
		if w.busy[s] > 0 {
			return false, nil
		}
	}
	records, bytes := len(b.items), len(b.buf)
	if ok, wait := w.task.limiter.reserve(w.held == 0, records, bytes); !ok {
		return false, wait
	}
	b.held = [2]int{records, bytes}
	w.held++
	for _, s := range b.sums {
		w.busy[s]++
	}
	return true, nil
}

// finish reports the progress that the end of a bulk makes, and gives everything back.
func (w *writer) finish(b *bulk) {
	w.release(b)
	w.mu.Lock()
	if next, moved := w.progress.end(b.seq); moved {
		w.ack.Durable(next)
	}
	w.mu.Unlock()
	w.task.recycle(b)
	tell(w.work)
	tell(w.changed)
}

// release gives back what admit took.
func (w *writer) release(b *bulk) {
	if b.held == [2]int{} {
		return
	}
	w.task.limiter.release(b.held[0], b.held[1])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held--
	for _, s := range b.sums {
		if w.busy[s]--; w.busy[s] == 0 {
			delete(w.busy, s)
		}
	}
}
