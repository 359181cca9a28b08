package store

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
)

// Keys of the assignment topic.
const (
	placementKey = "placement"
	memberPrefix = "worker-"
)

// AssignmentStore is the assignment topic. It is safe for concurrent use.
type AssignmentStore struct {
	topic *topicLog
	log   *slog.Logger

	mu      sync.Mutex
	latest  Placement
	behind  bool // the last placement of the topic is not the latest
	members map[string]Member
	changed chan struct{}
}

// OpenAssignment opens the assignment topic, creating it when it is missing, and reads it to its end.
func OpenAssignment(ctx context.Context, o Options) (*AssignmentStore, error) {
	s := &AssignmentStore{log: o.logger().With("topic", o.Topic), members: map[string]Member{}, changed: make(chan struct{}, 1)}
	topic, err := openLog(ctx, o, assignmentKind, s.apply)
	if err != nil {
		return nil, err
	}
	s.topic = topic
	return s, nil
}

// Topic is the topic's name.
func (s *AssignmentStore) Topic() string { return s.topic.topic }

// Placement is the latest that was read: the first of the highest generation. It is the zero Placement when there is none, and must
// not be changed.
func (s *AssignmentStore) Placement() Placement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// Behind tells that the topic ends with an older placement than the latest: a leader that did not know that its time was over has
// written after its successor. Who opens the topic when it is compacted will not find the latest, unless a newer one is written.
func (s *AssignmentStore) Behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind
}

// Members are what workers have told of themselves, by ID. Some may have gone.
func (s *AssignmentStore) Members() map[string]Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.members)
}

// Member is what a worker has told of itself.
func (s *AssignmentStore) Member(id string) (Member, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.members[id]
	return m, ok
}

// Changed tells that records have been read since it was last received from. It has room for one.
func (s *AssignmentStore) Changed() <-chan struct{} { return s.changed }

// Refresh reads to the present end of the topic.
func (s *AssignmentStore) Refresh(ctx context.Context) error { return s.topic.refresh(ctx) }

// Lost is nil, or says that the topic has been deleted while the worker uses it: what it held is known to the workers that run only.
func (s *AssignmentStore) Lost() error { return s.topic.gone() }

// PutPlacement writes a placement.
func (s *AssignmentStore) PutPlacement(ctx context.Context, p Placement) error {
	return s.topic.put(ctx, write{placementKey, encode(p)})
}

// PutMember writes what a worker tells of itself.
func (s *AssignmentStore) PutMember(ctx context.Context, m Member) error {
	return s.topic.put(ctx, write{memberPrefix + m.ID, m.value()})
}

// RemoveMember forgets a worker.
func (s *AssignmentStore) RemoveMember(ctx context.Context, id string) error {
	return s.topic.put(ctx, write{key: memberPrefix + id})
}

// Close ends the store.
func (s *AssignmentStore) Close() error { return s.topic.close() }

func (s *AssignmentStore) apply(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(r); err != nil {
		s.log.Warn("passing over a record that cannot be read", "partition", r.partition, "offset", r.offset, "key", r.key, "error", err)
		return
	}
	signal(s.changed)
}

func (s *AssignmentStore) take(r record) error {
	switch id, member := strings.CutPrefix(r.key, memberPrefix); {
	case member && r.value == nil:
		delete(s.members, id)
	case member:
		m, err := parseMember(id, r.value)
		if err != nil {
			return err
		}
		s.members[id] = m
	case r.key == placementKey && r.value != nil:
		var p Placement
		if err := json.Unmarshal(r.value, &p); err != nil {
			return err
		}
		s.behind = p.Generation <= s.latest.Generation
		if s.behind {
			return nil
		}
		s.latest = p
	default:
		return errors.New("the key is unknown")
	}
	return nil
}
