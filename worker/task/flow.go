package task

import (
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// When a record finds no room, because its partition has used up its credit, nothing more is taken for the time being: pausing the
// partition would make the client throw away what it has fetched. That delays the other partitions too, which must not pay for one
// that is slow for long: while any of them has room, only a tenth of the time may go to it. Then the partition is paused until half
// of its share is free.

// stuck is the record that has no room, the first of those that were read and are not dealt with. The zero value says that none is.
type stuck struct {
	p     *partition
	room  func() bool // whether it has room by now
	costs time.Time   // since when others, which have room, wait for it; zero: they do not
}

// unstick goes on with the record for which there was no room, where there is, or where that cannot be waited for. It is false while
// the record has to wait.
func (r *run) unstick() bool {
	s := &r.stuck
	if s.p == nil {
		return true
	}
	costly := r.othersHaveRoom(s.p)
	if costly && s.costs.IsZero() {
		s.costs = r.now
	}
	free := s.p.state != open || s.room()
	cost := time.Duration(0)
	if !s.costs.IsZero() {
		cost = r.now.Sub(s.costs)
	}
	if !free && costly && cost < r.holdLeft {
		return false
	}
	r.holdLeft -= cost
	s.costs = time.Time{}
	if !free && !costly {
		return false
	}
	p := s.p
	r.stuck = stuck{}
	if !free {
		r.putAside(p)
	}
	return r.failure == nil
}

// putAside keeps the record for which there is no room, and pauses its partition.
func (r *run) putAside(p *partition) {
	if err := r.consumer.Pause([]kafka.TopicPartition{p.kafka()}); err != nil {
		r.fail(kafkaFailure("pausing a partition", err).At(p.Partition, -1))
		return
	}
	p.held = r.reader.Record(r.taken).Keep()
	r.taken++
	p.paused = true
	r.held++
}

func (r *run) othersHaveRoom(p *partition) bool {
	for _, o := range r.partitions {
		if o != p && o.state == open && !o.paused && o.account.used+o.size+r.batchLimit <= r.credit.share() {
			return true
		}
	}
	return false
}

// releaseHeld lets paused partitions go on that have room again.
func (r *run) releaseHeld() {
	for _, p := range r.partitions {
		if !p.paused || p.state != open || p.account.used > r.credit.share()/2 || r.lettersFull() || !r.send(p) {
			continue
		}
		p.paused = false
		r.held--
		m := p.held // for which there is room now, in the batch and among the dead letters
		p.held = nil
		if m != nil {
			r.add(p, m)
		}
		if r.failure != nil {
			return
		}
		if !r.paused {
			if err := r.consumer.Resume([]kafka.TopicPartition{p.kafka()}); err != nil {
				r.fail(kafkaFailure("resuming a partition", err).At(p.Partition, -1))
			}
		}
	}
}

// fetchAgain makes the consumer deliver again what was not wanted at the time. It is called when all that was read is dealt with.
func (r *run) fetchAgain() {
	for _, p := range r.again {
		p.again = false
		if p.state != open {
			continue
		}
		next := p.next
		if p.held != nil {
			next = p.held.Offset + 1
		}
		tp := p.kafka()
		tp.Offset = kafka.Offset(next)
		if _, err := r.consumer.SeekPartitions([]kafka.TopicPartition{tp}); err != nil {
			r.fail(kafkaFailure("seeking", err).At(p.Partition, next))
		}
	}
	r.again = r.again[:0]
}

// pauseOrResume puts SetPaused into effect.
func (r *run) pauseOrResume() {
	want := r.wantPaused()
	if want == r.paused {
		return
	}
	r.paused = want
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.SetPaused(want)
	}
	var flowing []kafka.TopicPartition
	for _, p := range r.partitions {
		if p.assigned && !p.paused {
			flowing = append(flowing, p.kafka())
		}
	}
	r.commits.next = r.now
	r.log.Info("task paused or resumed", "paused", want)
	var err error
	switch {
	case len(flowing) == 0:
	case want:
		err = r.consumer.Pause(flowing)
	default:
		err = r.consumer.Resume(flowing)
	}
	if err != nil {
		r.fail(kafkaFailure("pausing or resuming the task", err))
		return
	}
	if r.cfg.OnPaused != nil {
		r.cfg.OnPaused(want)
	}
}

func (p *partition) kafka() kafka.TopicPartition {
	return kafka.TopicPartition{Topic: &p.Topic, Partition: p.ID}
}
