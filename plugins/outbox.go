package plugins

import (
	"sync"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

// outbox is what a task has to say and has not sent yet. Putting something in never blocks; what replaces older news is
// merged with it, so that it stays small however slowly the worker reads (invariants 2 and 3).
type outbox struct {
	mu     sync.Mutex
	queue  []*protocol.FromPlugin
	spare  []*protocol.FromPlugin
	latest map[uint32]*latest
	closed bool
	wake   chan struct{}
}

// latest are the messages of an opening in the queue that newer ones may be merged into.
type latest struct {
	taken   *protocol.Taken
	durable *protocol.Durable
	trouble *protocol.Trouble
}

func newOutbox() *outbox {
	return &outbox{latest: map[uint32]*latest{}, wake: make(chan struct{}, 1)}
}

func (o *outbox) taken(id uint32, size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.of(id)
	if l.taken != nil {
		l.taken.Size += size
		return
	}
	l.taken = &protocol.Taken{Id: id, Size: size}
	o.append(&protocol.FromPlugin{Message: &protocol.FromPlugin_Taken{Taken: l.taken}})
}

func (o *outbox) durable(id uint32, next int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.of(id)
	if l.durable != nil {
		l.durable.Next = next
		return
	}
	l.durable = &protocol.Durable{Id: id, Next: next}
	o.append(&protocol.FromPlugin{Message: &protocol.FromPlugin_Durable{Durable: l.durable}})
}

func (o *outbox) trouble(id uint32, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.of(id)
	if l.trouble != nil {
		l.trouble.Error = toError(err)
		return
	}
	l.trouble = &protocol.Trouble{Id: id, Error: toError(err)}
	o.append(&protocol.FromPlugin{Message: &protocol.FromPlugin_Trouble{Trouble: l.trouble}})
}

// rejected keeps its place: what becomes durable afterwards must not be reported before it.
func (o *outbox) rejected(id uint32, offset int64, err error) {
	e := connectors.AsError("storing record", err)
	o.put(id, &protocol.FromPlugin{Message: &protocol.FromPlugin_Rejected{
		Rejected: &protocol.Rejected{Id: id, Offset: offset, Error: toError(e)},
	}})
}

func (o *outbox) opened(id uint32, resume int64) {
	o.put(id, &protocol.FromPlugin{Message: &protocol.FromPlugin_Opened{Opened: &protocol.Opened{Id: id, Resume: resume}}})
}

func (o *outbox) failed(id uint32, err error) {
	o.put(id, &protocol.FromPlugin{Message: &protocol.FromPlugin_Failed{Failed: &protocol.Failed{Id: id, Error: toError(err)}}})
}

func (o *outbox) closedOpening(id uint32, err error) {
	o.put(id, &protocol.FromPlugin{Message: &protocol.FromPlugin_Closed{Closed: &protocol.Closed{Id: id, Error: toError(err)}}})
}

func (o *outbox) metrics(m *protocol.Metrics) {
	o.put(0, &protocol.FromPlugin{Message: &protocol.FromPlugin_Metrics{Metrics: m}})
}

// put appends a message that nothing is merged with and nothing overtakes.
func (o *outbox) put(id uint32, m *protocol.FromPlugin) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.latest, id)
	o.append(m)
}

func (o *outbox) of(id uint32) *latest {
	l := o.latest[id]
	if l == nil {
		l = &latest{}
		o.latest[id] = l
	}
	return l
}

func (o *outbox) append(m *protocol.FromPlugin) {
	if o.closed {
		return
	}
	o.queue = append(o.queue, m)
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// close lets run end when everything was sent.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

// run sends what comes until the outbox is closed and empty, done is closed, or sending fails.
func (o *outbox) run(send func(*protocol.FromPlugin) error, done <-chan struct{}) error {
	for {
		o.mu.Lock()
		batch, closed := o.queue, o.closed
		o.queue = o.spare[:0]
		clear(o.latest)
		o.mu.Unlock()
		for i, m := range batch {
			if err := send(m); err != nil {
				return err
			}
			batch[i] = nil
		}
		o.mu.Lock()
		o.spare = batch
		o.mu.Unlock()
		if len(batch) > 0 {
			continue
		}
		if closed {
			return nil
		}
		select {
		case <-o.wake:
		case <-done:
			return nil
		}
	}
}
