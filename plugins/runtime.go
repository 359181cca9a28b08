package plugins

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

// taskRuntime is what a task in this process may use of the framework.
type taskRuntime struct {
	connector string
	task      int
	records   connectors.Format
	log       *slog.Logger
	metrics   instruments
}

var _ connectors.Runtime = (*taskRuntime)(nil)

func (r *taskRuntime) Connector() string           { return r.connector }
func (r *taskRuntime) Task() int                   { return r.task }
func (r *taskRuntime) Records() connectors.Format  { return r.records }
func (r *taskRuntime) Logger() *slog.Logger        { return r.log }
func (r *taskRuntime) Metrics() connectors.Metrics { return &r.metrics }
func (r *taskRuntime) Now() time.Time              { return time.Now() }

// instruments are the instruments of one task, in the order in which they were asked for.
type instruments struct {
	mu   sync.Mutex
	list []*instrument
}

type instrument struct {
	name, help string
	counter    bool
	value      atomic.Int64
	sent       int64 // by the sender only
	known      bool  // was sent before
}

var (
	_ connectors.Metrics = (*instruments)(nil)
	_ connectors.Counter = (*instrument)(nil)
	_ connectors.Gauge   = (*instrument)(nil)
)

func (i *instrument) Add(n int64) { i.value.Add(n) }
func (i *instrument) Set(v int64) { i.value.Store(v) }

func (m *instruments) Counter(name, help string) connectors.Counter { return m.get(name, help, true) }

func (m *instruments) Gauge(name, help string) connectors.Gauge { return m.get(name, help, false) }

func (m *instruments) get(name, help string, counter bool) *instrument {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.list {
		if i.name == name {
			return i
		}
	}
	i := &instrument{name: name, help: help, counter: counter}
	m.list = append(m.list, i)
	return i
}

// changes gives the instruments that changed since the last call, nil if none did.
func (m *instruments) changes() *protocol.Metrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out *protocol.Metrics
	for _, i := range m.list {
		v := i.value.Load()
		if i.known && v == i.sent {
			continue
		}
		i.known, i.sent = true, v
		if out == nil {
			out = &protocol.Metrics{}
		}
		out.Metrics = append(out.Metrics, &protocol.Metric{Name: i.name, Help: i.help, Counter: i.counter, Value: v})
	}
	return out
}
