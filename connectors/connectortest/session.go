package connectortest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-connect/sluice/connectors"
)

// session is a writer, and what the framework knows of it.
type session struct {
	bench  *bench
	writer connectors.Writer
	acks   *acks
	from   int64 // where the writer begins
	closed bool
}

// open opens a partition that the group has committed up to an offset; -1: not at all.
func (b *bench) open(task connectors.Task, p connectors.Partition, committed int64) (*session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), b.subject.Patience)
	defer cancel()
	return b.openWithin(ctx, task, p, committed)
}

func (b *bench) openWithin(ctx context.Context, task connectors.Task, p connectors.Partition, committed int64) (*session, error) {
	n := &session{bench: b, acks: &acks{partition: p, durable: -1, rejected: map[int64]error{}}}
	n.acks.expect = func(offset int64) bool { return b.mayReject(place{p, offset}) }
	err := bounded(ctx, b.subject.EndWithin, "Open", func(ctx context.Context) (err error) {
		n.writer, err = task.Open(ctx, p, committed, n.acks)
		return err
	})
	b.sessions = append(b.sessions, n)
	if err != nil {
		n.closed = true
		return n, err
	}
	if n.writer == nil {
		n.closed = true
		return n, errors.New("Open gave neither a writer nor an error")
	}
	resume := n.writer.Resume()
	if resume < -1 {
		return n, fmt.Errorf("partition %s: Resume is %d", p, resume)
	}
	n.from = resume
	if resume < 0 {
		n.from = max(committed, 0)
	}
	n.acks.begin(n.from)
	return n, nil
}

func (b *bench) mayReject(at place) bool {
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	switch b.ledger.given[at].kind {
	case null:
		return b.subject.Null == Rejected
	case empty:
		return b.subject.Empty == Rejected
	default:
		return false
	}
}

// record is one record of a partition's log.
type record struct {
	offset  int64
	kind    kind
	fill    int
	headers []connectors.Header
}

// span makes a log with the offsets from first to below next.
func span(first, next int64) []record {
	log := make([]record, 0, next-first)
	for o := first; o < next; o++ {
		log = append(log, record{offset: o, fill: 200 + int(o%7)*200})
	}
	return log
}

// perBatch is odd on purpose: batches end in the middle of whatever the sink counts.
const perBatch = 17

// feed hands over the records of a log from where the writer begins.
func (n *session) feed(log []record) error {
	for _, batch := range n.batches(log) {
		if err := n.write(batch); err != nil {
			return err
		}
	}
	return nil
}

func (n *session) batches(log []record) [][]record {
	at := slices.IndexFunc(log, func(r record) bool { return r.offset >= n.from })
	if at < 0 {
		return nil
	}
	return slices.Collect(slices.Chunk(log[at:], perBatch))
}

func (n *session) write(batch []record) error {
	return n.bench.call("Write", func(ctx context.Context) error { return n.writeWithin(ctx, batch) })
}

// writeWithin hands over one batch, and spoils its memory as soon as it is the framework's again (invariant 8).
func (n *session) writeWithin(ctx context.Context, batch []record) error {
	p := n.acks.partition
	var b connectors.Builder
	for _, r := range batch {
		at := place{p, r.offset}
		key := fmt.Appendf(nil, "%q", at.String())
		b.Append(r.offset, 1_700_000_000_000+r.offset, key, n.bench.ledger.enter(at, r.kind, r.fill), r.headers...)
	}
	c := b.Columns()
	records, err := connectors.NewBatch(p, c)
	if err != nil {
		return err
	}
	n.acks.give(b.Next())
	err = n.writer.Write(ctx, records)
	if !records.Kept() {
		spoil(c)
	}
	return err
}

// spoil overwrites the memory of a batch with what can be read without harm and is plainly wrong.
func spoil(c connectors.Columns) {
	for i := range c.Arena {
		c.Arena[i] = '#'
	}
	for i := range c.HeaderArena {
		c.HeaderArena[i] = '#'
	}
	for i := range c.ValueLengths {
		c.ValueLengths[i] = -1
	}
	for i := range c.KeyLengths {
		c.KeyLengths[i] = -1
	}
	clear(c.OffsetDeltas)
	clear(c.TimestampDeltas)
	clear(c.HeaderCounts)
}

// flush flushes, after which everything must have been reported (invariant 5).
func (n *session) flush() error {
	if err := n.bench.call("Flush", n.writer.Flush); err != nil {
		return err
	}
	n.acks.mu.Lock()
	defer n.acks.mu.Unlock()
	if n.acks.durable < n.acks.given && n.acks.given > n.from {
		return fmt.Errorf("partition %s: after Flush %d is reported durable, but the records below %d were written", n.acks.partition, n.acks.durable, n.acks.given)
	}
	return nil
}

func (n *session) close() error {
	n.closed = true
	return n.bench.call("Close", n.writer.Close)
}

// abandon closes a writer of no more use, whose time is up.
func (n *session) abandon() error {
	if n.closed {
		return nil
	}
	n.closed = true
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return bounded(ctx, n.bench.subject.EndWithin, "Close", n.writer.Close)
}

// committed is what the framework would have committed.
func (n *session) committed(before int64) int64 {
	durable, _, _ := n.acks.reported()
	return max(before, durable)
}

// stored checks that what was reported durable until now is there (invariant 4).
func (n *session) stored() error {
	durable, _, _ := n.acks.reported()
	v, err := n.bench.look()
	if err != nil {
		return err
	}
	if missing := n.bench.ledger.missing(v, n.acks.partition, durable); len(missing) > 0 {
		return fmt.Errorf("partition %s: %d was reported durable, but these offsets are not stored: %s", n.acks.partition, durable, some(missing))
	}
	return nil
}

// straight writes a log from its beginning to its end, in one go.
func (b *bench) straight(p connectors.Partition, log []record) (*session, error) {
	task, err := b.start(b.target.Config)
	if err != nil {
		return nil, err
	}
	n, err := b.open(task, p, -1)
	if err != nil {
		return n, err
	}
	if err := n.feed(log); err != nil {
		return n, err
	}
	if err := n.flush(); err != nil {
		return n, err
	}
	if err := n.close(); err != nil {
		return n, err
	}
	return n, b.stop(task)
}
