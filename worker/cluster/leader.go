package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// leader is what the leader remembers from one look at the group to the next. It is used by one goroutine.
type leader struct {
	delay    time.Duration // for which the work of a departed worker waits
	patience time.Duration // for which a revocation waits for the worker that has to put it into effect

	seen     map[string]bool      // members this leader has seen
	departed map[string]time.Time // until when their work waits
	revoking map[string]time.Time // since when a worker owes an answer
	strange  map[string]time.Time // since when a worker is known that this leader has never seen in the group
	gone     []string             // whose time is over
	highest  int64                // generation
}

func newLeader(delay, patience time.Duration) *leader {
	return &leader{delay: delay, patience: patience, seen: map[string]bool{}, departed: map[string]time.Time{}, revoking: map[string]time.Time{}, strange: map[string]time.Time{}}
}

// view is what the leader sees of the cluster.
type view struct {
	now       time.Time
	self, url string
	prev      Placement
	behind    bool              // the topic does not end with prev
	members   []string          // of the group
	told      map[string]Member // what workers tell of themselves
	want      map[string]Wanted
	can       func(m Member, class, version string) bool
}

// plan makes the placement for what the cluster looks like now, and tells when to look again because somebody's time is over; zero
// for never. Only workers that this leader has itself seen leave are waited for: a cluster that starts again begins with who is there.
func (l *leader) plan(v view) (next Placement, again time.Time) {
	present := l.present(v)
	absent := l.absent(v)
	candidates := make([]Candidate, len(present))
	for i, id := range present {
		m, known := v.told[id]
		candidates[i] = Candidate{ID: id}
		if known && v.can != nil {
			candidates[i].Can = func(class, version string) bool { return v.can(m, class, version) }
		}
	}
	l.highest = max(l.highest, v.prev.Generation)
	prev := v.prev
	prev.Revoked = l.outstanding(v, present)
	next = place(prev, candidates, absent, v.want)
	handOver(prev, &next, present, l.highest+1)
	next.Leader, next.LeaderURL = v.self, v.url
	next.Generation = v.prev.Generation
	if !same(v.prev, next) || v.prev.Leader != v.self || v.prev.LeaderURL != v.url || v.behind || v.prev.Generation < l.highest {
		next.Generation = l.highest + 1
	}
	l.highest = max(l.highest, next.Generation)
	return next, l.again(v.now)
}

// present are the members that can be given work.
func (l *leader) present(v view) (ids []string) {
	for _, id := range v.members {
		if !v.told[id].Leaving {
			ids = append(ids, id)
			l.seen[id] = true
			delete(l.departed, id)
		}
	}
	return ids
}

// absent are the workers whose work waits for them.
func (l *leader) absent(v view) (ids []string) {
	for id := range l.seen {
		switch {
		case v.told[id].Leaving: // said good-bye: nothing to wait for
			delete(l.seen, id)
		case !slices.Contains(v.members, id):
			delete(l.seen, id)
			l.departed[id] = v.now.Add(l.delay)
		}
	}
	for id, until := range l.departed {
		if !v.now.Before(until) || v.told[id].Leaving {
			delete(l.departed, id)
			l.gone = append(l.gone, id)
		} else {
			ids = append(ids, id)
		}
	}
	l.overlook(v)
	slices.Sort(ids)
	return ids
}

// overlook forgets workers of before this leader's time, which have now had as long to come as one that has left, and to let go: one
// that has another address since, as a rule. Should it be there after all, it tells of itself again.
func (l *leader) overlook(v view) {
	maps.DeleteFunc(l.strange, func(id string, _ time.Time) bool { _, told := v.told[id]; return !told })
	for id := range v.told {
		_, waited := l.departed[id]
		switch since := l.strange[id]; {
		case waited || l.seen[id] || slices.Contains(v.members, id):
			delete(l.strange, id)
		case since.IsZero():
			l.strange[id] = v.now
		case v.now.Sub(since) >= l.delay+l.patience:
			delete(l.strange, id)
			l.gone = append(l.gone, id)
		}
	}
}

// outstanding are the revocations that are not yet in effect. A worker that is gone has none: it has stopped its tasks before Kafka
// gave it up. One that is there and does not answer is waited for, but not for ever.
func (l *leader) outstanding(v view, present []string) map[string]Revoked {
	var left map[string]Revoked
	for id, r := range v.prev.Revoked {
		if !slices.Contains(present, id) || v.told[id].Released >= r.Generation {
			continue
		}
		if l.revoking[id].IsZero() {
			l.revoking[id] = v.now
		}
		if v.now.Sub(l.revoking[id]) >= l.patience {
			continue
		}
		if left == nil {
			left = map[string]Revoked{}
		}
		left[id] = r
	}
	maps.DeleteFunc(l.revoking, func(id string, _ time.Time) bool { _, owes := left[id]; return !owes })
	return left
}

// handOver holds back what would move from one living worker to another until the first has let go: it is revoked, and nobody has
// it. What was revoked before and has not ended stays with nobody, unless its worker gets it back.
func handOver(prev Placement, next *Placement, present []string, generation int64) {
	type owner struct {
		id    string
		asked bool // to let go
	}
	from := map[TaskRef]owner{}
	revoked := map[string]Revoked{}
	for id, r := range prev.Revoked {
		revoked[id] = Revoked{Generation: r.Generation}
		for _, t := range r.Tasks {
			from[t] = owner{id, true}
		}
	}
	for _, id := range present {
		for _, t := range prev.Workers[id].Tasks {
			from[t] = owner{id, false}
		}
	}
	for id, w := range next.Workers {
		var kept []TaskRef
		for _, t := range w.Tasks {
			o, owned := from[t]
			if !owned || o.id == id {
				kept = append(kept, t)
				continue
			}
			r := revoked[o.id]
			if !o.asked {
				r.Generation = generation
			}
			r.Tasks = append(r.Tasks, t)
			revoked[o.id] = r
		}
		w.Tasks = kept
		next.Workers[id] = w
	}
	maps.DeleteFunc(revoked, func(_ string, r Revoked) bool { return len(r.Tasks) == 0 })
	next.Revoked = nil
	if len(revoked) > 0 {
		next.Revoked = revoked
	}
	for _, r := range revoked {
		slices.SortFunc(r.Tasks, func(a, b TaskRef) int {
			return cmp.Or(cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Task, b.Task))
		})
	}
}

// again is when the first of those who are waited for has no more time.
func (l *leader) again(now time.Time) (first time.Time) {
	sooner := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	for _, until := range l.departed {
		sooner(until)
	}
	for _, since := range l.revoking {
		sooner(since.Add(l.patience))
	}
	return first
}
