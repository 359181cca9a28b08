package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// retryAfter is the pause before a status that Kafka did not take is sent again.
const retryAfter = 500 * time.Millisecond

// complainEvery is how often it is said that statuses cannot be written, while that lasts.
const complainEvery = time.Minute

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
			s.unsent[i] = true
			if !errors.Is(err, errLost) { // which is said elsewhere
				s.complain(i, err)
			}
			signal(s.retry)
		} else {
			e.at = at.Offset
			e.settle()
		}
	}
	s.written()
}

// complain says that statuses cannot be written: once, and then from time to time.
func (s *StatusStore) complain(i id, err error) {
	if now := time.Now(); now.Sub(s.complained) >= complainEvery {
		s.complained = now
		s.log.Warn("statuses cannot be written; they are tried again", "waiting", len(s.unsent), "one of them", i.key(), "error", s.client.explain(err))
	}
}

// written tells those who wait when everything is written.
func (s *StatusStore) written() {
	if s.flying+len(s.unsent) > 0 {
		return
	}
	s.complained = time.Time{}
	close(s.settled)
	s.settled = make(chan struct{})
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
	s.written()
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
