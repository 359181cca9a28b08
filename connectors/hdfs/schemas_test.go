package hdfs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/twmb/avro/ocf"

	"github.com/sluice-connect/sluice/connectors"
)

// order is a record of the test below, as the readers of the formats see it.
type order struct {
	N    int64   `avro:"n" parquet:"n"`
	Text string  `avro:"text" parquet:"text"`
	Note *string `avro:"note" parquet:"note,optional"`
}

// orders reads a file of orders without the sink's code.
func orders(t *testing.T, name string) (all []order) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.HasSuffix(name, ".avro"):
		r, err := ocf.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			var o order
			if err := r.Decode(&o); errors.Is(err, io.EOF) {
				return all
			} else if err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
	case strings.HasSuffix(name, ".parquet"):
		if all, err = parquet.Read[order](bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
		return all
	default:
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var o order
			if _, err := fmt.Sscanf(string(line), `{"n":%d,`, &o.N); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all = append(all, o)
		}
		return all
	}
}

// Every record is in a file of the configured format, in order, through changes of schema, files that are too large for
// memory and files that are committed meanwhile.
func TestSchemasInFolder(t *testing.T) {
	const one = `{"type":"struct","version":1,"optional":false,"fields":[{"field":"n","type":"int64","optional":false},{"field":"text","type":"string","optional":false}]}`
	const two = `{"type":"struct","version":2,"optional":false,"fields":[{"field":"n","type":"int64","optional":false},{"field":"text","type":"string","optional":false},` +
		`{"field":"note","type":"string","optional":true}]}`
	for _, tc := range []struct {
		ext   string
		set   map[string]string
		files [][2]int64
	}{
		{".avro", map[string]string{"format.class": "AvroFormat", "schema.compatibility": "BACKWARD"}, [][2]int64{{0, 99}, {100, 149}, {150, 249}, {250, 349}, {350, 399}}},
		{".avro", map[string]string{"format.class": "AvroFormat", "avro.codec": "snappy", "flush.size": "1000000"}, [][2]int64{{0, 149}, {150, 199}, {200, 249}, {250, 399}}},
		{".parquet", map[string]string{"format.class": "ParquetFormat"}, [][2]int64{{0, 99}, {100, 149}, {150, 199}, {200, 249}, {250, 349}, {350, 399}}},
		{".parquet", map[string]string{"format.class": "ParquetFormat", "flush.size": "1000000", "schema.compatibility": "FULL"}, [][2]int64{{0, 149}, {150, 399}}},
		{".json.gz", map[string]string{"format.class": "JsonFormat", "sluice.compression": "gzip", "flush.size": "400", "schema.compatibility": "FORWARD"}, [][2]int64{{0, 399}}},
	} {
		t.Run(fmt.Sprint(tc.set), func(t *testing.T) {
			dir := t.TempDir()
			raw := map[string]string{"store.url": "file://" + dir, "flush.size": "100", "sluice.buffer.bytes": "65536"}
			maps.Copy(raw, tc.set)
			w := openAt(t, newTask(t, connectors.PayloadJSON, raw), -1, newAcks())
			text := strings.Repeat("0123456789", 200)
			for n := int64(0); n < 400; n += 50 {
				var b connectors.Builder
				schema := one
				if n >= 150 && n != 200 { // records of the old schema come late
					schema = two
				}
				b.Describe("", nil, []byte(schema))
				for k := n; k < n+50; k++ {
					b.Append(k, 0, nil, fmt.Appendf(nil, `{"n":%d,"text":"%d%s"}`, k, k, text))
				}
				if err := written(t.Context(), w, b.Batch(part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			shut(t, w)
			files, err := filepath.Glob(filepath.Join(dir, "topics", "select-color", "partition=1", "*"))
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(files)
			next := int64(0)
			var spans [][2]int64
			for _, name := range files {
				first := next
				if !strings.HasSuffix(name, tc.ext) {
					t.Errorf("%s has another extension", name)
				}
				for _, o := range orders(t, name) {
					if o.N != next {
						t.Fatalf("%s: record %d where %d was expected", name, o.N, next)
					}
					next++
				}
				spans = append(spans, [2]int64{first, next - 1})
			}
			if next != 400 {
				t.Errorf("%d records of 400", next)
			}
			if tc.files != nil && !slices.Equal(spans, tc.files) {
				t.Errorf("files are %v, want %v", spans, tc.files)
			}
		})
	}
}

// After a restart records of an older schema are projected to that of the newest committed file, as before it.
func TestSchemaAfterRestart(t *testing.T) {
	const head = `{"type":"struct","name":"org.example.Order","optional":false,"version":`
	const one = head + `1,"fields":[{"field":"n","type":"int64","optional":false},{"field":"text","type":"string","optional":false}]}`
	const two = head + `2,"fields":[{"field":"n","type":"int64","optional":false},{"field":"text","type":"string","optional":false},` +
		`{"field":"note","type":"string","optional":false,"default":"none"}]}`
	for _, class := range []string{"AvroFormat", "ParquetFormat"} {
		for _, partitioner := range []map[string]string{nil, {"partitioner.class": "FieldPartitioner", "partition.field.name": "text"}} {
			t.Run(fmt.Sprint(class, partitioner), func(t *testing.T) {
				dir := t.TempDir()
				set := map[string]string{"store.url": "file://" + dir, "flush.size": "2", "format.class": class, "schema.compatibility": "BACKWARD"}
				maps.Copy(set, partitioner)
				write := func(first int64, schema string) {
					w := openAt(t, newTask(t, connectors.PayloadJSON, set), first, newAcks())
					var b connectors.Builder
					b.Describe("", nil, []byte(schema))
					for k := first; k < first+2; k++ {
						b.Append(k, 0, nil, fmt.Appendf(nil, `{"n":%d,"text":"t%d"}`, k, k))
					}
					if err := written(t.Context(), w, b.Batch(part)); err != nil {
						t.Fatal(err)
					}
					shut(t, w)
				}
				write(0, one)
				write(2, two)
				write(4, one)
				files, err := filepath.Glob(filepath.Join(dir, "topics", "select-color", "*", "*"))
				if err != nil {
					t.Fatal(err)
				}
				var notes []string
				for _, name := range files {
					for _, o := range orders(t, name) {
						note := "no such field"
						if o.Note != nil {
							note = *o.Note
						}
						notes = append(notes, fmt.Sprint(o.N, " ", note))
					}
				}
				slices.Sort(notes)
				if want := []string{"0 no such field", "1 no such field", "2 none", "3 none", "4 none", "5 none"}; !slices.Equal(notes, want) {
					t.Errorf("%v, want %v", notes, want)
				}
			})
		}
	}
}
