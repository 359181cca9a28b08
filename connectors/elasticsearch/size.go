package elasticsearch

import "sync"

// sizes bounds the bytes of a request for a task. A request that was refused as too large lowers the bound for good. One that
// the service could not take for now, or not answer in time, lowers it to half of that request, but not below a 64th of what is
// configured: a service that refuses everything says nothing about sizes. Successes raise it again, the later the more often it
// was lowered because of time: such a failure is expensive.
type sizes struct {
	mu     sync.Mutex
	least  int // unless most is less
	most   int // as configured, or as the service has taught
	now    int // present bound, up to most
	proven int // bound before it was last raised, until a larger request has passed; else 0
	calm   int // successes that raise it
	counts int // successes of large requests since it last changed
}

const (
	calmest = 4 // successes
	wariest = 64
)

func newSizes(most int) *sizes { return &sizes{least: most / 64, most: most, now: most, calm: calmest} }

// limit gives the most bytes of a request, for a bulk with a limit of its own (0: none).
func (s *sizes) limit(own int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own > 0 {
		return min(s.now, own)
	}
	return s.now
}

// refused notes that the service takes no requests of n bytes, and says whether that was news.
func (s *sizes) refused(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n/2 >= s.most {
		return false
	}
	s.most = n / 2
	s.now = min(s.now, s.most)
	return true
}

// tries says that n bytes are more than the service was known to take when the bound was last raised.
func (s *sizes) tries(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proven > 0 && n > s.proven
}

// missed notes that n bytes were too many for now, and gives what to send of them instead; late says that they were not answered
// in time. Requests of one size that miss at the same time count once.
func (s *sizes) missed(n int, late bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := n / 2
	if s.proven > 0 && n > s.proven {
		next = s.proven
	}
	if now := max(next, min(s.least, s.most)); now < s.now {
		s.now, s.proven, s.counts = now, 0, 0
		if late {
			s.calm = min(2*s.calm, wariest)
		}
	}
	return next
}

// passed notes that n bytes were answered in time.
func (s *sizes) passed(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.proven {
		s.proven = 0
	}
	if s.now >= s.most || n < s.now/2 {
		return // small requests prove nothing
	}
	if s.counts++; s.counts < s.calm {
		return
	}
	s.counts, s.proven = 0, s.now
	if s.now = min(s.now+s.now/4+1, s.most); s.now == s.most {
		s.calm = calmest
	}
}
