package herder

import (
	"testing"

	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/metrics"
	"github.com/sluice-connect/sluice/worker/store"
)

type membership = Members

// placed is a worker as far as placements go.
type placed struct {
	membership
	by cluster.Placement
}

func (p *placed) ID() string                   { return "a" }
func (p *placed) Placement() cluster.Placement { return p.by }
func (p *placed) Generation() int64            { return p.by.Generation }

type lastStatus struct {
	Statuses
	last store.TaskStatus
}

func (l *lastStatus) PutTaskSafe(s store.TaskStatus) bool { l.last = s; return true }

// What a worker says of a task that it has lost is of the time when it had it, whatever it has heard since.
func TestReportsAreOfThePlacementOfTheirTask(t *testing.T) {
	members, statuses := &placed{}, &lastStatus{}
	h := &Herder{members: members, statuses: statuses, metrics: metrics.New()}
	r := newTaskRunner(h, taskID{"f", 1}, desired{})
	tasks := []cluster.TaskRef{{Connector: "f"}, {Connector: "f", Task: 1}}
	for _, step := range []struct {
		placement  int64
		here       []cluster.TaskRef
		state      string
		generation int64
	}{
		{4, tasks, stateRunning, 4},
		{5, tasks[:1], stateFailed, 4},
		{6, tasks[:1], stateUnassigned, 4},
		{7, tasks, stateRunning, 7},
	} {
		members.by = cluster.Placement{Generation: step.placement, Workers: map[string]cluster.Work{"a": {Tasks: step.here}}}
		r.report(store.TaskStatus{State: step.state})
		if got := statuses.last; got.State != step.state || got.Generation != step.generation {
			t.Errorf("placement %d: wrote %+v, want generation %d", step.placement, got, step.generation)
		}
	}
}
