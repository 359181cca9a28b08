package encode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
)

// What is written as an Avro schema is read as what it was, but for the names of fields that Avro does not allow.
func TestAvroSchemaBack(t *testing.T) {
	var in avroCases
	load(t, "avro.json", &in)
	n := 0
	for _, c := range in.Schemas {
		t.Run(c.Name, func(t *testing.T) {
			var compact bytes.Buffer
			if err := json.Compact(&compact, c.Schema); err != nil {
				t.Fatal(err)
			}
			s, err := parseSchema(compact.Bytes())
			if err != nil {
				return // Kafka Connect refuses it too
			}
			text, err := avroSchema(s, true, !c.Plain)
			if err != nil {
				return
			}
			back, err := parseAvroSchema(text)
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			n++
			again, err := avroSchema(back, true, !c.Plain)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(spelled(t, []byte(text)), spelled(t, []byte(again))); diff != "" {
				t.Errorf("the schema is another one (-before +after):\n%s", diff)
			}
			if s.fitsAvro() && !s.same(back) && !strings.Contains(text, avroMapEntry) {
				t.Errorf("%s became\n%s", s.appendJSON(nil, ""), back.appendJSON(nil, ""))
			}
		})
	}
	if n < 10 {
		t.Errorf("%d schemas were compared", n)
	}
}

func FuzzParseAvroSchema(f *testing.F) {
	f.Add(`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":["null",{"type":"array","items":"R2"}],"default":null}],"connect.version":1}`)
	f.Add(`{"type":"map","values":{"type":"enum","name":"E","symbols":["A"]},"connect.default":{"a":"A"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseAvroSchema(text); err == nil {
			if _, err := parseSchema(s.appendJSON(nil, "")); err != nil && !strings.Contains(string(s.appendJSON(nil, "")), "unknown") {
				t.Logf("%s: %v", text, err) // what no schema of Kafka Connect is may be read
			}
		}
	})
}

func version(v int, more string) string {
	return fmt.Sprintf(`{"type":"struct","name":"org.example.T","version":%d,"optional":false,"fields":[{"field":"n","type":"int64","optional":false}%s]}`, v, more)
}

// After a restart records are projected as before it.
func TestResume(t *testing.T) {
	newer := version(2, `,{"field":"note","type":"string","optional":true}`)
	for _, class := range []string{Avro, Parquet} {
		for _, tc := range []struct {
			mode, file, record string
			rotate             bool
			written            string // the version that the next file has
		}{
			{"BACKWARD", newer, version(1, ""), false, "2"},
			{"FULL", newer, version(1, ""), false, "2"},
			{"FORWARD", version(1, ""), newer, false, "1"},
			{"BACKWARD", version(1, ""), newer, true, "2"},
			{"FORWARD", newer, version(1, ""), true, "1"},
			{"BACKWARD", newer, newer, false, "2"},
			{"BACKWARD", newer, version(1, `,{"field":"a-b","type":"int64","optional":false}`), false, "1"}, // names of fields that Avro changes
			{"NONE", newer, version(1, ""), false, "1"},
		} {
			t.Run(class+" "+tc.mode+" "+tc.written, func(t *testing.T) {
				f, err := New(Options{Class: class, Payload: connectors.PayloadJSON, Compatibility: tc.mode})
				if err != nil {
					t.Fatal(err)
				}
				one := func(s *Schemas, schema string) (rotate bool, data []byte) {
					b := batch(schema, `{"n":1,"a-b":2}`)
					rotate, err := s.Check(b, 0)
					if err != nil {
						t.Fatal(err)
					}
					file := f.NewFile(s)
					if err := file.Append(b, 0); err != nil {
						t.Fatal(err)
					}
					data, err = joined(file.Finish())
					if err != nil {
						t.Fatal(err)
					}
					return rotate, slices.Clone(data)
				}
				_, before := one(f.NewSchemas(), tc.file)
				s := f.NewSchemas()
				if f.Projects() {
					if err := s.Resume(bytes.NewReader(before)); err != nil {
						t.Fatal(err)
					}
				}
				rotate, after := one(s, tc.record)
				if rotate != tc.rotate {
					t.Errorf("rotate %v", rotate)
				}
				text, err := f.schemaOf(bytes.NewReader(after))
				if err != nil || !strings.Contains(text, `"connect.version":`+tc.written) {
					t.Errorf("%v: %s", err, text)
				}
			})
		}
	}
}
