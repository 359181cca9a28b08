// Package metrics holds what a worker measures, and shows it to Prometheus under Kafka Connect's names: the attribute
// sink-record-read-total of kafka.connect:type=sink-task-metrics is kafka_connect_sink_task_metrics_sink_record_read_total.
// Rates are left to Prometheus; averages and maxima are over the last 30 to 60 seconds, as in Connect. What plugins report
// is shown as sluice_plugin_<name>.
//
// # Invariants
//
//  1. A task updates its metrics once a batch or once an event, never once a record; an update is a few atomic operations
//     or one short lock that nobody else holds for long.
//  2. The metrics of a task exist from [Registry.Task] to [Task.Close].
//  3. What a plugin reports can neither break a scrape nor fill the memory: names are checked, a name keeps its type and
//     help, and a task has at most 200 of them.
//
// # Neighbours
//
// Package worker/task fills a [Task]; the herder keeps the [Worker]; the REST API serves [Registry.Handler].
package metrics
