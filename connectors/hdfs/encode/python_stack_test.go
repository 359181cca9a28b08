//go:build stack

package encode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// python reads files with testdata/read.py and gives the lines of each: its schema, and a record to a line.
func python(t *testing.T, files ...string) map[string][]string {
	t.Helper()
	interpreter := stack.Python(t, "fastavro", "pyarrow", "cramjam", "backports.zstd")
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"testdata/read.py", "--names", "--schema"}, files...)...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failed.Bytes())
	}
	lines, name := map[string][]string{}, ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if quoted := strings.Trim(line, `"`); slices.Contains(files, quoted) {
			name = quoted
			continue
		}
		lines[name] = append(lines[name], line)
	}
	return lines
}

// write makes a file of the values and gives its name.
func write(t *testing.T, dir, name string, o Options, schema string, values []string) string {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := f.NewSchemas()
	file := f.NewFile(s)
	for _, v := range values {
		b := batch(schema, v)
		if rotate, err := s.Check(b, 0); rotate || err != nil {
			t.Fatalf("%s: rotate %v, %v", v, rotate, err)
		}
		if err := file.Append(b, 0); err != nil {
			t.Fatalf("%s: %v", v, err)
		}
	}
	data, err := joined(file.Finish())
	if err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, name+f.Extension())
	if err := os.WriteFile(full, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return full
}

// Python's Avro and Arrow see the same values in both formats, for every schema of the cases, and those that were written.
func TestPythonReadsSchemas(t *testing.T) {
	var in avroCases
	load(t, "avro.json", &in)
	dir := t.TempDir()
	type pair struct {
		s             *schema
		values        []string
		avro, parquet string
	}
	pairs, files := map[string]pair{}, []string{}
	for i, tc := range in.Schemas {
		s, err := parseSchema(tc.Schema)
		if err != nil {
			t.Fatal(err)
		}
		if s.kind != structKind || len(tc.Values) == 0 {
			continue // Parquet has structs only; values at the top are written as Confluent's classes do
		}
		p := pair{s: s}
		for _, v := range tc.Values {
			p.values = append(p.values, string(v))
		}
		o := Options{Class: Avro, Payload: connectors.PayloadJSON, PlainEnums: tc.Plain}
		p.avro = write(t, dir, strconv.Itoa(i), o, string(tc.Schema), p.values)
		o.Class = Parquet
		p.parquet = write(t, dir, strconv.Itoa(i), o, string(tc.Schema), p.values)
		pairs[tc.Name], files = p, append(files, p.avro, p.parquet)
	}
	lines := python(t, files...)
	for name, p := range pairs {
		t.Run(name, func(t *testing.T) {
			avro, parquet := lines[p.avro][1:], lines[p.parquet][1:]
			if d := cmp.Diff(avro, parquet); d != "" || len(avro) != len(p.values) {
				t.Errorf("Avro has %d records of %d, Parquet differs: %s", len(avro), len(p.values), d)
			}
			if strings.Contains(name, "logical") || strings.Contains(name, "decimal") || strings.Contains(name, "other keys") || strings.Contains(name, "optional keys") {
				return // the reader spells these in another way than the records
			}
			for k, v := range p.values {
				var d document
				if err := d.parse([]byte(v)); err != nil {
					t.Fatal(err)
				}
				want, err := p.s.appendValue(nil, &d, 0)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(scrubbed(t, want), scrubbed(t, []byte(avro[k]))); d != "" {
					t.Errorf("%s: %s", v, d)
				}
			}
		})
	}
}

// scrubbed reads a document whose keys are made fit for Avro.
func scrubbed(t *testing.T, doc []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			m := map[string]any{}
			for k, x := range v {
				m[scrub(k)] = walk(x)
			}
			return m
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		}
		return v
	}
	return walk(v)
}

// Python reads what every codec of every format writes, many row groups and blocks, and merged files.
func TestPythonReadsCodecs(t *testing.T) {
	dir := t.TempDir()
	const n = 3_000
	var formats []Options
	for _, class := range []string{JSON, String, ByteArray} {
		for _, c := range Codecs() {
			formats = append(formats, Options{Class: class, Compression: c, Extension: "bin"})
		}
	}
	for _, c := range []string{"null", Deflate, Snappy, "zstandard"} {
		formats = append(formats, Options{Class: Avro, AvroCodec: c})
	}
	for _, c := range ParquetCodecs() {
		formats = append(formats, Options{Class: Parquet, ParquetCodec: c})
	}
	var files []string
	for i, o := range formats {
		f, parts := made(t, o, numbered, 3, n)
		var merged bytes.Buffer
		if err := Merge(&merged, f.Extension(), sources(parts)...); err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, strconv.Itoa(i)+f.Extension()))
		if err := os.WriteFile(files[i], merged.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := python(t, files...)
	for i, o := range formats {
		t.Run(fmt.Sprintf("%s %s%s%s", o.Class, o.Compression, o.AvroCodec, o.ParquetCodec), func(t *testing.T) {
			lines := all[files[i]]
			if o.Class == Avro || o.Class == Parquet {
				lines = lines[1:]
			}
			if len(lines) != 3*n {
				t.Fatalf("%d records, want %d", len(lines), 3*n)
			}
			for k, line := range lines {
				want := fmt.Sprintf(`{"i":%d,"s":"the same text"}`, k)
				var text string
				switch o.Class {
				case String:
					if err := json.Unmarshal([]byte(line), &text); err != nil {
						t.Fatal(err)
					}
					line = text
				case ByteArray:
					var raw []byte
					if err := json.Unmarshal([]byte(line), &raw); err != nil {
						t.Fatal(err)
					}
					line = string(raw)
				}
				if normal(t, []byte(line)) != normal(t, []byte(want)) {
					t.Fatalf("record %d is %s", k, line)
				}
			}
		})
	}
}

// Python sees the types that were inferred.
func TestPythonReadsInferred(t *testing.T) {
	dir := t.TempDir()
	values := []string{`{"i":1,"f":1.5,"s":"x","b":true,"l":[1,2],"o":{"x":[{"y":1}]},"n":null,"e":[]}`, `{"i":null,"l":[],"o":{"x":null}}`, `{}`}
	for _, tc := range []struct{ class, schema string }{
		{Avro, `{"fields": [{"default": null, "name": "i", "type": ["null", "long"]}, {"default": null, "name": "f", "type": ["null", "double"]}, {"default": null, "name": "s", "type": ["null", "string"]}, ` +
			`{"default": null, "name": "b", "type": ["null", "boolean"]}, {"default": null, "name": "l", "type": ["null", {"items": ["null", "long"], "type": "array"}]}, ` +
			`{"default": null, "name": "o", "type": ["null", {"fields": [{"default": null, "name": "x", "type": ["null", {"items": ["null", {"fields": [{"default": null, "name": "y", "type": ["null", "long"]}], ` +
			`"name": "io.confluent.connect.avro.ConnectDefault3", "type": "record"}], "type": "array"}]}], "name": "io.confluent.connect.avro.ConnectDefault2", "type": "record"}]}, ` +
			`{"default": null, "name": "e", "type": ["null", {"items": ["null", "string"], "type": "array"}]}], "name": "io.confluent.connect.avro.ConnectDefault", "type": "record"}`},
		{Parquet, `"i: int64\nf: double\ns: string\nb: bool\nl: list<element: int64>\n  child 0, element: int64\no: struct<x: list<element: struct<y: int64>>>\n  child 0, x: list<element: struct<y: int64>>\n` +
			`      child 0, element: struct<y: int64>\n          child 0, y: int64\ne: list<element: string>\n  child 0, element: string"`},
	} {
		t.Run(tc.class, func(t *testing.T) {
			name := write(t, dir, "inferred", Options{Class: tc.class, Payload: connectors.PayloadJSON, NoMetadata: true}, "", values)
			lines := python(t, name)[name]
			if len(lines) != 1+len(values) {
				t.Fatalf("%d lines", len(lines))
			}
			if d := cmp.Diff(normal(t, []byte(tc.schema)), normalSchema(t, lines[0])); d != "" {
				t.Error(d)
			}
			for i, want := range []string{
				`{"i":1,"f":1.5,"s":"x","b":true,"l":[1,2],"o":{"x":[{"y":1}]},"e":[]}`,
				`{"i":null,"f":null,"s":null,"b":null,"l":[],"o":{"x":null},"e":null}`,
				`{"i":null,"f":null,"s":null,"b":null,"l":null,"o":null,"e":null}`,
			} {
				if d := cmp.Diff(normal(t, []byte(want)), normal(t, []byte(lines[i+1]))); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// normalSchema leaves out what fastavro adds to a schema for itself.
func normalSchema(t *testing.T, line string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatal(err)
	}
	if m, ok := v.(map[string]any); ok {
		delete(m, "__fastavro_parsed__")
		delete(m, "__named_schemas")
	}
	b, err := json.Marshal(spell(v, "", map[string]bool{}))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
