package herder

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/metrics"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
)

// Configs is the desired state: the config topic.
type Configs interface {
	Snapshot() *store.ConfigSnapshot
	Changed() <-chan struct{}
	Restarts() <-chan store.RestartRequest
	Refresh(ctx context.Context) error
	Lost() error
	PutConnector(ctx context.Context, name string, config map[string]string, target *string) error
	PutTasks(ctx context.Context, name string, configs []map[string]string) error
	PutTarget(ctx context.Context, name, state string) error
	PutRestart(ctx context.Context, name string, includeTasks, onlyFailed bool) error
	PutLogger(ctx context.Context, name, level string) error
	PutSessionKey(ctx context.Context, k store.SessionKey) error
	Remove(ctx context.Context, name string) error
}

// Statuses is what connectors and tasks are doing: the status topic.
type Statuses interface {
	PutConnectorSafe(s store.ConnectorStatus) bool
	PutTaskSafe(s store.TaskStatus) bool
	PutTopic(s store.TopicStatus)
	Connector(name string) (store.ConnectorStatus, bool)
	Task(name string, task int) (store.TaskStatus, bool)
	Tasks(name string) []store.TaskStatus
	Connectors() []string
	Topics(name string) []store.TopicStatus
	DeleteConnector(name string)
	DeleteTask(name string, task int)
	ResetTopics(name string)
	Flush(ctx context.Context) error
	Lost() error
}

// Members says who is there, who places work, and what is placed here.
type Members interface {
	ID() string
	Leading() bool
	LeaderURL() string
	URL(worker string) string
	Members() map[string]cluster.Member
	Present(ctx context.Context) ([]string, error)
	Settled() bool
	Lost() error
	Active() bool
	Expires() time.Time
	Generation() int64
	Placement() cluster.Placement
	Changed() <-chan struct{}
	SetWant(want map[string]cluster.Wanted)
	SetPlugins(plugins map[string][]string)
	Release(generation int64)
}

// Plugins finds plugins and runs their processes.
type Plugins interface {
	Rescan(ctx context.Context) error
	Plugins() []pluginhost.Plugin
	Find(class, version string) (pluginhost.Plugin, error)
	FindCurrent(ctx context.Context, class, version string) (pluginhost.Plugin, error)
	Versions(class string) []string
	Offered() map[string][]string
	Validate(ctx context.Context, p pluginhost.Plugin, raw map[string]string, probe bool) ([]connectors.ConfigValue, error)
	Launch(ctx context.Context, p pluginhost.Plugin, connector string) (*pluginhost.Process, error)
}

var (
	_ Configs  = (*store.ConfigStore)(nil)
	_ Statuses = (*store.StatusStore)(nil)
	_ Members  = (*cluster.Membership)(nil)
	_ Plugins  = (*pluginhost.Host)(nil)
)

// Config is what a herder works with.
type Config struct {
	Worker    config.Worker
	Version   string
	Commit    string
	ClusterID string // of Kafka
	Configs   Configs
	Statuses  Statuses
	Members   Members
	Plugins   Plugins
	Offsets   Offsets
	Metrics   *metrics.Registry
	Levels    *Levels
	Logger    *slog.Logger
}

// Herder is the worker's manager of connectors and tasks. It implements api.Herder.
type Herder struct {
	worker    config.Worker
	version   string
	commit    string
	clusterID string
	configs   Configs
	statuses  Statuses
	members   Members
	host      Plugins
	offsets   Offsets
	metrics   *metrics.Registry
	levels    *Levels
	log       *slog.Logger
	policy    Policy
	starts    *gate

	wake    chan struct{} // asks the loop to reconcile
	started chan struct{} // closed once the first reconciliation is done
	writing chan struct{} // a lock that can be waited for with a context

	mu      sync.Mutex
	tasks   map[taskID]*taskRunner
	plugins *processes
	edits   map[string]int64 // of each connector: how often its processes were to begin anew
	warned  map[string]bool  // connectors whose unknown keys were named already
	// levelsSeen are the log levels of the config topic that were applied; the loop's own.
	levelsSeen map[string]string
	wanted     map[string]cluster.Wanted // the last work that members was told of; the loop's own
	here       map[string]bool           // connectors that are placed here; the loop's own
	placed     int64                     // generation that is in effect; the loop's own
	alarm      *time.Timer               // for the next session key; the loop's own
	stage      string                    // what the loop is doing, for requests that time out
	since      time.Time

	runners sync.WaitGroup
}

type taskID struct {
	connector string
	task      int
}

func (id taskID) String() string { return fmt.Sprintf("%s-%d", id.connector, id.task) }

// New makes a herder; Run sets it to work.
func New(cfg Config) *Herder {
	w := cfg.Worker
	h := &Herder{
		worker: w, version: cfg.Version, commit: cfg.Commit, clusterID: cfg.ClusterID,
		configs: cfg.Configs, statuses: cfg.Statuses, members: cfg.Members, host: cfg.Plugins, offsets: cfg.Offsets,
		metrics: cfg.Metrics, levels: cfg.Levels,
		policy:     Policy{Crash: w.RestartCrash, Retriable: w.RestartRetriable, MaxPause: w.RestartBackoff, CrashLimit: w.RestartCrashLimit},
		starts:     newGate(),
		log:        cfg.Logger,
		wake:       make(chan struct{}, 1),
		started:    make(chan struct{}),
		writing:    make(chan struct{}, 1),
		tasks:      map[taskID]*taskRunner{},
		edits:      map[string]int64{},
		levelsSeen: map[string]string{},
		warned:     map[string]bool{},
	}
	h.plugins = newProcesses(cfg.Plugins.Launch, w.GracefulTimeout)
	return h
}

// Run keeps this worker in line with the desired state until the context ends; then it stops every task and returns
// when they have ended.
func (h *Herder) Run(ctx context.Context) {
	tasks, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	gctx, stopGuard := context.WithCancel(context.WithoutCancel(ctx))
	defer stopGuard()
	var guarding sync.WaitGroup
	guarding.Go(func() { h.guard(gctx) })
	first := h.started
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		h.setStage("reconciling connectors and tasks")
		if err := h.reconcile(ctx, tasks); err != nil && ctx.Err() == nil {
			h.log.Warn("reconciling is not complete and is tried again in a second", "error", err)
			retry.Reset(time.Second)
		}
		h.setStage("waiting for changes")
		if first != nil && h.settled() {
			close(first)
			first = nil
		}
		select {
		case <-ctx.Done():
			h.setStage("stopping tasks")
			stop() // every task ends gracefully on its own, side by side
			h.runners.Wait()
			h.letGo(nil)
			h.plugins.close()
			stopGuard()
			guarding.Wait()
			if h.alarm != nil {
				h.alarm.Stop()
			}
			return
		case r := <-h.configs.Restarts():
			h.restartHere(r.Connector, r.IncludeTasks, r.OnlyFailed)
		case <-h.configs.Changed():
		case <-h.members.Changed():
		case <-h.wake:
		case <-retry.C:
		}
	}
}

// settled says whether work has been placed at all: before that the worker is starting.
func (h *Herder) settled() bool { return h.members.Generation() > 0 }

func (h *Herder) setStage(s string) {
	h.mu.Lock()
	h.stage, h.since = s, time.Now()
	h.mu.Unlock()
}

// Stage says what the loop is doing and since when.
func (h *Herder) Stage() (string, time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stage, h.since
}

func (h *Herder) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
