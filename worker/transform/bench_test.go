package transform

import (
	"testing"

	"github.com/sluice-connect/sluice/worker/data"
)

// BenchmarkChain passes records of ten fields through chains of usual length.
func BenchmarkChain(b *testing.B) {
	chains := []struct {
		name   string
		config map[string]string
	}{
		{"route", config("transforms", "r", "transforms.r.type", "RegexRouter", "transforms.r.regex", "(.*)", "transforms.r.replacement", "x-$1")},
		{"mask", config("transforms", "m", "transforms.m.type", javaPackage+"MaskField$Value", "transforms.m.fields", "f3,f4")},
		{"filter", config("transforms", "f", "transforms.f.type", "Filter", "transforms.f.predicate", "p", "predicates", "p", "predicates.p.type", "RecordIsTombstone")},
		{"three", config("transforms", "c,i,k",
			"transforms.c.type", javaPackage+"Cast$Value", "transforms.c.spec", "f1:string,f2:float64",
			"transforms.i.type", javaPackage+"InsertField$Value", "transforms.i.topic.field", "topic", "transforms.i.timestamp.field", "at",
			"transforms.k.type", "ValueToKey", "transforms.k.fields", "f0")},
	}
	schema := &data.Schema{Type: data.StructType}
	free := data.NewMap(10)
	for i := range 10 {
		name := "f" + string(rune('0'+i))
		schema.Fields = append(schema.Fields, data.Field{Name: name, Schema: data.OptionalOf(data.Int64)})
		free.Put(name, int64(i))
	}
	typed := data.NewStruct(schema)
	for i := range 10 {
		if err := typed.Set(i, int64(i)); err != nil {
			b.Fatal(err)
		}
	}
	for _, chain := range chains {
		for _, record := range []struct {
			name string
			data.Record
		}{
			{"struct", data.Record{Topic: "events", Timestamp: 1, ValueSchema: schema, Value: typed}},
			{"object", data.Record{Topic: "events", Timestamp: 1, Value: free}},
		} {
			b.Run(chain.name+"/"+record.name, func(b *testing.B) {
				c, err := New(chain.config)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					r := record.Record
					if _, err := c.Apply(&r); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}
