//go:build stack

package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// joined makes one case of many: the field f of case i becomes the field fi.
func joined(t *testing.T, compact bool) schemaCase {
	t.Helper()
	var fields []json.RawMessage
	carried, mapping, document := map[string]json.RawMessage{}, map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for i, c := range schemaCases(t) {
		var s struct{ Fields []map[string]json.RawMessage }
		var m struct{ Properties map[string]json.RawMessage }
		var in, out map[string]json.RawMessage
		if err := json.Unmarshal(c.Schema, &s); err != nil {
			t.Fatal(err)
		}
		if c.Compact != compact || len(s.Fields) != 1 || string(s.Fields[0]["field"]) != `"f"` || strings.Contains(c.Name, "odd names compact") {
			continue // the last has a name that Elasticsearch does not take for a field
		}
		for text, into := range map[*json.RawMessage]any{&c.Mapping: &m, &c.Carried: &in, &c.Document: &out} {
			if err := json.Unmarshal(*text, into); err != nil {
				t.Fatal(err)
			}
		}
		name := fmt.Sprintf("f%d", i)
		s.Fields[0]["field"] = fmt.Append(nil, `"`+name+`"`)
		field, err := json.Marshal(s.Fields[0])
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, field)
		carried[name], mapping[name], document[name] = in["f"], m.Properties["f"], out["f"]
	}
	must := func(v any) json.RawMessage {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return schemaCase{
		Compact: compact, Schema: must(map[string]any{"type": "struct", "optional": false, "fields": fields}), Carried: must(carried),
		Mapping: must(map[string]any{"properties": mapping}), Document: must(document),
	}
}

// holds checks that got has all that want has. What documents have added to a mapping may be there beside; the server writes some
// numbers as text.
func holds(t *testing.T, path string, want, got any) {
	t.Helper()
	fields, ok := want.(map[string]any)
	if !ok {
		if n, ok := want.(float64); ok {
			want = strconv.FormatFloat(n, 'f', -1, 64)
		}
		if n, ok := got.(float64); ok {
			got = strconv.FormatFloat(n, 'f', -1, 64)
		}
		if want != got {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
		return
	}
	in, _ := got.(map[string]any)
	for name, w := range fields {
		holds(t, path+"."+name, w, in[name])
	}
}

// TestStackSchemas has a server make mappings of schemas, and store what follows them.
func TestStackSchemas(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	later := json.RawMessage(`{"type":"struct","fields":[{"type":"string","field":"new"}]}`)
	small := schemaCase{
		Schema: json.RawMessage(`{"type":"struct","fields":[{"type":"int8","field":"x"}]}`), Carried: json.RawMessage(`{"x":1}`),
		Mapping: json.RawMessage(`{"properties":{"x":{"type":"byte"},"new":{"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}}}}`), Document: json.RawMessage(`{"x":1}`),
	}
	dynamic, own := small, small
	dynamic.Mapping = json.RawMessage(strings.Replace(string(small.Mapping), "byte", "long", 1))
	own.Mapping = json.RawMessage(strings.Replace(string(small.Mapping), "byte", "short", 1))
	compact, expanded := joined(t, true), joined(t, false)
	for _, tc := range []struct {
		name  string
		set   map[string]string
		topic string // by transformations; T stands for the topic
		schemaCase
	}{
		{name: "all types", schemaCase: compact},
		{name: "maps not compact", set: map[string]string{"compact.map.entries": "false"}, schemaCase: expanded},
		{name: "later schema", schemaCase: small},
		{name: "renamed topic", topic: "T-Renamed", schemaCase: small},
		{name: "dated", set: map[string]string{"sluice.index.name": "${topic}-${yyyy}"}, topic: "T", schemaCase: small},
		{name: "schema ignored", set: map[string]string{"schema.ignore": "true"}, schemaCase: dynamic},
		{name: "schema ignored for the topic", set: map[string]string{"topic.schema.ignore": "T"}, schemaCase: dynamic},
		{name: "mapping is there", set: map[string]string{"sluice.index.mappings": `{"properties":{"x":{"type":"short"}}}`}, schemaCase: own},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topic := fmt.Sprintf("es-schema-%d", time.Now().UnixNano())
			t.Cleanup(func() { r.drop(topic + "*") })
			set := with(tc.set)
			if set["topic.schema.ignore"] != "" {
				set["topic.schema.ignore"] = topic
			}
			p, ack := connectors.Partition{Topic: topic, ID: 0}, newAck(t)
			w := openWriter(t, startTask(t, newRuntime(connectors.PayloadJSON, connectors.PayloadJSON), s.ElasticsearchURL(), set), p, ack)
			write := func(offset int64, schema, value json.RawMessage) {
				var b connectors.Builder
				b.Describe(strings.Replace(tc.topic, "T", topic, 1), nil, schema)
				b.Append(offset, at, nil, value)
				if err := w.Write(t.Context(), b.Batch(p)); err != nil {
					t.Fatal(err)
				}
			}
			write(0, tc.Schema, tc.Carried)
			rest := int64(1)
			if len(tc.Schema) < 200 {
				write(1, later, json.RawMessage(`{"new":"text"}`))
				rest++
			}
			if err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d, rejected, _ := ack.state(); d != rest || len(rejected) != 0 {
				t.Fatalf("durable %d, rejected %v", d, rejected)
			}
			h := r.hits(topic + "*")[topic+"+0+0"]
			index := topic
			switch {
			case tc.topic == "T-Renamed":
				index = topic + "-renamed"
			case tc.topic != "":
				index = topic + "-2026"
			}
			if h.Index != index {
				t.Errorf("index %s, want %s", h.Index, index)
			}
			sameJSON(t, "document", tc.Document, h.Source)
			var answer map[string]struct{ Mappings json.RawMessage }
			if err := json.Unmarshal(r.must("GET", "/"+index+"/_mapping", ""), &answer); err != nil {
				t.Fatal(err)
			}
			var want, got any
			if err := errors.Join(json.Unmarshal(tc.Mapping, &want), json.Unmarshal(answer[index].Mappings, &got)); err != nil {
				t.Fatal(err)
			}
			holds(t, "", want, got)
		})
	}
}
