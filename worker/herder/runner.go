package herder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
	"github.com/sluice-connect/sluice/worker/task"
	"github.com/sluice-connect/sluice/worker/transform"
)

// diedWithin is how long after a failure a plugin process may take to answer or to end, to tell a crash from other failures.
const diedWithin = 2 * time.Second

// launchWithin bounds the start of a plugin process, and of a task in it.
const launchWithin = 30 * time.Second

// stoppedWithin is how long a plugin may take to say that a task has ended which was stopped before.
const stoppedWithin = time.Second

// desired is what a task on this worker is wanted to do.
type desired struct {
	config map[string]string
	paused bool
}

// taskRunner keeps one task running on this worker: attempt after attempt, until it is not wanted any more.
type taskRunner struct {
	h     *Herder
	id    taskID
	after <-chan struct{} // the end of the runner before, if any
	done  chan struct{}

	mu      sync.Mutex
	desired desired
	epoch   int64 // grows with each change that needs a new attempt
	ended   bool
	deleted bool // the connector is gone, and so shall the status be
	attempt context.CancelFunc
	task    *task.Task // of the attempt under way
	changed chan struct{}

	status     store.TaskStatus // the last one written
	generation int64            // of the last placement that was seen to have the task here
	restarts   restarts

	// Of the attempt under way; its goroutine's own.
	version string
	paused  bool
	trouble *connectors.Error // what troubles the task while it goes on
}

func newTaskRunner(h *Herder, id taskID, d desired) *taskRunner {
	return &taskRunner{
		h: h, id: id, desired: d, epoch: 1,
		done: make(chan struct{}), changed: make(chan struct{}, 1),
		restarts: restarts{policy: h.policy},
	}
}

// want changes what the task is to do. It is false when the runner has ended and cannot be revived.
func (r *taskRunner) want(d desired) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	again := !maps.Equal(r.desired.config, d.config)
	if again && r.task != nil && instanceID(r.id, r.desired.config) != instanceID(r.id, d.config) {
		r.task.Leave()
	}
	r.desired = d
	if r.task != nil {
		r.task.SetPaused(d.paused)
	}
	if again {
		r.again()
	}
	return true
}

// differs says whether d asks for another configuration.
func (r *taskRunner) differs(d desired) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !maps.Equal(r.desired.config, d.config)
}

// again ends the attempt under way, or the pause between two, and begins anew. The caller holds the lock.
func (r *taskRunner) again() {
	r.epoch++
	if r.attempt != nil {
		r.attempt()
	}
	r.signal()
}

func (r *taskRunner) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// restart begins anew on a user's request.
func (r *taskRunner) restart(onlyFailed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || onlyFailed && r.status.State != stateFailed {
		return
	}
	r.again()
}

// end lets the task end: for good, or because it goes elsewhere.
func (r *taskRunner) end(deleted, forGood bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if forGood && r.task != nil {
		r.task.Leave()
	}
	r.ended, r.deleted = true, deleted
	if r.attempt != nil {
		r.attempt()
	}
	r.signal()
}

// halt ends the task because this worker may not be a member of the cluster any more. It tells whether that is news.
func (r *taskRunner) halt() bool {
	r.mu.Lock()
	running := !r.ended
	r.mu.Unlock()
	if running {
		r.end(false, false)
	}
	return running
}

func (r *taskRunner) run(ctx context.Context) {
	defer close(r.done)
	if r.after != nil {
		select {
		case <-r.after:
		case <-ctx.Done():
			return
		}
	}
	defer r.sayGoodbye(ctx)
	var seen int64
	for {
		r.mu.Lock()
		if r.ended || ctx.Err() != nil {
			r.mu.Unlock()
			return
		}
		d, epoch := r.desired, r.epoch
		actx, cancel := context.WithCancel(ctx)
		r.attempt = cancel
		r.mu.Unlock()
		if epoch != seen {
			r.restarts.reset()
			seen = epoch
		}

		began := time.Now()
		crashed, err := r.once(actx, d)
		cancel()
		r.mu.Lock()
		r.attempt, r.task = nil, nil
		changed := r.ended || r.epoch != epoch
		r.mu.Unlock()
		if ctx.Err() != nil || changed || err == nil {
			continue
		}
		pause, again := r.restarts.next(connectors.CodeOf(err), crashed, time.Since(began), time.Now())
		r.failed(err, pause, again)
		if !r.wait(ctx, pause, again, epoch) {
			return
		}
	}
}

// wait passes the time until the next attempt: the pause, or for ever, but never longer than until something changes.
func (r *taskRunner) wait(ctx context.Context, pause time.Duration, again bool, epoch int64) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if again {
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return false
		case <-due:
			return true
		case <-r.changed:
			r.mu.Lock()
			changed := r.ended || r.epoch != epoch
			r.mu.Unlock()
			if changed {
				return true
			}
		}
	}
}

// once runs the task until it fails or its context ends.
func (r *taskRunner) once(ctx context.Context, d desired) (crashed bool, err error) {
	h := r.h
	resolved, err := config.Resolve(d.config)
	if err != nil {
		return false, connectors.Misconfigured("starting task "+r.id.String(), err, "provide the value and restart the task")
	}
	cfg, err := h.taskConfig(r, d, resolved)
	if err != nil {
		return false, err
	}
	key := r.id.connector
	if h.worker.IsolateTasks {
		key = r.id.String()
	}
	begun, err := h.starts.enter(ctx)
	if err != nil {
		return false, err // it is not wanted any more
	}
	defer begun()
	lctx, cancel := context.WithTimeout(ctx, launchWithin)
	defer cancel()
	known, _ := h.host.Find(d.config["connector.class"], d.config[pluginVersion])
	plugin, err := h.host.FindCurrent(lctx, d.config["connector.class"], d.config[pluginVersion])
	if err != nil || plugin.SHA256 != known.SHA256 {
		h.poke() // the connector's status shows it
	}
	if err != nil {
		return false, connectors.Misconfigured("starting task "+r.id.String(), err, "put the plugin into a folder of plugin.path and restart the task")
	}
	proc, err := h.plugins.acquire(lctx, key, h.edition(r.id.connector, plugin), plugin)
	if err != nil {
		return isCrash(err), connectors.AsError("starting plugin of connector "+r.id.connector, err)
	}
	defer h.plugins.release(proc)
	if h.members.Active() {
		proc.Renew(h.members.Expires())
	}

	pt, err := proc.Client().StartTask(lctx, plugins.TaskSpec{
		Connector: r.id.connector, Task: r.id.task, Config: resolved, Records: cfg.Records, CreditBytes: cfg.CreditBytes,
	})
	h.metrics.Worker().TaskStarted(err)
	if err != nil {
		return r.explain(ctx, proc.Process, connectors.AsError("starting task "+r.id.String(), err))
	}
	t, err := task.New(cfg)
	if err != nil {
		_ = pt.Stop(lctx) // the failure that matters is the other one
		return false, err
	}
	r.mu.Lock()
	r.task = t
	r.version, r.paused, r.trouble = plugin.Version, r.desired.paused, nil
	t.SetPaused(r.paused)
	r.mu.Unlock()
	r.running()
	begun()
	err = t.Run(ctx, pt)

	sctx, done := context.WithTimeout(context.WithoutCancel(ctx), stoppedWithin)
	defer done()
	serr := pt.Stop(sctx) // Run has done so already; who has obeyed answers at once
	if sctx.Err() != nil {
		proc.Kill() // it hangs; what it still does must not meet its successor, and nothing durable is lost
	}
	if serr != nil && err == nil && ctx.Err() == nil {
		err = serr
	}
	if err == nil {
		return false, nil
	}
	return r.explain(ctx, proc.Process, err)
}

// explain finds out whether a failure is the death of the plugin, whose own story is then the better one. The stream of a plugin that
// dies breaks before its process is seen to have ended, so a process that does not answer any more is waited for.
func (r *taskRunner) explain(ctx context.Context, p *pluginhost.Process, err error) (crashed bool, _ error) {
	if code := connectors.CodeOf(err); code != connectors.CodeRetriable && code != connectors.CodeFatal {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, diedWithin)
	defer cancel()
	if _, silent := p.Client().Describe(ctx); silent == nil {
		return false, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		return false, err
	}
	if died := p.Err(); died != nil {
		return true, connectors.AsError("running plugin of connector "+r.id.connector, died)
	}
	return true, err
}

// running reports that the task runs, or is paused, and what troubles it at the moment.
func (r *taskRunner) running() {
	s := store.TaskStatus{State: stateRunning, Version: r.version}
	if r.paused {
		s.State = statePaused
	}
	if r.trouble != nil {
		s.Trace = r.trouble.Error()
	}
	r.report(s)
}

// failed reports a failure and what comes next (invariant 5).
func (r *taskRunner) failed(err error, pause time.Duration, again bool) {
	trace := "task " + r.id.String() + " failed: " + err.Error()
	switch {
	case again:
		trace += fmt.Sprintf("\nIt starts again by itself in %s (restart %d).", pause.Round(100*time.Millisecond), r.restarts.count)
		r.h.log.Warn("task failed and starts again", "connector", r.id.connector, "task", r.id.task, "error", err, "in", pause, "restart", r.restarts.count)
	default:
		trace += "\nIt stays failed until its configuration changes or it is restarted (POST /connectors/" + r.id.connector + "/tasks/" + strconv.Itoa(r.id.task) + "/restart)."
		r.h.log.Error("task failed", "connector", r.id.connector, "task", r.id.task, "error", err)
	}
	if len(r.restarts.crashes) > r.h.policy.CrashLimit {
		trace += fmt.Sprintf(" The plugin died %d times within ten minutes.", len(r.restarts.crashes))
	}
	r.report(store.TaskStatus{State: stateFailed, Trace: trace, Version: r.status.Version})
}

// report writes the task's status where it says something new.
func (r *taskRunner) report(s store.TaskStatus) {
	s.Connector, s.Task = r.id.connector, r.id.task
	s.WorkerID = r.h.members.ID()
	p := r.h.members.Placement()
	here := slices.Contains(p.Workers[s.WorkerID].Tasks, cluster.TaskRef{Connector: r.id.connector, Task: r.id.task})
	r.mu.Lock()
	// The last placement by which the task is here, not the latest: a worker that was thought dead may know the latest already when it reports
	// how its task has ended. By that, it would speak for the worker that has the task since, whose own word must count.
	if here {
		r.generation = p.Generation
	}
	s.Generation = r.generation
	same := r.status == s
	r.status = s
	r.mu.Unlock()
	if !same {
		r.h.statuses.PutTaskSafe(s)
		r.h.countStates(r.id.connector)
	}
}

// sayGoodbye leaves the status that a task has when it has ended: none when its connector is gone, unassigned when it
// went elsewhere or the worker stops.
func (r *taskRunner) sayGoodbye(ctx context.Context) {
	r.mu.Lock()
	deleted := r.deleted
	r.mu.Unlock()
	if c, ok := r.h.configs.Snapshot().Connectors[r.id.connector]; deleted || !ok || r.id.task >= len(c.Tasks) && ctx.Err() == nil {
		r.h.statuses.DeleteTask(r.id.connector, r.id.task)
		return
	}
	r.report(store.TaskStatus{State: stateUnassigned, Version: r.status.Version})
}

func isCrash(err error) bool {
	var died *pluginhost.DiedError
	return errors.As(err, &died)
}

// taskConfig makes the configuration of the engine from that of the connector; resolved has the values that are kept elsewhere.
func (h *Herder) taskConfig(r *taskRunner, d desired, resolved map[string]string) (task.Config, error) {
	c := d.config
	conv, err := h.converters(resolved)
	if err != nil {
		return task.Config{}, connectors.Misconfigured("starting task "+r.id.String(), err, "")
	}
	chain, err := transform.New(resolved)
	if err != nil {
		return task.Config{}, connectors.Misconfigured("starting task "+r.id.String(), err, "")
	}
	consumer, err := h.worker.ConsumerProps(c, h.log)
	if err != nil {
		return task.Config{}, connectors.Misconfigured("starting task "+r.id.String(), err, "")
	}
	setDefault(consumer, "group.id", "connect-"+r.id.connector)
	setDefault(consumer, "client.id", "connector-consumer-"+r.id.String())
	setDefault(consumer, "auto.offset.reset", "earliest")
	setDefault(consumer, "session.timeout.ms", strconv.FormatInt(h.worker.SessionTimeout.Milliseconds(), 10))
	setDefault(consumer, "queued.max.messages.kbytes", strconv.FormatInt(h.worker.FetchBuffer>>10, 10))
	consumer["group.instance.id"] = instanceID(r.id, c)
	log := h.log.With("connector", r.id.connector, "task", r.id.task)
	handling, err := h.errorHandling(r.id, c, consumer, log)
	if err != nil {
		return task.Config{}, connectors.Misconfigured("starting task "+r.id.String(), err, "")
	}
	return task.Config{
		Connector: r.id.connector, ID: r.id.task,
		Topics: config.Split(c["topics"]), TopicsRegex: c["topics.regex"],
		Records: task.Format(conv.key, conv.value, chain),
		Key:     conv.key, Value: conv.value, Header: conv.header, Transform: chain,
		Errors:   handling,
		Consumer: consumer, CreditBytes: h.worker.TaskBuffer,
		CommitInterval: h.worker.FlushInterval, CommitTimeout: h.worker.FlushTimeout, StopTimeout: h.worker.GracefulTimeout,
		Logger: log, Metrics: h.metrics.Task(r.id.connector, r.id.task),
		OnTrouble: func(e *connectors.Error) { r.trouble = e; r.running() },
		OnPaused:  func(paused bool) { r.paused = paused; r.running() },
		OnTopic:   func(topic string) { h.usedTopic(r.id, topic) },
	}, nil
}

// errorHandling says what becomes of records that cannot be processed. The dead letter queue reads rejected records again
// with the settings of the task's consumer.
func (h *Herder) errorHandling(id taskID, c, consumer map[string]string, log *slog.Logger) (task.Errors, error) {
	handling, err := config.ParseErrorHandling(c)
	if err != nil {
		return task.Errors{}, err
	}
	e := task.Errors{Tolerate: handling.Tolerate, Log: handling.Log, LogRecord: handling.LogRecord}
	if handling.DeadLetterTopic == "" {
		return e, nil
	}
	producer, err := h.worker.ProducerProps(c, h.log)
	if err != nil {
		return task.Errors{}, err
	}
	admin, err := h.worker.AdminProps(c, h.log)
	if err != nil {
		return task.Errors{}, err
	}
	setDefault(producer, "client.id", "connector-dlq-producer-"+id.String())
	setDefault(admin, "client.id", "connector-dlq-adminclient-"+id.String())
	e.DeadLetters = &deadletter.Config{
		Topic: handling.DeadLetterTopic, Replication: handling.DeadLetterReplication, ContextHeaders: handling.DeadLetterContextHeader,
		Connector: id.connector, Task: id.task,
		Producer: producer, Admin: admin, Consumer: consumer,
		Logger: log,
	}
	return e, nil
}

func setDefault(m map[string]string, key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}
