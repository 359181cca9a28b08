package task

import (
	"context"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
)

// Plugin is what a task needs of its plugin side. Open, Send, Settle and Close are called by one goroutine, Recv by another; all of
// them return when Stop has returned, or the process is gone.
type Plugin interface {
	// Open asks for a writer of the partition. committed is the group's offset, -1 for none.
	Open(id uint32, p connectors.Partition, committed int64) error
	// Send hands a batch on. Its memory is the caller's again when done is called, by whatever goroutine, during the call or later;
	// where it fails, done may not be called.
	Send(id uint32, c connectors.Columns, size int64, done func()) error
	// Settle says that all records below next that the plugin rejected are dealt with.
	Settle(id uint32, next int64) error
	// Close ends an opening.
	Close(id uint32) error
	// Recv waits for the next event; io.EOF after Stop.
	Recv() (plugins.Event, error)
	// Flush makes durable what was sent.
	Flush(ctx context.Context) error
	// Stop ends the task in the plugin.
	Stop(ctx context.Context) error
}

// maxUnsent bounds the batches that wait for the sender, and the builders that wait for records. Credit bounds their bytes; this bounds
// the builders' spare memory when a plugin does not read.
const maxUnsent = 3

// link is the plugin as the polling goroutine sees it: commands go out without blocking, events come in by a channel.
type link struct {
	plugin Plugin
	events chan event    // from the receiver, and from the sender when it fails
	sent   chan struct{} // a signal, after batches were passed on
	quit   chan struct{}
	wg     sync.WaitGroup

	mu     sync.Mutex
	queue  []command
	unsent int
	free   []*connectors.Builder
	spare  int // bytes that a builder may keep
	wake   chan struct{}
}

type event struct {
	ev  plugins.Event
	err error // the stream ended
}

// command is an Open, a batch (builder is set), with settled a Settle or, with close, a Close.
type command struct {
	id        uint32
	close     bool
	settled   int64
	partition connectors.Partition
	committed int64
	builder   *connectors.Builder
	columns   connectors.Columns
	size      int64
}

func newLink(p Plugin, batchBytes int) *link {
	l := &link{
		plugin: p,
		events: make(chan event, 256),
		sent:   make(chan struct{}, 1),
		quit:   make(chan struct{}),
		wake:   make(chan struct{}, 1),
		spare:  4 * batchBytes,
	}
	l.wg.Go(l.receive)
	l.wg.Go(l.send)
	return l
}

func (l *link) receive() {
	for {
		ev, err := l.plugin.Recv()
		if !l.post(event{ev, err}) || err != nil {
			return
		}
	}
}

func (l *link) post(e event) bool {
	select {
	case l.events <- e:
		return true
	case <-l.quit:
		return false
	}
}

func (l *link) send() {
	for {
		select {
		case <-l.wake:
		case <-l.quit:
			return
		}
		for {
			c, ok := l.pop()
			if !ok {
				break
			}
			var err error
			switch {
			case c.builder != nil:
				err = l.plugin.Send(c.id, c.columns, c.size, func() { l.release(c.builder) })
				l.passed()
			case c.settled > 0:
				err = l.plugin.Settle(c.id, c.settled)
			case c.close:
				err = l.plugin.Close(c.id)
			default:
				err = l.plugin.Open(c.id, c.partition, c.committed)
			}
			if err != nil {
				l.post(event{err: err})
				return
			}
		}
	}
}

func (l *link) pop() (command, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return command{}, false
	}
	c := l.queue[0]
	l.queue[0] = command{}
	l.queue = l.queue[1:]
	if len(l.queue) == 0 {
		l.queue = nil
	}
	return c, true
}

// passed makes room for another batch.
func (l *link) passed() {
	l.mu.Lock()
	l.unsent--
	l.mu.Unlock()
	select {
	case l.sent <- struct{}{}:
	default:
	}
}

// release takes a builder back that nobody reads any more.
func (l *link) release(b *connectors.Builder) {
	large := b.Size() > l.spare
	b.Reset()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !large && len(l.free) < maxUnsent {
		l.free = append(l.free, b)
	}
}

func (l *link) push(c command) {
	l.mu.Lock()
	l.queue = append(l.queue, c)
	if c.builder != nil {
		l.unsent++
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// room says whether another batch may be pushed.
func (l *link) room() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsent < maxUnsent
}

func (l *link) builder() *connectors.Builder {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free = l.free[:n-1]
		return b
	}
	return new(connectors.Builder)
}

// stop ends the plugin's task and the two goroutines. A plugin that keeps them beyond the deadline loses them: they end when
// its process does.
func (l *link) stop(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	close(l.quit)
	stopped := make(chan error, 1)
	go func() {
		err := l.plugin.Stop(ctx)
		l.wg.Wait()
		stopped <- err
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
