package connectortest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// reopening closes a partition in the middle, with and without a flush, and once forgets the group's offset (invariant 6).
func reopening(b *bench) error {
	log := span(0, most)
	committed := int64(-1)
	for _, round := range []struct {
		upTo  int
		flush bool
	}{{50, false}, {100, true}, {101, false}, {len(log), true}} {
		task, err := b.start(b.target.Config)
		if err != nil {
			return err
		}
		n, err := b.open(task, b.part(3), committed)
		if err != nil {
			return err
		}
		if err := n.feed(log[:round.upTo]); err != nil {
			return err
		}
		if round.flush {
			if err := n.flush(); err != nil {
				return err
			}
		}
		if err := errors.Join(n.close(), b.stop(task), n.stored()); err != nil {
			return err
		}
		committed = n.committed(committed)
	}
	if err := b.everything(); err != nil {
		return err
	}
	return b.successor(log, -1)
}

// successor opens the partition anew, hands over what it asks for, and finds everything.
func (b *bench) successor(log []record, committed int64) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err := b.open(task, b.part(3), committed)
	if err != nil {
		return err
	}
	return errors.Join(n.feed(log), n.flush(), n.close(), b.stop(task), b.everything())
}

// crash ends tasks in the middle without a word (invariant 6).
func crash(b *bench) error {
	log := span(0, most)
	committed := int64(-1)
	for _, upTo := range []int{20, 21, 120, 200} {
		task, err := b.start(b.target.Config)
		if err != nil {
			return err
		}
		n, err := b.open(task, b.part(3), committed)
		if err != nil {
			return err
		}
		if err := n.feed(log[:upTo]); err != nil {
			return err
		}
		if upTo%2 == 0 {
			// Some of it should be stored, or there would be nothing to repeat.
			if err := n.flush(); err != nil {
				return err
			}
			if err := n.write(log[upTo : upTo+5]); err != nil {
				return err
			}
		}
		if c, ok := task.(Crasher); ok {
			c.Crash()
			n.closed = true
			b.forget(task)
		}
		committed = n.committed(committed)
	}
	if err := b.successor(log, committed); err != nil {
		return err
	}
	// Those that were not killed wake up now, and are closed.
	return errors.Join(b.end(), b.everything(), b.successor(log, -1))
}

// latePredecessor lets a writer go on after its partition was opened elsewhere: a process that was paused (invariant 6).
func latePredecessor(b *bench) error {
	log := span(0, most)
	oldTask, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	old, err := b.open(oldTask, b.part(3), -1)
	if err != nil {
		return err
	}
	if err := errors.Join(old.feed(log[:70]), old.flush(), old.write(log[70:75])); err != nil {
		return err
	}
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err := b.open(task, b.part(3), old.committed(-1))
	if err != nil {
		return err
	}
	for _, batch := range n.batches(log[:150]) {
		if err := n.write(batch); err != nil {
			return err
		}
	}
	// It may fail or succeed: what counts is what is stored.
	for _, step := range []func() error{
		func() error { return old.write(log[75:160]) },
		func() error { return b.call("Flush", old.writer.Flush) },
		old.close,
		func() error { return b.stop(oldTask) },
	} {
		if err := step(); errors.Is(err, errStuck) {
			return err
		}
	}
	if err := errors.Join(old.stored(), n.flush(), n.stored()); err != nil {
		return err
	}
	n.from = 150
	return errors.Join(n.feed(log), n.flush(), n.close(), b.stop(task), b.everything(), b.successor(log, -1))
}

// endedContexts makes every call with a context that has ended already (invariant 9). Each may do its work or fail; it
// must return, and the successor finds what it needs.
func endedContexts(b *bench) error {
	log := span(0, most)
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err := b.openWithin(ended(), task, b.part(4), -1)
	if errors.Is(err, errStuck) {
		return err
	}
	if err := n.abandon(); errors.Is(err, errStuck) {
		return err
	}
	n, err = b.open(task, b.part(3), -1)
	if err != nil {
		return err
	}
	if err := errors.Join(n.feed(log[:60]), n.flush(), n.write(log[60:80])); err != nil {
		return err
	}
	within := b.subject.EndWithin
	write := func(ctx context.Context) error { return n.writeWithin(ctx, log[80:100]) }
	for _, err := range []error{
		bounded(ended(), within, "Write", write),
		bounded(ended(), within, "Flush", n.writer.Flush),
		n.abandon(),
	} {
		if errors.Is(err, errStuck) {
			return err
		}
	}
	b.forget(task)
	if err := bounded(ended(), within, "Stop", task.Stop); errors.Is(err, errStuck) {
		return err
	}
	return errors.Join(n.stored(), b.successor(log, n.committed(-1)))
}

const (
	awayWithin = 500 * time.Millisecond
	awayMore   = 200 * time.Millisecond
)

// away lets a sink wait for a service that takes connections and never answers (invariant 9).
func away(b *bench) error {
	task, err := b.start(b.away)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), awayWithin)
	defer cancel()
	n, err := b.openWithin(ctx, task, b.part(3), -1)
	if errors.Is(err, errStuck) {
		return err
	}
	if err == nil {
		if err := n.waitInVain(); err != nil {
			return err
		}
	}
	durable, _, _ := n.acks.reported()
	if durable > n.from {
		return fmt.Errorf("%d was reported durable, but the service never answered", durable)
	}
	if err := n.abandon(); errors.Is(err, errStuck) {
		return err
	}
	b.forget(task)
	stopping, cancel := context.WithTimeout(context.Background(), awayMore)
	defer cancel()
	if err := bounded(stopping, b.subject.EndWithin, "Stop", task.Stop); errors.Is(err, errStuck) {
		return err
	}
	return nil
}

// waitInVain writes and flushes for a while.
func (n *session) waitInVain() error {
	ctx, cancel := context.WithTimeout(context.Background(), awayMore)
	defer cancel()
	within := n.bench.subject.EndWithin
	err := bounded(ctx, within, "Write", func(ctx context.Context) error { return n.writeWithin(ctx, span(0, most)) })
	if errors.Is(err, errStuck) {
		return err
	}
	ctx, cancel = context.WithTimeout(context.Background(), awayMore)
	defer cancel()
	switch err := bounded(ctx, within, "Flush", n.writer.Flush); {
	case err == nil:
		return errors.New("Flush succeeds, but the service never answered")
	case errors.Is(err, errStuck):
		return err
	}
	return nil
}
