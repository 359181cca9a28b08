package herder

import (
	"maps"
	"slices"

	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
)

// want says what there is to place: every worker, because any can become the leader. It says nothing where nothing has changed,
// because the leader looks at the group each time that it is told.
func (h *Herder) want(snap *store.ConfigSnapshot, derived map[string][]map[string]string) {
	want := make(map[string]cluster.Wanted, len(derived))
	for name, tasks := range derived {
		c := snap.Connectors[name].Config
		want[name] = cluster.Wanted{Tasks: len(tasks), Weight: config.TaskWeight(c), Class: c["connector.class"], Version: c[pluginVersion]}
	}
	if h.wanted == nil || !maps.Equal(h.wanted, want) {
		h.wanted = want
		h.members.SetWant(want)
	}
}

// elsewhere is a worker that has a plugin which this one may not have; empty: none.
func (h *Herder) elsewhere(class, version string) string {
	members := h.members.Members()
	for _, id := range slices.Sorted(maps.Keys(members)) {
		if m := members[id]; id != h.members.ID() && !m.Leaving && pluginhost.Fits(m.Plugins, class, version) {
			return id
		}
	}
	return ""
}

// release says that everything has ended which a placement takes away from this worker, when that is so: others wait for it.
func (h *Herder) release(p cluster.Placement) {
	r, asked := p.Revoked[h.members.ID()]
	if !asked {
		return
	}
	h.mu.Lock()
	for _, t := range r.Tasks {
		if _, runs := h.tasks[taskID{t.Connector, t.Task}]; runs {
			h.mu.Unlock()
			return
		}
	}
	h.mu.Unlock()
	h.members.Release(r.Generation)
}
