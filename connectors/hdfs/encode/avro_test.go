package encode

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro/ocf"

	"github.com/sluice-connect/sluice/connectors"
)

// avroCases are the inputs of testdata/AvroCases.java, which made the golden file with Confluent's own classes.
type avroCases struct {
	Schemas []struct {
		Name   string
		Schema json.RawMessage
		Values []json.RawMessage
		Plain  bool
	}
	Projections []struct {
		Name         string
		Record, File json.RawMessage
		Value        json.RawMessage
	}
}

type avroGolden struct {
	Schemas []struct {
		Name            string
		Avro, AvroPlain json.RawMessage
		Values          []string
	}
	Projections []struct {
		Name                          string
		NONE, BACKWARD, FORWARD, FULL string
		JSON                          json.RawMessage
	}
}

func load(tb testing.TB, name string, v any) {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// spell gives an Avro schema in one of its spellings only: names with their namespaces, types without properties as
// words. A named type is spelled out where it comes first and named everywhere else, which stays so.
func spell(v any, namespace string, named map[string]bool) any {
	switch v := v.(type) {
	case string:
		if named[namespace+"."+v] {
			return namespace + "." + v
		}
		return v
	case []any:
		for i := range v {
			v[i] = spell(v[i], namespace, named)
		}
		return v
	case map[string]any:
		if name, ok := v["name"].(string); ok {
			if space, ok := v["namespace"].(string); ok {
				namespace = space
			} else if i := strings.LastIndexByte(name, '.'); i >= 0 {
				namespace, name = name[:i], name[i+1:]
			}
			delete(v, "namespace")
			full := strings.TrimPrefix(namespace+"."+name, ".")
			v["name"], named[full] = full, true
		}
		if fields, ok := v["fields"].([]any); ok {
			for _, f := range fields {
				f := f.(map[string]any)
				f["type"] = spell(f["type"], namespace, named)
			}
		}
		for _, key := range []string{"items", "values"} {
			if v[key] != nil {
				v[key] = spell(v[key], namespace, named)
			}
		}
		if len(v) == 1 {
			return v["type"]
		}
		return v
	default:
		return v
	}
}

func spelled(tb testing.TB, schema []byte) any {
	tb.Helper()
	var v any
	if err := json.Unmarshal(schema, &v); err != nil {
		tb.Fatalf("%s: %v", schema, err)
	}
	return spell(v, "", map[string]bool{})
}

func TestAvroAsConfluent(t *testing.T) {
	var in avroCases
	var want avroGolden
	load(t, "avro.json", &in)
	load(t, "avro.golden.json", &want)
	for i, tc := range in.Schemas {
		t.Run(tc.Name, func(t *testing.T) {
			s, err := parseSchema(tc.Schema)
			if err != nil {
				t.Fatal(err)
			}
			got, err := avroSchema(s, true, !tc.Plain)
			if tc.Name == "one name, two structs" { // Avro's library lets the schema be made but not written
				if err == nil || !strings.Contains(err.Error(), "two schemas have the name n.Point") {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(spelled(t, want.Schemas[i].Avro), spelled(t, []byte(got))); d != "" {
				t.Error(d)
			}
			got, err = avroSchema(s, false, !tc.Plain)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(spelled(t, want.Schemas[i].AvroPlain), spelled(t, []byte(got))); d != "" {
				t.Error(d)
			}
			p, err := newAvroPlan(s, &Options{PlainEnums: tc.Plain})
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range tc.Values {
				var d document
				if err := d.parse(v); err != nil {
					t.Fatal(err)
				}
				datum, err := p.root.append(nil, &d, 0)
				if got := hex.EncodeToString(datum); err != nil || got != want.Schemas[i].Values[k] {
					t.Errorf("%s is %s, %v, want %s", v, got, err, want.Schemas[i].Values[k])
				}
			}
		})
	}
}

func TestProjectionAsConfluent(t *testing.T) {
	var in avroCases
	var want avroGolden
	load(t, "avro.json", &in)
	load(t, "avro.golden.json", &want)
	for i, tc := range in.Projections {
		for mode, want := range map[string]string{
			"NONE": want.Projections[i].NONE, "BACKWARD": want.Projections[i].BACKWARD, "FORWARD": want.Projections[i].FORWARD, "FULL": want.Projections[i].FULL,
		} {
			for _, class := range []string{Avro, JSON} {
				t.Run(tc.Name+"/"+mode+"/"+class, func(t *testing.T) {
					f, err := New(Options{Class: class, Payload: connectors.PayloadJSON, Compatibility: mode, PlainEnums: true})
					if err != nil {
						t.Fatal(err)
					}
					s := f.NewSchemas()
					s.current = s.plan(tc.File)
					file := f.NewFile(s)
					b := batch(string(tc.Record), string(tc.Value))
					rotate, err := s.Check(b, 0)
					switch text, failed := strings.CutPrefix(want, "error: "); {
					case failed:
						if err == nil || !strings.Contains(err.Error(), "has no version") || !strings.Contains(text, "version required") {
							t.Errorf("%v, want %s", err, want)
						}
						return
					case err != nil || rotate != (want == "rotate"):
						t.Errorf("rotate %v, %v, want %s", rotate, err, want)
						return
					case rotate:
						if again, err := s.Check(b, 0); again || err != nil {
							t.Errorf("the second time rotate %v, %v", again, err)
						}
						return
					}
					if err := file.Append(b, 0); err != nil {
						t.Fatal(err)
					}
					data, err := joined(file.Finish())
					if err != nil {
						t.Fatal(err)
					}
					if class == JSON {
						expect := normal(t, projections(t, i))
						if got := normal(t, data); got != expect && mode != "NONE" {
							t.Errorf("written is %s, want %s", got, expect)
						}
						return
					}
					if got := datum(t, data); got != want {
						t.Errorf("written is %s, want %s", got, want)
					}
				})
			}
		}
	}
}

func projections(tb testing.TB, i int) []byte {
	tb.Helper()
	var want avroGolden
	load(tb, "avro.golden.json", &want)
	return want.Projections[i].JSON
}

// datum gives the binary form of the one record of an Avro file.
func datum(tb testing.TB, file []byte) string {
	tb.Helper()
	r, err := ocf.NewReader(bytes.NewReader(file))
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	var v any
	if err := r.Decode(&v); err != nil {
		tb.Fatal(err)
	}
	b, err := r.Schema().AppendEncode(nil, v)
	if err != nil {
		tb.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func TestAvroFiles(t *testing.T) {
	const schema = `{"type":"struct","optional":false,"fields":[{"type":"int32","optional":false,"field":"i"},{"type":"string","optional":true,"field":"s"}]}`
	for _, codec := range []string{"", "null", "deflate", "snappy", "zstandard"} {
		t.Run("codec "+codec, func(t *testing.T) {
			f, err := New(Options{Class: Avro, Payload: connectors.PayloadJSON, AvroCodec: codec})
			if err != nil {
				t.Fatal(err)
			}
			if f.Extension() != ".avro" {
				t.Errorf("extension %s", f.Extension())
			}
			s := f.NewSchemas()
			file := f.NewFile(s)
			for round := range 4 {
				var got []byte
				const n = 5_000
				for i := range n {
					b := batch(schema, fmt.Sprintf(`{"i":%d,"s":"round %d"}`, i, round))
					if rotate, err := s.Check(b, 0); rotate || err != nil {
						t.Fatal(rotate, err)
					}
					if err := file.Append(b, 0); err != nil {
						t.Fatal(err)
					}
					if round == 1 {
						got = append(got, slices.Concat(file.Take()...)...)
					}
				}
				if round == 2 { // dropped in the middle of a block
					file.Reset()
					if file.Held() != 0 || file.Size() != 0 {
						t.Errorf("held %d, size %d after Reset", file.Held(), file.Size())
					}
					continue
				}
				rest, err := joined(file.Finish())
				if err != nil {
					t.Fatal(err)
				}
				if again, err := joined(file.Finish()); err != nil || !bytes.Equal(rest, again) {
					t.Errorf("finishing again gives other bytes, %v", err)
				}
				got = append(got, rest...)
				if file.Size() != int64(len(got)) {
					t.Errorf("size %d of %d bytes", file.Size(), len(got))
				}
				r, err := ocf.NewReader(bytes.NewReader(got))
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					var v struct {
						I int32  `avro:"i"`
						S string `avro:"s"`
					}
					if err := r.Decode(&v); err != nil || int(v.I) != i || v.S != fmt.Sprintf("round %d", round) {
						t.Fatal(i, v, err)
					}
				}
				if err := r.Decode(new(any)); !errors.Is(err, io.EOF) {
					t.Errorf("behind the last record: %v", err)
				}
				r.Close()
				file.Reset()
			}
		})
	}
	if _, err := New(Options{Class: Avro, AvroCodec: "bzip2"}); err == nil || !strings.Contains(err.Error(), "use null, deflate, snappy or zstandard") {
		t.Error(err)
	}
}

// Two maps whose entries are not the same need two names.
func TestAvroMapEntries(t *testing.T) {
	s, err := parseSchema([]byte(`{"type":"struct","fields":[{"field":"a","type":"map","keys":{"type":"int32"},"values":{"type":"string"}},
		{"field":"b","type":"map","keys":{"type":"int64"},"values":{"type":"string"}},{"field":"c","type":"map","keys":{"type":"int32"},"values":{"type":"string"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := newAvroPlan(s, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range p.parsed.Root().Fields {
		names = append(names, f.Type.Items.Name)
	}
	if want := []string{"MapEntry", "MapEntry2"}; !slices.Equal(names[:2], want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// Maps with optional texts for keys are lists of entries, as AvroData has them, or maps where they are let be.
func TestOptionalMapKeys(t *testing.T) {
	const schema = `{"type":"struct","fields":[{"field":"m","type":"array","items":{"type":"map","keys":{"type":"string","optional":true},"values":{"type":"int32"}}}]}`
	for optional, want := range map[bool]string{false: "array", true: "map"} {
		for _, class := range []string{Avro, Parquet} {
			f, err := New(Options{Class: class, Payload: connectors.PayloadJSON, OptionalKeys: optional})
			if err != nil {
				t.Fatal(err)
			}
			s := f.NewSchemas()
			if p := s.plan([]byte(schema)); p.err != nil || class == Avro && p.avro.parsed.Root().Fields[0].Type.Items.Type != want {
				t.Errorf("%s, optional keys %v: %v", class, optional, p.err)
			}
			file := f.NewFile(s)
			for value, refused := range map[string]bool{`{"m":[[["a",1],["b",2]]]}`: false, `{"m":[[[null,1]]]}`: optional} {
				b := batch(schema, value)
				if _, err := s.Check(b, 0); err != nil {
					t.Fatal(err)
				}
				if err := file.Append(b, 0); (err != nil) != refused {
					t.Errorf("%s, optional keys %v, %s: %v", class, optional, value, err)
				}
			}
			if _, err := file.Finish(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A record that does not fit leaves the file as it was.
func TestAvroRefuses(t *testing.T) {
	const schema = `{"type":"struct","optional":false,"fields":[{"type":"int8","optional":false,"field":"i"},{"type":"string","optional":true,"field":"s"},
		{"type":"array","items":{"type":"double"},"optional":true,"field":"a"},{"type":"bytes","optional":true,"field":"b"},
		{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"d"},
		{"type":"map","keys":{"type":"string"},"values":{"type":"boolean"},"optional":true,"field":"m"}]}`
	f, err := New(Options{Class: Avro, Payload: connectors.PayloadJSON})
	if err != nil {
		t.Fatal(err)
	}
	s := f.NewSchemas()
	file := f.NewFile(s)
	add := func(v string) error {
		b := batch(schema, v)
		if rotate, err := s.Check(b, 0); rotate || err != nil {
			t.Fatal(rotate, err)
		}
		return file.Append(b, 0)
	}
	good := `{"i":1,"s":"x"}`
	if err := add(good); err != nil {
		t.Fatal(err)
	}
	size := file.Size()
	for v, part := range map[string]string{
		`{"i":128}`: "128 is no int8", `{"i":"1"}`: "a string where an int8 was expected", `{}`: "field i: no value", `{"i":1.5}`: "1.5 is no integer", `{"i":true}`: "a boolean where",
		`{"i":1,"s":1}`: "field s: an integer where a string", "{\"i\":1,\"s\":\"\xff\"}": "no valid UTF-8", `{"i":1,"a":[1,"x"]}`: "field a: an element: a string where a number", `{"i":1,"a":{}}`: "where an array",
		`{"i":1,"b":"???"}`: "no base64", `{"i":1,"d":1.234}`: "more than 2 digits", `{"i":1,"d":1e999999999}`: "is no decimal", `{"i":1,"d":true}`: "where a string in base64",
		`{"i":1,"m":{"k":1}}`: "the value of key k: an integer where", `{"i":1,"m":[1]}`: "no pair of key and value", `[]`: "an array where an object", `"x"`: "a string where an object", `1`: "where an object",
		`{"i":1`: "ends too early", ``: "ends too early", `{"i":1}}`: `unexpected character '}'`, `null`: "no value",
	} {
		if err := add(v); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want %q", v, err, part)
		}
		if file.Size() != size {
			t.Errorf("%s: size %d, was %d", v, file.Size(), size)
		}
	}
	if err := add(good); err != nil {
		t.Fatal(err)
	}
	data, err := joined(file.Finish())
	if err != nil {
		t.Fatal(err)
	}
	r, err := ocf.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		if err := r.Decode(new(any)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// FuzzAvro writes any document with a schema that was inferred from it, and reads it back.
func FuzzAvro(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":[{"b":1.5},{"c":"x"}],"d":{"e":true}}`, `[[1,2],[3]]`, `"x"`, `{"a-b":1,"ü":2}`, `{"":1}`, `{"a":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		fm, err := New(Options{Class: Avro, Payload: connectors.PayloadJSON})
		if err != nil {
			t.Fatal(err)
		}
		s := fm.NewSchemas()
		file := fm.NewFile(s)
		b := batch("", string(src))
		if _, err := s.Check(b, 0); err != nil {
			return
		}
		if rotate, err := s.Check(b, 0); rotate || err != nil {
			t.Fatalf("%q: the second time %v, %v", src, rotate, err)
		}
		if err := file.Append(b, 0); err != nil {
			if strings.Contains(err.Error(), "UTF-8") || string(bytes.TrimSpace(src)) == "null" {
				return
			}
			t.Fatalf("%q: %v", src, err)
		}
		data, err := joined(file.Finish())
		if err != nil {
			t.Fatal(err)
		}
		r, err := ocf.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%q: %v", src, err)
		}
		defer r.Close()
		var v any
		if err := r.Decode(&v); err != nil {
			t.Fatalf("%q: %v", src, err)
		}
	})
}
