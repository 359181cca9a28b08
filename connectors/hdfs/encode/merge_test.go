package encode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/twmb/avro/ocf"

	"github.com/sluice-connect/sluice/connectors"
)

const numbered = `{"type":"struct","optional":false,"fields":[{"type":"int32","optional":false,"field":"i"},{"type":"string","optional":true,"field":"s"}]}`

// made writes files of n records each, whose numbers go on from file to file.
func made(tb testing.TB, o Options, schema string, files, n int) (f *Format, all [][]byte) {
	tb.Helper()
	o.Payload = connectors.PayloadJSON
	f, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	s := f.NewSchemas()
	file := f.NewFile(s)
	for k := range files {
		for i := range n {
			b := batch(schema, fmt.Sprintf(`{"i":%d,"s":"the same text"}`, k*n+i))
			if rotate, err := s.Check(b, 0); rotate || err != nil {
				tb.Fatal(rotate, err)
			}
			if err := file.Append(b, 0); err != nil {
				tb.Fatal(err)
			}
		}
		data, err := joined(file.Finish())
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, bytes.Clone(data))
		file.Reset()
	}
	return f, all
}

// counted checks that a file has the numbers from 0 to n in their order.
func counted(tb testing.TB, o Options, data []byte, n int) {
	tb.Helper()
	var got []int32
	switch o.Class {
	case Avro:
		r, err := ocf.NewReader(bytes.NewReader(data))
		if err != nil {
			tb.Fatal(err)
		}
		defer r.Close()
		for {
			var v struct {
				I int32  `avro:"i"`
				S string `avro:"s"`
			}
			if err := r.Decode(&v); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				tb.Fatal(err)
			}
			got = append(got, v.I)
		}
	case Parquet:
		type row struct {
			I int32   `parquet:"i"`
			S *string `parquet:"s,optional"`
		}
		rows, err := parquet.Read[row](bytes.NewReader(data), int64(len(data)))
		if err != nil {
			tb.Fatal(err)
		}
		for _, r := range rows {
			got = append(got, r.I)
		}
	default:
		for line := range bytes.Lines(unpack(tb, o.Compression, data)) {
			var i int32
			if _, err := fmt.Sscanf(string(line), `{"i":%d,`, &i); err != nil {
				tb.Fatalf("%q: %v", line, err)
			}
			got = append(got, i)
		}
	}
	if len(got) != n {
		tb.Fatalf("%d records, want %d", len(got), n)
	}
	for i, v := range got {
		if int(v) != i {
			tb.Fatalf("record %d is %d", i, v)
		}
	}
}

func sources(files [][]byte) []Source {
	all := make([]Source, len(files))
	for i, f := range files {
		all[i] = bytes.NewReader(f)
	}
	return all
}

func TestMerge(t *testing.T) {
	var formats []Options
	for _, c := range []string{None, Gzip, Zstd, Snappy} {
		formats = append(formats, Options{Class: JSON, Compression: c})
	}
	for _, c := range []string{"null", Deflate, Snappy, "zstandard"} {
		formats = append(formats, Options{Class: Avro, AvroCodec: c})
	}
	for _, c := range ParquetCodecs() {
		formats = append(formats, Options{Class: Parquet, ParquetCodec: c})
	}
	for _, o := range formats {
		t.Run(fmt.Sprintf("%s %s%s%s", o.Class, o.Compression, o.AvroCodec, o.ParquetCodec), func(t *testing.T) {
			const files, n = 5, 2_000
			f, parts := made(t, o, numbered, files, n)
			var merged bytes.Buffer
			if err := Merge(&merged, f.Extension(), sources(parts)...); err != nil {
				t.Fatal(err)
			}
			counted(t, o, merged.Bytes(), files*n)
			// What was merged can be merged again.
			var again bytes.Buffer
			if err := Merge(&again, f.Extension(), bytes.NewReader(merged.Bytes())); err != nil {
				t.Fatal(err)
			}
			counted(t, o, again.Bytes(), files*n)
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	const other = `{"type":"struct","optional":false,"fields":[{"type":"int64","optional":false,"field":"i"},{"type":"string","optional":true,"field":"s"}]}`
	for _, class := range []string{Avro, Parquet} {
		f, a := made(t, Options{Class: class}, numbered, 1, 10)
		_, b := made(t, Options{Class: class}, other, 1, 10)
		_, c := made(t, Options{Class: class, AvroCodec: Deflate, ParquetCodec: Gzip}, numbered, 1, 10)
		for name, parts := range map[string][][]byte{"schemas": {a[0], b[0]}, "codecs": {a[0], c[0]}} {
			var w bytes.Buffer
			if err := Merge(&w, f.Extension(), sources(parts)...); !errors.Is(err, ErrDifferent) || w.Len() > 0 {
				t.Errorf("%s with other %s: %v, and %d bytes", class, name, err, w.Len())
			}
		}
		for name, broken := range map[string][]byte{"nothing": {}, "text": []byte("hello, world, this is no such file"), "the half": a[0][:len(a[0])/2], "all but a byte": a[0][:len(a[0])-1]} {
			if err := Merge(io.Discard, f.Extension(), sources([][]byte{a[0], broken})...); err == nil {
				t.Errorf("%s with %s is merged", class, name)
			}
		}
	}
}

// FuzzMergeAvro merges whatever calls itself an Avro file.
func FuzzMergeAvro(f *testing.F) {
	_, parts := made(f, Options{Class: Avro}, numbered, 1, 3)
	f.Add(parts[0])
	f.Add([]byte("Obj\x01\x00"))
	f.Add([]byte("Obj\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = Merge(io.Discard, ".avro", bytes.NewReader(data), bytes.NewReader(data)) // it must neither panic nor fill the memory
	})
}
