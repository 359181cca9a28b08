package store

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"
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
	untold  map[string]bool // of the members, those of whom the topic knows nothing since it was made anew
	clocks  clocks
	opened  bool
	changed chan struct{}
}

// OpenAssignment opens the assignment topic, creating it when it is missing, and reads it to its end.
func OpenAssignment(ctx context.Context, o Options) (*AssignmentStore, error) {
	s := &AssignmentStore{log: o.logger().With("topic", o.Topic), members: map[string]Member{}, untold: map[string]bool{}, changed: make(chan struct{}, 1)}
	topic, err := openLog(ctx, o, assignmentKind, s.apply, s.remade)
	if err != nil {
		return nil, err
	}
	s.topic = topic
	s.mu.Lock()
	s.opened = true
	s.mu.Unlock()
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

// Holds tells whether the topic itself has what a worker has told of itself. It has not when it was deleted and made anew since.
func (s *AssignmentStore) Holds(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.members[id]
	return known && !s.untold[id]
}

// Changed tells that records have been read since it was last received from. It has room for one.
func (s *AssignmentStore) Changed() <-chan struct{} { return s.changed }

// Refresh reads to the present end of the topic.
func (s *AssignmentStore) Refresh(ctx context.Context) error { return s.topic.refresh(ctx) }

// Lost is nil, or says that the topic has been deleted while the worker uses it, and could not be made anew so far.
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
	writer, err := s.take(r)
	if ahead, by := s.clocks.wrote(writer, r.at); ahead != "" && s.opened {
		s.log.Warn("the clocks of two workers differ: set them by one source, such as NTP. Membership and placement do not depend on clocks; certificates, times in logs, and partitions by the wall clock do",
			"ahead", ahead, "behind", writer, "by at least", by.Round(time.Second))
	}
	if err != nil {
		s.log.Warn("passing over a record that cannot be read", "partition", r.partition, "offset", r.offset, "key", r.key, "error", err)
		return
	}
	signal(s.changed)
}

// remade notes that the topic is empty, so that the leader writes the placement again, and each worker what it tells of itself.
func (s *AssignmentStore) remade() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = s.latest.Generation > 0
	for id := range s.members {
		s.untold[id] = true
	}
	signal(s.changed)
}

// take applies a record, and tells which worker wrote it, where that is known.
func (s *AssignmentStore) take(r record) (writer string, err error) {
	switch id, member := strings.CutPrefix(r.key, memberPrefix); {
	case member && r.value == nil: // by the leader
		delete(s.members, id)
		delete(s.untold, id)
	case member:
		m, err := parseMember(id, r.value)
		if err != nil {
			return id, err
		}
		s.members[id] = m
		delete(s.untold, id)
		return id, nil
	case r.key == placementKey && r.value != nil:
		var p Placement
		if err := json.Unmarshal(r.value, &p); err != nil {
			return "", err
		}
		// What is read again of a topic that has been made anew is the latest still.
		s.behind = p.Generation < s.latest.Generation || p.Generation == s.latest.Generation && !reflect.DeepEqual(p, s.latest)
		if p.Generation > s.latest.Generation {
			s.latest = p
		}
		return p.Leader, nil
	default:
		return "", errors.New("the key is unknown")
	}
	return "", nil
}
