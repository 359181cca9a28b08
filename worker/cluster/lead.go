package cluster

import (
	"context"
	"reflect"
	"slices"
	"time"
)

// run keeps the membership's view, tells of this worker, and places while it leads.
func (m *Membership) run(ctx context.Context) {
	var l *leader
	timer := time.NewTimer(m.cfg.LookInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.done:
			return
		case <-m.kick:
		case <-m.cfg.Store.Changed():
		case <-timer.C:
		}
		wait := m.cfg.LookInterval
		retry := func(what string, err error) {
			if err != nil && ctx.Err() == nil {
				m.log.Warn(what+"; trying again", "error", err)
				wait = time.Second
			}
		}
		retry("finding the way back into the cluster", m.resume(ctx))
		retry("telling the others of this worker", m.tell(ctx))

		m.mu.Lock()
		if !m.presume.IsZero() && !alone(m.cfg.Store.Placement(), m.id) {
			m.presume, m.trust = time.Time{}, time.Time{} // somebody else presumed the same, and was earlier
		}
		presumes := time.Now().Before(m.presume) && m.wanted && !m.holds
		m.leads = m.holds || presumes
		leads, joined, want, wanted, may := m.leads, m.joined, m.want, m.wanted, m.mayAct()
		m.mu.Unlock()
		settled := false
		switch {
		case !leads:
			l = nil
			_, placed := m.cfg.Store.Placement().Workers[m.id]
			settled = joined && placed
		case !wanted || !may:
		default:
			if l == nil {
				l = newLeader(m.cfg.RebalanceDelay, m.cfg.ReleaseTimeout)
				l.highest = m.cfg.Generation
				m.log.Info("leading the cluster", "worker", m.id, "group still forming", presumes)
			}
			placed, again, err := m.lead(ctx, l, want, presumes)
			settled, wait = placed, min(wait, again)
			retry("placing the work", err)
		}
		m.mu.Lock()
		m.settled = settled && m.leads == leads && m.mayAct() && len(m.cfg.Store.Placement().Revoked) == 0
		m.mu.Unlock()
		signal(m.changed)
		timer.Reset(wait)
	}
}

// resume makes the worker active when its lease is good again: after it has read all placements that were made while it was not.
// While the worker waits for its part in a changing group, during which Kafka asks for no heartbeats, the lease is extended by asking
// the coordinator, who gives up nobody who waits.
func (m *Membership) resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.SessionTimeout)
	defer cancel()
	m.mu.Lock()
	active, joining, ended := m.active, m.joining, m.err != nil
	good := time.Now().Before(m.lease.expires().Add(-m.grace()))
	late := time.Now().After(m.lease.expires().Add(-2 * m.grace()))
	m.mu.Unlock()
	if active && joining && late {
		asked := time.Now()
		if g, err := m.describe(ctx); err == nil && slices.Contains(g.members, m.id) {
			m.lease.seen(asked)
		}
	}
	if ended || active || !good {
		return nil
	}
	if err := m.cfg.Store.Refresh(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	if m.active = m.err == nil && time.Now().Before(m.lease.expires().Add(-m.grace())); m.active {
		m.trust = time.Time{}
	}
	m.mu.Unlock()
	return nil
}

// tell writes what this worker tells of itself, where the topic has it otherwise: something has changed, or another process has the
// same address, which learns by it that this one is alive.
func (m *Membership) tell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.SessionTimeout)
	defer cancel()
	m.mu.Lock()
	self, ended := m.self, m.err != nil
	m.mu.Unlock()
	known, ok := m.cfg.Store.Member(m.id)
	if ended || m.cfg.Store.Holds(m.id) && reflect.DeepEqual(known, self) {
		return nil
	}
	if ok && known.Process != self.Process {
		m.log.Warn("another process has started as this worker; give every worker its own advertised address", "worker", m.id)
	}
	return m.cfg.Store.PutMember(ctx, self)
}

// alone tells whether a placement knows of no worker but this one. Such a worker, when it also finds the group empty, need not wait
// for the group to form, for which brokers take group.initial.rebalance.delay.ms (3 s) in case others come: it leads meanwhile.
// Should two workers that never were in a placement both do so, the topic has the placements in an order, the second sees the
// first's and gives way.
func alone(p Placement, id string) bool {
	for other := range p.Workers {
		if other != id {
			return false
		}
	}
	return true
}

// lead looks at the group and writes the placement if it has to change. It tells whether all is placed, and when to look again.
func (m *Membership) lead(ctx context.Context, l *leader, want map[string]Wanted, presumes bool) (placed bool, wait time.Duration, err error) {
	const soon = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, m.cfg.SessionTimeout)
	defer cancel()
	g := group{stable: true, members: []string{m.id}}
	if !presumes {
		if g, err = m.describe(ctx); err != nil {
			return false, soon, err
		}
	}
	if !g.stable || !slices.Contains(g.members, m.id) {
		return false, soon, nil // somebody is coming or going
	}
	if err := m.cfg.Store.Refresh(ctx); err != nil {
		return false, soon, err
	}
	prev := m.cfg.Store.Placement()
	if presumes && !alone(prev, m.id) {
		return false, soon, nil
	}
	told := m.cfg.Store.Members()
	next, again := l.plan(view{
		now: time.Now(), self: m.id, url: m.cfg.URL, prev: prev, behind: m.cfg.Store.Behind(), members: g.members, told: told, want: want, can: m.can(),
	})
	if next.Generation != prev.Generation {
		if !m.Leading() {
			return false, soon, nil
		}
		if err := m.cfg.Store.PutPlacement(ctx, next); err != nil {
			return false, soon, err
		}
		m.log.Info("placed the work", "generation", next.Generation, "workers", len(next.Workers), "revoked from", len(next.Revoked))
	}
	if err := m.forget(ctx, l, g.members, told); err != nil {
		return false, soon, err
	}
	wait = m.cfg.LookInterval
	if !again.IsZero() {
		wait = min(wait, max(time.Until(again), time.Millisecond))
	}
	return true, wait, nil
}

func (m *Membership) can() func(Member, string, string) bool {
	if m.cfg.Can == nil {
		return nil
	}
	return func(other Member, class, version string) bool { return m.cfg.Can(other.Plugins, class, version) }
}

// forget removes what workers have told that have gone and are not waited for.
func (m *Membership) forget(ctx context.Context, l *leader, members []string, told map[string]Member) error {
	for id := range told {
		if told[id].Leaving && !slices.Contains(members, id) {
			l.gone = append(l.gone, id)
		}
	}
	for len(l.gone) > 0 {
		if id := l.gone[0]; !slices.Contains(members, id) && id != m.id {
			if err := m.cfg.Store.RemoveMember(ctx, id); err != nil {
				return err
			}
		}
		l.gone = l.gone[1:]
	}
	return nil
}
