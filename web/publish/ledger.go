package publish

import (
	"context"
	"errors"
	"sync"
)

var (
	// ErrFull refuses an event because the buffer holds all it may; the same event may be offered again later.
	ErrFull = errors.New("the event buffer is full")
	// ErrStopping refuses an event because the publisher is closing.
	ErrStopping = errors.New("the service is stopping")
)

// Counts is one consistent view of the books: Accepted = Delivered + Failed + Buffered always holds (invariant 3).
type Counts struct {
	Accepted      int64 // events taken into the buffer since the start
	Delivered     int64 // events acknowledged by Kafka
	Failed        int64 // events refused by Kafka for good, or given up at the stop
	Dropped       int64 // events never accepted, because the buffer was full or the service stopping
	Buffered      int64 // events accepted and not yet settled
	BufferedBytes int64 // size of their values in bytes
}

// ledger admits events within two bounds and keeps the counts. Its one lock is held for a few additions.
type ledger struct {
	maxEvents, maxBytes int64

	mu     sync.Mutex
	counts Counts
	closed bool
	empty  chan struct{} // closed when nothing is buffered any more; nil while nobody waits
}

func newLedger(maxEvents int, maxBytes int64) *ledger {
	return &ledger{maxEvents: int64(maxEvents), maxBytes: maxBytes}
}

// admit takes an event of size bytes into the buffer, or says why not and counts it as dropped (invariant 2).
func (l *ledger) admit(size int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		l.counts.Dropped++
		return ErrStopping
	case l.counts.Buffered >= l.maxEvents || size > l.maxBytes-l.counts.BufferedBytes:
		l.counts.Dropped++
		return ErrFull
	}
	l.counts.Accepted++
	l.counts.Buffered++
	l.counts.BufferedBytes += size
	return nil
}

// delivered settles an event of size bytes that Kafka has acknowledged.
func (l *ledger) delivered(size int64) { l.settle(1, size, &l.counts.Delivered) }

// failed settles an event of size bytes that will not reach Kafka.
func (l *ledger) failed(size int64) { l.settle(1, size, &l.counts.Failed) }

func (l *ledger) settle(events, size int64, outcome *int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*outcome += events
	l.counts.Buffered -= events
	l.counts.BufferedBytes -= size
	if l.counts.Buffered == 0 && l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

// close makes admit refuse from now on.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// abandon settles everything still buffered as failed.
func (l *ledger) abandon() {
	c := l.snapshot()
	l.settle(c.Buffered, c.BufferedBytes, &l.counts.Failed)
}

// wait returns nil as soon as nothing is buffered, or the error of ctx.
func (l *ledger) wait(ctx context.Context) error {
	l.mu.Lock()
	if l.counts.Buffered == 0 {
		l.mu.Unlock()
		return nil
	}
	if l.empty == nil {
		l.empty = make(chan struct{})
	}
	empty := l.empty
	l.mu.Unlock()

	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *ledger) snapshot() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}
