//go:build stack

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
)

// clickSchema is the schema of the records of TestDeadLettersUnderKills, in JsonConverter's envelope.
const clickSchema = `{"type":"struct","fields":[{"type":"string","field":"userName"},{"type":"int64","optional":true,"field":"n"}]}`

// Of 20,000 records with schemas one in twenty cannot be converted and one in twenty cannot be stored. Although each plugin is
// killed twice and the worker twice, at random moments, every good record ends exactly once in HDFS and in Elasticsearch, every
// bad one at least once in the dead letter queue of each, and none in the wrong place.
func TestDeadLettersUnderKills(t *testing.T) {
	const records, tasks = 20_000, 3
	rng := stack.Seed(t)
	s := stack.Shared(t, stack.Kafka, stack.HDFS, stack.Elasticsearch)
	topic := fmt.Sprintf("bad-%d", rng.Uint32())
	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBootstrap()), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), tasks, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	p := startPipeline(t, s.KafkaBootstrap(), "")
	p.topic = topic
	sinks := map[string]map[string]string{
		"hdfs": {
			"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "hdfs.url": s.HDFSURL(),
			"format.class": "io.confluent.connect.hdfs.json.JsonFormat", "flush.size": "1000", "rotate.interval.ms": "1000",
		},
		"elasticsearch": {
			"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "connection.url": s.ElasticsearchURL(), "key.ignore": "true",
			"read.timeout.ms": "60000", "connection.timeout.ms": "30000",
		},
	}
	for name, cfg := range sinks {
		maps.Copy(cfg, map[string]string{
			"tasks.max": strconv.Itoa(tasks), "topics": topic, "value.converter": "JsonConverter",
			"errors.tolerance": "all", "errors.deadletterqueue.topic.name": topic + "-" + name, "errors.deadletterqueue.topic.replication.factor": "1",
			"errors.deadletterqueue.context.headers.enable": "true", "behavior.on.null.values": "fail",
		})
		p.create(name, tasks, cfg)
	}

	type fault struct {
		at   int
		what string
	}
	var faults []fault
	for _, what := range []string{"hdfs", "hdfs", "elasticsearch", "elasticsearch", "worker", "worker"} {
		faults = append(faults, fault{records/10 + rng.IntN(records*8/10), what})
	}
	slices.SortFunc(faults, func(a, b fault) int { return a.at - b.at })

	var good []string
	bad := map[string]string{} // key to stage
	sent := 0
	for _, f := range append(faults, fault{records, ""}) {
		var chunk []*kgo.Record
		for ; sent < f.at; sent++ {
			key := fmt.Sprintf("user-%06d", sent)
			value := fmt.Appendf(nil, `{"schema":%s,"payload":{"userName":%q,"n":%d}}`, clickSchema, key, sent)
			switch rng.IntN(20) {
			case 0:
				value = value[:len(value)-1-rng.IntN(60)]
				bad[key] = "VALUE_CONVERTER"
			case 1:
				value = nil
				bad[key] = "TASK_PUT"
			default:
				good = append(good, key)
			}
			chunk = append(chunk, &kgo.Record{Partition: int32(rng.IntN(tasks)), Key: []byte(key), Value: value})
		}
		if err := client.ProduceSync(t.Context(), chunk...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		switch f.what {
		case "":
		case "worker":
			t.Logf("after %d records: kill -9 of the worker", sent)
			p.worker.kill()
			p.worker.start()
			p.healthy()
		default:
			t.Logf("after %d records: kill -9 of plugin %s", sent, f.what)
			p.worker.killChild(f.what)
		}
	}
	for name := range sinks {
		p.running(name, tasks)
		eventually(t, 5*time.Minute, name+" to deal with everything", func() error {
			if n := p.committed(name); n < records {
				s, _ := p.status(name)
				return fmt.Errorf("%d of %d, status %+v", n, records, s)
			}
			return nil
		})
		checkDeadLetters(t, s.KafkaBootstrap(), topic, name, bad)
	}
	seen := map[string]int{}
	for path, text := range filesHDFS(t, s.WebHDFSURL(), func() []string { return listHDFS(t, s.WebHDFSURL(), "/topics/"+topic) }) {
		for line := range bytes.Lines(text) {
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				t.Errorf("%s: %v: %.80q", path, err, line)
			}
			seen[e.User]++
		}
	}
	exactlyOnce(t, "HDFS", good, seen)
	exactlyOnce(t, "Elasticsearch", good, readElasticsearch(t, s.ElasticsearchURL(), topic))
}

// checkDeadLetters reads a dead letter queue to its end: all that is bad is in it, with where and why, and nothing else.
func checkDeadLetters(t *testing.T, bootstrap, topic, name string, bad map[string]string) {
	t.Helper()
	queue := topic + "-" + name
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{queue: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, queue)
	if err != nil || len(ends[queue]) != 1 {
		t.Fatalf("dead letter queue %s has %d partitions: %v", queue, len(ends[queue]), err)
	}
	letters, again := map[string]int{}, 0
	for next := int64(0); next < ends[queue][0].Offset && ctx.Err() == nil; {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			key := string(r.Key)
			if letters[key]++; letters[key] > 1 {
				again++
			}
			h := map[string]string{}
			for _, header := range r.Headers {
				h[strings.TrimPrefix(header.Key, "__connect.errors.")] = string(header.Value)
			}
			if h["stage"] != bad[key] || h["topic"] != topic || h["connector.name"] != name || h["offset"] == "" || (bad[key] == "TASK_PUT") != (r.Value == nil) {
				t.Errorf("%s: dead letter of %s (%q) with headers %v", name, key, bad[key], h)
			}
		})
	}
	missing := 0
	for key := range bad {
		if letters[key] == 0 {
			missing++
			t.Errorf("%s: no dead letter of %s", name, key)
		}
	}
	t.Logf("%s: dead letters of %d records, %d missing, %d more than once", name, len(bad), missing, again)
}
