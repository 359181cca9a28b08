package task

import (
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

type state uint8

const (
	lookingUp state = iota // the committed offset is asked for
	opening                // the plugin was asked to open
	open                   // records flow
	closing                // the plugin was asked to close
	closed
)

// partition is one opening of a partition: from its assignment until it is taken away.
type partition struct {
	connectors.Partition
	id       uint32
	state    state
	since    time.Time // of lookingUp and opening, for the deadline
	assigned bool      // the consumer fetches it

	builder  *connectors.Builder // nil: nothing collected
	base     int64               // first offset in it
	size     int64               // of it, an upper bound
	lastSent time.Time
	account  account
	underWay []sentBatch // oldest first

	held   *kafka.Message // the record for which there is no room
	paused bool           // by us, because held did not find room in time

	next int64 // offset wanted next; -1: whatever comes first
	tracker
}

type sentBatch struct {
	size int64
	at   time.Time
}

// tracker follows how far a partition is durable and committed.
type tracker struct {
	sent      int64 // behind the last offset sent to the plugin, or where it resumed; -1: nothing yet
	durable   int64 // what the plugin reported last; -1: nothing yet
	committed int64 // what the group has; -1: nothing
	barrier   int64 // a record that failed: nothing beyond it is committed; -1: none
}

// report takes a durable offset from the plugin. Going back means nothing; going beyond what was sent is a lie.
func (t *tracker) report(next int64) error {
	if next > t.sent {
		return fmt.Errorf("plugin reports offset %d as durable, but it was sent nothing from %d on", next, t.sent)
	}
	t.durable = max(t.durable, next)
	return nil
}

// due is the offset to commit, and whether that is news (invariant 1).
func (t *tracker) due() (offset int64, moved bool) {
	offset = t.durable
	if t.barrier >= 0 {
		offset = min(offset, t.barrier)
	}
	return offset, offset > max(t.committed, 0)
}

// take tells how long the oldest batches were under way, once the plugin has taken them.
func (p *partition) take(size int64, now time.Time, took func(time.Duration)) {
	for size > 0 && len(p.underWay) > 0 {
		oldest := &p.underWay[0]
		if oldest.size > size {
			oldest.size -= size
			return
		}
		size -= oldest.size
		took(now.Sub(oldest.at))
		p.underWay = p.underWay[1:]
	}
	if len(p.underWay) == 0 {
		p.underWay = nil
	}
}
