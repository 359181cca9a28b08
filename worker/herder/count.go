package herder

import (
	"strings"
	"time"

	"github.com/sluice-connect/sluice/worker/cluster"
)

// count shows how much this worker has, and that a new placement has taken effect.
func (h *Herder) count(mine cluster.Work, began time.Time) {
	w := h.metrics.Worker()
	w.SetCounts(len(mine.Connectors), len(mine.Tasks))
	w.SetCluster(h.members.Placement().Leader, !h.members.Settled())
	if g := h.members.Generation(); g != h.placed {
		h.placed = g
		w.RebalanceDone(g, time.Since(began))
	}
}

// countStates shows how the tasks of a connector on this worker are.
func (h *Herder) countStates(connector string) {
	var runners []*taskRunner
	h.mu.Lock()
	for id, r := range h.tasks {
		if id.connector == connector {
			runners = append(runners, r)
		}
	}
	h.mu.Unlock()
	var states map[string]int
	for _, r := range runners {
		r.mu.Lock()
		state := r.status.State
		r.mu.Unlock()
		if state == "" {
			continue
		}
		if states == nil {
			states = map[string]int{}
		}
		states[strings.ToLower(state)]++
	}
	h.metrics.Worker().SetTaskStates(connector, states)
}
