package task

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/metrics"
	"github.com/sluice-connect/sluice/worker/task/fetch"
	"github.com/sluice-connect/sluice/worker/transform"
)

// Defaults of a configuration.
const (
	DefaultCreditBytes    = 1 << 20
	DefaultBatchBytes     = 256 << 10
	DefaultLinger         = 5 * time.Millisecond
	DefaultCommitInterval = time.Minute
	DefaultCommitTimeout  = 5 * time.Second
	DefaultOpenTimeout    = time.Minute
	DefaultCloseTimeout   = 10 * time.Second
	DefaultStopTimeout    = 5 * time.Second
)

// Config says what a task reads and how. Zero durations and sizes mean the defaults.
type Config struct {
	Connector string
	ID        int

	Topics      []string // exactly one of Topics and TopicsRegex
	TopicsRegex string   // a Java regular expression that matches whole topic names

	// Records says what the batches hold. Key and Value make that of the bytes, where they are given and cannot pass them as
	// they are; otherwise JSON is checked, and other payloads pass. Header reads headers, where it is given and can refuse any.
	Records            connectors.Format
	Key, Value, Header convert.Converter
	Transform          *transform.Chain // records pass it between the converters and the batch; nil: none

	Errors Errors // what becomes of records that cannot be processed

	// Consumer holds librdkafka properties, with bootstrap.servers, group.id and, for static membership,
	// group.instance.id. What the task relies on (commits, offset store, assignment strategy) it sets itself.
	Consumer map[string]string

	CreditBytes int64         // bytes under way to the plugin, at most, unless one record is larger
	BatchBytes  int           // size of a batch, at most, unless one record is larger; less where partitions are many
	Linger      time.Duration // how often a partition with few records sends a small batch, at most

	CommitInterval time.Duration
	CommitTimeout  time.Duration // after which an unanswered commit counts as failed; after twelve times that the task starts again
	OpenTimeout    time.Duration // for looking up the committed offset and opening a partition in the plugin
	CloseTimeout   time.Duration // for closing partitions in the plugin when they are taken away
	StopTimeout    time.Duration // for all that a stop needs

	Logger  *slog.Logger
	Metrics *metrics.Task // closed by Run; nil: not measured

	// The callbacks are called by the goroutine of Run and must not block. Each may be nil.
	OnAssigned func([]connectors.Partition) // the partitions that the task has now
	OnTrouble  func(*connectors.Error)      // what troubles the task while it goes on; nil: nothing any more
	OnTopic    func(topic string)           // a topic gave its first record
	OnPaused   func(paused bool)            // SetPaused has taken effect
}

// Errors says what becomes of records that cannot be converted, transformed or stored: errors.* of the connector.
type Errors struct {
	Tolerate    bool               // they are passed over; otherwise the first one ends the task
	Log         bool               // each is logged
	LogRecord   bool               // with the coordinates of the record
	DeadLetters *deadletter.Config // each is written there, also the one that ends the task; nil: nowhere
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// complete checks a configuration and fills in the defaults.
func (c *Config) complete() (subscription []string, err error) {
	bad := func(err error, hint string) error {
		return connectors.Misconfigured(fmt.Sprintf("configuring task %s-%d", c.Connector, c.ID), err, hint)
	}
	c.CreditBytes = cmp.Or(c.CreditBytes, DefaultCreditBytes)
	c.BatchBytes = cmp.Or(c.BatchBytes, DefaultBatchBytes)
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.Linger, DefaultLinger},
		{&c.CommitInterval, DefaultCommitInterval},
		{&c.CommitTimeout, DefaultCommitTimeout},
		{&c.OpenTimeout, DefaultOpenTimeout},
		{&c.CloseTimeout, DefaultCloseTimeout},
		{&c.StopTimeout, DefaultStopTimeout},
	} {
		*d.value = cmp.Or(*d.value, d.standard)
		if *d.value < 0 {
			return nil, bad(errors.New("a duration is negative"), "")
		}
	}
	if c.CreditBytes < 0 || c.BatchBytes < 0 || c.BatchBytes > plugins.MaxBatch {
		return nil, bad(fmt.Errorf("credit of %d bytes, batches of %d bytes", c.CreditBytes, c.BatchBytes),
			fmt.Sprintf("a batch has at most %d bytes", plugins.MaxBatch))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, key := range []string{"bootstrap.servers", "group.id"} {
		if c.Consumer[key] == "" {
			return nil, bad(fmt.Errorf("consumer property %s is missing", key), "")
		}
	}
	if (len(c.Topics) == 0) == (c.TopicsRegex == "") {
		return nil, bad(errors.New("need either topics or topics.regex"), "")
	}
	if c.TopicsRegex != "" {
		pattern, err := translateRegex(c.TopicsRegex)
		if err != nil {
			return nil, bad(fmt.Errorf("topics.regex: %w", err), "write a regular expression without look-around and back-references")
		}
		return []string{pattern}, nil
	}
	for _, topic := range c.Topics {
		if !topicName.MatchString(topic) {
			return nil, bad(fmt.Errorf("topic name %q is not valid", topic), "topics takes names separated by commas; for a pattern use topics.regex")
		}
	}
	return c.Topics, nil
}

// consumerConfig gives the properties of the consumer: defaults, then the user's, then what the task relies on.
func (c *Config) consumerConfig() *kafka.ConfigMap {
	props := map[string]string{
		"auto.offset.reset":                  "earliest",
		"check.crcs":                         "true",
		"enable.metrics.push":                "false",
		"fetch.queue.backoff.ms":             "5",     // the default of a second halves the throughput when the queue is small
		"heartbeat.interval.ms":              "1000",  // tells of a rebalance, for which the others wait
		"queued.max.messages.kbytes":         "4096",  // per task
		"queued.min.messages":                "500",   // per partition; each costs half a kilobyte beside its content
		"session.timeout.ms":                 "10000", // a static member's partitions wait that long when it is gone for good
		"statistics.interval.ms":             "10000", // for lag
		"topic.metadata.refresh.interval.ms": "10000", // new topics and partitions
		"log.connection.close":               "false",
	}
	maps.Copy(props, c.Consumer)
	maps.Copy(props, map[string]string{
		"enable.auto.commit":            "false", // invariant 1
		"enable.auto.offset.store":      "false",
		"enable.partition.eof":          "false",
		fetch.LogQueue:                  "true",
		"partition.assignment.strategy": "cooperative-sticky", // invariant 5
	})
	if strings.EqualFold(props["group.protocol"], "consumer") {
		for _, classic := range []string{"partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"} {
			delete(props, classic) // the broker decides
		}
	}
	m := kafka.ConfigMap{}
	for k, v := range props {
		if !strings.HasPrefix(k, "go.") {
			m[k] = v
		}
	}
	return &m
}
