//go:build stack

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
)

// TestElasticsearchDeadLetters has documents that the mapping of a real index refuses: each is in the dead letter queue as it was,
// with the server's own reason and the place that it came from, and all others are in the index.
func TestElasticsearchDeadLetters(t *testing.T) {
	const records, every, name = 600, 50, "es-letters"
	s := stack.Shared(t, stack.Kafka, stack.Elasticsearch)
	topic := fmt.Sprintf("es-letters-%d", time.Now().UnixNano())
	queue := topic + "-dead"
	p := startPipeline(t, s.KafkaBootstrap(), "")
	p.topic = topic
	create3(t, s.KafkaBootstrap(), topic)
	p.create(name, 2, map[string]string{
		"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": "2", "topics": topic,
		"connection.url": s.ElasticsearchURL(), "key.ignore": "true", "batch.size": "100", "read.timeout.ms": "60000",
		"sluice.index.mappings": `{"properties":{"n":{"type":"long"}}}`,
		"errors.tolerance":      "all", "errors.deadletterqueue.topic.name": queue, "errors.deadletterqueue.topic.replication.factor": "1",
		"errors.deadletterqueue.context.headers.enable": "true",
	})
	refused := func(n int) []byte { return fmt.Appendf(nil, `{"n":"number %d"}`, n) }
	pace(t, s.KafkaBootstrap(), topic, 0, records, 0, func(n int) []byte {
		if n%every == 7 {
			return refused(n)
		}
		return numbered(n)
	})
	p.stored(name, records)

	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBootstrap()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{queue: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, queue)
	if err != nil {
		t.Fatal(err)
	}
	if end := ends[queue][0].Offset; end < records/every || end >= 2*records/every { // some twice where a task lost its place, but not all
		t.Errorf("%d dead letters, want %d", end, records/every)
	}
	letters := map[string]bool{}
	for next := int64(0); next < ends[queue][0].Offset && ctx.Err() == nil; {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			letters[string(r.Key)] = true
			h := map[string]string{}
			for _, header := range r.Headers {
				h[strings.TrimPrefix(header.Key, "__connect.errors.")] = string(header.Value)
			}
			n, err := strconv.Atoi(string(r.Key))
			switch {
			case err != nil || n%every != 7 || string(r.Value) != string(refused(n)):
				t.Errorf("dead letter %q: %q", r.Key, r.Value)
			case h["topic"] != topic || h["partition"] != strconv.Itoa(n%3) || h["offset"] != strconv.Itoa(n/3) || h["stage"] != "TASK_PUT" || h["connector.name"] != name:
				t.Errorf("dead letter of %d with headers %v", n, h)
			case !strings.Contains(h["exception.message"], "failed to parse field [n] of type [long]") || !strings.Contains(h["exception.message"], "document_parsing_exception"):
				t.Errorf("reason %q", h["exception.message"])
			}
		})
	}
	if len(letters) != records/every {
		t.Errorf("dead letters of %d records, want %d", len(letters), records/every)
	}
	if m := p.metrics(name); m["rejected_total"] >= 2*records/every {
		t.Errorf("metrics %v", m)
	}
	var c struct{ Count int }
	if err := post(s.ElasticsearchURL()+"/"+topic+"/_refresh", "", nil); err != nil {
		t.Fatal(err)
	}
	if err := get(s.ElasticsearchURL()+"/"+topic+"/_count", &c); err != nil || c.Count != records-records/every {
		t.Errorf("%d documents: %v", c.Count, err)
	}
}
