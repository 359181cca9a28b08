package herder

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// crashWindow is the time in which crashes are counted against the limit.
const crashWindow = 10 * time.Minute

// firstPause is the pause before the second restart; the first comes at once.
const firstPause = 500 * time.Millisecond

// Policy says after which failures a task starts again by itself.
type Policy struct {
	Crash      bool          // the plugin process died
	Retriable  bool          // the other side was away, busy, or refused for now
	MaxPause   time.Duration // between two restarts
	CrashLimit int           // within ten minutes
}

// restarts decides about one task, failure by failure. It is used by one goroutine.
type restarts struct {
	policy  Policy
	count   int // in a row
	crashes []time.Time
}

// next says whether the task starts again after this failure, and when. An attempt that lasted longer than the longest
// pause was a success: counting begins anew.
func (r *restarts) next(code connectors.Code, crashed bool, lasted time.Duration, now time.Time) (pause time.Duration, again bool) {
	if lasted > r.policy.MaxPause {
		r.count = 0
	}
	if crashed {
		r.crashes = slices.DeleteFunc(r.crashes, func(t time.Time) bool { return now.Sub(t) >= crashWindow })
		r.crashes = append(r.crashes, now)
	}
	switch {
	case crashed && (!r.policy.Crash || len(r.crashes) > r.policy.CrashLimit):
		return 0, false
	case crashed:
	case code == connectors.CodeRetriable || code == connectors.CodeUnauthorized:
		if !r.policy.Retriable {
			return 0, false
		}
	default:
		return 0, false
	}
	r.count++
	if r.count == 1 {
		return 0, true
	}
	pause = min(firstPause<<min(r.count-2, 20), r.policy.MaxPause)
	return pause*3/4 + rand.N(pause/2), true // between three and five quarters, so that tasks do not come back in step
}

// reset forgets the past, after a restart by hand or a new configuration.
func (r *restarts) reset() { r.count, r.crashes = 0, nil }
