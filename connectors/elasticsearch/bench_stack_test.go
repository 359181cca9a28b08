//go:build stack

package elasticsearch

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// BenchmarkStackSink stores records of 190 bytes on a real server, one operation being one record.
func BenchmarkStackSink(b *testing.B) {
	s := stack.Shared(b, stack.Elasticsearch)
	p := connectors.Partition{Topic: fmt.Sprintf("es-bench-%d", time.Now().UnixNano()), ID: 0}
	rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(b)
	w := openWriter(b, startTask(b, rt, s.ElasticsearchURL(), map[string]string{
		"sluice.index.settings": `{"number_of_shards":1,"number_of_replicas":0,"refresh_interval":"30s"}`, "sluice.index.mappings": `{"dynamic":false}`,
	}), p, ack)
	b.Cleanup(func() { reader{b, s.ElasticsearchURL()}.call("DELETE", "/"+p.Topic, "") })
	value := fmt.Appendf(nil, `{"n":1234567,"timestamp":"2026-11-23T04:41:52.123+0000","userAgent":"Mozilla/5.0 (X11; Linux x86_64)","colorName":"blue","userName":%q}`,
		"a-name-that-fills-the-record-to-its-190-bytes-of-JSON")
	b.SetBytes(int64(len(value)))
	b.ResetTimer()
	offset := int64(0)
	for ; offset < int64(b.N); offset += 2000 {
		batch := documents(p, offset, 2000, func(int64) []byte { return value })
		if err := w.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(offset)/float64(rt.metric("bulk_requests_total").get()), "documents/bulk")
}
