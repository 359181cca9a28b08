package task

import "fmt"

// tracker follows how far a partition is durable and committed.
type tracker struct {
	sent      int64 // behind the last offset sent to the plugin, or where it resumed; -1: nothing yet
	handed    bool  // something was sent
	passed    int64 // behind the last record that was passed over: not for the plugin; -1: none
	durable   int64 // what the plugin reported last; -1: nothing yet
	committed int64 // what the group has; -1: nothing
	barrier   int64 // a record that failed or was not sent in the end: nothing beyond it is committed; -1: none

	unacknowledged map[int64]bool // offsets whose dead letters Kafka does not have yet; true: the plugin did not get the record
	withheld       int            // those that it did not get
}

func newTracker() tracker {
	return tracker{sent: -1, passed: -1, durable: -1, committed: -1, barrier: -1}
}

// report takes a durable offset from the plugin. Going back means nothing; going beyond what was sent is a lie.
func (t *tracker) report(next int64) error {
	if next > t.sent {
		return fmt.Errorf("plugin reports offset %d as durable, but it was sent nothing from %d on", next, t.sent)
	}
	t.durable = max(t.durable, next)
	return nil
}

// stopAt keeps everything from offset on from being committed.
func (t *tracker) stopAt(offset int64) {
	if t.barrier < 0 || offset < t.barrier {
		t.barrier = offset
	}
}

// await keeps everything from offset on from being committed until the dead letter of that record is acknowledged. withheld says
// that the plugin did not get the record. It is false where that is so already.
func (t *tracker) await(offset int64, withheld bool) bool {
	if _, twice := t.unacknowledged[offset]; twice {
		return false
	}
	if t.unacknowledged == nil {
		t.unacknowledged = map[int64]bool{}
	}
	t.unacknowledged[offset] = withheld
	if withheld {
		t.withheld++
	}
	return true
}

// acknowledged ends what await began.
func (t *tracker) acknowledged(offset int64) {
	if t.unacknowledged[offset] {
		t.withheld--
	}
	delete(t.unacknowledged, offset)
}

// due is the offset to commit, and whether that is news (invariant 1). collected says that records wait to be sent.
func (t *tracker) due(collected bool) (offset int64, moved bool) {
	offset = t.durable
	if t.passed > t.sent && !collected && (t.durable >= t.sent || !t.handed) {
		offset = t.passed // all that the plugin got is durable, and it gets nothing of what came after that
	}
	if t.barrier >= 0 {
		offset = min(offset, t.barrier)
	}
	for waits := range t.unacknowledged {
		offset = min(offset, waits)
	}
	return offset, offset > max(t.committed, 0)
}
