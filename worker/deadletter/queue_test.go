package deadletter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func open(t *testing.T, bootstrap, topic string, replicas int) *Queue {
	t.Helper()
	props := map[string]string{"bootstrap.servers": bootstrap}
	consumer := map[string]string{"bootstrap.servers": bootstrap, "group.id": "g"}
	q, err := Open(Config{Topic: topic, Replication: replicas, Connector: "c", Task: 2, Producer: props, Admin: props, Consumer: consumer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// await waits for this many results.
func await(t *testing.T, q *Queue, n int) []Result {
	t.Helper()
	var results []Result
	timeout := time.After(2 * time.Minute)
	for len(results) < n {
		select {
		case <-q.Ready():
			results = append(results, q.Results()...)
		case <-timeout:
			t.Fatalf("%d results of %d", len(results), n)
		}
	}
	return results
}

func letter(offset int64, m *kafka.Message) Letter {
	return Letter{
		Partition: connectors.Partition{Topic: "events"}, Offset: offset, Record: m,
		Cause: Cause{Stage: TaskPut, Class: SinkTask, Err: errors.New("no")},
	}
}

func TestQueueMakesItsTopic(t *testing.T) {
	b := embeddedtest.Start(t)
	q := open(t, b.Bootstrap(), "dead", 1)
	q.Send(letter(7, &kafka.Message{Key: []byte("k"), Value: []byte{}, Timestamp: time.UnixMilli(5), TimestampType: kafka.TimestampCreateTime}))
	if r := await(t, q, 1)[0]; r.Err != nil || r.Letter.Offset != 7 || r.Letter.Record != nil {
		t.Errorf("result %+v", r)
	}
	got := embeddedtest.Read(t, b, "dead")
	if len(got) != 1 || string(got[0].Key) != "k" || got[0].Value == nil || len(got[0].Value) != 0 || got[0].Timestamp.UnixMilli() != 5 || len(got[0].Headers) != 0 {
		t.Errorf("dead letters %+v", got)
	}
	if n, trouble := q.Stuck(time.Now()); q.Outstanding() != 0 || n != 0 || trouble != nil {
		t.Errorf("%d outstanding, stuck for %s: %v", q.Outstanding(), n, trouble)
	}
}

// TestQueueUsesATopicThatIsThere finds the partition of a key that Java's producers find.
func TestQueueUsesATopicThatIsThere(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "dead", 3)
	q := open(t, b.Bootstrap(), "dead", 1)
	for i, key := range []string{"a", "b", "c", "d"} {
		q.Send(letter(int64(i), &kafka.Message{Key: []byte(key)}))
	}
	await(t, q, 4)
	want := map[string]int32{"a": 1, "b": 2, "c": 1, "d": 2} // Utils.toPositive(Utils.murmur2(key)) % 3
	for _, r := range embeddedtest.Read(t, b, "dead") {
		if r.Partition != want[string(r.Key)] || r.Value != nil {
			t.Errorf("%s is in partition %d with %q", r.Key, r.Partition, r.Value)
		}
	}
}

// TestQueueReadsAgain reads records forwards, backwards and far apart.
func TestQueueReadsAgain(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	var records []embeddedtest.Record
	for i := range 3000 {
		records = append(records, embeddedtest.Record{Topic: "events", Partition: int32(i % 2), Value: fmt.Append(nil, i)})
	}
	embeddedtest.Produce(t, b, records...)
	q := open(t, b.Bootstrap(), "dead", 1)
	order := []int{0, 2, 6, 7, 2999, 2998, 1, 2500, 0}
	for _, i := range order {
		l := letter(int64(i/2), nil)
		l.Partition.ID = int32(i % 2)
		q.Send(l)
	}
	for _, r := range await(t, q, len(order)) {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	for i, r := range embeddedtest.Read(t, b, "dead") {
		if string(r.Value) != strconv.Itoa(order[i]) {
			t.Errorf("dead letter %d is record %s, want %d", i, r.Value, order[i])
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := open(t, "127.0.0.1:1", "dead", 1) // nobody is there
	n := 0
	for ; !q.Full() && n < 10_000; n++ {
		q.Send(letter(int64(n), &kafka.Message{}))
	}
	if n != maxLetters {
		t.Errorf("full after %d letters", n)
	}
	if stuck, _ := q.Stuck(time.Now().Add(time.Minute)); stuck < 59*time.Second {
		t.Errorf("stuck for %s", stuck)
	}
	q = open(t, "127.0.0.1:1", "dead", 1)
	for n = 0; !q.Full() && n < 10_000; n++ {
		q.Send(letter(int64(n), &kafka.Message{Value: make([]byte, maxBytes/10)}))
	}
	if n != 10 {
		t.Errorf("full after %d letters of a tenth", n)
	}
}

func TestCause(t *testing.T) {
	inner := errors.New("at byte 5")
	for _, tc := range []struct {
		name                   string
		cause                  Cause
		text, exception, trace string
	}{
		{"of a sink", Cause{Err: connectors.BadRecord(connectors.Partition{}, -1, inner)}, "storing record: at byte 5", DataException, DataException + ": storing record: at byte 5"},
		{"of a converter", Cause{Exception: "x.Y", Message: "Failed: ", Err: fmt.Errorf("failed: %w", inner)}, "Failed: ", "x.Y", "x.Y: Failed: \nCaused by: at byte 5"},
		{"without an error", Cause{Message: "m"}, "m", DataException, DataException + ": m"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.cause.Text() != tc.text || tc.cause.exception() != tc.exception || tc.cause.trace() != tc.trace {
				t.Errorf("%q, %q, %q", tc.cause.Text(), tc.cause.exception(), tc.cause.trace())
			}
		})
	}
}

func TestOpenRefusesOddProperties(t *testing.T) {
	_, err := Open(Config{Topic: "dead", Producer: map[string]string{"linger.ms": "x"}})
	if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), "producer.override") {
		t.Errorf("error %v", err)
	}
}
