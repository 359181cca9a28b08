package hdfs

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// BenchmarkWrite locates and encodes records of 200 bytes; an operation is a record. Nothing is committed.
func BenchmarkWrite(b *testing.B) {
	const size = 1000
	var builder connectors.Builder
	for o := range int64(size) {
		builder.Append(o, 1767612030123+o, nil, fmt.Appendf(nil, `{"o":%d,"color":"c%d","x":"%s"}`, o, o%5, strings.Repeat("x", 170)))
	}
	records := builder.Batch(part)
	for _, tc := range []struct {
		name string
		set  map[string]string
	}{
		{"one folder", nil},
		{"folders of a field", map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "color"}},
		{"folders of an hour", map[string]string{"partitioner.class": "HourlyPartitioner", "locale": "en", "timezone": "UTC", "timestamp.extractor": "Record"}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			set := map[string]string{"format.class": "JsonFormat", "flush.size": "1000000000", "sluice.buffer.bytes": "1073741824"}
			maps.Copy(set, tc.set)
			w := openAt(b, inFolderOf(b, b.TempDir(), connectors.PayloadJSON, set), -1, newAcks())
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += size {
				if err := w.Write(b.Context(), records); err != nil {
					b.Fatal(err)
				}
				if n%100000 == 99000 { // as a commit would

					w.drop()
				}
			}
			b.StopTimer()
			_ = w.Close(b.Context())
		})
	}
}
