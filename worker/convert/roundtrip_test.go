package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// drawSchema draws a schema of at most this depth.
func drawSchema(t *rapid.T, depth int) *data.Schema {
	optional := rapid.Bool().Draw(t, "optional")
	last := int(data.Bytes)
	if depth > 0 {
		last = int(data.StructType)
	}
	s := &data.Schema{Type: data.Type(rapid.IntRange(0, last).Draw(t, "type")), Optional: optional}
	switch s.Type {
	case data.ArrayType:
		s.Value = drawSchema(t, depth-1)
	case data.MapType:
		s.Key, s.Value = data.Of(rapid.SampledFrom([]data.Type{data.String, data.Int32}).Draw(t, "key")), drawSchema(t, depth-1)
	case data.StructType:
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			s.Fields = append(s.Fields, data.Field{Name: fmt.Sprintf("f%d", i), Schema: drawSchema(t, depth-1)})
		}
	case data.Int32:
		if rapid.Bool().Draw(t, "date") {
			return data.DateSchema(optional)
		}
	case data.Int64:
		if rapid.Bool().Draw(t, "timestamp") {
			return data.TimestampSchema(optional)
		}
	case data.Bytes:
		if rapid.Bool().Draw(t, "decimal") {
			return data.DecimalSchema(rapid.Int32Range(-3, 20).Draw(t, "scale"), optional)
		}
	default:
	}
	return s
}

func drawValue(t *rapid.T, s *data.Schema) any {
	if s.Optional && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return nil
	}
	switch s.Name {
	case data.DateName:
		return data.Instant(rapid.Int32().Draw(t, "day")) * dayMillis
	case data.TimestampName:
		return data.Instant(rapid.Int64().Draw(t, "at"))
	case data.DecimalName:
		scale, _ := scaleOf(s)
		return data.DecimalOfBytes(rapid.SliceOfN(rapid.Byte(), 1, 12).Draw(t, "unscaled"), scale)
	}
	switch s.Type {
	case data.Int8:
		return rapid.Int8().Draw(t, "int8")
	case data.Int16:
		return rapid.Int16().Draw(t, "int16")
	case data.Int32:
		return rapid.Int32().Draw(t, "int32")
	case data.Int64:
		return rapid.Int64().Draw(t, "int64")
	case data.Float32:
		return rapid.Float32().Filter(func(f float32) bool { return f != 0 || !math.Signbit(float64(f)) }).Draw(t, "float")
	case data.Float64:
		return rapid.Float64().Filter(func(f float64) bool { return f != 0 || !math.Signbit(f) }).Draw(t, "double")
	case data.Boolean:
		return rapid.Bool().Draw(t, "boolean")
	case data.String:
		return rapid.String().Draw(t, "string")
	case data.Bytes:
		return rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
	case data.ArrayType:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "elements"))
		for i := range list {
			list[i] = drawValue(t, s.Value)
		}
		return list
	case data.MapType:
		m := data.NewMap(0)
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			m.Put(drawValue(t, s.Key), drawValue(t, s.Value))
		}
		return m
	default:
		st := data.NewStruct(s)
		for i := range s.Fields {
			if err := st.Set(i, drawValue(t, s.Fields[i].Schema)); err != nil {
				t.Fatal(err)
			}
		}
		return st
	}
}

// TestRoundTrip reads back what is written in Kafka Connect's form, and holds that a sink gets that payload and schema.
func TestRoundTrip(t *testing.T) {
	conv, err := New(JSONClass, "value", map[string]string{"schemas.cache.size": "3"})
	if err != nil {
		t.Fatal(err)
	}
	wire := NewWire(connectors.PayloadJSON, false)
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t, 3)
		v := drawValue(t, s)
		schema, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		payload, err := data.AppendJSON(nil, s, v)
		if err != nil {
			t.Fatal(err)
		}
		doc := fmt.Appendf(nil, `{"schema":%s,"payload":%s}`, schema, payload)
		gotSchema, got, err := conv.ToConnect(doc)
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if !gotSchema.Equal(s) || !data.Equal(got, v) {
			t.Fatalf("%s became %v", doc, got)
		}
		wireSchema, err := wire.Schema(gotSchema)
		if err != nil || !bytes.Equal(wireSchema, schema) {
			t.Fatalf("schema %s, %v; wanted %s", wireSchema, err, schema)
		}
		wirePayload, err := wire.Payload(gotSchema, got)
		if err != nil || v != nil && !bytes.Equal(wirePayload, payload) || v == nil && wirePayload != nil {
			t.Fatalf("payload %s, %v; wanted %s", wirePayload, err, payload)
		}
	})
}

// FuzzJsonConverter holds that whatever is read can be handed on as a document, and that nothing makes it panic.
func FuzzJsonConverter(f *testing.F) {
	for _, doc := range []string{
		`{"schema":{"type":"struct","fields":[{"type":"int32","field":"a"}]},"payload":{"a":1}}`,
		`{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},"payload":1e9}`,
		`{"schema":{"type":"map","keys":{"type":"int8"},"values":{"type":"array","items":{"type":"float"}}},"payload":[[1,[1.5]]]}`,
		`{"schema":null,"payload":["\ud800",{"a":[]}]}`,
	} {
		f.Add([]byte(doc))
	}
	conv, err := New(JSONClass, "value", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, v, err := conv.ToConnect(doc)
		if err != nil {
			return
		}
		wire := NewWire(connectors.PayloadJSON, false)
		if schema, err := wire.Schema(s); err == nil && schema != nil && !json.Valid(schema) {
			t.Fatalf("%s: schema %s", doc, schema)
		}
		if payload, err := wire.Payload(s, v); err == nil && payload != nil && !json.Valid(payload) {
			t.Fatalf("%s: payload %s", doc, payload)
		}
	})
}

func TestGenerations(t *testing.T) {
	g := newGenerations[int, int](4)
	for i := range 100 {
		g.put(i, i)
		if _, ok := g.get(0); !ok { // what is used stays
			t.Fatalf("forgotten after %d", i)
		}
		if n := len(g.young) + len(g.old); n > 4 {
			t.Fatalf("%d kept", n)
		}
	}
	if _, ok := g.get(50); ok {
		t.Error("what is not used stays too")
	}
	none := newGenerations[int, int](0)
	none.put(1, 1)
	if _, ok := none.get(1); ok {
		t.Error("kept without room")
	}
}

// BenchmarkSchemas converts documents with a schema, and makes of them what a sink gets.
func BenchmarkSchemas(b *testing.B) {
	doc := []byte(`{"schema":{"type":"struct","fields":[{"type":"string","field":"event"},{"type":"string","field":"color"},{"type":"string","optional":true,"field":"page"},` +
		`{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1,"field":"ts"},{"type":"boolean","field":"ok"},{"type":"int32","field":"n"}]},` +
		`"payload":{"event":"select-color","color":"#1e90ff","page":"/products/42?ref=mail","ts":1795410819698,"ok":true,"n":1}}`)
	conv, err := New(JSONClass, "value", nil)
	if err != nil {
		b.Fatal(err)
	}
	wire := NewWire(connectors.PayloadJSON, false)
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		s, v, err := conv.ToConnect(doc)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := wire.Schema(s); err != nil {
			b.Fatal(err)
		}
		if _, err := wire.Payload(s, v); err != nil {
			b.Fatal(err)
		}
	}
}
