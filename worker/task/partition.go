package task

import (
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/task/fetch"
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

	assignedAfter uint64 // the number of the latest read when it was assigned

	builder  *connectors.Builder // nil: nothing collected
	base     int64               // first offset in it
	size     int64               // of it, an upper bound
	common   common              // of its records
	lastSent time.Time
	lastSize struct{ records, bytes int } // of the batch sent last: about what the next one will have
	account  account
	underWay []sentBatch // oldest first

	held   *fetch.Record // the record for which there is no room
	paused bool          // by us, because held did not find room in time
	again  bool          // records behind next were not wanted and have to be fetched again

	rejected int64 // behind the last record that the plugin rejected
	settled  int64 // what the plugin was told of them

	next int64 // offset wanted next; -1: whatever comes first
	tracker
}

type sentBatch struct {
	size int64
	at   time.Time
}

// due is the offset to commit, and whether that is news.
func (p *partition) due() (offset int64, moved bool) { return p.tracker.due(p.builder != nil) }

// drop gives up what is collected and was not sent; it is read again.
func (p *partition) drop() {
	if p.builder != nil {
		p.stopAt(p.base)
		p.builder = nil
	}
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
