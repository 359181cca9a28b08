package connectors

import (
	"context"
	"log/slog"
	"strconv"
	"time"
)

// Sink is a kind of connector: what a plugin binary offers.
type Sink interface {
	// Spec describes the sink. It is called often and must be cheap and constant.
	Spec() Spec
	// Start begins a task with a configuration that has passed validation. It should fail fast on what can never work
	// and need not wait for a service that is away: Open and Write can report that as retriable.
	Start(ctx context.Context, cfg Config, rt Runtime) (Task, error)
}

// Task is one running task of a connector. Its methods may be called from several goroutines, for different partitions.
type Task interface {
	// Open takes charge of a partition. committed is the consumer group's offset, the next one to read, or -1 where the
	// group has none. The writer says through Resume where it wants to begin. What is reported after Close is ignored,
	// so that a writer's last goroutines cannot speak for its successor.
	Open(ctx context.Context, p Partition, committed int64, ack Ack) (Writer, error)
	// Stop releases what the task holds. All writers are closed before.
	Stop(ctx context.Context) error
}

// Writer stores the records of one partition, in order.
type Writer interface {
	// Resume is the first offset wanted: the sink's own truth, which may be ahead of or behind the commit. -1 leaves the
	// choice to the framework (the committed offset, or the consumer's auto.offset.reset).
	Resume() int64
	// Write takes a batch. It may return before the data is durable, and it may block: that is how a sink slows the
	// framework down. A retriable error restarts the task from what is durable.
	Write(ctx context.Context, b *Batch) error
	// Flush makes everything written so far durable and has reported it to Ack.Durable when it returns.
	Flush(ctx context.Context) error
	// Close ends the writer: the partition goes elsewhere, or the task stops. A sink for which early data is as good as
	// late data makes all durable first; one that would leave unfinished files behind drops what it holds, because the
	// successor resumes before it.
	Close(ctx context.Context) error
}

// Ack is how a writer reports its progress. Its methods may be called from any goroutine, never block for long (but for Settled),
// and are valid from the start of Open until the writer's Close returns.
type Ack interface {
	// Durable reports that every record below next is stored for good or rejected.
	Durable(next int64)
	// Reject reports that the record at offset cannot be stored, ever. It goes to the dead letter queue, or stops the task
	// where errors.tolerance is none. err says why; its Code is CodeBadRecord.
	Reject(offset int64, err error)
	// Settled waits until all that was rejected so far is dealt with: its dead letters are in Kafka. It is for sinks that resume by their
	// own truth: before that moves beyond a rejected record, which nobody reads again from then on. Its error is that of ctx.
	Settled(ctx context.Context) error
	// Trouble shows err to the operator while the writer is busy retrying on its own; nil says that it is over.
	Trouble(err error)
}

// Runtime is what a task may use of the framework.
type Runtime interface {
	Connector() string    // name of the connector
	Task() int            // number of the task, from 0
	Records() Format      // what the keys and values of the batches hold
	Logger() *slog.Logger // carries connector and task
	Metrics() Metrics     // counters of this task
	Now() time.Time       // the clock; tests replace it
}

// Metrics hands out the task's own instruments. Names are in Prometheus spelling without prefix, for example
// "bulk_requests_total"; the framework adds connector and task. Asking twice for a name gives the same instrument.
type Metrics interface {
	Counter(name, help string) Counter
	Gauge(name, help string) Gauge
}

// Counter only grows. Safe for use by several goroutines.
type Counter interface{ Add(n int64) }

// Gauge is set to its present value. Safe for use by several goroutines.
type Gauge interface{ Set(v int64) }

// Validator is an optional ability of a Sink: checks that need several keys together. The returned values replace those
// of the declaration key by key; errors are appended.
type Validator interface {
	Validate(ctx context.Context, cfg Config) []ConfigError
}

// Prober is an optional ability of a Sink: try the connection with this configuration, without writing anything. It is used where
// users ask whether a configuration is right, never where one is stored: a service that is away keeps no connector from being made.
// What is wrong is said of the keys of a [ProbeError], otherwise of the first required key.
type Prober interface {
	Probe(ctx context.Context, cfg Config) error
}

// Spec describes a sink to the worker and to its users.
type Spec struct {
	Name    string    // short name, for example "hdfs"; the plugin binary is usually called the same
	Version string    // semantic version, for example "1.2.0"
	Summary string    // one line for a list
	Classes []Class   // names under which connector.class finds this sink; the first is the one that is listed
	Config  ConfigDef // the sink's own keys, without those that every connector has
	Values  []Payload // payloads accepted as record values; empty means all
	Keys    []Payload // payloads accepted as record keys; empty means all
}

// Class is a connector class of Kafka Connect that this sink answers to.
type Class struct {
	Name string // fully qualified, for example org.apache.kafka.connect.file.FileStreamSinkConnector
	Task string // the task.class that Connect writes into task configurations
}

// Payload says what the bytes of keys or values are.
type Payload uint8

// The payloads that converters deliver.
const (
	PayloadBytes  Payload = iota + 1 // ByteArrayConverter: opaque bytes
	PayloadString                    // StringConverter: text in UTF-8
	PayloadJSON                      // JsonConverter without schemas: one JSON document each, checked
)

// String gives the name used in messages and on the wire.
func (p Payload) String() string {
	switch p {
	case PayloadBytes:
		return "bytes"
	case PayloadString:
		return "string"
	case PayloadJSON:
		return "json"
	default:
		return "payload(" + strconv.Itoa(int(p)) + ")"
	}
}

// Format is what the batches of a task hold.
type Format struct {
	Key, Value Payload
}

// Partition is a partition of a Kafka topic.
type Partition struct {
	Topic string
	ID    int32
}

// String gives topic-partition, the way Kafka prints it.
func (p Partition) String() string {
	return p.Topic + "-" + strconv.Itoa(int(p.ID))
}
