package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func workerDesc(group, name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kafka_connect_connect_worker_"+group+"_"+name, help, labels, nil)
}

// The descriptions are constant.
var (
	descConnectors        = workerDesc("metrics", "connector_count", "Connectors on this worker.")
	descTasks             = workerDesc("metrics", "task_count", "Tasks on this worker.")
	descConnectorAttempts = workerDesc("metrics", "connector_startup_attempts_total", "Starts of connectors.")
	descConnectorSuccess  = workerDesc("metrics", "connector_startup_success_total", "Starts of connectors that succeeded.")
	descConnectorFailure  = workerDesc("metrics", "connector_startup_failure_total", "Starts of connectors that failed.")
	descTaskAttempts      = workerDesc("metrics", "task_startup_attempts_total", "Starts of tasks.")
	descTaskSuccess       = workerDesc("metrics", "task_startup_success_total", "Starts of tasks that succeeded.")
	descTaskFailure       = workerDesc("metrics", "task_startup_failure_total", "Starts of tasks that failed.")
	descRebalances        = workerDesc("rebalance_metrics", "completed_rebalances_total", "Changes of the placement of connectors and tasks.")
	descRebalancing       = workerDesc("rebalance_metrics", "rebalancing", "1 while work is being placed or moves from one worker to another.")
	descEpoch             = workerDesc("rebalance_metrics", "epoch", "Generation of the placement.")
	descRebalanceAvg      = workerDesc("rebalance_metrics", "rebalance_avg_time_ms", "Average time to put a placement into effect, in ms.")
	descRebalanceMax      = workerDesc("rebalance_metrics", "rebalance_max_time_ms", "Longest time to put a placement into effect, in ms.")
	descSinceRebalance    = workerDesc("rebalance_metrics", "time_since_last_rebalance_ms", "Time since a placement was last put into effect, in ms.")
	descLeader            = workerDesc("rebalance_metrics", "leader_name", "Always 1; the worker that leads and the protocol are labels, as Prometheus has no texts.", "leader", "connect_protocol")
	descTotalTasks        = workerDesc("metrics", "connector_total_task_count", "Tasks of the connector on this worker.", "connector")
	descTaskStates        = describeTaskStates()
)

func describeTaskStates() map[string]*prometheus.Desc {
	descs := map[string]*prometheus.Desc{}
	for _, state := range taskStates {
		descs[state] = workerDesc("metrics", "connector_"+state+"_task_count", "Tasks of the connector on this worker that are "+state+".", "connector")
	}
	return descs
}

var taskStates = []string{"running", "paused", "failed", "restarting", "unassigned", "destroyed"} // constant

// Worker is what the worker itself measures. All methods are safe for use by several goroutines.
type Worker struct {
	connectors, tasks              atomic.Int64
	connectorStarts, taskStarts    atomic.Int64
	connectorFailed, taskFailed    atomic.Int64
	rebalances, epoch, rebalancing atomic.Int64
	rebalance                      window

	mu     sync.Mutex
	leader string
	since  time.Time                 // of the last rebalance
	states map[string]map[string]int // connector → state → tasks
}

func newWorker() *Worker {
	return &Worker{states: map[string]map[string]int{}, rebalance: window{now: time.Now}}
}

// SetCounts sets how many connectors and tasks this worker has.
func (w *Worker) SetCounts(connectors, tasks int) {
	w.connectors.Store(int64(connectors))
	w.tasks.Store(int64(tasks))
}

// ConnectorStarted counts the start of a connector.
func (w *Worker) ConnectorStarted(err error) {
	w.connectorStarts.Add(1)
	if err != nil {
		w.connectorFailed.Add(1)
	}
}

// TaskStarted counts the start of a task.
func (w *Worker) TaskStarted(err error) {
	w.taskStarts.Add(1)
	if err != nil {
		w.taskFailed.Add(1)
	}
}

// SetTaskStates sets how many tasks of a connector are in which state: running, paused, failed, restarting, unassigned,
// destroyed. Nil forgets the connector.
func (w *Worker) SetTaskStates(connector string, states map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if states == nil {
		delete(w.states, connector)
		return
	}
	w.states[connector] = maps.Clone(states)
}

// SetCluster says who leads, and whether work is being placed or is on its way.
func (w *Worker) SetCluster(leader string, rebalancing bool) {
	var n int64
	if rebalancing {
		n = 1
	}
	w.rebalancing.Store(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leader = leader
}

// RebalanceDone says that a placement is in effect.
func (w *Worker) RebalanceDone(epoch int64, took time.Duration) {
	w.rebalances.Add(1)
	w.mu.Lock()
	w.since = time.Now()
	w.mu.Unlock()
	w.epoch.Store(epoch)
	w.rebalance.add(millis(took))
}

var _ prometheus.Collector = (*Worker)(nil)

// Describe sends nothing: which connectors there will be is not known.
func (w *Worker) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (w *Worker) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descConnectors, float64(w.connectors.Load()))
	gauge(descTasks, float64(w.tasks.Load()))
	starts, failed := w.connectorStarts.Load(), w.connectorFailed.Load()
	counter(descConnectorAttempts, starts)
	counter(descConnectorFailure, failed)
	counter(descConnectorSuccess, starts-failed)
	starts, failed = w.taskStarts.Load(), w.taskFailed.Load()
	counter(descTaskAttempts, starts)
	counter(descTaskFailure, failed)
	counter(descTaskSuccess, starts-failed)
	counter(descRebalances, w.rebalances.Load())
	gauge(descRebalancing, float64(w.rebalancing.Load()))
	gauge(descEpoch, float64(w.epoch.Load()))
	avg, highest := w.rebalance.read()
	gauge(descRebalanceAvg, avg)
	gauge(descRebalanceMax, highest)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.since.IsZero() {
		gauge(descSinceRebalance, millis(time.Since(w.since)))
	}
	if w.leader != "" {
		gauge(descLeader, 1, w.leader, "sluice")
	}
	for connector, states := range w.states {
		total := 0
		for _, s := range taskStates {
			gauge(descTaskStates[s], float64(states[s]), connector)
			total += states[s]
		}
		gauge(descTotalTasks, float64(total), connector)
	}
}
