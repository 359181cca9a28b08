package task

import (
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// When a record finds no room, because its partition has used up its credit, polling stops for a moment: pausing a
// partition makes the client throw away what it has fetched. Stopping delays the other partitions too, so that they must
// not pay for one that is slow for long: while any of them has room, only a tenth of the time may go to holding. Then the
// partition is paused until half of its share is free.

// hold waits until the partition's record has room. False means that it has none, and that the partition is paused, or that
// the task ends.
func (r *run) hold(p *partition, room func() bool) bool {
	most := holdMost
	costly := r.othersHaveRoom(p)
	if costly {
		most = r.holdLeft
	}
	if most > 0 {
		start := time.Now()
		timer := time.NewTimer(most)
		found := r.holdUntil(timer.C, room)
		timer.Stop()
		r.now = time.Now()
		if costly {
			r.holdLeft -= r.now.Sub(start)
		}
		if found {
			return true
		}
		if r.failure != nil || r.ctx.Err() != nil {
			return false
		}
	}
	if err := r.consumer.Pause([]kafka.TopicPartition{p.kafka()}); err != nil {
		r.fail(kafkaFailure("pausing a partition", err).At(p.Partition, -1))
		return false
	}
	p.paused = true
	r.held++
	return false
}

func (r *run) holdUntil(timeout <-chan time.Time, room func() bool) bool {
	for {
		select {
		case e := <-r.link.events:
			r.handle(e)
			if r.failure != nil {
				return false
			}
		case <-r.link.sent:
		case <-r.lettersReady:
			r.settled()
			if r.failure != nil {
				return false
			}
		case <-timeout:
			return false
		case <-r.ctx.Done():
			return false
		}
		if room() {
			return true
		}
	}
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
		m := p.held
		p.held = nil
		if m != nil {
			r.add(p, m)
		}
		if r.failure != nil {
			return
		}
		if p.held == nil && !r.paused {
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
