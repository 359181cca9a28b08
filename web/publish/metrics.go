package publish

import "github.com/prometheus/client_golang/prometheus"

var _ prometheus.Collector = (*Publisher)(nil)

func newDeliveryHistogram() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "sluice_web_delivery_duration_seconds",
		Help:    "Time from accepting an event to its acknowledgement by Kafka.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
	})
}

// metrics are the figures of the ledger and the keeper, in the order of Collect.
var metrics = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(p *Publisher, c Counts, s Status) float64
}{
	{
		desc("events_accepted_total", "Events taken into the buffer."), prometheus.CounterValue,
		func(_ *Publisher, c Counts, _ Status) float64 { return float64(c.Accepted) },
	},
	{
		desc("events_delivered_total", "Events acknowledged by Kafka."), prometheus.CounterValue,
		func(_ *Publisher, c Counts, _ Status) float64 { return float64(c.Delivered) },
	},
	{
		desc("events_failed_total", "Accepted events that Kafka refused for good."), prometheus.CounterValue,
		func(_ *Publisher, c Counts, _ Status) float64 { return float64(c.Failed) },
	},
	{
		desc("events_dropped_total", "Events refused because the buffer was full or the service stopping."), prometheus.CounterValue,
		func(_ *Publisher, c Counts, _ Status) float64 { return float64(c.Dropped) },
	},
	{
		desc("buffer_events", "Events accepted and not yet delivered or failed."), prometheus.GaugeValue,
		func(_ *Publisher, c Counts, _ Status) float64 { return float64(c.Buffered) },
	},
	{
		desc("buffer_bytes", "Size of the buffered events' values."), prometheus.GaugeValue,
		func(_ *Publisher, c Counts, _ Status) float64 { return float64(c.BufferedBytes) },
	},
	{
		desc("buffer_events_limit", "Most events that may be buffered."), prometheus.GaugeValue,
		func(p *Publisher, _ Counts, _ Status) float64 { return float64(p.ledger.maxEvents) },
	},
	{
		desc("buffer_bytes_limit", "Most bytes that may be buffered."), prometheus.GaugeValue,
		func(p *Publisher, _ Counts, _ Status) float64 { return float64(p.ledger.maxBytes) },
	},
	{
		desc("kafka_reachable", "1 when a broker answered at the last look, at most some ten seconds ago."), prometheus.GaugeValue,
		func(_ *Publisher, _ Counts, s Status) float64 { return boolValue(s.Reachable) },
	},
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_web_"+name, help, nil, nil)
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (p *Publisher) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metrics {
		ch <- m.desc
	}
	p.latency.Describe(ch)
}

// Collect implements prometheus.Collector. All counts of one scrape come from one view, so the books balance in each (invariant 3).
func (p *Publisher) Collect(ch chan<- prometheus.Metric) {
	counts, status := p.Counts(), p.Status()
	for _, m := range metrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(p, counts, status))
	}
	p.latency.Collect(ch)
}
