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
	var told, at time.Time // what plugins were told, and when
	for {
		until := h.members.Expires()
		left := time.Until(until)
		wait := min(guardRarely, max(guardOften, left-h.worker.SessionTimeout/3))
		due := time.Since(at) > h.worker.SessionTimeout/renewals
		if !h.members.Active() {
			due = left > 0 // the last time that they have
			h.suspend(left <= 0)
			wait = guardOften
		}
		if due && until.After(told) {
			h.plugins.renew(until)
			told, at = until, time.Now()
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
