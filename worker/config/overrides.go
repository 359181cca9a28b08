package config

import (
	_ "embed" // clientSettings
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// Prefixes of keys that a connector passes on to its Kafka clients. A sink has a consumer, and the two others where it has a dead
// letter queue; without one their settings are accepted unread.
const (
	consumerOverride = "consumer.override."
	producerOverride = "producer.override."
	adminOverride    = "admin.override."
)

// clientSettings are those of the Java clients of Kafka 4.3, which connectors are written for: testdata/ClientConfigs.java prints them.
//
//go:embed clientsettings.tsv
var clientSettings string

// declareSetting declares a connector's key with the type and the default that its setting has in Kafka's client (consumer, producer or
// admin); nil: that client has no such setting.
func declareSetting(client, setting, key string) connectors.AnyKey {
	_, line, known := strings.Cut("\n"+clientSettings, "\n"+client+"\t"+setting+"\t")
	if !known {
		return nil
	}
	line, _, _ = strings.Cut(line, "\n")
	fields := strings.Split(line, "\t")
	opts := []connectors.KeyOption{
		connectors.WithImportance(connectors.Importance(fields[1])), connectors.WithWidth(connectors.WidthNone), connectors.Display(setting),
	}
	if len(fields) == 2 {
		opts = append(opts, connectors.Required())
	} else if value, ok := strings.CutPrefix(fields[2], "="); ok {
		opts = append(opts, connectors.Default(value))
	}
	doc := "Setting of the connector's Kafka " + client + "."
	switch t := connectors.Type(fields[0]); t {
	case connectors.TypeBoolean:
		return connectors.Bool(key, doc, opts...)
	case connectors.TypeShort:
		return connectors.Short(key, doc, opts...)
	case connectors.TypeInt:
		return connectors.Int(key, doc, opts...)
	case connectors.TypeLong:
		return connectors.Long(key, doc, opts...)
	case connectors.TypeDouble:
		return connectors.Double(key, doc, opts...)
	case connectors.TypeList:
		return connectors.List(key, doc, opts...)
	case connectors.TypeClass:
		return connectors.ClassName(key, doc, opts...)
	case connectors.TypePassword:
		return connectors.Secret(key, doc, opts...)
	default:
		return connectors.String(key, doc, opts...)
	}
}

// Override is a setting of one of its Kafka clients that a connector has.
type Override struct {
	Def   *connectors.KeyDef // nil: Kafka's client has no such setting; librdkafka may
	Value connectors.ConfigValue
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

// Overrides are a connector's settings of its Kafka clients, with what is wrong with them by the policy: in the order of Kafka Connect's
// answer to a validation, and by name. The error is about a value that is not of its setting's type. Kafka Connect looks no further,
// either: whether the value makes sense is for the client to say.
func (p OverridePolicy) Overrides(raw map[string]string) ([]Override, error) {
	clients := []string{producerOverride, consumerOverride, adminOverride}
	if raw[DeadLetterTopic.Name()] == "" {
		clients = clients[1:2]
	}
	keys := slices.Sorted(maps.Keys(raw))
	var all []Override
	for _, prefix := range clients {
		client, _, _ := strings.Cut(prefix, ".")
		for _, key := range keys {
			setting, ok := strings.CutPrefix(key, prefix)
			if !ok || setting == "" {
				continue
			}
			o := newOverride(client, setting, key, raw[key])
			if len(o.Value.Errors) > 0 {
				return nil, errors.New(o.Value.Errors[0])
			}
			if !p.all && !slices.Contains(p.allowed, setting) {
				o.Value.Errors = []string{"The '" + p.Name + "' policy does not allow '" + setting + "' to be overridden in the connector configuration."}
			}
			all = append(all, o)
		}
	}
	return all, nil
}

func newOverride(client, setting, key, value string) Override {
	declared := declareSetting(client, setting, key)
	if declared == nil {
		if value != "" && soundsSecret(key) {
			value = connectors.MaskedValue
		}
		return Override{Value: connectors.ConfigValue{Name: key, Value: &value, Visible: true}}
	}
	def := connectors.Define(declared)
	return Override{Def: &def.Keys()[0], Value: def.Validate(map[string]string{key: value})[0]}
}
