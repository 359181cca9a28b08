package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Keys of the assignment topic.
const (
	placementKey  = "placement"
	leavingPrefix = "leaving-"
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

// Placement says which worker does what. Connectors and tasks are in order.
type Placement struct {
	Generation int64 // rises with every change
	Leader     string
	LeaderURL  string
	Workers    map[string]Work
}

// placementRecord is a placement in the topic: the tasks of a worker by connector, which keeps 100,000 of them near a megabyte
// before compression.
type placementRecord struct {
	Generation int64                 `json:"generation"`
	Leader     string                `json:"leader"`
	LeaderURL  string                `json:"leader_url"`
	Workers    map[string]workRecord `json:"workers"`
}

type workRecord struct {
	Connectors []string         `json:"connectors"`
	Tasks      map[string][]int `json:"tasks"`
}

// MarshalJSON writes the record of the assignment topic.
func (p Placement) MarshalJSON() ([]byte, error) {
	r := placementRecord{p.Generation, p.Leader, p.LeaderURL, make(map[string]workRecord, len(p.Workers))}
	for id, w := range p.Workers {
		out := workRecord{w.Connectors, map[string][]int{}}
		if out.Connectors == nil {
			out.Connectors = []string{}
		}
		for _, t := range w.Tasks {
			out.Tasks[t.Connector] = append(out.Tasks[t.Connector], t.Task)
		}
		r.Workers[id] = out
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
	*p = Placement{r.Generation, r.Leader, r.LeaderURL, make(map[string]Work, len(r.Workers))}
	for id, in := range r.Workers {
		var w Work
		if len(in.Connectors) > 0 {
			w.Connectors = slices.Sorted(slices.Values(in.Connectors))
		}
		for _, c := range slices.Sorted(maps.Keys(in.Tasks)) {
			slices.Sort(in.Tasks[c])
			for _, n := range in.Tasks[c] {
				w.Tasks = append(w.Tasks, TaskRef{c, n})
			}
		}
		p.Workers[id] = w
	}
	return nil
}

// AssignmentStore is the assignment topic. It is safe for concurrent use.
type AssignmentStore struct {
	topic *topicLog
	log   *slog.Logger

	mu      sync.Mutex
	latest  Placement
	leaving map[string]bool
	changed chan struct{}
}

// OpenAssignment opens the assignment topic, creating it when it is missing, and reads it to its end.
func OpenAssignment(ctx context.Context, o Options) (*AssignmentStore, error) {
	s := &AssignmentStore{log: o.logger().With("topic", o.Topic), leaving: map[string]bool{}, changed: make(chan struct{}, 1)}
	topic, err := openLog(ctx, o, assignmentKind, s.apply)
	if err != nil {
		return nil, err
	}
	s.topic = topic
	return s, nil
}

// Topic is the topic's name.
func (s *AssignmentStore) Topic() string { return s.topic.topic }

// Placement is the last that was read; the zero Placement when there is none. It must not be changed.
func (s *AssignmentStore) Placement() Placement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// Leaving tells which workers have said that they are going and have not come back.
func (s *AssignmentStore) Leaving() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.leaving)
}

// Changed tells that records have been read since it was last received from. It has room for one.
func (s *AssignmentStore) Changed() <-chan struct{} { return s.changed }

// Refresh reads to the present end of the topic.
func (s *AssignmentStore) Refresh(ctx context.Context) error { return s.topic.refresh(ctx) }

// PutPlacement writes a placement.
func (s *AssignmentStore) PutPlacement(ctx context.Context, p Placement) error {
	return s.topic.put(ctx, write{placementKey, encode(p)})
}

// PutLeaving says that a worker is going, or takes it back.
func (s *AssignmentStore) PutLeaving(ctx context.Context, worker string, leaving bool) error {
	w := write{key: leavingPrefix + worker}
	if leaving {
		w.value = encode(struct {
			Worker string `json:"worker"`
		}{worker})
	}
	return s.topic.put(ctx, w)
}

// Close ends the store.
func (s *AssignmentStore) Close() error { return s.topic.close() }

func (s *AssignmentStore) apply(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch worker, leaving := strings.CutPrefix(r.key, leavingPrefix); {
	case leaving && r.value == nil:
		delete(s.leaving, worker)
	case leaving:
		s.leaving[worker] = true
	case r.key == placementKey && r.value != nil:
		var p Placement
		if err := json.Unmarshal(r.value, &p); err != nil {
			s.log.Warn("passing over a record that cannot be read", "partition", r.partition, "offset", r.offset, "key", r.key, "error", err)
			return
		}
		s.latest = p
	default:
		s.log.Warn("passing over a record with an unknown key", "partition", r.partition, "offset", r.offset, "key", r.key)
		return
	}
	signal(s.changed)
}
