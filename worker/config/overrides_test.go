package config

import (
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
		var got []string
		for _, e := range newOverridePolicy(policy, []string{"max.poll.records"}).Refused(raw) {
			got = append(got, e.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s refuses %v, want %v", policy, got, want)
		}
	}
	letters := map[string]string{"producer.override.acks": "1", "admin.override.sasl.mechanism": "PLAIN", "errors.deadletterqueue.topic.name": "dead"}
	if refused := newOverridePolicy("None", nil).Refused(letters); len(refused) != 2 || refused[0].Key != "admin.override.sasl.mechanism" || refused[1].Key != "producer.override.acks" {
		t.Errorf("of the dead letter queue's clients %v are refused", refused)
	}
	if e := newOverridePolicy("None", nil).Refused(raw)[0]; e != (connectors.ConfigError{
		Key: records, Message: "The 'None' policy does not allow 'max.poll.records' to be overridden in the connector configuration.",
	}) {
		t.Errorf("says %+v", e)
	}
	if err := checkOverridePolicy("org.example.MyPolicy"); err == nil {
		t.Error("a policy that is not known would let everything through")
	}
}

func TestCheckOverrides(t *testing.T) {
	for value, want := range map[string]string{
		"": "Invalid value  for configuration consumer.override.fetch.min.bytes: Not a number of type INT", "99999999999": "Invalid value 99999999999 for configuration consumer.override.fetch.min.bytes: Not a number of type INT",
		" 7 ": "", "-1": "", //nolint:gocritic // blanks are what is tried
	} {
		got := ""
		if err := CheckOverrides(map[string]string{"consumer.override.fetch.min.bytes": value, "consumer.override.auto.offset.reset": "never"}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: said %q, want %q", value, got, want)
		}
	}
}
