package task

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

// rebalance is called by Poll and by Close, in their goroutine. It answers every event itself with IncrementalAssign or
// IncrementalUnassign: the client's own answer would write its errors to a channel that does not exist.
//
// New partitions are answered with an empty assignment, and assigned when the plugin has opened them and said where to
// begin: looking up and opening take time in which the other partitions go on.
func (r *run) rebalance(c *kafka.Consumer, ev kafka.Event) error {
	r.joined, r.regrouped = true, true
	if r.ending {
		if r.answered {
			time.Sleep(closingPause)
		}
		r.answered = true
	}
	var err error
	switch e := ev.(type) {
	case kafka.AssignedPartitions:
		if !r.ending && r.failure == nil {
			r.assign(e.Partitions)
		}
		err = c.IncrementalAssign(nil)
	case kafka.RevokedPartitions:
		lost := c.AssignmentLost()
		var fetched []kafka.TopicPartition
		if r.ending {
			fetched = r.assignedAmong(e.Partitions)
		} else {
			fetched = r.revoke(e.Partitions, lost)
		}
		err = c.IncrementalUnassign(fetched)
	}
	if err != nil && !r.ending {
		r.fail(kafkaFailure("answering a rebalance", err))
	}
	return nil // the client ignores it
}

// closingPause lets the client end before it gets a second answer. One that is closed while a rebalance waits to be answered sends a
// revocation as well, and ends with the answer to the first: an answer that it gets while it ends is waited for for ever, one that
// it gets later is refused.
const closingPause = 100 * time.Millisecond

func (r *run) assign(assigned []kafka.TopicPartition) {
	// The group has formed, and knows the topics that were missing; a task that gets none of their partitions sees it only here.
	r.troubles.over(kafkaTrouble)
	fresh := make([]*partition, 0, len(assigned))
	for _, tp := range assigned {
		key := connectors.Partition{Topic: strings.Clone(*tp.Topic), ID: tp.Partition}
		if r.partitions[key] != nil {
			continue // the client never assigns what it has not taken away
		}
		r.lastID++
		p := &partition{Partition: key, id: r.lastID, since: time.Now(), next: -1, tracker: newTracker()}
		r.partitions[key] = p
		fresh = append(fresh, p)
	}
	r.share()
	r.tellAssigned()
	if len(fresh) > 0 {
		r.lookUp(fresh)
	}
}

// lookup is the answer to the question for committed offsets.
type lookup struct {
	partitions []*partition
	offsets    []int64
	err        error
}

// lookUp asks for the committed offsets, beside the polling.
func (r *run) lookUp(partitions []*partition) {
	tps := make([]kafka.TopicPartition, len(partitions))
	for i, p := range partitions {
		tps[i] = p.kafka()
	}
	until := time.Now().Add(r.cfg.OpenTimeout)
	c := r.consumer
	r.helpers.Go(func() {
		l := lookup{partitions: partitions, offsets: make([]int64, len(partitions))}
		for {
			var found []kafka.TopicPartition
			found, l.err = c.Committed(tps, int(lookupPatience/time.Millisecond))
			for i, tp := range found {
				l.offsets[i] = max(int64(tp.Offset), -1)
				if tp.Error != nil {
					l.err = tp.Error
				}
			}
			if l.err == nil && len(found) != len(tps) {
				l.err = errors.New("incomplete answer")
			}
			if l.err == nil || time.Now().After(until) {
				break
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.quit:
				return
			}
		}
		select {
		case r.lookups <- l:
		case <-r.quit:
		}
	})
}

const lookupPatience = 2 * time.Second

func (r *run) lookedUp(l lookup) {
	for i, p := range l.partitions {
		if p.state != lookingUp || r.failure != nil {
			continue // taken away in the meantime
		}
		if l.err != nil {
			r.fail(kafkaFailure("looking up the committed offset", l.err).At(p.Partition, -1))
			return
		}
		p.committed = l.offsets[i]
		p.state, p.since = opening, time.Now()
		r.byID[p.id] = p
		r.link.push(command{id: p.id, partition: p.Partition, committed: p.committed})
	}
}

// opened notes where the plugin wants to resume.
func (r *run) opened(p *partition, resume int64) {
	p.state = open
	p.next = p.committed
	if resume >= 0 {
		p.next = resume
		if resume != p.committed {
			r.log.Info("sink resumes elsewhere than the committed offset", "partition", p.Partition, "committed", p.committed, "resume", resume)
		}
	}
	p.sent = p.next
	r.toAssign = append(r.toAssign, p)
}

// fetchOpened lets the consumer fetch the partitions that the plugin has opened.
func (r *run) fetchOpened() {
	var tps []kafka.TopicPartition
	for _, p := range r.toAssign {
		if p.state != open {
			continue
		}
		tp := p.kafka()
		tp.Offset = kafka.OffsetStored // which there is none of: auto.offset.reset decides
		if p.next >= 0 {
			tp.Offset = kafka.Offset(p.next)
		}
		tps = append(tps, tp)
		p.assigned, p.assignedAfter = true, r.reads
		r.reader.Route(p.Topic, p.ID)
	}
	r.toAssign = r.toAssign[:0]
	if len(tps) == 0 {
		return
	}
	if err := r.consumer.IncrementalAssign(tps); err != nil {
		r.fail(kafkaFailure("fetching partitions", err))
		return
	}
	if r.paused {
		if err := r.consumer.Pause(tps); err != nil {
			r.fail(kafkaFailure("pausing partitions", err))
		}
	}
}

// revoke gives partitions up (invariant 5) and returns those that the consumer fetches.
func (r *run) revoke(revoked []kafka.TopicPartition, lost bool) []kafka.TopicPartition {
	r.now = time.Now()
	var gone []*partition
	for _, tp := range revoked {
		if p := r.partitions[connectors.Partition{Topic: *tp.Topic, ID: tp.Partition}]; p != nil {
			gone = append(gone, p)
		}
	}
	fetched := r.assignedAmong(revoked)
	r.log.Info("partitions taken away", "partitions", names(gone), "lost", lost)
	deadline := r.now.Add(r.cfg.CloseTimeout)
	if !r.closePartitions(gone, !lost, deadline) && r.failure == nil {
		r.pluginGone = true
		r.fail(connectors.Retriable("closing partitions", fmt.Errorf("plugin did not close %s within %s", names(stillOpen(gone)), r.cfg.CloseTimeout),
			"the plugin hangs; it is started again"))
	}
	if !lost {
		r.awaitLetters(gone, deadline)
		r.commitNow(gone, r.cfg.CommitTimeout)
	}
	for _, p := range gone {
		r.forget(p)
		delete(r.partitions, p.Partition)
	}
	r.last = nil
	r.share()
	r.tellAssigned()
	// The client remembers that a partition was paused: it would not fetch it when it comes back.
	if len(fetched) > 0 {
		if err := r.consumer.Resume(fetched); err != nil {
			r.fail(kafkaFailure("resuming partitions that are taken away", err))
		}
	}
	return fetched
}

// closePartitions has the plugin close partitions and waits for it. Before that it gets what is collected, if wanted and
// if there is room. False means that some are not closed.
func (r *run) closePartitions(list []*partition, sendRest bool, deadline time.Time) bool {
	for _, p := range list {
		switch p.state {
		case lookingUp:
			r.forget(p) // the plugin has not heard of it
		case opening, open:
			if sendRest && p.state == open {
				r.send(p)
			}
			if p.paused {
				p.paused = false
				r.held--
			}
			p.drop()
			p.state, p.held = closing, nil
			r.link.push(command{id: p.id, close: true})
		case closing, closed:
		}
	}
	return r.await(deadline, func() bool { return len(stillOpen(list)) == 0 })
}

func stillOpen(list []*partition) []*partition {
	return slices.DeleteFunc(slices.Clone(list), func(p *partition) bool { return p.state == closed })
}

func names(list []*partition) string {
	all := make([]connectors.Partition, len(list))
	for i, p := range list {
		all[i] = p.Partition
	}
	return namesOf(all)
}

func namesOf(all []connectors.Partition) string {
	slices.SortFunc(all, byName)
	var b strings.Builder
	for i, p := range all {
		if i == 20 {
			fmt.Fprintf(&b, " and %d more", len(all)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	return b.String()
}

func byName(a, b connectors.Partition) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
}

// assignedAmong gives those of the partitions that the consumer was told to fetch: it refuses to give up others.
func (r *run) assignedAmong(tps []kafka.TopicPartition) []kafka.TopicPartition {
	var fetched []kafka.TopicPartition
	for _, tp := range tps {
		if p := r.partitions[connectors.Partition{Topic: *tp.Topic, ID: tp.Partition}]; p != nil && p.assigned {
			fetched = append(fetched, p.kafka())
		}
	}
	return fetched
}

func (r *run) tellAssigned() {
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.Assigned(len(r.partitions))
	}
	if r.cfg.OnAssigned == nil {
		return
	}
	list := make([]connectors.Partition, 0, len(r.partitions))
	for key := range r.partitions {
		list = append(list, key)
	}
	slices.SortFunc(list, byName)
	r.cfg.OnAssigned(list)
}

// checkDeadlines fails the task when the plugin does not open a partition.
func (r *run) checkDeadlines() {
	if len(r.byID) == 0 {
		return
	}
	for _, p := range r.byID {
		if p.state == opening && r.now.Sub(p.since) > r.cfg.OpenTimeout {
			r.pluginGone = true
			r.fail(connectors.Retriable("opening a partition", fmt.Errorf("plugin did not answer within %s", r.cfg.OpenTimeout),
				"the sink may be very slow, or the plugin hangs; it is started again").At(p.Partition, -1))
			return
		}
	}
}
