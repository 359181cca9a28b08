package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluice-connect/sluice/worker/store"
)

// Leave gives this worker's work to the others, if there are any, and ends the membership. The worker must have stopped its tasks
// before.
//
// The worker says in the assignment topic that it goes, so that nobody waits for its return, and leaves the group, so that others can
// use it at once, Kafka Connect among them. A leader that leaves places the work before it goes.
func (m *Membership) Leave(ctx context.Context) error {
	m.stop()
	m.wg.Wait()
	if m.Err() != nil {
		return store.CloseConsumer(m.consumer) // another process has the place: it is not this one's to give up
	}
	err := m.farewell(ctx)
	if err != nil {
		err = fmt.Errorf("leave the cluster: %w", err)
	}
	m.leaveGroup(ctx)
	return errors.Join(err, store.CloseConsumer(m.consumer))
}

func (m *Membership) farewell(ctx context.Context) error {
	g, err := m.describe(ctx)
	if err != nil {
		return err
	}
	told := m.cfg.Store.Members()
	var others []Candidate
	can := m.can()
	for _, id := range g.members {
		if other := told[id]; id != m.id && !other.Leaving {
			c := Candidate{ID: id}
			if can != nil {
				c.Can = func(class, version string) bool { return can(other, class, version) }
			}
			others = append(others, c)
		}
	}
	if len(others) == 0 {
		return nil // a restart finds everything as it was
	}
	m.mu.Lock()
	m.self.Leaving = true
	self, want, leads := m.self, m.want, m.leads && m.wanted && m.mayAct()
	m.mu.Unlock()
	if err := m.cfg.Store.PutMember(ctx, self); err != nil {
		return err
	}
	if !leads {
		return nil
	}
	prev := m.cfg.Store.Placement()
	prev.Revoked = maps.Clone(prev.Revoked)
	delete(prev.Revoked, m.id) // it runs nothing any more
	next := Place(prev, others, want)
	ids := make([]string, len(others))
	for i, c := range others {
		ids[i] = c.ID
	}
	handOver(prev, &next, ids, prev.Generation+1)
	next.Leader, next.LeaderURL = "", ""
	next.Generation = prev.Generation + 1
	return m.cfg.Store.PutPlacement(ctx, next)
}

// leaveGroup gives up the place in the group. The client of a static member does so when it unsubscribes, but not when it is closed; it
// sends the request in the background, when its partitions have been given up.
//
// While the group changes for another who comes or goes, the client may not send it before the group has settled, and a client that is
// closed until then never does: the group would keep a member that is no more, and every further change would wait until its session is
// over. So the coordinator is asked until the worker is out (invariant 10).
func (m *Membership) leaveGroup(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.SessionTimeout)
	defer cancel()
	if err := m.consumer.Unsubscribe(); err != nil {
		m.log.Debug("unsubscribing", "error", err)
		return
	}
	const quiet, pause = 5, 20 * time.Millisecond // after so many polls without partitions the request is on its way
	for n := 0; ctx.Err() == nil; {
		m.consumer.Poll(int(pause / time.Millisecond))
		if parts, err := m.consumer.Assignment(); err != nil || len(parts) > 0 {
			continue
		}
		if n++; n < quiet {
			continue
		}
		if g, err := m.describe(ctx); err != nil || !slices.Contains(g.members, m.id) {
			return
		}
	}
}
