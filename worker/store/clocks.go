package store

import "time"

// clockTolerance is by how much times in a topic may go back from one record to the next before the clocks of two writers must differ: a
// record has the time at which it was handed to the client, and reaches the topic within DefaultTimeout of that or not at all.
const clockTolerance = 2 * DefaultTimeout

// clocks notices that the clocks of workers differ, by the times of what they write to one topic: a record that follows another and is
// older was written by a clock that is behind. How late either is read does not matter.
type clocks struct {
	latest time.Time
	writer string // of the record of the latest time
	told   map[[2]string]bool
}

// wrote takes the time that a writer gave to the next record of the topic. Where that shows that another writer's clock is ahead, it tells
// whose, and by how much at least; once of two writers.
func (c *clocks) wrote(writer string, at time.Time) (ahead string, by time.Duration) {
	if writer == "" || at.IsZero() {
		return "", 0
	}
	by = c.latest.Sub(at)
	pair := [2]string{c.writer, writer}
	switch {
	case c.writer == "" || c.writer == writer || by <= 0: // a writer's own time may be set back
		if at.After(c.latest) || c.writer == writer {
			c.latest, c.writer = at, writer
		}
	case by > clockTolerance && !c.told[pair]:
		if c.told == nil {
			c.told = map[[2]string]bool{}
		}
		c.told[pair] = true
		return pair[0], by
	}
	return "", 0
}
