package elasticsearch

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/sluice-connect/sluice/connectors"
)

// task holds what the partitions share: the connection, the bounds, the metrics.
type task struct {
	set     settings
	format  connectors.Format
	client  *client
	limiter *limiter
	sizes   *sizes
	m       *instruments
	log     *slog.Logger
	spare   spares[bulk]
	known   atomic.Bool // the service has said who it is
}

var _ connectors.Task = (*task)(nil)

// Open begins with a partition. It does not wait for the service; what is wrong with that is reported as trouble, and
// by Write and Flush.
func (t *task) Open(ctx context.Context, p connectors.Partition, _ int64, ack connectors.Ack) (connectors.Writer, error) {
	home := ""
	if own, err := t.set.target.of(p.Topic); err == nil && !own.dated {
		home = own.name
	}
	w := &writer{
		task: t, partition: p, home: home, encoders: newEncoders(&t.set, p, t.format, home), ack: ack,
		log:  t.log.With("topic", p.Topic, "partition", p.ID),
		done: make(chan struct{}), work: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		busy: map[uint64]int{}, preparing: make(chan struct{}, 1), prepared: map[string]bool{},
	}
	// What is wrong with the topic shows at once, unless its records get another one.
	if _, err := w.encoders.topic(p.Topic); err != nil && !t.set.renames {
		return nil, connectors.AsError("opening", err).At(p, -1)
	}
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx)) // outlives the call
	go w.run()
	return w, nil
}

// Stop ends the connection.
func (t *task) Stop(ctx context.Context) error {
	if err := t.client.close(ctx); err != nil {
		return connectors.Retriable("closing the connection to "+t.client.name, err, "")
	}
	return nil
}

// identify asks the service once who it is.
func (t *task) identify(ctx context.Context) *failure {
	if t.known.Load() {
		return nil
	}
	if f := t.client.identify(ctx, t.set.target.stream); f != nil {
		return f
	}
	if t.known.CompareAndSwap(false, true) {
		if err := t.client.sniff(); err != nil {
			t.log.Warn("the nodes of the cluster are not known yet; requests go to connection.url", "error", err)
		}
	}
	return nil
}

// recycle keeps a bulk's memory for the next one, unless it is unusually large.
func (t *task) recycle(b *bulk) {
	if cap(b.buf) > 2*t.set.bulkBytes+(1<<16) {
		return
	}
	b.reset()
	t.spare.put(b)
}
