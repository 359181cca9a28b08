package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
)

// ConfigSnapshot is the state of the config topic at an offset. It never changes (invariant 6), so its maps must not be written to.
type ConfigSnapshot struct {
	Offset     int64 // of the next record to be read
	Connectors map[string]ConnectorRecord
	SessionKey *SessionKey // nil when there is none
	// LoggerLevels are the levels set for the whole cluster since this worker opened the topic: like Connect's, a worker begins
	// with its own and forgets those of earlier days.
	LoggerLevels map[string]string
}

// Names lists the connectors in alphabetical order.
func (s *ConfigSnapshot) Names() []string { return names(s.Connectors) }

// ConfigStore is the config topic. It is safe for concurrent use. Only one worker at a time should write, the leader; that does not
// hold for target states and logger levels.
type ConfigStore struct {
	topic *topicLog
	log   *slog.Logger

	mu       sync.Mutex
	state    *configState
	next     int64
	snapshot *ConfigSnapshot // nil when out of date
	opened   bool
	warned   bool
	pending  map[string]RestartRequest
	changed  chan struct{}
	wake     chan struct{} // there are pending restarts
	restarts chan RestartRequest
	done     chan struct{}
	wg       sync.WaitGroup
}

// OpenConfig opens the config topic, creating it when it is missing, and reads it to its end.
func OpenConfig(ctx context.Context, o Options) (*ConfigStore, error) {
	s := &ConfigStore{
		log: o.logger().With("topic", o.Topic), state: newConfigState(), pending: map[string]RestartRequest{},
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), restarts: make(chan RestartRequest), done: make(chan struct{}),
	}
	topic, err := openLog(ctx, o, configKind, s.apply, nil)
	if err != nil {
		return nil, err
	}
	s.topic = topic
	s.mu.Lock()
	s.opened = true
	s.mu.Unlock()
	s.wg.Go(s.handOutRestarts)
	return s, nil
}

// Snapshot is the state as far as it has been read.
func (s *ConfigStore) Snapshot() *ConfigSnapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot == nil {
		s.snapshot = &ConfigSnapshot{
			Offset: s.next, Connectors: s.state.connectorRecords(), SessionKey: s.state.sessionKey, LoggerLevels: maps.Clone(s.state.loggers),
		}
	}
	return s.snapshot
}

// Refresh reads to the present end of the topic.
func (s *ConfigStore) Refresh(ctx context.Context) error { return s.topic.refresh(ctx) }

// Lost is nil, or says that the topic has been deleted while the worker uses it: what it held is known to the workers that run only.
func (s *ConfigStore) Lost() error { return s.topic.gone() }

// Changed tells that records have been read since it was last received from. It has room for one.
func (s *ConfigStore) Changed() <-chan struct{} { return s.changed }

// Restarts gives the restart requests that were written after the store was opened. Requests for one connector that nobody has
// received yet become one, that which restarts the most.
func (s *ConfigStore) Restarts() <-chan RestartRequest { return s.restarts }

// PutConnector writes the configuration of a connector, and before it a target state unless that is nil. A connector that never had
// a target state is Started.
func (s *ConfigStore) PutConnector(ctx context.Context, name string, config map[string]string, target *string) error {
	var writes []write
	if target != nil {
		w, err := targetWrite(name, *target)
		if err != nil {
			return err
		}
		writes = append(writes, w)
	}
	return s.put(ctx, name, append(writes, connectorWrite(name, config))...)
}

// PutTasks writes the configurations of a connector's tasks and commits them. None stops the connector's tasks.
func (s *ConfigStore) PutTasks(ctx context.Context, name string, tasks []map[string]string) error {
	if len(tasks) > 0 {
		writes := make([]write, len(tasks))
		for i, t := range tasks {
			writes[i] = taskWrite(name, i, t)
		}
		// The commit only follows when all tasks are certain (invariant 3).
		if err := s.put(ctx, name, writes...); err != nil {
			return err
		}
	}
	return s.put(ctx, name, commitWrite(name, len(tasks)))
}

// PutTarget writes the target state of a connector.
func (s *ConfigStore) PutTarget(ctx context.Context, name, state string) error {
	w, err := targetWrite(name, state)
	if err != nil {
		return err
	}
	return s.put(ctx, name, w)
}

// PutRestart asks all workers to restart a connector.
func (s *ConfigStore) PutRestart(ctx context.Context, name string, includeTasks, onlyFailed bool) error {
	return s.put(ctx, name, restartWrite(RestartRequest{Connector: name, IncludeTasks: includeTasks, OnlyFailed: onlyFailed}))
}

// PutLogger asks all workers to set the level of a logger.
func (s *ConfigStore) PutLogger(ctx context.Context, logger, level string) error {
	return s.put(ctx, logger, loggerWrite(logger, level))
}

// PutSessionKey gives all workers a new key to sign requests with.
func (s *ConfigStore) PutSessionKey(ctx context.Context, k SessionKey) error {
	return s.put(ctx, sessionKeyKey, sessionKeyWrite(k))
}

// Remove deletes a connector.
func (s *ConfigStore) Remove(ctx context.Context, name string) error {
	return s.put(ctx, name, write{key: connectorPrefix + name}, write{key: targetStatePrefix + name})
}

func (s *ConfigStore) put(ctx context.Context, name string, writes ...write) error {
	if name == "" {
		return fmt.Errorf("write to topic %s: no name given", s.topic.topic)
	}
	return s.topic.put(ctx, writes...)
}

// Close ends the store.
func (s *ConfigStore) Close() error {
	err := s.topic.close()
	s.mu.Lock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *ConfigStore) apply(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.snapshot = r.offset+1, nil
	c, err := s.state.apply(r.key, r.value)
	switch {
	case err != nil:
		s.log.Warn("passing over a record that cannot be read", "partition", r.partition, "offset", r.offset, "key", r.key, "error", err)
	case c.unknown && !s.warned:
		s.warned = true
		s.log.Warn("passing over a record with an unknown key; further ones are not reported", "partition", r.partition, "offset", r.offset, "key", r.key)
	case !s.opened: // requests of the past
	case c.restart != nil:
		if old, ok := s.pending[c.restart.Connector]; !ok || c.restart.rank() > old.rank() {
			s.pending[c.restart.Connector] = *c.restart
		}
		signal(s.wake)
	case c.logger != "":
		s.state.loggers[c.logger] = c.level
	}
	signal(s.changed)
}

// handOutRestarts feeds Restarts, so that the tail never waits for who receives.
func (s *ConfigStore) handOutRestarts() {
	for {
		s.mu.Lock()
		var next RestartRequest
		out := s.restarts
		if len(s.pending) == 0 {
			out = nil
		}
		for _, next = range s.pending {
			break
		}
		s.mu.Unlock()
		select {
		case <-s.done:
			return
		case <-s.wake: // perhaps the request has grown
		case out <- next:
			s.mu.Lock()
			if s.pending[next.Connector] == next {
				delete(s.pending, next.Connector)
			}
			s.mu.Unlock()
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func connectorWrite(name string, config map[string]string) write {
	return write{connectorPrefix + name, propertiesValue(config)}
}

func taskWrite(name string, n int, config map[string]string) write {
	return write{taskPrefix + name + "-" + strconv.Itoa(n), propertiesValue(config)}
}

func propertiesValue(config map[string]string) []byte {
	if config == nil {
		config = map[string]string{}
	}
	return encode(struct {
		Properties map[string]string `json:"properties"`
	}{config})
}

func commitWrite(name string, tasks int) write {
	return write{commitPrefix + name, encode(struct {
		Tasks int `json:"tasks"`
	}{tasks})}
}

func targetWrite(name, state string) (write, error) {
	if err := checkTarget(state); err != nil {
		return write{}, fmt.Errorf("write the target state of connector %s: %w; use %s, %s or %s", name, err, Started, Paused, Stopped)
	}
	old := state
	if state == Stopped {
		old = Paused
	}
	return write{targetStatePrefix + name, encode(struct {
		State   string `json:"state"`
		StateV2 string `json:"state.v2"`
	}{old, state})}, nil
}

func restartWrite(r RestartRequest) write {
	return write{restartPrefix + r.Connector, encode(struct {
		IncludeTasks bool `json:"include-tasks"`
		OnlyFailed   bool `json:"only-failed"`
	}{r.IncludeTasks, r.OnlyFailed})}
}

func loggerWrite(name, level string) write {
	return write{loggerPrefix + name, encode(struct {
		Level string `json:"level"`
	}{level})}
}

func sessionKeyWrite(k SessionKey) write {
	return write{sessionKeyKey, encode(struct {
		Key       string `json:"key"`
		Algorithm string `json:"algorithm"`
		Created   int64  `json:"creation-timestamp"`
	}{base64.StdEncoding.EncodeToString(k.Key), k.Algorithm, k.Created.UnixMilli()})}
}
