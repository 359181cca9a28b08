package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Keys of the status topic.
const (
	connectorStatusPrefix = "status-connector-"
	taskStatusPrefix      = "status-task-"
	topicStatusPrefix     = "status-topic-"
	topicStatusSeparator  = ":connector-"
)

// States of connectors and tasks.
const (
	StateUnassigned = "UNASSIGNED"
	StateRunning    = "RUNNING"
	StatePaused     = "PAUSED"
	StateFailed     = "FAILED"
	StateRestarting = "RESTARTING"
	StateStopped    = "STOPPED" // connectors only
	stateDestroyed  = "DESTROYED"
)

// ConnectorStatus is the state of a connector.
type ConnectorStatus struct {
	Name       string
	State      string
	Trace      string // why it failed; empty otherwise
	WorkerID   string
	Generation int64 // of the placement by which the worker runs it
	Version    string
}

// TaskStatus is the state of a task.
type TaskStatus struct {
	Connector  string
	Task       int
	State      string
	Trace      string
	WorkerID   string
	Generation int64
	Version    string
}

// TopicStatus says that a connector uses a topic, and which task found out when.
type TopicStatus struct {
	Topic             string
	Connector         string
	Task              int
	DiscoverTimestamp int64 // milliseconds since 1970
}

// status is the value of the status records of connectors and tasks.
type status struct {
	State      string  `json:"state"`
	Trace      *string `json:"trace"`
	WorkerID   string  `json:"worker_id"`
	Generation int64   `json:"generation"`
	Version    *string `json:"version"`
}

// overrides is the rule for safe writes: not over what another worker has written by a newer placement.
func (s status) overrides(old *status) bool {
	return old == nil || old.WorkerID == s.WorkerID || old.Generation <= s.Generation
}

func ref(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s ConnectorStatus) status() status {
	return status{s.State, ref(s.Trace), s.WorkerID, s.Generation, ref(s.Version)}
}

func (s TaskStatus) status() status {
	return status{s.State, ref(s.Trace), s.WorkerID, s.Generation, ref(s.Version)}
}

func (s TopicStatus) value() []byte {
	type topic struct {
		Name      string `json:"name"`
		Connector string `json:"connector"`
		Task      int    `json:"task"`
		Timestamp int64  `json:"discoverTimestamp"`
	}
	return encode(struct {
		Topic topic `json:"topic"`
	}{topic{s.Topic, s.Connector, s.Task, s.DiscoverTimestamp}})
}

type taskID struct {
	connector string
	task      int
}

type topicID struct{ connector, topic string }

// id is what a status key names: exactly one of the three kinds.
type id struct {
	connector string
	task      taskID
	topic     topicID
	kind      byte // 'c', 't' or 'u', for topics in use
}

func (i id) key() string {
	switch i.kind {
	case 'c':
		return connectorStatusPrefix + i.connector
	case 't':
		return taskStatusPrefix + i.task.connector + "-" + strconv.Itoa(i.task.task)
	default:
		return topicStatusPrefix + i.topic.topic + topicStatusSeparator + i.topic.connector
	}
}

func connectorID(name string) id          { return id{kind: 'c', connector: name} }
func taskStatusID(name string, n int) id  { return id{kind: 't', task: taskID{name, n}} }
func topicStatusID(name, topic string) id { return id{kind: 'u', topic: topicID{name, topic}} }

// parseStatusKey reads a key of the status topic; known is false for one that is none.
func parseStatusKey(key string) (i id, known bool, err error) {
	switch {
	case strings.HasPrefix(key, connectorStatusPrefix):
		name := key[len(connectorStatusPrefix):]
		if name == "" {
			return id{}, true, errors.New("the key names no connector")
		}
		return connectorID(name), true, nil
	case strings.HasPrefix(key, taskStatusPrefix):
		rest := key[len(taskStatusPrefix):]
		at := strings.LastIndexByte(rest, '-')
		if at < 0 {
			return id{}, true, errors.New("the key names no task")
		}
		n, err := strconv.ParseInt(rest[at+1:], 10, 32)
		if err != nil {
			return id{}, true, fmt.Errorf("the key names no task: %w", err)
		}
		return taskStatusID(rest[:at], int(n)), true, nil
	case strings.HasPrefix(key, topicStatusPrefix):
		rest := key[len(topicStatusPrefix):]
		topic, name, ok := strings.Cut(rest, topicStatusSeparator) // a topic's name has no colon
		if !ok || topic == "" || name == "" {
			return id{}, true, errors.New("the key names no topic and connector")
		}
		return topicStatusID(name, topic), true, nil
	}
	return id{}, false, nil
}

func parseStatus(value []byte) (status, error) {
	o, err := decodeObject(value)
	if err != nil {
		return status{}, err
	}
	var s status
	if s.State, err = field[string](o, "state"); err != nil {
		return status{}, err
	}
	switch s.State {
	case StateUnassigned, StateRunning, StatePaused, StateFailed, StateRestarting, StateStopped, stateDestroyed:
	default:
		return status{}, fmt.Errorf("unknown state %q", s.State)
	}
	if s.Generation, err = field[int64](o, "generation"); err != nil {
		return status{}, err
	}
	if s.WorkerID, _, err = optional[string](o, "worker_id"); err != nil {
		return status{}, err
	}
	trace, _, err := optional[string](o, "trace")
	if err != nil {
		return status{}, err
	}
	version, _, err := optional[string](o, "version") // since Kafka 4.1
	if err != nil {
		return status{}, err
	}
	s.Trace, s.Version = ref(trace), ref(version)
	return s, nil
}

func parseTopicStatus(value []byte) (TopicStatus, error) {
	o, err := decodeObject(value)
	if err != nil {
		return TopicStatus{}, err
	}
	in, err := field[object](o, "topic")
	if err != nil {
		return TopicStatus{}, err
	}
	var t TopicStatus
	if t.Topic, err = field[string](in, "name"); err != nil {
		return TopicStatus{}, err
	}
	if t.Connector, err = field[string](in, "connector"); err != nil {
		return TopicStatus{}, err
	}
	if t.Task, err = field[int](in, "task"); err != nil {
		return TopicStatus{}, err
	}
	t.DiscoverTimestamp, err = field[int64](in, "discoverTimestamp")
	return t, err
}
