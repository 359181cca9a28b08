package task

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func converter(t testing.TB, class, use string, props ...string) convert.Converter {
	t.Helper()
	m := map[string]string{}
	for i := 0; i+1 < len(props); i += 2 {
		m[props[i]] = props[i+1]
	}
	c, err := convert.New(class, use, m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// converted is a configuration with these converters.
func converted(cfg Config, key, value, header convert.Converter) Config {
	cfg.Key, cfg.Value, cfg.Header = key, value, header
	cfg.Records = connectors.Format{Key: key.Payload(), Value: value.Payload()}
	return cfg
}

// seen is what a plugin got: a line for the common part of each batch that differs from the one before, and one for each record.
type seen struct {
	topics bool // the common part tells the topic
	last   string
	lines  []string
}

func (s *seen) take(b *connectors.Batch) {
	common := fmt.Sprintf("keys %s values %s", b.KeySchema(), b.ValueSchema())
	if s.topics {
		common = b.Topic() + " " + common
	}
	if common != s.last {
		s.last = common
		s.lines = append(s.lines, common)
	}
	for i, r := range b.All() {
		var line strings.Builder
		fmt.Fprintf(&line, "%d: %s=%s", r.Offset, text(r.Key), text(r.Value))
		for h := range b.Headers(i) {
			fmt.Fprintf(&line, " %s:%s", h.Key, text(h.Value))
		}
		s.lines = append(s.lines, line.String())
	}
}

func TestConverters(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	long := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	order := func(fields, payload string) []byte {
		return []byte(`{"schema":{"type":"struct","fields":[` + fields + `]},"payload":` + payload + `}`)
	}
	const v1, v2 = `{"type":"int32","field":"n"}`, `{"type":"int32","field":"n"},{"type":"string","optional":true,"field":"s"}`
	record := func(key, value []byte, headers ...connectors.Header) {
		embeddedtest.Produce(t, b, embeddedtest.Record{Topic: "events", Key: key, Value: value, Headers: headers})
	}
	record(long(1), order(v1, `{"n":1}`), connectors.Header{Key: "h", Value: long(7)}, connectors.Header{Key: "nothing"})
	record(long(2), order(v1, `{"n":2, "more": true}`))
	record(long(3), nil)
	record(nil, order(v1, `{"n":"x"}`))
	record(long(5), order(v2, `{"n":5}`))
	record(long(6), order(`{"type":"int32"}`, `{"n":6}`))
	record([]byte("short"), order(v2, `{"n":7}`))
	record(long(8), order(v2, `{"n":8}`), connectors.Header{Key: "h", Value: []byte("short")})
	record(long(9), order(v2, `{"s":"ü"}`))
	record(long(10), order(v2, `{"n":10,"s":"ü"}`))
	cfg := converted(tolerant(b, "events"), converter(t, convert.LongClass, "key"), converter(t, convert.JSONClass, "value"), converter(t, convert.LongClass, "header"))
	f := newFakePluginWithGaps(t, newStore())
	var got seen
	f.onBatch = func(_ connectors.Partition, b *connectors.Batch) plugins.Event { got.take(b); return nil }
	r := start(t, cfg, f)
	eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 10 }, r)
	const n = `{"type":"int32","optional":false,"field":"n"}`
	keys := `keys {"type":"int64","optional":true} values `
	want := []string{
		keys + `{"type":"struct","fields":[` + n + `],"optional":false}`,
		`0: 1={"n":1} h:7 nothing:null`, `1: 2={"n":2}`, `2: 3=null`, `3: null={"n":0}`,
		keys + `{"type":"struct","fields":[` + n + `,{"type":"string","optional":true,"field":"s"}],"optional":false}`,
		`4: 5={"n":5,"s":null}`, `9: 10={"n":10,"s":"ü"}`,
	}
	f.mu.Lock()
	if diff := cmp.Diff(want, slices.Clone(got.lines)); diff != "" {
		t.Error(diff)
	}
	f.mu.Unlock()
	var causes []string
	for _, l := range embeddedtest.Read(t, b, deadLetters) {
		h := headersOf(l)
		causes = append(causes, strings.Join([]string{h["__connect.errors.offset"], h["__connect.errors.stage"], h["__connect.errors.class.name"], h["__connect.errors.exception.message"]}, " "))
	}
	slices.Sort(causes)
	if diff := cmp.Diff([]string{
		"5 VALUE_CONVERTER org.apache.kafka.connect.json.JsonConverter Struct schema's field name not specified properly",
		"6 KEY_CONVERTER org.apache.kafka.connect.converters.LongConverter Failed to deserialize long: ",
		"7 HEADER_CONVERTER org.apache.kafka.connect.converters.LongConverter Failed to deserialize long: ",
		"8 VALUE_CONVERTER org.apache.kafka.connect.json.JsonConverter Invalid null value for required INT32 field",
	}, causes); diff != "" {
		t.Error(diff)
	}
	if _, err := r.stop(); err != nil {
		t.Error(err)
	}
}

// TestConvertersThatPass sees that bytes go to the plugin as they are where they can.
func TestConvertersThatPass(t *testing.T) {
	off := []string{"schemas.enable", "false"}
	for _, tc := range []struct {
		name string
		cfg  Config
		want bool
	}{
		{"none", Config{}, true},
		{"text and bytes", converted(Config{}, converter(t, "String", "key"), converter(t, "ByteArray", "value"), converter(t, "Simple"+"HeaderConverter", "header")), true},
		{"documents without schemas", converted(Config{}, converter(t, "String", "key"), converter(t, "Json", "value", off...), nil), true},
		{"documents with schemas", converted(Config{}, converter(t, "String", "key"), converter(t, "Json", "value"), nil), false},
		{"numbers as keys", converted(Config{}, converter(t, "Integer", "key"), converter(t, "Json", "value", off...), nil), false},
		{"headers that are checked", converted(Config{}, converter(t, "String", "key"), converter(t, "String", "value"), converter(t, "Json", "header", off...)), false},
	} {
		if passes := newConversion(&tc.cfg) == nil; passes != tc.want {
			t.Errorf("%s: passes %v", tc.name, passes)
		}
	}
}

// TestFailureOfSchemas names the place where none is tolerated.
func TestFailureOfSchemas(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, `{"schema":{"type":"int32"},"payload":1}`, `{"n":1}`)...)
	err := start(t, converted(config(b, 0, "events"), converter(t, "String", "key"), converter(t, "Json", "value"), nil), newFakePlugin(t, newStore())).wait()
	if err == nil || !strings.Contains(err.Error(), `converting record value with JsonConverter (events-0 offset 1): JsonConverter with schemas.enable requires "schema" and "payload" fields`) {
		t.Errorf("error %v", err)
	}
}
