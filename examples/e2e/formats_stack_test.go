//go:build stack

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Records with schemas, the second half of a newer one, end exactly once and in order in Avro and Parquet files in HDFS,
// although the plugin is killed meanwhile. Python's libraries read the files.
func TestSchemasToFiles(t *testing.T) {
	const perPartition, partitions = 3000, 3
	rng := stack.Seed(t)
	s := stack.Shared(t, stack.Kafka, stack.HDFS)
	topic := fmt.Sprintf("orders-%d", rng.Uint32())
	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	p := startPipeline(t, s.KafkaBootstrap(), "")
	p.topic = topic
	classes := map[string]string{"avro": "io.confluent.connect.hdfs.avro.AvroFormat", "parquet": "io.confluent.connect.hdfs.parquet.ParquetFormat"}
	for name, class := range classes {
		p.create(name, 2, map[string]string{
			"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max": "2", "topics": topic,
			"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "true",
			"hdfs.url": s.HDFSURL(), "topics.dir": "/" + name, "format.class": class, "avro.codec": "snappy", "schema.compatibility": "BACKWARD",
			"flush.size": "500", "rotate.interval.ms": "2000",
		})
	}
	schemas := []string{
		`{"type":"struct","name":"shop.Order","version":1,"optional":false,"fields":[{"field":"n","type":"int64","optional":false},{"field":"at","type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1,"optional":false},` +
			`{"field":"price","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"optional":true},{"field":"tags","type":"array","items":{"type":"string","optional":false},"optional":true}]}`,
		"",
	}
	schemas[1] = strings.Replace(schemas[0], `"version":1,"optional":false,"fields":[`, `"version":2,"optional":false,"fields":[{"field":"note","type":"string","optional":true},`, 1)
	produce := func(from, to int) {
		for n := from; n < to; n++ {
			schema := schemas[0]
			note := ""
			if n >= perPartition/2 && n%100 != 50 { // a late record of the old schema now and then
				schema, note = schemas[1], fmt.Sprintf(`"note":"note %d",`, n)
			}
			for partition := range int32(partitions) {
				value := fmt.Sprintf(`{"schema":%s,"payload":{%s"n":%d,"at":%d,"price":"AN4=","tags":["a","p%d"]}}`, schema, note, n, 1_700_000_000_000+n, partition)
				client.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	at := 1 + rng.IntN(perPartition-1)
	produce(0, at)
	pid := p.worker.named("hdfs", len(classes))[0]
	t.Logf("after %d records: kill -9 of a plugin", at)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	produce(at, perPartition)
	eventually(t, time.Minute, "WebHDFS", func() error { return get(s.WebHDFSURL()+"/webhdfs/v1/?op=LISTSTATUS", nil) }) // its first answer is slow
	for name := range classes {
		eventually(t, 2*time.Minute, name+" to store everything", func() error {
			if n := p.committed(name); n < perPartition*partitions {
				s, _ := p.status(name)
				return fmt.Errorf("%d of %d, status %+v", n, perPartition*partitions, s)
			}
			return nil
		})
		check(t, s, name, topic, perPartition, partitions)
	}
}

// check reads the files of a format under a topic's folder.
func check(t *testing.T, s *stack.Stack, format, topic string, perPartition, partitions int) {
	t.Helper()
	dir := t.TempDir()
	names := regexp.MustCompile(`\+(\d+)\+(\d+)\+(\d+)\.` + format + `$`)
	for partition := range partitions {
		var local []string
		next := int64(0)
		texts := filesHDFS(t, s.WebHDFSURL(), func() []string {
			return listHDFS(t, s.WebHDFSURL(), fmt.Sprintf("/%s/%s/partition=%d", format, topic, partition))
		})
		for _, path := range slices.Sorted(maps.Keys(texts)) { // by offsets, which are padded
			m := names.FindStringSubmatch(path)
			if m == nil || m[1] != strconv.Itoa(partition) {
				t.Fatalf("a file whose name says nothing: %s", path)
			}
			first, _ := strconv.ParseInt(m[2], 10, 64)
			last, _ := strconv.ParseInt(m[3], 10, 64)
			if first != next {
				t.Errorf("%s begins at %d, expected %d", path, first, next)
			}
			next = last + 1
			name := filepath.Join(dir, fmt.Sprintf("%d-%d.%s", partition, first, format))
			if err := os.WriteFile(name, texts[path], 0o600); err != nil {
				t.Fatal(err)
			}
			local = append(local, name)
		}
		cmd := exec.CommandContext(t.Context(), stack.Python(t, "fastavro", "pyarrow", "cramjam", "backports.zstd"),
			append([]string{"../../connectors/hdfs/encode/testdata/read.py"}, local...)...)
		var failed bytes.Buffer
		cmd.Stderr = &failed
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, failed.Bytes())
		}
		n := 0
		for line := range strings.Lines(string(out)) {
			var r struct {
				N     int      `json:"n"`
				At    int64    `json:"at"`
				Price string   `json:"price"`
				Tags  []string `json:"tags"`
				Note  *string  `json:"note"`
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			noted := n >= perPartition/2 && n%100 != 50
			if r.N != n || r.At != 1_700_000_000_000+int64(n) || r.Price != "2.22" || !slices.Equal(r.Tags, []string{"a", fmt.Sprintf("p%d", partition)}) ||
				(r.Note != nil) != noted || noted && *r.Note != fmt.Sprintf("note %d", n) {
				t.Fatalf("%s, partition %d, record %d is %s", format, partition, n, line)
			}
			n++
		}
		if n != perPartition || next != int64(n) {
			t.Errorf("%s, partition %d: %d records up to offset %d, want %d", format, partition, n, next, perPartition)
		}
		t.Logf("%s, partition %d: %d records in %d files", format, partition, n, len(local))
	}
}
