//go:build stack

package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// 100,000 clicks on the page end exactly once in HDFS and exactly once in Elasticsearch, although each plugin is killed
// twice and the worker once, at random moments of the load.
func TestExactlyOnceUnderKills(t *testing.T) {
	const events, tasks = 100_000, 3
	rng := stack.Seed(t)
	s := stack.Shared(t, stack.Kafka, stack.HDFS, stack.Elasticsearch)
	topic := fmt.Sprintf("clicks-%d", rng.Uint32())
	p := startPipeline(t, s.KafkaBootstrap(), topic)
	p.create("to-hdfs", tasks, map[string]string{
		"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max": strconv.Itoa(tasks), "topics": topic,
		"hdfs.url": s.HDFSURL(), "format.class": "io.confluent.connect.hdfs.json.JsonFormat", "flush.size": "2000", "rotate.interval.ms": "2000",
	})
	p.create("to-elasticsearch", tasks, map[string]string{
		"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": strconv.Itoa(tasks), "topics": topic,
		"connection.url": s.ElasticsearchURL(), "key.ignore": "true", "schema.ignore": "true",
	})

	// Each fault comes when so many events have been sent.
	type fault struct {
		at   int
		what string
	}
	var faults []fault
	for _, what := range []string{"hdfs", "hdfs", "elasticsearch", "elasticsearch", "worker"} {
		faults = append(faults, fault{events/10 + rng.IntN(events*8/10), what})
	}
	slices.SortFunc(faults, func(a, b fault) int { return a.at - b.at })

	users := make([]string, events)
	for i := range users {
		users[i] = fmt.Sprintf("user-%06d", i)
	}
	sent := 0
	for _, f := range append(faults, fault{events, ""}) {
		send(t, p.page, users[sent:f.at])
		sent = f.at
		switch f.what {
		case "":
		case "worker":
			t.Logf("after %d events: kill -9 of the worker", sent)
			p.worker.kill()
			p.worker.start()
			p.healthy()
		default:
			t.Logf("after %d events: kill -9 of plugin %s", sent, f.what)
			p.worker.killChild(f.what)
		}
	}
	t.Logf("all %d events are sent", sent)
	for _, c := range []string{"to-hdfs", "to-elasticsearch"} {
		p.running(c, tasks)
		eventually(t, 5*time.Minute, c+" to store everything", func() error {
			if n := p.committed(c); n < events {
				s, _ := p.status(c)
				return fmt.Errorf("%d of %d, status %+v", n, events, s)
			}
			return nil
		})
	}
	exactlyOnce(t, "HDFS", users, readHDFS(t, s.WebHDFSURL(), topic))
	exactlyOnce(t, "Elasticsearch", users, readElasticsearch(t, s.ElasticsearchURL(), topic))
}
