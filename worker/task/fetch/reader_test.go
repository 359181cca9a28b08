package fetch

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/worker/embedded"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const patience = 2 * time.Minute

// open makes a reader of all partitions of a topic, from their beginning.
func open(t *testing.T, b *embedded.Broker, topic string, partitions int) (*kafka.Consumer, *Reader) {
	t.Helper()
	c, r := openWith(t, kafka.ConfigMap{"bootstrap.servers": b.Bootstrap(), "group.id": t.Name(), "enable.auto.commit": false})
	var all []kafka.TopicPartition
	for p := range partitions {
		r.Route(topic, int32(p))
		all = append(all, kafka.TopicPartition{Topic: &topic, Partition: int32(p), Offset: 0})
	}
	if err := c.Assign(all); err != nil {
		t.Fatal(err)
	}
	return c, r
}

// openWith makes a reader of a consumer that has no partitions.
func openWith(t *testing.T, conf kafka.ConfigMap) (*kafka.Consumer, *Reader) {
	t.Helper()
	c, err := kafka.NewConsumer(&conf)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, r
}

// readSoon reads what is there, or comes soon.
func readSoon(r *Reader) int {
	n := r.Read()
	if n > 0 {
		return n
	}
	select {
	case <-r.Ready():
	case <-time.After(50 * time.Millisecond):
	}
	return r.Read()
}

// read reads until there are as many records, and keeps them.
func read(t *testing.T, c *kafka.Consumer, r *Reader, want int) []*Record {
	t.Helper()
	var kept []*Record
	for deadline := time.Now().Add(patience); len(kept) < want; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d records after %s", len(kept), want, patience)
		}
		if m, ok := c.Poll(0).(*kafka.Message); ok {
			t.Fatalf("the consumer itself gave %v", m)
		}
		for i := range readSoon(r) {
			m := r.Record(i)
			if m.Err != nil {
				t.Fatal(m.Err)
			}
			kept = append(kept, m.Keep())
		}
	}
	return kept
}

// Invariant 1.
func TestRecordsOfEachPartitionComeInOrder(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 3)
	const each = 5 * most
	var records []embeddedtest.Record
	for p := range 3 {
		for n := range each {
			records = append(records, embeddedtest.Values("events", int32(p), fmt.Sprint(p, n))...)
		}
	}
	embeddedtest.Produce(t, b, records...)
	c, r := open(t, b, "events", 3)
	next := map[int32]int64{}
	for _, m := range read(t, c, r, 3*each) {
		if m.Topic != "events" || m.Offset != next[m.Partition] || string(m.Value) != fmt.Sprint(m.Partition, m.Offset) || m.Timestamp <= 0 {
			t.Fatalf("got %+v, want offset %d", m, next[m.Partition])
		}
		next[m.Partition]++
	}
}

// What is null, what is empty and what is long comes as it was written.
func TestContent(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	many := make([]kgo.RecordHeader, 2*mostHeaders)
	for i := range many {
		many[i] = kgo.RecordHeader{Key: fmt.Sprint("h", i), Value: fmt.Append(nil, i)}
	}
	want := []*kgo.Record{
		{Value: []byte("value")},
		{Key: []byte("key")},
		{Key: []byte{}, Value: []byte{}},
		{Value: []byte("with headers"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "", Value: []byte{}}, {Key: "a"}}},
		{Value: []byte("with many"), Headers: many},
		{Value: []byte("without")},
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()), kgo.DefaultProduceTopic("events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i, w := range want {
		w.Timestamp = time.UnixMilli(int64(1_700_000_000_000 + i))
	}
	if err := cl.ProduceSync(t.Context(), want...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c, r := open(t, b, "events", 1)
	for i, got := range read(t, c, r, len(want)) {
		w, m := want[i], got.Message()
		same := string(got.Key) == string(w.Key) && (got.Key == nil) == (w.Key == nil) &&
			string(got.Value) == string(w.Value) && (got.Value == nil) == (w.Value == nil) &&
			got.Timestamp == w.Timestamp.UnixMilli() && len(got.Headers) == len(w.Headers) && len(m.Headers) == len(w.Headers) &&
			string(m.Value) == string(w.Value) && m.Timestamp.Equal(w.Timestamp)
		for n := 0; same && n < len(w.Headers); n++ {
			h, g := w.Headers[n], got.Headers[n]
			same = g.Key == h.Key && string(g.Value) == string(h.Value) && (g.Value == nil) == (h.Value == nil) && m.Headers[n].Key == h.Key
		}
		if !same {
			t.Errorf("record %d: got %+v, want %+v", i, got, w)
		}
	}
}

// Invariant 1: a partition that was given up and comes back is routed anew; and records that were on their way are none of the
// new assignment's.
func TestPartitionComesBack(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, slices.Repeat([]string{"x"}, 2*most)...)...)
	c, r := open(t, b, "events", 1)
	read(t, c, r, 1)
	topic := "events"
	for _, from := range []int64{100, 3} {
		if err := c.Unassign(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; { // the client gives it up in the background
			parts, err := c.Assignment()
			if err == nil && len(parts) == 0 && readSoon(r) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the partition is not given up", err)
			}
		}
		r.Route(topic, 0)
		if err := c.Assign([]kafka.TopicPartition{{Topic: &topic, Offset: kafka.Offset(from)}}); err != nil {
			t.Fatal(err)
		}
		if first := read(t, c, r, 1)[0]; first.Offset != from {
			t.Fatalf("assigned at %d, got %d", from, first.Offset)
		}
	}
}

// What the client says of a partition is an error in the place of a record.
func TestErrorOfAPartition(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	c, err := kafka.NewConsumer(&kafka.ConfigMap{"bootstrap.servers": b.Bootstrap(), "group.id": "errors", "auto.offset.reset": "error"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		r.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	topic := "events"
	r.Route(topic, 0)
	if err := c.Assign([]kafka.TopicPartition{{Topic: &topic, Offset: 1_000_000}}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		c.Poll(0)
		if readSoon(r) == 0 {
			continue
		}
		m := r.Record(0)
		if e, ok := m.Err.(kafka.Error); !ok || e.Code() != kafka.ErrAutoOffsetReset { //nolint:errorlint // what the client gives, unwrapped
			t.Fatalf("got %+v", m)
		}
		return
	}
	t.Fatal("no error has come")
}

// Invariant 3.
func TestNothingIsAllocatedForARecord(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, slices.Repeat([]string{"x"}, 64)...)...)
	c, r := open(t, b, "events", 1)
	for deadline := time.Now().Add(patience); readSoon(r) == 0; c.Poll(0) {
		if time.Now().After(deadline) {
			t.Fatal("no records")
		}
	}
	r.Record(0) // the topic's name is allocated once
	if n := testing.AllocsPerRun(100, func() { r.Record(0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Invariant 5: whoever has found nothing is told when there is something, without asking.
func TestTheClientRings(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	c, r := open(t, b, "events", 1)
	for n := range 20 {
		for c.Poll(0) != nil || r.Read() > 0 { // what has come so far
			r.Release()
		}
		embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, strconv.Itoa(n))...)
		for deadline := time.After(patience); r.Read() == 0; c.Poll(0) {
			select {
			case <-r.Ready():
			case <-deadline:
				t.Fatalf("record %d is there, and nothing rings", n)
			}
		}
		if got := string(r.Record(0).Value); got != strconv.Itoa(n) {
			t.Fatalf("got %q, want %d", got, n)
		}
		r.Release()
	}
}

// Invariant 5: the consumer's own events ring, too.
func TestTheConsumerRings(t *testing.T) {
	b := embeddedtest.Start(t)
	c, r := openWith(t, kafka.ConfigMap{"bootstrap.servers": b.Bootstrap(), "group.id": t.Name(), "statistics.interval.ms": 50})
	deadline := time.After(patience)
	for seen := 0; seen < 3; {
		select {
		case <-r.Ready():
		case <-deadline:
			t.Fatal("statistics come, and nothing rings")
		}
		for ev := c.Poll(0); ev != nil; ev = c.Poll(0) {
			if _, ok := ev.(*kafka.Stats); ok {
				seen++
			}
		}
	}
}

func TestLog(t *testing.T) {
	b := embeddedtest.Start(t)
	_, r := openWith(t, kafka.ConfigMap{"bootstrap.servers": b.Bootstrap(), "group.id": t.Name(), LogQueue: "true", "debug": "generic"})
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var lines []Line
		r.ReadLog(func(l Line) { lines = append(lines, l) })
		if len(lines) > 0 {
			if l := lines[0]; l.Level != 7 || l.Facility == "" || l.Text == "" {
				t.Fatalf("got %+v", l)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no line of the log")
		}
	}
}
