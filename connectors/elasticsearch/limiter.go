package elasticsearch

import (
	"context"
	"sync"
)

// limiter bounds what a task has under way: requests, records and bytes (invariant 7). The bound on requests is halved when the
// service cannot keep up, down to one, and grows again by one for as many successes as requests may be under way, as TCP's
// congestion window does (RFC 5681).
type limiter struct {
	most           int           // requests
	rights         chan struct{} // one for each further request that may be sent now
	records, bytes int           // bounds
	m              *instruments  // their gauges are set with the lock held: of two at once the later one would else be lost

	mu     sync.Mutex
	window int           // requests that may be under way, from 1 to most
	debt   int           // rights that are not given back when their request ends
	grown  int           // successes since the window last changed
	held   [2]int        // records and bytes
	freed  chan struct{} // closed and replaced when something is given back
}

func newLimiter(requests, records, bytes int, m *instruments) *limiter {
	l := &limiter{
		most: requests, rights: make(chan struct{}, requests), window: requests,
		records: records, bytes: bytes, m: m, freed: make(chan struct{}),
	}
	for range requests {
		l.rights <- struct{}{}
	}
	return l
}

// enter waits for the right to send one request.
func (l *limiter) enter(ctx context.Context) error {
	select {
	case <-l.rights:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the right back.
func (l *limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.show()
	if l.debt > 0 {
		l.debt--
		return
	}
	l.rights <- struct{}{}
}

// sending shows a request that is about to be sent.
func (l *limiter) sending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.show()
}

// show sets the gauges.
func (l *limiter) show() {
	l.m.inFlight.Set(int64(l.inFlight()))
	l.m.bufferedRecords.Set(int64(l.held[0]))
	l.m.bufferedBytes.Set(int64(l.held[1]))
}

// slower halves the number of requests that may be under way.
func (l *limiter) slower() {
	l.mu.Lock()
	defer l.mu.Unlock()
	window := max(1, l.window/2)
	for range l.window - window {
		select {
		case <-l.rights:
		default:
			l.debt++
		}
	}
	l.window, l.grown = window, 0
}

// faster notes a success.
func (l *limiter) faster() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.window == l.most {
		return
	}
	if l.grown++; l.grown < l.window {
		return
	}
	l.window, l.grown = l.window+1, 0
	if l.debt > 0 {
		l.debt--
		return
	}
	l.rights <- struct{}{}
}

// inFlight is the number of requests under way.
func (l *limiter) inFlight() int {
	return l.window + l.debt - len(l.rights)
}

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
	l.show()
	return true, nil
}

func (l *limiter) release(records, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[0] -= records
	l.held[1] -= bytes
	l.show()
	close(l.freed)
	l.freed = make(chan struct{})
}
