package herder

import (
	"testing"
	"time"
)

func TestRenewal(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	r := renewal{every: 2 * time.Second}
	for _, c := range []struct {
		now, until float64
		active     bool
		due        bool
	}{
		{0, 20, true, true}, // the worker was alone, and presumed much
		{1, 10, true, false},
		{2, 10, true, true}, // what counts now is less, and a plugin that has begun since knows no more
		{3, 12, true, false},
		{4, 12, true, true},
		{9, 12, false, false}, // the worker is not sure any more: they know all that is left
		{10, 13, false, true},
		{11, 13, false, false},
		{14, 13, false, false},
		{20, 30, true, true},
	} {
		if due := r.due(at(c.now), at(c.until), c.active); due != c.due {
			t.Errorf("after %g s, with a lease until %g s, active %t: due %t", c.now, c.until, c.active, due)
		}
	}
}
