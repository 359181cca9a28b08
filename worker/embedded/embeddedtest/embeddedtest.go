package embeddedtest

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/embedded"
)

const patience = 2 * time.Minute

// Start starts a broker that is closed when the test ends. Options change its configuration; without any it is one broker
// in memory that accepts short session timeouts.
func Start(t testing.TB, options ...func(*embedded.Config)) *embedded.Broker {
	t.Helper()
	cfg := embedded.Config{MinSessionTimeout: 100 * time.Millisecond}
	for _, o := range options {
		o(&cfg)
	}
	b, err := embedded.Start(cfg)
	// A client that asks for a broker that is away may have its port for a moment, as the port that it asks from.
	for deadline := time.Now().Add(patience); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(deadline); b, err = embedded.Start(cfg) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("starting embedded broker: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing embedded broker: %v", err)
		}
	})
	return b
}

// InDir keeps the broker's data in a folder.
func InDir(dir string) func(*embedded.Config) {
	return func(c *embedded.Config) { c.Dir = dir }
}

// On makes the broker listen on an address.
func On(listen string) func(*embedded.Config) {
	return func(c *embedded.Config) { c.Listen = listen }
}

// Brokers starts several brokers, for tests in which leaders move.
func Brokers(n int) func(*embedded.Config) {
	return func(c *embedded.Config) { c.Brokers = n }
}

// CreateTopic makes a topic.
func CreateTopic(t testing.TB, b *embedded.Broker, topic string, partitions int) {
	t.Helper()
	if err := b.Cluster().CreateTopic(topic, int32(partitions), nil); err != nil {
		t.Fatalf("creating topic %s: %v", topic, err)
	}
}

// Record is a record to produce. Nil is null, and a zero Timestamp is now.
type Record struct {
	Topic      string
	Partition  int32
	Key, Value []byte
	Headers    []connectors.Header
	Timestamp  time.Time
}

// Values makes records of one partition out of texts.
func Values(topic string, partition int32, values ...string) []Record {
	records := make([]Record, len(values))
	for i, v := range values {
		records[i] = Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	return records
}

// Produce appends records to their partitions, in order, and returns when all are acknowledged.
func Produce(t testing.TB, b *embedded.Broker, records ...Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cl := client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer cl.Close()
	batch := make([]*kgo.Record, len(records))
	for i, r := range records {
		batch[i] = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
		for _, h := range r.Headers {
			batch[i].Headers = append(batch[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	if err := cl.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		t.Fatalf("producing %d records: %v", len(records), err)
	}
}

// Read gives all records that a topic has, by partition and offset. A topic that does not exist has none.
func Read(t testing.TB, b *embedded.Broker, topic string) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cl := client(t, b)
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatalf("listing end offsets of %s: %v", topic, err)
	}
	var records []Record
	for id, end := range ends[topic] {
		if end.Err != nil || end.Offset == 0 {
			continue
		}
		reader := client(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {id: kgo.NewOffset().AtStart()}}))
		for next := int64(0); next < end.Offset && ctx.Err() == nil; {
			fetched := reader.PollFetches(ctx)
			fetched.EachRecord(func(r *kgo.Record) {
				next = r.Offset + 1
				record := Record{Topic: topic, Partition: id, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
				for _, h := range r.Headers {
					record.Headers = append(record.Headers, connectors.Header{Key: h.Key, Value: h.Value})
				}
				records = append(records, record)
			})
		}
		reader.Close()
	}
	if ctx.Err() != nil {
		t.Fatalf("reading topic %s takes too long", topic)
	}
	return records
}

// Committed reads the committed offsets of a consumer group; a partition without one is missing.
func Committed(t testing.TB, b *embedded.Broker, group string) map[connectors.Partition]int64 {
	t.Helper()
	ctx, adm, done := admin(t, b)
	defer done()
	fetched, err := adm.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return map[connectors.Partition]int64{} // nobody has joined yet
	}
	if err != nil {
		t.Fatalf("fetching offsets of group %s: %v", group, err)
	}
	offsets := map[connectors.Partition]int64{}
	fetched.Each(func(o kadm.OffsetResponse) {
		if o.Err == nil && o.At >= 0 {
			offsets[connectors.Partition{Topic: o.Topic, ID: o.Partition}] = o.At
		}
	})
	return offsets
}

// Members gives the static members of a consumer group by their instance ids, with how many partitions each has, and whether the
// group rests.
func Members(t testing.TB, b *embedded.Broker, group string) (partitions map[string]int, stable bool) {
	t.Helper()
	ctx, adm, done := admin(t, b)
	defer done()
	described, err := adm.DescribeGroups(ctx, group)
	if err == nil {
		err = described.Error()
	}
	if err != nil {
		t.Fatalf("describing group %s: %v", group, err)
	}
	partitions = map[string]int{}
	for _, m := range described[group].Members {
		if m.InstanceID == nil {
			continue
		}
		partitions[*m.InstanceID] = 0
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				partitions[*m.InstanceID] += len(topic.Partitions)
			}
		}
	}
	return partitions, described[group].State == "Stable"
}

// AddPartitions grows a topic to this many partitions.
func AddPartitions(t testing.TB, b *embedded.Broker, topic string, total int) {
	t.Helper()
	ctx, adm, done := admin(t, b)
	defer done()
	resp, err := adm.UpdatePartitions(ctx, total, topic)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatalf("growing topic %s to %d partitions: %v", topic, total, err)
	}
}

// DeleteBefore drops the records of a partition below an offset, as retention does.
func DeleteBefore(t testing.TB, b *embedded.Broker, p connectors.Partition, offset int64) {
	t.Helper()
	ctx, adm, done := admin(t, b)
	defer done()
	deleted, err := adm.DeleteRecords(ctx, kadm.Offsets{p.Topic: {p.ID: {Topic: p.Topic, Partition: p.ID, At: offset}}})
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatalf("deleting records of %s before %d: %v", p, offset, err)
	}
}

// admin gives a client for questions and changes, and for how long it may take; done closes it.
func admin(t testing.TB, b *embedded.Broker) (ctx context.Context, adm *kadm.Client, done func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	adm = kadm.NewClient(client(t, b))
	return ctx, adm, func() {
		adm.Close()
		cancel()
	}
}

func client(t testing.TB, b *embedded.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(b.Bootstrap(), ",")...)}, opts...)...)
	if err != nil {
		t.Fatalf("making Kafka client: %v", err)
	}
	return cl
}
