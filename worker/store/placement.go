package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// TaskRef names a task.
type TaskRef struct {
	Connector string
	Task      int
}

// Work is what one worker does.
type Work struct {
	Connectors []string
	Tasks      []TaskRef
}

// Revoked are tasks that a placement took away from a worker that is still there. Nobody has them until the worker has said, by
// Member.Released, that they have ended.
type Revoked struct {
	Generation int64 // of the placement that took them away
	Tasks      []TaskRef
}

// Placement says which worker does what. Connectors and tasks are in order.
type Placement struct {
	Generation int64 // rises with every change
	Leader     string
	LeaderURL  string
	Workers    map[string]Work
	Revoked    map[string]Revoked // by worker; nil when there are none
}

// Member is what a worker tells the others of itself.
type Member struct {
	ID      string // host:port
	URL     string // where other workers reach it
	Group   string // group.id; empty in what older versions tell
	Version string // of sluice
	// Process tells two processes apart that have, by mistake or one after the other, the same ID.
	Process string
	// Plugins are the names that a connector.class may have on this worker, each with the versions that are there.
	Plugins map[string][]string
	// Released is the generation of the last placement whose revocations this worker has put into effect.
	Released int64
	// Leaving says that the worker is going and has stopped its tasks.
	Leaving bool
}

// placementRecord is a placement in the topic: the tasks of a worker by connector, which keeps 100,000 of them near a megabyte
// before compression.
type placementRecord struct {
	Generation int64                    `json:"generation"`
	Leader     string                   `json:"leader"`
	LeaderURL  string                   `json:"leader_url"`
	Workers    map[string]workRecord    `json:"workers"`
	Revoked    map[string]revokedRecord `json:"revoked,omitempty"`
}

type workRecord struct {
	Connectors []string         `json:"connectors"`
	Tasks      map[string][]int `json:"tasks"`
}

type revokedRecord struct {
	Generation int64            `json:"generation"`
	Tasks      map[string][]int `json:"tasks"`
}

type memberRecord struct {
	URL      string              `json:"url"`
	Group    string              `json:"group,omitempty"`
	Version  string              `json:"version"`
	Process  string              `json:"process"`
	Plugins  map[string][]string `json:"plugins"`
	Released int64               `json:"released"`
	Leaving  bool                `json:"leaving,omitempty"`
}

// MarshalJSON writes the record of the assignment topic.
func (p Placement) MarshalJSON() ([]byte, error) {
	r := placementRecord{p.Generation, p.Leader, p.LeaderURL, make(map[string]workRecord, len(p.Workers)), nil}
	for id, w := range p.Workers {
		out := workRecord{w.Connectors, byConnector(w.Tasks)}
		if out.Connectors == nil {
			out.Connectors = []string{}
		}
		r.Workers[id] = out
	}
	for id, w := range p.Revoked {
		if r.Revoked == nil {
			r.Revoked = map[string]revokedRecord{}
		}
		r.Revoked[id] = revokedRecord{w.Generation, byConnector(w.Tasks)}
	}
	return encode(r), nil
}

// UnmarshalJSON reads the record of the assignment topic.
func (p *Placement) UnmarshalJSON(b []byte) error {
	var r placementRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	if r.Generation <= 0 {
		return fmt.Errorf("a generation of %d", r.Generation)
	}
	*p = Placement{r.Generation, r.Leader, r.LeaderURL, make(map[string]Work, len(r.Workers)), nil}
	for id, in := range r.Workers {
		var w Work
		if len(in.Connectors) > 0 {
			w.Connectors = slices.Sorted(slices.Values(in.Connectors))
		}
		w.Tasks = inOrder(in.Tasks)
		p.Workers[id] = w
	}
	for id, in := range r.Revoked {
		if p.Revoked == nil {
			p.Revoked = map[string]Revoked{}
		}
		p.Revoked[id] = Revoked{in.Generation, inOrder(in.Tasks)}
	}
	return nil
}

func byConnector(tasks []TaskRef) map[string][]int {
	out := map[string][]int{}
	for _, t := range tasks {
		out[t.Connector] = append(out[t.Connector], t.Task)
	}
	return out
}

func inOrder(tasks map[string][]int) (out []TaskRef) {
	for _, c := range slices.Sorted(maps.Keys(tasks)) {
		for _, n := range slices.Sorted(slices.Values(tasks[c])) {
			out = append(out, TaskRef{c, n})
		}
	}
	return out
}

func (m Member) value() []byte {
	return encode(memberRecord{m.URL, m.Group, m.Version, m.Process, m.Plugins, m.Released, m.Leaving})
}

func parseMember(id string, value []byte) (Member, error) {
	var r memberRecord
	if err := json.Unmarshal(value, &r); err != nil {
		return Member{}, err
	}
	if id == "" || r.URL == "" {
		return Member{}, fmt.Errorf("worker %q has the URL %q", id, r.URL)
	}
	return Member{id, r.URL, r.Group, r.Version, r.Process, r.Plugins, r.Released, r.Leaving}, nil
}
