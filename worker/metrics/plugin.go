package metrics

import (
	"maps"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxPluginMetrics = 200  // of one task
	maxPluginNames   = 2000 // of one worker
	maxPluginText    = 500  // bytes of a help text; names are at most 100
)

// PluginMetric is a value that a plugin reports of one of its own instruments.
type PluginMetric struct {
	Name    string // Prometheus spelling, without prefix
	Help    string
	Counter bool
	Value   int64
}

// SetPlugin sets the present values of a plugin's instruments. What cannot be shown is left out (invariant 3).
func (t *Task) SetPlugin(values []PluginMetric) {
	for _, v := range values {
		if !t.registry.admit(v) {
			continue
		}
		t.mu.Lock()
		if _, known := t.plugin[v.Name]; known || len(t.plugin) < maxPluginMetrics {
			t.plugin[v.Name] = v.Value
		}
		t.mu.Unlock()
	}
}

// admit says whether a metric may be shown: its name is well-formed and does not contradict an earlier one.
func (r *Registry) admit(v PluginMetric) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d, ok := r.plugins[v.Name]; ok {
		return d.counter == v.Counter
	}
	if len(r.plugins) >= maxPluginNames || !validName(v.Name) {
		return false
	}
	help := strings.ToValidUTF8(v.Help, "\uFFFD")
	if len(help) > maxPluginText {
		help = strings.ToValidUTF8(help[:maxPluginText], "")
	}
	r.plugins[v.Name] = pluginDesc{prometheus.NewDesc("sluice_plugin_"+v.Name, help, taskLabels, nil), v.Counter}
	return true
}

func validName(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func (t *Task) collectPlugin(ch chan<- prometheus.Metric, labels []string) {
	t.mu.Lock()
	values := maps.Clone(t.plugin)
	t.mu.Unlock()
	for name, v := range values {
		t.registry.mu.Lock()
		d := t.registry.plugins[name]
		t.registry.mu.Unlock()
		kind := prometheus.GaugeValue
		if d.counter {
			kind = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(d.desc, kind, float64(v), labels...)
	}
}
