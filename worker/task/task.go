package task

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sluice-connect/sluice/connectors"
)

// Task is one sink task. It runs once.
type Task struct {
	cfg          Config
	subscription []string
	paused       atomic.Bool
	leaving      atomic.Bool
	started      atomic.Bool
	wanted       chan struct{} // paused has changed
}

// New checks a configuration and makes a task of it. Errors have the code CodeMisconfigured.
func New(cfg Config) (*Task, error) {
	t := &Task{cfg: cfg, wanted: make(chan struct{}, 1)}
	var err error
	if t.subscription, err = t.cfg.complete(); err != nil {
		return nil, err
	}
	return t, nil
}

// SetPaused stops or continues the flow of records. A paused task keeps its partitions and its place in the group, and
// goes on committing what becomes durable.
func (t *Task) SetPaused(paused bool) {
	t.paused.Store(paused)
	select {
	case t.wanted <- struct{}{}:
	default:
	}
}

// Leave makes Run give up the task's place in the consumer group when it ends. Otherwise Kafka keeps the place and its
// partitions for the session timeout, so that whoever runs the task next has them at once. It is for tasks that nobody is to
// run next, or that will want other topics.
func (t *Task) Leave() { t.leaving.Store(true) }

// Run runs the task with a plugin task that was started for it, until ctx ends or something fails. On the end of ctx it
// hands over what it has collected, closes its partitions in the plugin, commits what is durable and returns nil, or an
// error where that did not succeed within StopTimeout. A failure is a *connectors.Error that names topic, partition and
// offset where it can. In any case it has closed its consumer and stopped the plugin task when it returns.
func (t *Task) Run(ctx context.Context, p Plugin) error {
	if !t.started.CompareAndSwap(false, true) {
		return connectors.Fatal("running task", errors.New("it ran already"), "make a new one")
	}
	r := newRun(t, p)
	err := r.run(ctx)
	if t.cfg.Metrics != nil {
		t.cfg.Metrics.Close()
	}
	if err == nil {
		return nil
	}
	return err
}
