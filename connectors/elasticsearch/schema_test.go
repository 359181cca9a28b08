package elasticsearch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schemaCase is a line of testdata/schemas.golden.jsonl, the answers of Confluent's sink.
type schemaCase struct {
	Name                               string
	Compact                            bool
	Schema, Carried, Mapping, Document json.RawMessage
}

func schemaCases(t testing.TB) []schemaCase {
	t.Helper()
	f, err := os.Open("testdata/schemas.golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []schemaCase
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c schemaCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) < 90 {
		t.Fatalf("only %d cases", len(cases))
	}
	return cases
}

// sameJSON compares two documents but for the form of their numbers.
func sameJSON(t *testing.T, what string, want, got []byte) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s %s: %v", what, got, err)
	}
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("%s: %s", what, d)
	}
}

func TestSchemasAsConfluent(t *testing.T) {
	for _, tc := range schemaCases(t) {
		t.Run(tc.Name, func(t *testing.T) {
			s, err := parseSchema(tc.Schema, tc.Compact)
			if err != nil {
				t.Fatal(err)
			}
			mapping, err := s.mapping()
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, "mapping", tc.Mapping, mapping)
			doc, end, err := s.append(nil, tc.Carried, 0)
			if err != nil || end != len(tc.Carried) {
				t.Fatalf("ends at %d of %d: %v", end, len(tc.Carried), err)
			}
			sameJSON(t, "document", tc.Document, doc)
			if s.same && !bytes.Equal(doc, tc.Carried) {
				t.Errorf("document %s is not the same as %s", doc, tc.Carried)
			}
		})
	}
}

func TestSchemaDocuments(t *testing.T) {
	const decimal = `"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}`
	for _, tc := range []struct {
		name, schema, value string
		want                string
		bad                 string
	}{
		{name: "null that was not replaced", schema: `{"type":"struct","fields":[{"type":"int32","default":7,"field":"a"}]}`, value: `{"a":null}`, want: `{"a":7}`},
		{name: "decimal that is a number", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"a"}]}`, value: `{"a":12.34}`, want: `{"a":12.34}`},
		{name: "escaped name", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"ab"}]}`, value: `{"\u0061b":"AQ=="}`, want: `{"\u0061b":0.01}`},
		{name: "field that the schema has not", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"a"}]}`, value: `{"b":"AQ=="}`, want: `{"b":"AQ=="}`},
		{name: "blanks", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"a"}]}`, value: " { \"a\" : \"AQ==\" ,\n \"b\" : [ 1 ] } ", want: `{"a":0.01,"b":[ 1 ]}`},
		{name: "no Base64", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"a"}]}`, value: `{"a":"#"}`, bad: "decimal"},
		{name: "empty decimal", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"a"}]}`, value: `{"a":""}`, bad: "decimal"},
		{name: "huge decimal", schema: `{"type":"struct","fields":[{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"-400"},"field":"a"}]}`, value: `{"a":"AQ=="}`, bad: "decimal"},
		{name: "half an entry", schema: `{"type":"map","keys":{"type":"int32"},"values":{"type":"int32"}}`, value: `[[1]]`, bad: "pair"},
		{name: "entry of three", schema: `{"type":"map","keys":{"type":"int32"},"values":{"type":"int32"}}`, value: `[[1,2,3]]`, bad: "pair"},
		{name: "cut off", schema: `{"type":"struct","fields":[{` + decimal + `,"field":"a"}]}`, value: `{"a":`, bad: "JSON"},
		{name: "schema that is no JSON", schema: `{`, bad: "unreadable schema"},
		{name: "decimal without scale", schema: `{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal"}`, bad: "scale"},
		{name: "array of nothing", schema: `{"type":"array"}`, bad: "array"},
		{name: "map of nothing", schema: `{"type":"map","keys":{"type":"string"}}`, bad: "map"},
		{name: "field of nothing", schema: `{"type":"struct","fields":[null]}`, bad: "field"},
		{name: "bad default", schema: `{` + decimal + `,"default":"#"}`, bad: "default"},
		{name: "too deep", schema: strings.Repeat(`{"type":"array","items":`, 200) + `{"type":"int32"}` + strings.Repeat("}", 200), bad: "deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := parseSchema([]byte(tc.schema), true)
			var got []byte
			if err == nil {
				got, _, err = s.append(nil, []byte(tc.value), 0)
			}
			if (err != nil) != (tc.bad != "") || err != nil && !strings.Contains(err.Error(), tc.bad) {
				t.Fatalf("error %v, want %q", err, tc.bad)
			}
			if err == nil && string(got) != tc.want {
				t.Errorf("document %s, want %s", got, tc.want)
			}
		})
	}
}

// FuzzSchema gives documents to schemas that they may not follow: what comes out of a valid document is one.
func FuzzSchema(f *testing.F) {
	for _, c := range schemaCases(f) {
		f.Add([]byte(c.Schema), []byte(c.Carried), c.Compact)
	}
	f.Fuzz(func(t *testing.T, schema, value []byte, compact bool) {
		s, err := parseSchema(schema, compact)
		if err != nil {
			return
		}
		if mapping, err := s.mapping(); err == nil && mapping != nil && !json.Valid(mapping) {
			t.Errorf("mapping %s", mapping)
		}
		if !json.Valid(value) {
			return
		}
		doc, _, err := s.append(nil, value, 0)
		if err == nil && !json.Valid(doc) {
			t.Errorf("document %q of %q", doc, value)
		}
	})
}
