package connectortest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sluice-connect/sluice/connectors"
)

// most is the length of a log of ordinary size.
const most = 240

// arrival writes two partitions and finds all of it (invariant 3).
func arrival(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	log := span(0, most)
	for _, p := range []connectors.Partition{b.part(3), {Topic: b.target.Topic + "-other", ID: 0}} {
		n, err := b.open(task, p, -1)
		if err != nil {
			return err
		}
		if err := errors.Join(n.feed(log), n.flush(), n.close()); err != nil {
			return err
		}
	}
	return errors.Join(b.stop(task), b.everything())
}

// nullValues and emptyValues put records that are no documents among others (invariant 3).
func nullValues(b *bench) error { return b.oddValues(null, b.subject.Null) }

func emptyValues(b *bench) error { return b.oddValues(empty, b.subject.Empty) }

func (b *bench) oddValues(k kind, want Outcome) error {
	log := span(0, 60)
	for i := range log {
		if i < 3 || i%9 == 0 || i >= len(log)-3 { // first and last of all, some between, some in a row
			log[i].kind = k
		}
	}
	n, err := b.straight(b.part(3), log)
	if err != nil {
		return err
	}
	if err := b.everything(); err != nil {
		return err
	}
	v, err := b.look()
	if err != nil {
		return err
	}
	odd := b.ledger.count(k)
	_, rejected, _ := n.acks.reported()
	switch want {
	case Stored:
		if v.others < odd || v.others > odd && b.subject.Guarantee == ExactlyOnce {
			return fmt.Errorf("%d such records were written, %d values stand for them", odd, v.others)
		}
	case Rejected:
		if rejected != odd || v.others > 0 {
			return fmt.Errorf("%d such records were written, %d were rejected and %d stored", odd, rejected, v.others)
		}
	case Omitted:
		if v.others > 0 {
			return fmt.Errorf("such records are to be left out, and %d values stand for them", v.others)
		}
	}
	return nil
}

// headers gives some of the records headers, also null and empty ones.
func headers(b *bench) error {
	log := span(0, 50)
	for i := range log {
		switch i % 3 {
		case 1:
			log[i].headers = []connectors.Header{{Key: "source", Value: []byte("web")}, {Key: "", Value: []byte{}}, {Key: "trace"}}
		case 2:
			log[i].headers = []connectors.Header{{Key: "bytes", Value: []byte{0, 255, '\n'}}}
		}
	}
	if _, err := b.straight(b.part(3), log); err != nil {
		return err
	}
	return b.everything()
}

// gaps writes a log as compaction and transactions leave it, and opens it again in the middle of a gap.
func gaps(b *bench) error {
	log := make([]record, 0, most)
	for _, r := range span(0, most) {
		switch {
		case r.offset%17 == 0: // the marker of a transaction
			continue
		case r.offset > 100:
			r.offset += 1_000_000_000 * ((r.offset - 100) / 20)
		}
		log = append(log, r)
	}
	half := len(log) / 2
	n, err := b.straight(b.part(3), log[:half])
	if err != nil {
		return err
	}
	committed := n.committed(-1) + 1 // nothing stands there, and it may as well be asked for
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err = b.open(task, b.part(3), committed)
	if err != nil {
		return err
	}
	return errors.Join(n.feed(log), n.flush(), n.close(), b.stop(task), b.everything())
}

// large puts a large record between small ones.
func large(b *bench) error {
	log := span(0, 5)
	log[2].fill = b.subject.LargeRecord
	if _, err := b.straight(b.part(3), log); err != nil {
		return err
	}
	return b.everything()
}

// durable looks after every batch whether what was reported is there (invariant 4).
func durable(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err := b.open(task, b.part(3), -1)
	if err != nil {
		return err
	}
	for _, batch := range n.batches(span(0, most)) {
		if err := n.write(batch); err != nil {
			return err
		}
		if err := n.stored(); err != nil {
			return err
		}
	}
	return errors.Join(n.close(), n.stored(), b.stop(task), n.stored())
}

// flushes flushes again and again, also without anything new (invariant 5).
func flushes(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err := b.open(task, b.part(3), -1)
	if err != nil {
		return err
	}
	if err := n.flush(); err != nil {
		return err
	}
	log := span(0, 60)
	for i, next := 0, 1; i < len(log); i, next = next, next*2+1 {
		next = min(next, len(log))
		if err := errors.Join(n.write(log[i:next]), n.flush(), n.stored(), n.flush()); err != nil {
			return err
		}
	}
	return errors.Join(n.close(), b.stop(task), b.everything())
}

// memory writes many batches before it flushes: what a sink still holds of them is spoiled by then (invariant 8).
func memory(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	n, err := b.open(task, b.part(3), -1)
	if err != nil {
		return err
	}
	for _, r := range span(0, 100) {
		if err := n.write([]record{r}); err != nil {
			return err
		}
	}
	return errors.Join(n.flush(), n.close(), b.stop(task), b.everything())
}

const partitions = 8

// manyPartitions writes to several partitions of one task at the same time (invariant 7).
func manyPartitions(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	sessions := make([]*session, partitions)
	for i := range sessions {
		if sessions[i], err = b.open(task, b.part(int32(i)), -1); err != nil {
			return err
		}
	}
	errs := make([]error, partitions)
	var running sync.WaitGroup
	for i, n := range sessions {
		running.Go(func() {
			log := span(0, most/2+int64(i))
			if errs[i] = n.feed(log); errs[i] == nil && i%2 == 0 { // the others are closed with what they have
				errs[i] = n.flush()
			}
			errs[i] = errors.Join(errs[i], n.close())
		})
	}
	running.Wait()
	if err := errors.Join(errors.Join(errs...), b.stop(task)); err != nil {
		return err
	}
	// What a writer had not stored when it was closed is for its successor.
	return errors.Join(b.finish(sessions), b.everything())
}

// finish lets successors store what the writers of partitions have not.
func (b *bench) finish(sessions []*session) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	for i, old := range sessions {
		n, err := b.open(task, old.acks.partition, old.committed(-1))
		if err != nil {
			return err
		}
		if err := errors.Join(n.feed(span(0, most/2+int64(i))), n.flush(), n.close()); err != nil {
			return err
		}
	}
	return b.stop(task)
}

// idle starts a task and stops it, with nothing open (invariant 10).
func idle(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	if err := b.stop(task); err != nil {
		return err
	}
	v, err := b.look()
	if err == nil && len(v.times)+v.others > 0 {
		err = errors.New("values are stored, but none was written")
	}
	return err
}

// fresh opens a partition of which nothing is stored: the group's offset counts, where there is one.
func fresh(b *bench) error {
	task, err := b.start(b.target.Config)
	if err != nil {
		return err
	}
	for i, committed := range []int64{-1, 0, 42} {
		n, err := b.open(task, b.part(int32(i)), committed)
		if err != nil {
			return err
		}
		if n.from > max(committed, 0) {
			return fmt.Errorf("nothing is stored and %d is committed, but the writer resumes at %d", committed, n.from)
		}
		if err := errors.Join(n.flush(), n.close()); err != nil {
			return err
		}
	}
	return b.stop(task)
}

// ended gives a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
