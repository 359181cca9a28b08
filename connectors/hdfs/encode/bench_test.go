package encode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// BenchmarkAppend writes records of 200 bytes to files of 100,000.
func BenchmarkAppend(b *testing.B) {
	const schema = `{"type":"struct","optional":false,"name":"bench.Click","fields":[
		{"type":"int64","optional":false,"name":"org.apache.kafka.connect.data.Timestamp","version":1,"field":"timestamp"},
		{"type":"string","optional":false,"field":"userAgent"},{"type":"string","optional":true,"field":"colorName"},
		{"type":"string","optional":true,"field":"userName"},{"type":"int32","optional":false,"field":"n"},{"type":"double","optional":true,"field":"share"}]}`
	values := make([]string, 1000)
	for i := range values {
		values[i] = fmt.Sprintf(`{"timestamp":%d,"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox","colorName":"%s","userName":"user-%06d","n":%d,"share":%.3f}`,
			1700000000000+i, i%7, []string{"green", "red", "blue"}[i%3], i, i*7, float64(i)/7)
	}
	values[0] += strings.Repeat(" ", 200-len(values[0])%200)
	for _, o := range []Options{
		{Class: JSON},
		{Class: JSON, Compression: Gzip},
		{Class: JSON, Compression: Zstd},
		{Class: JSON, Compression: Snappy},
		{Class: String},
		{Class: ByteArray},
		{Class: Avro},
		{Class: Avro, AvroCodec: Snappy},
		{Class: Avro, AvroCodec: "zstandard"},
		{Class: Parquet, ParquetCodec: None},
		{Class: Parquet},
		{Class: Parquet, ParquetCodec: Zstd},
	} {
		for _, with := range []string{schema, ""} {
			name := "schema"
			if with == "" {
				name = "none"
			}
			b.Run(strings.TrimSuffix(o.Class, "Format")+o.Compression+o.AvroCodec+o.ParquetCodec+"/"+name, func(b *testing.B) {
				o.Payload = connectors.PayloadJSON
				f, err := New(o)
				if err != nil {
					b.Fatal(err)
				}
				s := f.NewSchemas()
				file := f.NewFile(s)
				records := batch(with, values...)
				b.ReportAllocs()
				b.ResetTimer()
				for n := range b.N {
					i := n % len(values)
					if _, err := s.Check(records, i); err != nil {
						b.Fatal(err)
					}
					if err := file.Append(records, i); err != nil {
						b.Fatal(err)
					}
					if n%100_000 == 99_999 {
						if _, err := joined(file.Finish()); err != nil {
							b.Fatal(err)
						}
						file.Reset()
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}
