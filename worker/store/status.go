package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// retryAfter is the pause before a status that Kafka did not take is sent again.
const retryAfter = 500 * time.Millisecond

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

// PutConnector writes the state of a connector. It does not wait: see Flush.
func (s *StatusStore) PutConnector(c ConnectorStatus) {
	s.putStatus(connectorID(c.Name), c.status(), false)
}

// PutConnectorSafe writes the state of a connector unless another worker has written one by a newer generation, and tells whether
// it did.
func (s *StatusStore) PutConnectorSafe(c ConnectorStatus) bool {
	return s.putStatus(connectorID(c.Name), c.status(), true)
}

// PutTask writes the state of a task. It does not wait: see Flush.
func (s *StatusStore) PutTask(t TaskStatus) {
	s.putStatus(taskStatusID(t.Connector, t.Task), t.status(), false)
}

// PutTaskSafe writes the state of a task unless another worker has written one by a newer generation, and tells whether it did.
func (s *StatusStore) PutTaskSafe(t TaskStatus) bool {
	return s.putStatus(taskStatusID(t.Connector, t.Task), t.status(), true)
}

// PutTopic records that a connector uses a topic, if that is not yet known.
func (s *StatusStore) PutTopic(t TopicStatus) {
	i := topicStatusID(t.Connector, t.Topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry(i).value() == nil {
		s.send(i, &statusValue{topic: t})
	}
}

// DeleteConnector removes the states of a connector and of its tasks. Topics stay: see ResetTopics.
func (s *StatusStore) DeleteConnector(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.taskNumbers(name) {
		s.send(taskStatusID(name, n), nil)
	}
	if c := s.all[name]; c != nil && c.self.value() != nil {
		s.send(connectorID(name), nil)
	}
}

// DeleteTask removes the state of a task.
func (s *StatusStore) DeleteTask(connector string, task int) {
	i := taskStatusID(connector, task)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry(i).value() != nil {
		s.send(i, nil)
	}
}

// ResetTopics forgets the topics that a connector has used.
func (s *StatusStore) ResetTopics(connector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.all[connector]; c != nil {
		for _, topic := range slices.Sorted(maps.Keys(c.topics)) {
			if c.topics[topic].value() != nil {
				s.send(topicStatusID(connector, topic), nil)
			}
		}
	}
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

// Flush returns when Kafka has taken all that was written before.
func (s *StatusStore) Flush(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for {
		s.mu.Lock()
		open, settled := s.flying+len(s.unsent), s.settled
		s.mu.Unlock()
		if open == 0 {
			return nil
		}
		if err := s.topic.gone(); err != nil {
			return fmt.Errorf("write %d records: %w", open, err)
		}
		select {
		case <-settled:
		case <-s.done:
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("write %d records to topic %s: %w", open, s.topic.topic, s.client.explain(ctx.Err()))
		}
	}
}

// Close ends the store. What Kafka has not taken by then may be lost: see Flush.
func (s *StatusStore) Close() error {
	s.closing.Do(func() { close(s.done) })
	s.wg.Wait()
	return s.topic.close()
}

func (s *StatusStore) putStatus(i id, v status, safe bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if safe {
		if old := s.entry(i).value(); old != nil && !v.overrides(&old.status) {
			return false
		}
	}
	s.send(i, &statusValue{status: v})
	return true
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

// send writes a value, nil to delete. The lock is held, so that writes leave in the order in which they were made (invariant 7).
func (s *StatusStore) send(i id, v *statusValue) {
	e := s.entry(i)
	if v != nil && i.kind != 'u' {
		s.writers[v.status.WorkerID] = true
	}
	e.seq++
	e.mine, e.pending, e.at = v, true, -1
	s.transmit(i, e)
}

func (s *StatusStore) transmit(i id, e *entry) {
	delete(s.unsent, i)
	w := write{key: i.key()}
	if e.mine != nil {
		if i.kind == 'u' {
			w.value = e.mine.topic.value()
		} else {
			w.value = encode(e.mine.status)
		}
	}
	seq := e.seq
	s.flying++
	err := errLost
	if !s.topic.lost.Load() {
		err = s.client.produce(&s.topic.topic, w, func(m *kafka.Message) { s.delivered(i, seq, m.TopicPartition, m.TopicPartition.Error) })
	}
	if err != nil {
		s.report(i, seq, kafka.TopicPartition{}, err)
	}
}

func (s *StatusStore) delivered(i id, seq uint64, at kafka.TopicPartition, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(i, seq, at, err)
}

// report takes what became of a write.
func (s *StatusStore) report(i id, seq uint64, at kafka.TopicPartition, err error) {
	s.flying--
	if e := s.entry(i); e.seq == seq { // otherwise a later write stands for this one
		if err != nil {
			if !errors.Is(err, errLost) { // which is said once
				s.log.Warn("writing a status again", "key", i.key(), "error", s.client.explain(err))
			}
			s.unsent[i] = true
			signal(s.retry)
		} else {
			e.at = at.Offset
			e.settle()
		}
	}
	if s.flying+len(s.unsent) == 0 {
		close(s.settled)
		s.settled = make(chan struct{})
	}
}

// settle ends the time in which this store's own write hides what the topic has.
func (e *entry) settle() {
	if e.pending && e.at >= 0 && e.readTo > e.at {
		e.pending, e.mine = false, nil
	}
}

// sendAgain repeats the writes that failed, a moment later.
func (s *StatusStore) sendAgain() {
	for {
		select {
		case <-s.done:
			return
		case <-s.retry:
		}
		select {
		case <-s.done:
			return
		case <-time.After(retryAfter):
		}
		s.mu.Lock()
		for i := range maps.Clone(s.unsent) {
			if e := s.entry(i); e.outdated() {
				s.withdraw(i, e)
			} else {
				s.transmit(i, e)
			}
		}
		s.mu.Unlock()
	}
}

// outdated tells whether another worker has written by a newer placement what Kafka would not take from this one.
func (e *entry) outdated() bool {
	return e.mine != nil && e.mine.status.State != "" && e.read != nil && !e.mine.status.overrides(&e.read.status)
}

// withdraw gives up a write.
func (s *StatusStore) withdraw(i id, e *entry) {
	delete(s.unsent, i)
	e.pending, e.mine = false, nil
	if s.flying+len(s.unsent) == 0 {
		close(s.settled)
		s.settled = make(chan struct{})
	}
}

// remade writes what this store knows better than others, or as well, to a topic that was made anew: the states that it has written, and
// the topics in use.
func (s *StatusStore) remade() {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := func(i id, e *entry) {
		e.readTo = 0
		if v := e.value(); v != nil && (i.kind == 'u' || s.writers[v.status.WorkerID]) {
			s.send(i, v)
		}
	}
	for name, c := range s.all {
		again(connectorID(name), &c.self)
		for n, e := range c.tasks {
			again(taskStatusID(name, n), e)
		}
		for topic, e := range c.topics {
			again(topicStatusID(name, topic), e)
		}
	}
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
