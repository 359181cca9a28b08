package plugins

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

const (
	// closeGrace is how long a writer may go on with what was sent before Close; then its calls are cancelled. What it did
	// not store, its successor reads again.
	closeGrace = 2 * time.Second
	// closeWithin bounds Close itself.
	closeWithin = 30 * time.Second
)

// opening is one partition from Open to Closed. One goroutine makes all calls of its writer (invariant 1); commands wait
// in the inbox, whose bytes are bounded by the credit of the task.
type opening struct {
	id        uint32
	partition connectors.Partition
	committed int64
	task      *serverTask
	ctx       context.Context // of Open, Write and Flush
	cancel    context.CancelFunc

	mu      sync.Mutex
	inbox   []command
	opened  bool
	closing bool
	over    bool // Close has returned: nothing more is reported
	next    int64
	wake    chan struct{}

	rejected int64         // behind the last record that was rejected
	settled  int64         // what is below it is settled, where it was rejected
	settling chan struct{} // closed and replaced when settled has moved
}

// command is a batch, or a flush when done is set.
type command struct {
	batch *arrival
	done  chan<- error
}

var _ connectors.Ack = (*opening)(nil)

func newOpening(t *serverTask, m *protocol.Open) *opening {
	o := &opening{
		id: m.GetId(), partition: connectors.Partition{Topic: m.GetTopic(), ID: m.GetPartition()}, committed: m.GetCommitted(),
		task: t, wake: make(chan struct{}, 1), settling: make(chan struct{}), next: -1,
	}
	o.ctx, o.cancel = context.WithCancel(t.ctx)
	return o
}

// put hands a command to the writer's goroutine. It is false once the opening is closing.
func (o *opening) put(c command) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return false
	}
	o.inbox = append(o.inbox, c)
	o.signal()
	return true
}

// close lets the writer finish what it has, within limits, and then closes it.
func (o *opening) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return
	}
	o.closing = true
	if o.opened {
		time.AfterFunc(closeGrace, o.cancel)
	} else {
		o.cancel() // there is nothing to lose
	}
	o.signal()
}

func (o *opening) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take waits for the next command; false means that the writer is to be closed.
func (o *opening) take() (command, bool) {
	for {
		o.mu.Lock()
		if len(o.inbox) > 0 {
			c := o.inbox[0]
			o.inbox[0] = command{}
			o.inbox = o.inbox[1:]
			if len(o.inbox) == 0 {
				o.inbox = nil
			}
			o.mu.Unlock()
			return c, true
		}
		closing := o.closing
		o.mu.Unlock()
		if closing {
			return command{}, false
		}
		select {
		case <-o.wake:
		case <-o.task.ctx.Done():
			return command{}, false
		}
	}
}

// run is the life of the writer. The worker hears Opened or Failed, and Closed at the end.
func (o *opening) run() {
	defer o.cancel()
	var closed error
	w := o.open()
	if w == nil {
		o.idle(nil)
	} else {
		o.serve(w)
		closed = o.shut(w)
	}
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	o.task.out.closedOpening(o.id, closed)
	o.task.forget(o)
}

func (o *opening) open() connectors.Writer {
	var w connectors.Writer
	err := o.guard("opening partition", func() (err error) {
		w, err = o.task.sink.Open(o.ctx, o.partition, o.committed, o)
		if err == nil && w == nil {
			err = connectors.Fatal("opening partition", errors.New("the sink gave neither a writer nor an error"), "this is a bug of the plugin")
		}
		return err
	})
	if err != nil {
		o.fail(err)
		return nil
	}
	o.mu.Lock()
	o.opened = true
	if o.closing {
		time.AfterFunc(closeGrace, o.cancel)
	}
	o.mu.Unlock()
	o.task.out.opened(o.id, w.Resume())
	return w
}

// serve gives the writer its batches until it is to be closed, or has failed.
func (o *opening) serve(w connectors.Writer) {
	for {
		c, ok := o.take()
		if !ok {
			return
		}
		if c.done != nil {
			c.done <- o.guard("flushing", func() error { return w.Flush(o.ctx) })
			continue
		}
		size := c.batch.size
		err := o.write(w, c.batch)
		o.task.out.taken(o.id, size)
		if err != nil {
			o.fail(err)
			o.idle(err)
			return
		}
	}
}

func (o *opening) write(w connectors.Writer, a *arrival) error {
	if err := o.ctx.Err(); err != nil {
		return err
	}
	b, err := a.read(o.partition)
	if err != nil {
		return connectors.Fatal("reading a batch of the worker", err, "worker and plugin do not fit together").At(o.partition, a.columns.BaseOffset)
	}
	if err := o.guard("writing", func() error { return w.Write(o.ctx, b) }); err != nil {
		return err
	}
	if !b.Kept() {
		o.task.reuse(a)
	}
	return nil
}

// idle passes the time of a writer that failed until the worker closes it.
func (o *opening) idle(cause error) {
	for {
		c, ok := o.take()
		if !ok {
			return
		}
		if c.done != nil {
			c.done <- cause
		}
	}
}

func (o *opening) shut(w connectors.Writer) error {
	ctx, cancel := context.WithTimeout(o.task.ctx, closeWithin)
	defer cancel()
	return o.guard("closing partition", func() error { return w.Close(ctx) })
}

// fail tells the worker, unless it only was told to end.
func (o *opening) fail(err error) {
	o.mu.Lock()
	closing := o.closing
	o.mu.Unlock()
	if closing && o.ctx.Err() != nil {
		return
	}
	e := connectors.AsError("", err)
	if e.Partition == (connectors.Partition{}) {
		e = e.At(o.partition, e.Offset)
	}
	o.task.out.failed(o.id, e)
}

// guard makes a panic of the sink an error of its task (invariant 4).
func (o *opening) guard(op string, f func() error) (err error) {
	defer func() { err = o.task.recovered(recover(), op, err) }()
	return f()
}

// Durable implements connectors.Ack.
func (o *opening) Durable(next int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || next <= o.next {
		return
	}
	o.next = next
	o.task.out.durable(o.id, next)
}

// Reject implements connectors.Ack.
func (o *opening) Reject(offset int64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.rejected = max(o.rejected, offset+1)
		o.task.out.rejected(o.id, offset, err)
	}
}

// Settled implements connectors.Ack.
func (o *opening) Settled(ctx context.Context) error {
	o.mu.Lock()
	wanted := o.rejected
	for o.settled < wanted && o.task.settles {
		moved := o.settling
		o.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
		o.mu.Lock()
	}
	o.mu.Unlock()
	return nil
}

// settle notes that what was rejected below next is settled.
func (o *opening) settle(next int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if next > o.settled {
		o.settled = next
		close(o.settling)
		o.settling = make(chan struct{})
	}
}

// Trouble implements connectors.Ack.
func (o *opening) Trouble(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.task.out.trouble(o.id, err)
	}
}

// recovered turns what recover gave into an error; the stack goes to the log.
func (t *serverTask) recovered(r any, op string, err error) error {
	if r == nil {
		return err
	}
	t.rt.log.Error("panic in the sink", "operation", op, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	return connectors.Fatal(op, fmt.Errorf("panic: %v", r), "this is a bug of the plugin; its log has the stack")
}
