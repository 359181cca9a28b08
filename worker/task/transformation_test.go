package task

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/transform"
)

func chain(t testing.TB, pairs ...string) *transform.Chain {
	t.Helper()
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = strings.ReplaceAll(pairs[i+1], "@", "org.apache.kafka.connect.transforms.")
	}
	c, err := transform.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// transformed is a configuration with these converters and this chain.
func transformed(cfg Config, key, value convert.Converter, c *transform.Chain) Config {
	cfg.Key, cfg.Value, cfg.Transform = key, value, c
	cfg.Records = Format(key, value, c)
	return cfg
}

func TestTransformations(t *testing.T) {
	text := func() convert.Converter { return converter(t, convert.StringClass, "value") }
	object := func() convert.Converter { return converter(t, convert.JSONClass, "value", "schemas.enable", "false") }
	typed := func() convert.Converter { return converter(t, convert.JSONClass, "value") }
	record := func(key, value string) embeddedtest.Record {
		r := embeddedtest.Record{Topic: "events", Headers: []connectors.Header{{Key: "h", Value: []byte("1.50")}}}
		if key != "" {
			r.Key = []byte(key)
		}
		if value != "" {
			r.Value = []byte(value)
		}
		return r
	}
	order := func(n string) string {
		return `{"schema":{"type":"struct","fields":[{"type":"int32","field":"n"}]},"payload":{"n":` + n + `}}`
	}
	for _, tc := range []struct {
		name       string
		key, value convert.Converter
		chain      *transform.Chain
		format     connectors.Format
		records    []embeddedtest.Record
		want       []string
	}{
		{
			"a topic of another name, bytes as they are", text(), object(),
			chain(t, "transforms", "r", "transforms.r.type", "RegexRouter", "transforms.r.regex", "ev(.*)", "transforms.r.replacement", "new-$1"),
			connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON},
			[]embeddedtest.Record{record("k", `{"a": 1.50}`), record("", "null")},
			[]string{"new-ents keys  values ", `0: k={"a": 1.50} h:1.50`, "1: null=null h:1.50"},
		},
		{
			"some are dropped, also the last", text(), object(),
			chain(t, "transforms", "f", "transforms.f.type", "Filter", "transforms.f.predicate", "p", "predicates", "p", "predicates.p.type", "RecordIsTombstone"),
			connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON},
			[]embeddedtest.Record{record("", "1"), record("x", ""), record("", "2"), record("x", "null")},
			[]string{"events keys  values ", `0: null=1 h:1.50`, "2: null=2 h:1.50"},
		},
		{
			"text becomes a field", text(), text(),
			chain(t, "transforms", "h,i", "transforms.h.type", "@HoistField$Value", "transforms.h.field", "line",
				"transforms.i.type", "InsertHeader", "transforms.i.header", "new", "transforms.i.value.literal", "[1,300]"),
			connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON},
			[]embeddedtest.Record{record("k", "say \"x\"")},
			[]string{
				`events keys  values {"type":"struct","fields":[{"type":"string","optional":true,"field":"line"}],"optional":false}`,
				`0: k={"line":"say \"x\""} h:1.50 new:[1,300]`,
			},
		},
		{
			"a key of the value, where it is meant for the record", text(), object(),
			chain(t, "transforms", "k", "transforms.k.type", "ValueToKey", "transforms.k.fields", "id", "transforms.k.predicate", "p", "transforms.k.negate", "true",
				"predicates", "p", "predicates.p.type", "RecordIsTombstone"),
			connectors.Format{Key: connectors.PayloadJSON, Value: connectors.PayloadJSON},
			[]embeddedtest.Record{record("old", `{"id":7,"x": 1.50}`), record("old", "")},
			[]string{`events keys  values `, `0: {"id":7}={"id":7,"x": 1.50} h:1.50`, `events keys {"type":"string","optional":true} values `, `1: "old"=null h:1.50`},
		},
		{
			"a schema of another name", text(), typed(),
			chain(t, "transforms", "s", "transforms.s.type", "@SetSchemaMetadata$Value", "transforms.s.schema.name", "row", "transforms.s.predicate", "p",
				"predicates", "p", "predicates.p.type", "HasHeaderKey", "predicates.p.name", "h"),
			connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON},
			[]embeddedtest.Record{record("", order("1")), {Topic: "events", Value: []byte(order("2"))}},
			[]string{
				`events keys  values {"type":"struct","fields":[{"type":"int32","optional":false,"field":"n"}],"optional":false,"name":"row"}`, `0: null={"n":1} h:1.50`,
				`events keys  values {"type":"struct","fields":[{"type":"int32","optional":false,"field":"n"}],"optional":false}`, `1: null={"n":2}`,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := embeddedtest.Start(t)
			embeddedtest.CreateTopic(t, b, "events", 1)
			for _, r := range tc.records {
				embeddedtest.Produce(t, b, r)
			}
			cfg := transformed(config(b, 0, "events"), tc.key, tc.value, tc.chain)
			if cfg.Records != tc.format {
				t.Errorf("records are %v", cfg.Records)
			}
			f := newFakePluginWithGaps(t, newStore())
			got := seen{topics: true}
			f.onBatch = func(_ connectors.Partition, b *connectors.Batch) plugins.Event { got.take(b); return nil }
			r := start(t, cfg, f)
			eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == int64(len(tc.records)) }, r)
			if _, err := r.stop(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTransformationFails(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	for _, v := range []string{"1", "x", "3"} {
		embeddedtest.Produce(t, b, embeddedtest.Record{Topic: "events", Value: []byte(v)})
	}
	text := converter(t, convert.StringClass, "key")
	cast := func() *transform.Chain {
		return chain(t, "transforms", "number", "transforms.number.type", "@Cast$Value", "transforms.number.spec", "int32")
	}
	f := newFakePluginWithGaps(t, newStore())
	r := start(t, transformed(config(b, 0, "events"), text, text, cast()), f)
	err := r.wait()
	for _, part := range []string{"events-0", "offset 1", "transforming record with Cast$Value", "transformation number", "Value (x) was out of range"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the task failed with %v, which lacks %q", err, part)
		}
	}

	f = newFakePluginWithGaps(t, newStore())
	var got seen
	f.onBatch = func(_ connectors.Partition, b *connectors.Batch) plugins.Event { got.take(b); return nil }
	r = start(t, transformed(tolerant(b, "events"), text, text, cast()), f)
	eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 3 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if last := got.lines[len(got.lines)-1]; last != "2: null=3" {
		t.Errorf("got %v", got.lines)
	}
	letters := embeddedtest.Read(t, b, deadLetters)
	if len(letters) != 1 || string(letters[0].Value) != "x" {
		t.Fatalf("dead letters %v", letters)
	}
	headers := headersOf(letters[0])
	for name, want := range map[string]string{
		"stage": "TRANSFORMATION", "class.name": "org.apache.kafka.connect.transforms.Cast$Value",
		"exception.class.name": "org.apache.kafka.connect.errors.DataException", "exception.message": "Value (x) was out of range for requested data type",
	} {
		if got := headers["__connect.errors."+name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
