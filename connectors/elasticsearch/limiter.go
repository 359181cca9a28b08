package elasticsearch

import (
	"context"
	"sync"
	"time"
)

// limiter bounds what a task has under way: requests, records and bytes (invariant 7). The bound on requests is halved when the
// service cannot keep up, down to one, and grows again by one for some times as many successes as requests may be under way, much as
// TCP's congestion window does (RFC 5681). It begins at one, and does not grow where more requests only wait longer in the service:
// how that shows in the time they take is TCP Vegas' idea (Brakmo and Peterson, 1995). They would hold memory and bring nothing.
type limiter struct {
	most           int           // requests
	rights         chan struct{} // one for each further request that may be sent now
	records, bytes int           // bounds
	m              *instruments  // their gauges are set with the lock held: of two at once the later one would else be lost

	mu     sync.Mutex
	window int           // requests that may be under way, from 1 to most
	debt   int           // rights that are not given back when their request ends
	tried  int           // successes since the window last changed
	best   float64       // nanoseconds that a byte of a full request took when there was least to wait for; 0: unknown
	recent float64       // and lately
	held   [2]int        // records and bytes
	freed  chan struct{} // closed and replaced when something is given back
}

func newLimiter(requests, records, bytes int, m *instruments) *limiter {
	l := &limiter{
		most: requests, rights: make(chan struct{}, requests), window: 1,
		records: records, bytes: bytes, m: m, freed: make(chan struct{}),
	}
	l.rights <- struct{}{}
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
	l.narrow(max(1, l.window/2))
}

// narrow makes the window smaller.
func (l *limiter) narrow(window int) {
	for range l.window - window {
		select {
		case <-l.rights:
		default:
			l.debt++
		}
	}
	l.window, l.tried = window, 0
}

const (
	trials   = 4 // successes for each request of the window before it changes
	idle     = 2 // times the best time: up to here another request is worth a trial
	crowded  = 4 // times the best time: from here on one request less does no harm, for half of the time and more is waiting
	smoothed = 8 // requests that recent is about
)

// passed notes a success, and how long a request of size bytes took; size is 0 for one that was too small to tell.
func (l *limiter) passed(size int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if size > 0 {
		l.learn(float64(took) / float64(size))
	}
	if l.tried++; l.tried < trials*l.window {
		return
	}
	switch {
	case l.recent > crowded*l.best && l.window > 1:
		l.narrow(l.window - 1)
	case l.recent > crowded*l.best: // nobody of this task is in the way: the service has become slower
		l.best, l.tried = l.recent, 0
	case l.recent <= idle*l.best && l.window < l.most:
		l.window, l.tried = l.window+1, 0
		if l.debt > 0 {
			l.debt--
			return
		}
		l.rights <- struct{}{}
	default:
		l.tried = 0
	}
}

func (l *limiter) learn(took float64) {
	if l.best == 0 {
		l.best, l.recent = took, took
	}
	l.best = min(l.best, took)
	l.recent += (took - l.recent) / smoothed
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
