package store

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// StatusStore is the status topic. Reading is local; what this store has written is read from it at once. It is safe for concurrent
// use.
type StatusStore struct {
	client *Client
	topic  *topicLog
	log    *slog.Logger

	mu      sync.Mutex
	all     map[string]*connectorEntries
	writers map[string]bool // the workers in whose name this store writes: one, in a worker
	unsent  map[id]bool     // those whose last write failed
	flying  int             // writes without a report
	settled chan struct{}
	retry   chan struct{}
	warned  bool

	complained time.Time // when it was said that statuses cannot be written; zero when all are

	done    chan struct{}
	closing sync.Once
	wg      sync.WaitGroup
}

type connectorEntries struct {
	self   entry
	tasks  map[int]*entry
	topics map[string]*entry
}

// entry is what is known of one key.
type entry struct {
	read   *statusValue // as the topic has it
	readTo kafka.Offset // behind the last record read; a key is always in one partition, so offsets tell what is later

	mine    *statusValue // as this store wrote it last; nil deletes
	pending bool         // mine has not been read back
	seq     uint64       // of the last write
	at      kafka.Offset // where the last write is; -1 until that is known
}

// statusValue is the value of a record: topic for a topic in use, status otherwise.
type statusValue struct {
	status status
	topic  TopicStatus
}

func (e *entry) value() *statusValue {
	switch {
	case e == nil:
		return nil
	case e.pending:
		return e.mine
	}
	return e.read
}

// OpenStatus opens the status topic, creating it when it is missing, and reads it to its end.
func OpenStatus(ctx context.Context, o Options) (*StatusStore, error) {
	s := &StatusStore{
		client: o.Client, log: o.logger().With("topic", o.Topic), all: map[string]*connectorEntries{}, writers: map[string]bool{}, unsent: map[id]bool{},
		settled: make(chan struct{}), retry: make(chan struct{}, 1), done: make(chan struct{}),
	}
	topic, err := openLog(ctx, o, statusKind, s.apply, s.remade)
	if err != nil {
		return nil, err
	}
	s.topic = topic
	s.wg.Go(s.sendAgain)
	return s, nil
}

// Connector is the state of a connector.
func (s *StatusStore) Connector(name string) (ConnectorStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[name]
	if c == nil || c.self.value() == nil {
		return ConnectorStatus{}, false
	}
	v := c.self.value().status
	return ConnectorStatus{name, v.State, deref(v.Trace), v.WorkerID, v.Generation, deref(v.Version)}, true
}

// Task is the state of a task.
func (s *StatusStore) Task(connector string, task int) (TaskStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[connector]
	if c == nil || c.tasks[task].value() == nil {
		return TaskStatus{}, false
	}
	return c.task(connector, task), true
}

func (c *connectorEntries) task(connector string, task int) TaskStatus {
	v := c.tasks[task].value().status
	return TaskStatus{connector, task, v.State, deref(v.Trace), v.WorkerID, v.Generation, deref(v.Version)}
}

// Tasks are the states of a connector's tasks, by number.
func (s *StatusStore) Tasks(connector string) []TaskStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers := s.taskNumbers(connector)
	all := make([]TaskStatus, 0, len(numbers))
	for _, n := range numbers {
		all = append(all, s.all[connector].task(connector, n))
	}
	return all
}

// taskNumbers are those of the tasks that have a state.
func (s *StatusStore) taskNumbers(connector string) []int {
	c := s.all[connector]
	if c == nil {
		return nil
	}
	var all []int
	for n, e := range c.tasks {
		if e.value() != nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// Topics are the topics that a connector has used, by name.
func (s *StatusStore) Topics(connector string) []TopicStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[connector]
	if c == nil {
		return nil
	}
	var all []TopicStatus
	for _, topic := range slices.Sorted(maps.Keys(c.topics)) {
		if v := c.topics[topic].value(); v != nil {
			all = append(all, v.topic)
		}
	}
	return all
}

// Connectors names the connectors that have a state, in order.
func (s *StatusStore) Connectors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for name, c := range s.all {
		if c.self.value() != nil {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// Refresh reads to the present end of the topic.
func (s *StatusStore) Refresh(ctx context.Context) error { return s.topic.refresh(ctx) }

// Lost is nil, or says that the topic has been deleted while the worker uses it, and could not be made anew so far.
func (s *StatusStore) Lost() error { return s.topic.gone() }

// Close ends the store. What Kafka has not taken by then may be lost: see Flush.
func (s *StatusStore) Close() error {
	s.closing.Do(func() { close(s.done) })
	s.wg.Wait()
	return s.topic.close()
}

// entry finds or makes the entry of a key.
func (s *StatusStore) entry(i id) *entry {
	name := i.connector
	switch i.kind {
	case 't':
		name = i.task.connector
	case 'u':
		name = i.topic.connector
	}
	c := s.all[name]
	if c == nil {
		c = &connectorEntries{tasks: map[int]*entry{}, topics: map[string]*entry{}}
		s.all[name] = c
	}
	switch i.kind {
	case 't':
		if c.tasks[i.task.task] == nil {
			c.tasks[i.task.task] = &entry{}
		}
		return c.tasks[i.task.task]
	case 'u':
		if c.topics[i.topic.topic] == nil {
			c.topics[i.topic.topic] = &entry{}
		}
		return c.topics[i.topic.topic]
	}
	return &c.self
}

// Generation is the highest of all statuses.
func (s *StatusStore) Generation() (highest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	see := func(e *entry) {
		if v := e.value(); v != nil {
			highest = max(highest, v.status.Generation)
		}
	}
	for _, c := range s.all {
		see(&c.self)
		for _, t := range c.tasks {
			see(t)
		}
	}
	return highest
}

func (s *StatusStore) apply(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	warn := func(err error) {
		s.log.Warn("passing over a record that cannot be read", "partition", r.partition, "offset", r.offset, "key", r.key, "error", err)
	}
	i, known, err := parseStatusKey(r.key)
	switch {
	case err != nil:
		warn(err)
		return
	case !known:
		if !s.warned {
			s.warned = true
			s.log.Warn("passing over a record with an unknown key; further ones are not reported", "partition", r.partition, "offset", r.offset, "key", r.key)
		}
		return
	}
	e := s.entry(i)
	e.readTo = kafka.Offset(r.offset + 1)
	defer e.settle()
	if r.value == nil {
		e.read = nil
		if i.kind == 'c' { // as Connect: with its connector, a task's state is gone
			for _, t := range s.all[i.connector].tasks {
				t.read = nil
			}
		}
		return
	}
	v := &statusValue{}
	if i.kind == 'u' {
		v.topic, err = parseTopicStatus(r.value)
	} else {
		v.status, err = parseStatus(r.value)
	}
	if err != nil {
		warn(err)
		return
	}
	// A worker that gives a task away may say so after the next one has it running.
	if i.kind == 't' && v.status.State == StateUnassigned && e.read != nil && e.read.status.State == StateRunning &&
		e.read.status.Generation >= v.status.Generation {
		return
	}
	// Nor does what a worker writes count that does not know that another has its work since.
	if i.kind != 'u' && e.read != nil && !v.status.overrides(&e.read.status) {
		return
	}
	e.read = v
}
