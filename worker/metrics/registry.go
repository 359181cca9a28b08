package metrics

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds all metrics of one worker. It is safe for use by several goroutines.
type Registry struct {
	prom   *prometheus.Registry
	worker *Worker

	mu      sync.Mutex
	tasks   map[taskKey]*Task
	plugins map[string]pluginDesc // by name; the first task to report it decides
}

type taskKey struct {
	connector string
	task      int
}

type pluginDesc struct {
	desc    *prometheus.Desc
	counter bool
}

// New makes a registry. It also shows what the Go runtime and the process measure.
func New() *Registry {
	r := &Registry{
		prom:    prometheus.NewRegistry(),
		worker:  newWorker(),
		tasks:   map[taskKey]*Task{},
		plugins: map[string]pluginDesc{},
	}
	r.prom.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), r.worker, taskCollector{r})
	return r
}

// Handler answers a scrape.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.prom, promhttp.HandlerOpts{})
}

// Gatherer gives the metrics to code that reads them.
func (r *Registry) Gatherer() prometheus.Gatherer { return r.prom }

// Worker is the worker's own part.
func (r *Registry) Worker() *Worker { return r.worker }

// Task begins the metrics of a task. Those of an earlier run of the same task give way.
func (r *Registry) Task(connector string, task int) *Task {
	key := taskKey{connector, task}
	t := newTask(r, key)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[key] = t
	return t
}

func (r *Registry) remove(t *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tasks[t.key] == t {
		delete(r.tasks, t.key)
	}
}

// taskCollector shows the tasks that exist at the time of a scrape.
type taskCollector struct{ r *Registry }

var _ prometheus.Collector = taskCollector{}

// Describe sends nothing: which plugin metrics there will be is not known.
func (c taskCollector) Describe(chan<- *prometheus.Desc) {}

func (c taskCollector) Collect(ch chan<- prometheus.Metric) {
	c.r.mu.Lock()
	tasks := make([]*Task, 0, len(c.r.tasks))
	for _, t := range c.r.tasks {
		tasks = append(tasks, t)
	}
	c.r.mu.Unlock()
	slices.SortFunc(tasks, func(a, b *Task) int {
		return cmp.Or(cmp.Compare(a.key.connector, b.key.connector), cmp.Compare(a.key.task, b.key.task))
	})
	for _, t := range tasks {
		t.collect(ch)
	}
}

func (k taskKey) labels() []string { return []string{k.connector, strconv.Itoa(k.task)} }
