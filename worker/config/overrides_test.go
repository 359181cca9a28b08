package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func TestOverridePolicy(t *testing.T) {
	raw := map[string]string{"consumer.override.max.poll.records": "1", "consumer.override.sasl.mechanism": "PLAIN", "topics": "a", "producer.override.acks": "all"}
	records, mechanism := "consumer.override.max.poll.records", "consumer.override.sasl.mechanism"
	for policy, want := range map[string][]string{
		"All": nil, "all": nil, "None": {records, mechanism}, "Principal": {records}, "Allowlist": {mechanism},
		"org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy": {records, mechanism},
	} {
		if got := refused(t, newOverridePolicy(policy, []string{"max.poll.records"}), raw); !slices.Equal(got, want) {
			t.Errorf("%s refuses %v, want %v", policy, got, want)
		}
	}
	letters := map[string]string{"producer.override.acks": "1", "admin.override.sasl.mechanism": "PLAIN", "errors.deadletterqueue.topic.name": "dead"}
	if got := refused(t, newOverridePolicy("None", nil), letters); !slices.Equal(got, []string{"producer.override.acks", "admin.override.sasl.mechanism"}) {
		t.Errorf("of the dead letter queue's clients %v are refused", got)
	}
	all, err := newOverridePolicy("None", nil).Overrides(raw)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"The 'None' policy does not allow 'max.poll.records' to be overridden in the connector configuration."}; !slices.Equal(all[0].Value.Errors, want) {
		t.Errorf("says %q", all[0].Value.Errors)
	}
	if err := checkOverridePolicy("org.example.MyPolicy"); err == nil {
		t.Error("a policy that is not known would let everything through")
	}
}

// refused are the keys that a policy does not allow, in the order of the answer.
func refused(t *testing.T, p OverridePolicy, raw map[string]string) (keys []string) {
	t.Helper()
	all, err := p.Overrides(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if len(o.Value.Errors) > 0 {
			keys = append(keys, o.Value.Name)
		}
	}
	return keys
}

func TestOverridesOfAWrongType(t *testing.T) {
	for value, want := range map[string]string{
		"": "Invalid value  for configuration consumer.override.fetch.min.bytes: Not a number of type INT", "99999999999": "Invalid value 99999999999 for configuration consumer.override.fetch.min.bytes: Not a number of type INT",
		" 7 ": "", "-1": "", //nolint:gocritic // blanks are what is tried
	} {
		got := ""
		if _, err := newOverridePolicy("All", nil).Overrides(map[string]string{"consumer.override.fetch.min.bytes": value, "consumer.override.auto.offset.reset": "never"}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: said %q, want %q", value, got, want)
		}
	}
}

func TestOverridesAreDeclaredAsByKafkasClients(t *testing.T) {
	str := func(s string) *string { return &s }
	all, err := newOverridePolicy("All", nil).Overrides(map[string]string{
		"consumer.override.max.poll.records": "7", "consumer.override.fetch.queue.backoff.ms": "8", "consumer.override.sasl.password": "hush",
		"consumer.override.group.id": "g", "consumer.override.bootstrap.servers": "a:1", "consumer.override.": "x",
		"producer.override.acks": "1", "admin.override.retries": "3", "errors.deadletterqueue.topic.name": "dead",
	})
	if err != nil {
		t.Fatal(err)
	}
	def := func(client, setting string, typ connectors.Type, required bool, value *string, importance connectors.Importance) *connectors.KeyDef {
		return &connectors.KeyDef{
			Name: client + ".override." + setting, Type: typ, Required: required, Default: value, Importance: importance, Doc: "Setting of the connector's Kafka " + client + ".",
			OrderInGroup: 1, Width: connectors.WidthNone, DisplayName: setting,
		}
	}
	value := func(name, v string) connectors.ConfigValue {
		return connectors.ConfigValue{Name: name, Value: &v, Visible: true}
	}
	want := []Override{
		{def("producer", "acks", connectors.TypeString, false, str("all"), connectors.Low), value("producer.override.acks", "1")},
		{def("consumer", "bootstrap.servers", connectors.TypeList, true, nil, connectors.High), value("consumer.override.bootstrap.servers", "a:1")},
		{nil, value("consumer.override.fetch.queue.backoff.ms", "8")},
		{def("consumer", "group.id", connectors.TypeString, false, nil, connectors.High), value("consumer.override.group.id", "g")},
		{def("consumer", "max.poll.records", connectors.TypeInt, false, str("500"), connectors.Medium), value("consumer.override.max.poll.records", "7")},
		{nil, value("consumer.override.sasl.password", connectors.MaskedValue)},
		{def("admin", "retries", connectors.TypeInt, false, str("2147483647"), connectors.Low), value("admin.override.retries", "3")},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("got\n%s\nwant\n%s", asJSON(t, all), asJSON(t, want))
	}
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}
