package task

import (
	"fmt"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// tellAfter is how long something may take before the status says that the task waits for it.
const tellAfter = 10 * time.Second

// tellWaits shows what the task waits for, where that takes so long that somebody may wonder why nothing happens.
func (r *run) tellWaits() {
	if e := r.longestWait(); e != nil {
		r.troubles.set(waitTrouble, e)
	} else {
		r.troubles.over(waitTrouble)
	}
}

func (r *run) longestWait() *connectors.Error {
	for _, p := range r.partitions {
		if r.now.Sub(p.since) <= tellAfter {
			continue
		}
		since := p.since.UTC().Format(time.RFC3339)
		switch p.state {
		case lookingUp:
			return connectors.Retriable("looking up the committed offset", fmt.Errorf("no answer since %s", since), "check the group's coordinator in Kafka").At(p.Partition, -1)
		case opening:
			return connectors.Retriable("opening a partition", fmt.Errorf("the plugin has not answered since %s", since), "the sink may be slow").At(p.Partition, -1)
		default:
		}
	}
	return nil
}
