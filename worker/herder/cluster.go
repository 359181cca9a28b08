package herder

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/sluice-connect/sluice/api"
)

// presentWithin bounds the question to Kafka for the members of the group.
const presentWithin = 5 * time.Second

// Cluster tells of the workers, as this one sees them.
func (h *Herder) Cluster(ctx context.Context) (api.ClusterInfo, error) {
	p, members := h.members.Placement(), h.members.Members()
	info := api.ClusterInfo{GroupID: h.worker.GroupID, WorkerID: h.members.ID(), Leader: p.Leader, Generation: p.Generation, Settled: h.members.Settled()}
	if h.members.Leading() {
		info.Leader = h.members.ID()
	}
	for _, r := range p.Revoked {
		info.Moving += len(r.Tasks)
	}
	ids := slices.Collect(maps.Keys(members))
	for id := range p.Workers {
		if _, told := members[id]; !told {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ctx, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	here, err := h.members.Present(ctx)
	if err != nil { // what was placed is of interest all the same
		h.log.Warn("asking Kafka who is in the group", "error", err)
	}
	for _, id := range ids {
		m, work := members[id], p.Workers[id]
		_, placed := p.Workers[id]
		w := api.ClusterWorker{ID: id, URL: m.URL, Version: m.Version, State: "active", Connectors: len(work.Connectors), Tasks: len(work.Tasks)}
		switch {
		case m.Leaving:
			w.State = "leaving"
		case err == nil && !slices.Contains(here, id):
			w.State = "absent"
		case !placed:
			w.State = "joining"
		}
		for _, name := range slices.Sorted(maps.Keys(m.Plugins)) {
			for _, v := range m.Plugins[name] {
				w.Plugins = append(w.Plugins, name+" "+v)
			}
		}
		info.Workers = append(info.Workers, w)
	}
	return info, nil
}

// Lost tells whether the worker with a URL is no member of the cluster any more, as Kafka sees it. A group that does not know this
// worker either says nothing of others.
func (h *Herder) Lost(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	here, err := h.members.Present(ctx)
	return err == nil && slices.Contains(here, h.members.ID()) && !slices.Contains(here, u.Host)
}
