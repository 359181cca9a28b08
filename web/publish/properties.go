package publish

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// owned lists the client properties that invariants rest on, each with what to use instead.
var owned = map[string]string{
	"bootstrap.servers":            "use the bootstrap servers setting",
	"metadata.broker.list":         "use the bootstrap servers setting",
	"queue.buffering.max.messages": "use the buffer events setting",
	"queue.buffering.max.kbytes":   "use the buffer bytes setting",
	"allow.auto.create.topics":     "the service creates its topic itself",
	"delivery.report.only.error":   "every event is counted",
	"transactional.id":             "the service does not use transactions",
	"log_level":                    "use the log level setting",
}

// CheckProperties reports the first extra client property that the publisher needs for itself.
func CheckProperties(extra map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if remedy, ok := owned[name]; ok {
			return fmt.Errorf("producer property %s cannot be set: %s", name, remedy)
		}
		if strings.HasPrefix(name, "go.") {
			return fmt.Errorf("producer property %s cannot be set: it belongs to the client's Go binding", name)
		}
	}
	return nil
}

// clientConfig is the whole configuration of the client: acks=1, defaults, and the few settings that the buffer needs.
func clientConfig(cfg Config, logs chan kafka.LogEvent) *kafka.ConfigMap {
	conf := kafka.ConfigMap{
		"bootstrap.servers": cfg.BootstrapServers,

		// The leader's acknowledgement is enough for a click.
		"acks": "1",

		// Events do not expire (invariant 4); the default would fail them after five minutes.
		"message.timeout.ms": 0,

		// A burst, or an outage, may fill the whole buffer: the client must be able to hold what the ledger admits. The ledger
		// is the bound; the client's own (default 100,000 messages) only must not be the smaller one.
		"queue.buffering.max.messages": max(cfg.BufferEvents, 1),
		"queue.buffering.max.kbytes":   int(cfg.BufferBytes/1024) + 1,

		// Only the keeper creates the topic (invariant 5).
		"allow.auto.create.topics": false,

		// Delivery reports carry the value, which is needed when the event has to go round again; the key is always empty.
		"go.delivery.report.fields": "value",
		// The binding would reserve a million slots for each of these channels, 24 MB, for nothing: the first is drained all the
		// time, the second is not used.
		"go.events.channel.size":  1000,
		"go.produce.channel.size": 0,

		"go.logs.channel.enable": true,
		"go.logs.channel":        logs,
	}
	for name, value := range cfg.Properties {
		conf[name] = value
	}
	return &conf
}

// scrub removes the values of the extra properties from the client's message about them (invariant 7).
func scrub(message string, extra map[string]string) string {
	for _, value := range extra {
		if len(value) > 2 {
			message = strings.ReplaceAll(message, value, "****")
		}
	}
	return message
}
