package cluster

import (
	"slices"
	"time"
)

// leader is what the leader remembers from one look at the group to the next. It is used by one goroutine.
type leader struct {
	delay time.Duration // for which the work of a departed worker waits

	seen     map[string]bool      // members this leader has seen
	departed map[string]time.Time // until when their work waits
	highest  int64                // generation
}

func newLeader(delay time.Duration) *leader {
	return &leader{delay: delay, seen: map[string]bool{}, departed: map[string]time.Time{}}
}

// plan makes the placement for what the group looks like now, and tells when to look again because somebody's time is over; zero
// for never. Only workers that this leader has itself seen leave are waited for: a cluster that starts again begins with who is there.
func (l *leader) plan(now time.Time, self, url string, prev Placement, members []string, leaving map[string]bool, want map[string]int) (next Placement, again time.Time) {
	var present []string
	for _, id := range members {
		if !leaving[id] {
			present = append(present, id)
			l.seen[id] = true
			delete(l.departed, id)
		}
	}
	for id := range l.seen {
		switch {
		case slices.Contains(present, id):
		case leaving[id]: // said good-bye: nothing to wait for
			delete(l.seen, id)
			delete(l.departed, id)
		default:
			delete(l.seen, id)
			l.departed[id] = now.Add(l.delay)
		}
	}
	var absent []string
	for id, until := range l.departed {
		switch {
		case !now.Before(until) || leaving[id]:
			delete(l.departed, id)
		default:
			absent = append(absent, id)
			if again.IsZero() || until.Before(again) {
				again = until
			}
		}
	}
	slices.Sort(absent)

	l.highest = max(l.highest, prev.Generation)
	next = place(prev, present, absent, want)
	next.Leader, next.LeaderURL = self, url
	next.Generation = prev.Generation
	if !same(prev, next) || prev.Leader != self || prev.LeaderURL != url {
		next.Generation = l.highest + 1
	}
	l.highest = max(l.highest, next.Generation)
	return next, again
}
