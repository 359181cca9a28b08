package herder_test

import (
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestTransformationsReachThePlugin(t *testing.T) {
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	t.Setenv("DAY_FIELD", "day")
	s.create(w, "d", b.connector("days",
		"value.converter", "org.apache.kafka.connect.storage.StringConverter",
		"transforms", "hoist,from", "transforms.hoist.type", "org.apache.kafka.connect.transforms.HoistField$Value", "transforms.hoist.field", "${env:DAY_FIELD}",
		"transforms.from.type", "org.apache.kafka.connect.transforms.InsertField$Value", "transforms.from.topic.field", "from",
		"transforms.from.predicate", "dead", "transforms.from.negate", "true", "predicates", "dead", "predicates.dead.type", "RecordIsTombstone"))
	embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", 0, "Mon \"1\"")...)
	s.arrived(b, "days", 0, `{"day":"Mon \"1\"","from":"days"}`)
}

// TestMisconfiguredTransformationFailsTheTask is about what only shows when the chain is made, as in Kafka Connect.
func TestMisconfiguredTransformationFailsTheTask(t *testing.T) {
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	cfg := b.connector("days", "transforms", "a", "transforms.a.type", "Filter", "transforms.a.predicate", "nope")
	if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: cfg}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the failure", func() bool {
		st, err := w.Status(t.Context(), "d")
		return err == nil && len(st.Tasks) == 1 && st.Tasks[0].State == "FAILED" &&
			strings.Contains(st.Tasks[0].Trace, `configuration transforms.a.predicate names predicate "nope", which is not declared; add it to predicates`)
	})
}

func TestValuesKeptElsewhereAreNotShown(t *testing.T) {
	s := newSite(t)
	w, b := s.start(), newBook(t)
	t.Setenv("SCHEMA_VERSION", "s3cr3t")
	infos, err := w.Validate(t.Context(), "", b.connector("days", "transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key",
		"transforms.a.schema.version", "${env:SCHEMA_VERSION}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range infos.Configs {
		if c.Value.Name != "transforms.a.schema.version" {
			continue
		}
		if c.Value.Value == nil || *c.Value.Value != "${env:SCHEMA_VERSION}" || len(c.Value.Errors) != 1 ||
			c.Value.Errors[0] != "Invalid value ${env:SCHEMA_VERSION} for configuration transforms.a.schema.version: Not a number of type INT" {
			t.Errorf("got %+v", c.Value)
		}
		return
	}
	t.Error("the key is not there")
}
