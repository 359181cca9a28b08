//go:build stack

package e2e

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Three workers on real Kafka, HDFS and Elasticsearch under load: one joins, one leaves in order, one is killed, and all are restarted one
// after the other. Nothing is missing in either, and nothing is there twice.
func TestClusterOnServices(t *testing.T) {
	const tasks = 6
	s := stack.Shared(t, stack.Kafka, stack.HDFS, stack.Elasticsearch)
	c := newCluster(t, s.KafkaBootstrap(), tasks)
	c.value = func(n int64) string {
		return fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05Z","userAgent":"test","colorName":"blue","userName":"%d"}`, n)
	}
	a, b := c.add(), c.add()
	c.healthy(a, b)
	json := []string{"value.converter", "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable", "false", "tasks.max", strconv.Itoa(tasks)}
	c.create("hdfs", a, append(json, "connector.class", "io.confluent.connect.hdfs.HdfsSinkConnector", "hdfs.url", s.HDFSURL(),
		"format.class", "io.confluent.connect.hdfs.json.JsonFormat", "flush.size", "1000", "rotate.interval.ms", "500")...)
	c.create("elasticsearch", b, append(json, "connector.class", "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
		"connection.url", s.ElasticsearchURL(), "key.ignore", "true", "schema.ignore", "true")...)
	settled := func(workers ...*member) {
		t.Helper()
		c.spread("hdfs", tasks, workers...)
		c.spread("elasticsearch", tasks, workers...)
	}
	settled(a, b)
	c.send(1500)
	delivers := func(what string) {
		t.Helper()
		began := time.Now()
		c.delivers("hdfs", tasks)
		hdfs := time.Since(began)
		c.delivers("elasticsearch", tasks)
		t.Logf("%s: all partitions go on in HDFS after %s, in Elasticsearch by %s", what, hdfs, time.Since(began))
	}
	delivers("two workers")

	third := c.add()
	c.healthy(third)
	settled(a, b, third)
	delivers("a third has joined")

	b.signal(syscall.SIGTERM)
	delivers("one leaves in order")
	b.wait()
	settled(a, third)
	b.start()
	c.healthy(b)
	settled(c.workers...)

	killed := c.leader()
	killed.kill()
	delivers("the leader is killed")
	settled(c.alive()...)
	killed.start()
	c.healthy(killed)
	settled(c.workers...)

	for _, m := range c.workers {
		m.signal(syscall.SIGTERM)
		delivers("a worker is restarted")
		m.wait()
		m.start()
		c.healthy(m)
		settled(c.workers...)
	}

	want := make([]string, c.drain("hdfs", "elasticsearch"))
	for i := range want {
		want[i] = strconv.Itoa(i)
	}
	exactlyOnce(t, "HDFS", want, readHDFS(t, s.WebHDFSURL(), c.topic))
	exactlyOnce(t, "Elasticsearch", want, readElasticsearch(t, s.ElasticsearchURL(), c.topic))
}
