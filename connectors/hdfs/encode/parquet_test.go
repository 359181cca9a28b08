package encode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/sluice-connect/sluice/connectors"
)

// dump gives a Parquet file as text: its schema, and the values of its rows with their levels.
func dump(tb testing.TB, data []byte) string {
	tb.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	if err := parquet.PrintSchema(&b, f.Schema().Name(), f.Schema()); err != nil {
		tb.Fatal(err)
	}
	b.WriteByte('\n')
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 1)
		for {
			n, err := rows.ReadRows(buf)
			for _, row := range buf[:n] {
				for i, v := range row {
					if i > 0 {
						b.WriteString(" | ")
					}
					fmt.Fprintf(&b, "%+q R%d D%d C%d", v.String(), v.RepetitionLevel(), v.DefinitionLevel(), v.Column())
				}
				b.WriteByte('\n')
			}
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				tb.Fatal(err)
			}
		}
		rows.Close()
	}
	return b.String()
}

func TestParquetGolden(t *testing.T) {
	var in avroCases
	load(t, "avro.json", &in)
	var b strings.Builder
	for _, tc := range in.Schemas {
		fmt.Fprintf(&b, "## %s\n\n", tc.Name)
		f, err := New(Options{Class: Parquet, Payload: connectors.PayloadJSON, PlainEnums: tc.Plain})
		if err != nil {
			t.Fatal(err)
		}
		s := f.NewSchemas()
		file := f.NewFile(s)
		for _, v := range tc.Values {
			r := batch(string(tc.Schema), string(v))
			if _, err = s.Check(r, 0); err != nil {
				fmt.Fprintf(&b, "%v\n\n", err)
				break
			}
			if err := file.Append(r, 0); err != nil {
				t.Fatalf("%s: %s: %v", tc.Name, v, err)
			}
		}
		data, err := joined(file.Finish())
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 {
			b.WriteString(dump(t, data) + "\n")
		}
	}
	const name = "testdata/parquet.golden"
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
}

func TestParquetFiles(t *testing.T) {
	const schema = `{"type":"struct","optional":false,"fields":[{"type":"int32","optional":false,"field":"i"},{"type":"string","optional":true,"field":"s"}]}`
	for _, codec := range append(ParquetCodecs(), "") {
		t.Run("codec "+codec, func(t *testing.T) {
			f, err := New(Options{Class: Parquet, Payload: connectors.PayloadJSON, ParquetCodec: codec})
			if err != nil {
				t.Fatal(err)
			}
			s := f.NewSchemas()
			file := f.NewFile(s)
			for round := range 4 {
				var got []byte
				const n = 3_000
				for i := range n {
					b := batch(schema, fmt.Sprintf(`{"i":%d,"s":"round %d"}`, i, round))
					if rotate, err := s.Check(b, 0); rotate || err != nil {
						t.Fatal(rotate, err)
					}
					before := file.Size()
					if err := file.Append(b, 0); err != nil {
						t.Fatal(err)
					}
					if file.Size() <= 0 || file.Held() <= 0 || i == 1 && file.Size() <= before {
						t.Fatalf("size %d after %d, held %d", file.Size(), before, file.Held())
					}
					if round == 1 && i%1000 == 500 {
						part := file.Take()
						if len(part) == 0 || file.Held() != 0 {
							t.Errorf("took %d bytes, held are %d", len(part), file.Held())
						}
						got = append(got, slices.Concat(part...)...)
					}
				}
				if round == 2 { // dropped
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
				type row struct {
					I int32   `parquet:"i"`
					S *string `parquet:"s,optional"`
				}
				rows, err := parquet.Read[row](bytes.NewReader(got), int64(len(got)))
				if err != nil || len(rows) != n {
					t.Fatalf("%d rows, %v", len(rows), err)
				}
				for i, r := range rows {
					if int(r.I) != i || *r.S != fmt.Sprintf("round %d", round) {
						t.Fatal(i, r)
					}
				}
				file.Reset()
			}
		})
	}
	for o, part := range map[Options]string{
		{Class: Parquet, ParquetCodec: "lzo"}:               "parquet.codec lzo is not supported; use one of snappy, gzip",
		{Class: Parquet, Payload: connectors.PayloadString}: "use JsonConverter",
		{Class: Parquet, Payload: connectors.PayloadBytes}:  "use JsonConverter",
		{Class: Avro, Compatibility: "SOMETIMES"}:           "SOMETIMES is not known",
		{Class: "x.OrcFormat"}:                              "x.OrcFormat is not known",
		{Class: JSON, Compression: "lz4"}:                   "codec lz4 is not known",
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%+v: %v, want %q", o, err, part)
		}
	}
}

// FuzzParquet writes any document with a schema that was inferred from it, and reads it back.
func FuzzParquet(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":[{"b":1.5},{"c":"x"}],"d":{"e":true}}`, `{"a":[[1,2],[3],[],null]}`, `{"a-b":1,"ü":2}`, `{"":1}`, `{"a":[],"b":{}}`, `{"a":[{}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		fm, err := New(Options{Class: Parquet, Payload: connectors.PayloadJSON, ParquetCodec: None})
		if err != nil {
			t.Fatal(err)
		}
		s := fm.NewSchemas()
		file := fm.NewFile(s)
		b := batch("", string(src))
		if _, err := s.Check(b, 0); err != nil {
			return
		}
		if err := file.Append(b, 0); err != nil {
			if strings.Contains(err.Error(), "UTF-8") {
				return
			}
			t.Fatalf("%q: %v", src, err)
		}
		data, err := joined(file.Finish())
		if err != nil {
			t.Fatal(err)
		}
		dump(t, data)
	})
}
