package task

import (
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

// commits is the state of offset commits: one under way at most, so that none overtakes another.
type commits struct {
	results chan commitResult
	since   time.Time // of the one under way; zero: none
	late    bool      // it has taken longer than CommitTimeout
	next    time.Time // when the next one is due
	err     error     // of the latest
}

type commitResult struct {
	partitions []*partition
	offsets    []kafka.TopicPartition // as asked for
	answer     []kafka.TopicPartition
	err        error
	took       time.Duration
}

// tendCommits starts a commit when it is due and something has moved.
func (r *run) tendCommits() {
	if !r.commits.since.IsZero() {
		if !r.commits.late && r.now.Sub(r.commits.since) > r.cfg.CommitTimeout {
			r.commits.late = true
			if r.cfg.Metrics != nil {
				r.cfg.Metrics.CommitLate()
			}
			r.log.Warn("offset commit takes long; the task goes on", "after", r.cfg.CommitTimeout)
			r.troubles.set(commitTrouble, r.unanswered("the task goes on meanwhile"))
		}
		if r.now.Sub(r.commits.since) > commitPatience*r.cfg.CommitTimeout && !r.brokersAway() {
			r.fail(r.unanswered("the consumer is made anew; what was not committed is read again"))
		}
		return
	}
	if r.now.Before(r.commits.next) {
		return
	}
	r.commits.next = r.now.Add(r.cfg.CommitInterval)
	all := make([]*partition, 0, len(r.partitions))
	for _, p := range r.partitions {
		all = append(all, p)
	}
	r.startCommit(all)
}

// commitPatience times CommitTimeout is how long a commit may stay without an answer while brokers are there: no other can be made
// before it, so that a client that lost it would commit nothing any more.
const commitPatience = 12

func (r *run) unanswered(hint string) *connectors.Error {
	return connectors.Retriable("committing offsets", fmt.Errorf("no answer since %s", r.commits.since.UTC().Format(time.RFC3339)), hint)
}

// startCommit commits what is durable of these partitions, where that is news (invariant 1).
func (r *run) startCommit(partitions []*partition) bool {
	c := commitResult{}
	for _, p := range partitions {
		if offset, moved := p.due(); moved {
			tp := p.kafka()
			tp.Offset = kafka.Offset(offset)
			c.partitions = append(c.partitions, p)
			c.offsets = append(c.offsets, tp)
		}
	}
	if len(c.offsets) == 0 || r.consumer == nil {
		return false
	}
	r.commits.since, r.commits.late = time.Now(), false
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.CommitStarted()
	}
	consumer, since := r.consumer, r.commits.since
	r.helpers.Go(func() {
		c.answer, c.err = consumer.CommitOffsets(c.offsets)
		c.took = time.Since(since)
		r.commits.results <- c // has room: one at a time
	})
	return true
}

// committed takes the answer to a commit.
func (r *run) committed(c commitResult) {
	late := r.commits.late
	r.commits.since, r.commits.late = time.Time{}, false
	r.commits.err = c.err
	r.troubles.over(commitTrouble)
	for i, tp := range c.answer {
		if tp.Error != nil {
			c.err = errors.Join(c.err, tp.Error)
			continue
		}
		if c.err == nil && i < len(c.partitions) && c.partitions[i].Topic == *tp.Topic && c.partitions[i].ID == tp.Partition {
			c.partitions[i].committed = max(c.partitions[i].committed, int64(tp.Offset))
		}
	}
	if r.cfg.Metrics != nil && !late {
		r.cfg.Metrics.CommitDone(c.took, c.err)
	}
	if c.err == nil {
		return
	}
	r.commits.next = time.Now().Add(min(commitAgain, r.cfg.CommitInterval))
	if fatal := r.fatal(c.err); fatal != nil {
		r.fail(fatal)
		return
	}
	r.log.Warn("offset commit failed; it is tried again", "error", c.err)
}

const commitAgain = time.Second

// commitNow commits what is durable of these partitions and waits for the answer, trying again until the time is over.
func (r *run) commitNow(partitions []*partition, within time.Duration) {
	deadline := time.Now().Add(within)
	idle := func() bool { return r.commits.since.IsZero() }
	for !r.fenced {
		if !r.awaitCommit(deadline, idle) || !r.startCommit(partitions) || !r.awaitCommit(deadline, idle) {
			return
		}
		if r.commits.err != nil && !retriableCommit(r.commits.err) {
			return
		}
		if r.commits.err != nil {
			pause := time.NewTimer(min(100*time.Millisecond, max(time.Until(deadline), 0)))
			<-pause.C
			if !time.Now().Before(deadline) {
				return
			}
		}
	}
}

// awaitCommit waits for commits only: the plugin may be gone.
func (r *run) awaitCommit(deadline time.Time, idle func() bool) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for !idle() {
		select {
		case c := <-r.commits.results:
			r.committed(c)
		case <-timer.C:
			return false
		}
	}
	return true
}

// retriableCommit says whether the same commit can succeed a moment later. A member that the group has moved on without
// cannot commit any more; whoever has the partition now reads again what was not committed.
func retriableCommit(err error) bool {
	var k kafka.Error
	if !errors.As(err, &k) {
		return false
	}
	switch k.Code() {
	case kafka.ErrIllegalGeneration, kafka.ErrUnknownMemberID, kafka.ErrFencedInstanceID, kafka.ErrStaleMemberEpoch, kafka.ErrFencedMemberEpoch,
		kafka.ErrGroupAuthorizationFailed, kafka.ErrTopicAuthorizationFailed, kafka.ErrOffsetMetadataTooLarge, kafka.ErrInvalidCommitOffsetSize,
		kafka.ErrFatal, kafka.ErrFenced:
		return false
	}
	return true
}
