package store

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Keys of the config topic.
const (
	sessionKeyKey      = "session-key"
	connectorPrefix    = "connector-"
	taskPrefix         = "task-"
	commitPrefix       = "commit-"
	targetStatePrefix  = "target-state-"
	restartPrefix      = "restart-connector-"
	tasksFencingPrefix = "tasks-fencing-"
	loggerPrefix       = "logger-cluster-"
)

// Target states of a connector.
const (
	Started = "STARTED"
	Paused  = "PAUSED"
	Stopped = "STOPPED"
)

// ConnectorRecord is what is wanted of a connector.
type ConnectorRecord struct {
	Config map[string]string
	Tasks  []map[string]string // configurations by task number; empty when Inconsistent, and before the first were written
	Target string              // Started, Paused or Stopped
	// Inconsistent says that a commit of task configurations was read without all of them, and that the leader has to write them
	// again.
	Inconsistent bool
	// TasksOf is the configuration that Tasks were made from: that of the connector when they were committed. Nil before.
	TasksOf map[string]string
}

// SessionKey signs requests between workers.
type SessionKey struct {
	Key       []byte
	Algorithm string // as Java names it: HmacSHA256
	Created   time.Time
}

// String hides the key.
func (k SessionKey) String() string {
	return k.Algorithm + " key of " + k.Created.UTC().Format(time.RFC3339)
}

// RestartRequest asks every worker to restart what it runs of a connector.
type RestartRequest struct {
	Connector    string
	IncludeTasks bool
	OnlyFailed   bool
}

// rank orders requests by how much they restart: the one that restarts more stands for both.
func (r RestartRequest) rank() int {
	rank := 0
	if r.IncludeTasks {
		rank++
	}
	if !r.OnlyFailed {
		rank += 2
	}
	return rank
}

// configState applies the records of the config topic as Connect's KafkaConfigBackingStore does (invariants 2 to 5).
type configState struct {
	connectors   map[string]*connectorState
	targets      map[string]string
	inconsistent map[string]bool
	deferred     map[string]map[int]map[string]string // task records whose commit has not been read
	sessionKey   *SessionKey
	loggers      map[string]string
}

type connectorState struct {
	config  map[string]string
	tasks   []map[string]string
	tasksOf map[string]string
}

func newConfigState() *configState {
	return &configState{
		connectors: map[string]*connectorState{}, targets: map[string]string{}, inconsistent: map[string]bool{},
		deferred: map[string]map[int]map[string]string{}, loggers: map[string]string{},
	}
}

// change is what a record did beside changing the state.
type change struct {
	restart *RestartRequest
	logger  string // the logger that has a new level, with the level
	level   string
	unknown bool // no key that this version knows
}

// apply takes one record. An error says why it is passed over.
func (s *configState) apply(key string, value []byte) (change, error) {
	// Like Connect, the first prefix that fits decides: a connector cannot be told from another kind of record by its name.
	switch {
	case strings.HasPrefix(key, targetStatePrefix):
		return change{}, s.target(key[len(targetStatePrefix):], value)
	case strings.HasPrefix(key, connectorPrefix):
		return change{}, s.connector(key[len(connectorPrefix):], value)
	case strings.HasPrefix(key, taskPrefix):
		return change{}, s.task(key[len(taskPrefix):], value)
	case strings.HasPrefix(key, commitPrefix):
		return change{}, s.commit(key[len(commitPrefix):], value)
	case strings.HasPrefix(key, restartPrefix):
		return restart(key[len(restartPrefix):], value)
	case strings.HasPrefix(key, tasksFencingPrefix):
		return change{}, nil
	case key == sessionKeyKey:
		return change{}, s.session(value)
	case strings.HasPrefix(key, loggerPrefix):
		return logger(key[len(loggerPrefix):], value)
	}
	return change{unknown: true}, nil
}

func (s *configState) target(name string, value []byte) error {
	if value == nil {
		delete(s.targets, name)
		if s.connectors[name] != nil {
			s.targets[name] = Started
		}
		return nil
	}
	o, err := decodeObject(value)
	if err != nil {
		return err
	}
	// state.v2 first: workers that know no STOPPED read PAUSED in state.
	state, ok, err := optional[string](o, "state.v2")
	if !ok || err != nil {
		if state, err = field[string](o, "state"); err != nil {
			return err
		}
	}
	if err := checkTarget(state); err != nil {
		return err
	}
	s.targets[name] = state
	return nil
}

func checkTarget(state string) error {
	switch state {
	case Started, Paused, Stopped:
		return nil
	}
	return fmt.Errorf("unknown target state %q", state)
}

func (s *configState) connector(name string, value []byte) error {
	if value == nil {
		s.forget(name)
		return nil
	}
	config, err := properties(value)
	if err != nil {
		return err
	}
	c := s.connectors[name]
	if c == nil {
		c = &connectorState{}
		s.connectors[name] = c
	}
	c.config = config
	if _, ok := s.targets[name]; !ok {
		s.targets[name] = Started
	}
	return nil
}

// forget drops a connector with its tasks, applied or waiting (invariant 4).
func (s *configState) forget(name string) {
	delete(s.connectors, name)
	delete(s.deferred, name)
}

func (s *configState) task(id string, value []byte) error {
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return errors.New("the key names no task")
	}
	name := id[:i]
	n, err := strconv.ParseInt(id[i+1:], 10, 32)
	if err != nil {
		return fmt.Errorf("the key names no task: %w", err)
	}
	config, err := properties(value)
	if err != nil {
		return err
	}
	if s.deferred[name] == nil {
		s.deferred[name] = map[int]map[string]string{}
	}
	s.deferred[name][int(n)] = config
	return nil
}

func (s *configState) commit(name string, value []byte) error {
	c := s.connectors[name]
	if c == nil {
		// The connector was deleted and compaction has taken both its records: what is left of its tasks must not be found by a
		// connector of that name that comes later (invariant 4).
		s.forget(name)
		return nil
	}
	o, err := decodeObject(value)
	if err != nil {
		return err
	}
	count, err := field[int](o, "tasks")
	if err != nil {
		return err
	}
	if count < 0 {
		return fmt.Errorf("a count of %d tasks", count)
	}
	waiting := s.deferred[name]
	delete(s.deferred, name)
	if !complete(waiting, count) {
		s.inconsistent[name] = true
		return nil
	}
	c.tasks = make([]map[string]string, count)
	for i := range c.tasks {
		c.tasks[i] = waiting[i]
	}
	c.tasksOf = c.config
	delete(s.inconsistent, name)
	return nil
}

// complete tells whether the tasks 0 to count-1 are all there. There may be more: compaction leaves the last record of every task
// that ever was.
func complete(tasks map[int]map[string]string, count int) bool {
	if len(tasks) < count {
		return false
	}
	for i := range count {
		if _, ok := tasks[i]; !ok {
			return false
		}
	}
	return true
}

func restart(name string, value []byte) (change, error) {
	o, err := decodeObject(value)
	if err != nil {
		return change{}, err
	}
	r := RestartRequest{Connector: name}
	r.OnlyFailed, _, _ = optional[bool](o, "only-failed") // Connect takes false for what it cannot read
	r.IncludeTasks, _, _ = optional[bool](o, "include-tasks")
	return change{restart: &r}, nil
}

func (s *configState) session(value []byte) error {
	o, err := decodeObject(value)
	if err != nil {
		return err
	}
	var k SessionKey
	text, err := field[string](o, "key")
	if err != nil {
		return err
	}
	if k.Key, err = base64.StdEncoding.DecodeString(text); err != nil {
		return errors.New("field \"key\" is not base64") // and says nothing of what it is
	}
	if k.Algorithm, err = field[string](o, "algorithm"); err != nil {
		return err
	}
	created, err := field[int64](o, "creation-timestamp")
	if err != nil {
		return err
	}
	k.Created = time.UnixMilli(created)
	s.sessionKey = &k
	return nil
}

func logger(name string, value []byte) (change, error) {
	o, err := decodeObject(value)
	if err != nil {
		return change{}, err
	}
	level, err := field[string](o, "level")
	return change{logger: name, level: level}, err
}

// properties reads a configuration. A key without a value is as good as none.
func properties(value []byte) (map[string]string, error) {
	o, err := decodeObject(value)
	if err != nil {
		return nil, err
	}
	raw, err := field[map[string]*string](o, "properties")
	if err != nil {
		return nil, err
	}
	config := make(map[string]string, len(raw))
	for k, v := range raw {
		if v != nil {
			config[k] = *v
		}
	}
	return config, nil
}

// connectorRecords is the outside view.
func (s *configState) connectorRecords() map[string]ConnectorRecord {
	all := make(map[string]ConnectorRecord, len(s.connectors))
	for name, c := range s.connectors {
		r := ConnectorRecord{Config: c.config, Tasks: c.tasks, Target: s.targets[name], Inconsistent: s.inconsistent[name], TasksOf: c.tasksOf}
		if r.Inconsistent {
			r.Tasks = nil
		}
		all[name] = r
	}
	return all
}

// names lists the connectors in order.
func names(connectors map[string]ConnectorRecord) []string {
	return slices.Sorted(maps.Keys(connectors))
}
