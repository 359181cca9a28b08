package elasticsearch

import (
	"context"
	"sync"
)

// limiter bounds what a task has under way: requests, records and bytes (invariant 7).
type limiter struct {
	slots          chan struct{}
	records, bytes int // bounds

	mu    sync.Mutex
	held  [2]int        // records and bytes
	freed chan struct{} // closed and replaced when something is given back
}

func newLimiter(requests, records, bytes int) *limiter {
	return &limiter{slots: make(chan struct{}, requests), records: records, bytes: bytes, freed: make(chan struct{})}
}

// enter waits for the right to send one request.
func (l *limiter) enter(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *limiter) leave() { <-l.slots }

// inFlight is the number of requests under way.
func (l *limiter) inFlight() int { return len(l.slots) }

// reserve takes room for a request. first says that its writer holds nothing yet: then there is always room, so that no
// partition waits for another one's trouble. Without room it gives a channel that tells when to ask again.
func (l *limiter) reserve(first bool, records, bytes int) (ok bool, wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !first && (l.held[0]+records > l.records || l.held[1]+bytes > l.bytes) {
		return false, l.freed
	}
	l.held[0] += records
	l.held[1] += bytes
	return true, nil
}

func (l *limiter) release(records, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[0] -= records
	l.held[1] -= bytes
	close(l.freed)
	l.freed = make(chan struct{})
}
