package herder

import (
	"context"
	"time"
)

// guard stops the tasks of this worker when it cannot be sure any more that they are its own (invariant 8): in order while that may
// still take time, and then by ending the plugins' processes. It has no part in the loop, which may be waiting for Kafka then.
//
// Should this process be paused, plugins end by themselves: they are told from time to time until when the tasks are this worker's for certain.
func (h *Herder) guard(ctx context.Context) {
	told := renewal{every: h.worker.SessionTimeout / renewals}
	for {
		until := h.members.Expires()
		left := time.Until(until)
		wait := min(guardRarely, max(guardOften, left-h.worker.SessionTimeout/3))
		active := h.members.Active()
		if !active {
			h.suspend(left <= 0)
			wait = guardOften
		}
		if told.due(time.Now(), until, active) {
			h.plugins.renew(until)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// renewals is how often in a session timeout plugins are told until when they may go on.
const renewals = 5

// renewal is what plugins were told last.
type renewal struct {
	every     time.Duration
	until, at time.Time
}

// due tells whether plugins are to be told anew until when they may go on: from time to time while the worker is active, also of a time that
// is no later than the last, as processes that have begun meanwhile know another; and once, when it is not any more, of all that there is left.
func (r *renewal) due(now, until time.Time, active bool) bool {
	if active && now.Sub(r.at) < r.every || !active && (until.Equal(r.until) || !until.After(now)) {
		return false
	}
	r.until, r.at = until, now
	return true
}

// How often the guard looks: the less time there is left, the more often.
const (
	guardRarely = 500 * time.Millisecond
	guardOften  = 50 * time.Millisecond
)

// suspend ends all tasks, and the processes of plugins as well where there is no time left. The loop starts them again when the
// worker is active.
func (h *Herder) suspend(now bool) {
	h.mu.Lock()
	n := 0
	for _, r := range h.tasks {
		if r.halt() {
			n++
		}
	}
	h.mu.Unlock()
	if now {
		n += h.plugins.kill()
	}
	if n > 0 {
		h.log.Warn("stopped what may be another worker's by now", "tasks and plugins", n, "at once", now)
	}
}
