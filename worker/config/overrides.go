package config

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// Prefixes of keys that a connector passes on to its Kafka clients. A sink has a consumer; the others belong to source connectors
// and to Kafka Connect's own clients, and are accepted unread.
const (
	consumerOverride = "consumer.override."
	producerOverride = "producer.override."
	adminOverride    = "admin.override."
)

// The settings of the Java consumer that are no text, by their types: ConsumerConfig of Kafka 4.3.
const (
	consumerInts = `auto.commit.interval.ms default.api.timeout.ms fetch.max.bytes fetch.max.wait.ms fetch.min.bytes heartbeat.interval.ms
		max.partition.fetch.bytes max.poll.interval.ms max.poll.records metrics.num.samples receive.buffer.bytes request.timeout.ms
		sasl.login.connect.timeout.ms sasl.login.read.timeout.ms send.buffer.bytes session.timeout.ms`
	consumerLongs = `connections.max.idle.ms metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metrics.sample.window.ms
		reconnect.backoff.max.ms reconnect.backoff.ms retry.backoff.max.ms retry.backoff.ms sasl.kerberos.min.time.before.relogin
		socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms`
	consumerBooleans = `allow.auto.create.topics check.crcs enable.auto.commit enable.metrics.push exclude.internal.topics`
)

// consumerDef declares those settings as a connector's keys.
func consumerDef() connectors.ConfigDef {
	var keys []connectors.AnyKey
	for name := range strings.FieldsSeq(consumerInts) {
		keys = append(keys, connectors.Int(consumerOverride+name, ""))
	}
	for name := range strings.FieldsSeq(consumerLongs) {
		keys = append(keys, connectors.Long(consumerOverride+name, ""))
	}
	for name := range strings.FieldsSeq(consumerBooleans) {
		keys = append(keys, connectors.Bool(consumerOverride+name, ""))
	}
	return connectors.Define(keys...)
}

// OverridePolicy says which of these settings connectors may have.
type OverridePolicy struct {
	Name    string
	all     bool
	allowed []string
}

// policyName is the short name of a policy, of which Kafka Connect takes the class too; empty: none that is known.
func policyName(name string) string {
	name = strings.TrimPrefix(strings.TrimSpace(name), "org.apache.kafka.connect.connector.policy.")
	name = strings.TrimSuffix(name, "ConnectorClientConfigOverridePolicy")
	for _, known := range []string{"All", "None", "Allowlist", "Principal"} {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return ""
}

func checkOverridePolicy(name string) error {
	if policyName(name) == "" {
		return errors.New("it must be one of All, None, Allowlist, Principal")
	}
	return nil
}

func newOverridePolicy(name string, allowlist []string) OverridePolicy {
	p := OverridePolicy{Name: policyName(name)}
	switch p.Name {
	case "All":
		p.all = true
	case "Allowlist":
		p.allowed = allowlist
	case "Principal":
		p.allowed = []string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"}
	}
	return p
}

// Refused lists, sorted, what a connector's configuration has and may not have.
func (p OverridePolicy) Refused(raw map[string]string) []connectors.ConfigError {
	var refused []connectors.ConfigError
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		setting, ok := overridden(raw, key)
		if ok && !p.all && !slices.Contains(p.allowed, setting) {
			refused = append(refused, connectors.ConfigError{
				Key: key, Message: "The '" + p.Name + "' policy does not allow '" + setting + "' to be overridden in the connector configuration.",
			})
		}
	}
	return refused
}

// overridden gives the setting of a Kafka client that a key of a connector replaces. The clients of the dead letter queue, a producer
// and one that creates the topic, are there where it has a name.
func overridden(raw map[string]string, key string) (setting string, ok bool) {
	if setting, ok = strings.CutPrefix(key, consumerOverride); ok || raw[DeadLetterTopic.Name()] == "" {
		return setting, ok
	}
	if setting, ok = strings.CutPrefix(key, producerOverride); ok {
		return setting, true
	}
	return strings.CutPrefix(key, adminOverride)
}

// CheckOverrides says what of a connector's consumer.override.* settings is not of its type. Kafka Connect looks no further, either:
// whether the value makes sense is for the consumer to say.
func CheckOverrides(raw map[string]string) error {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(raw)), func(key string) bool { return strings.HasPrefix(key, consumerOverride) }) {
		return nil
	}
	for _, v := range consumerDef().Validate(raw) {
		if len(v.Errors) > 0 {
			return errors.New(v.Errors[0])
		}
	}
	return nil
}
