package task

import (
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestRecordsFlowAndAreCommitted(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 3)
	s := newStore()
	watchCommits(t, b, s)
	embeddedtest.Produce(t, b, documents("events", 3, 2000)...)
	f := newFakePlugin(t, s)
	r := start(t, config(b, 0, "events"), f)
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 6000 }, r)
	eventually(t, "commits", func() bool {
		c := embeddedtest.Committed(t, b, group)
		return c[tp("events", 0)] == 2000 && c[tp("events", 1)] == 2000 && c[tp("events", 2)] == 2000
	}, r)
	embeddedtest.Produce(t, b, documents("events", 3, 10)...)
	took, err := func() (time.Duration, error) {
		eventually(t, "more records", func() bool { n, _ := s.total(); return n == 6030 }, r)
		return r.stop()
	}()
	if err != nil {
		t.Fatal(err)
	}
	if took > soon {
		t.Errorf("stopping took %s", took)
	}
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
	for i := range int32(3) {
		if c := embeddedtest.Committed(t, b, group)[tp("events", i)]; c != 2010 {
			t.Errorf("partition %d committed at %d", i, c)
		}
		if s.closes[tp("events", i)] != 1 || s.opens[tp("events", i)] != 1 {
			t.Errorf("partition %d opened %d times, closed %d times", i, s.opens[tp("events", i)], s.closes[tp("events", i)])
		}
	}
	if len(r.topics) != 1 || r.topics[0] != "events" {
		t.Errorf("topics %v", r.topics)
	}
}

func TestPayloads(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	at := time.UnixMilli(1_700_000_000_000)
	embeddedtest.Produce(t, b,
		embeddedtest.Record{Topic: "events", Key: []byte("a"), Value: []byte(`{"x":1}`), Timestamp: at},
		embeddedtest.Record{Topic: "events", Value: nil},                                   // a tombstone
		embeddedtest.Record{Topic: "events", Key: []byte{}, Value: []byte(" [1] ignored")}, // the first document counts
		embeddedtest.Record{Topic: "events", Key: []byte("not json"), Value: []byte("null")},
		embeddedtest.Record{Topic: "events", Value: []byte{}},
		embeddedtest.Record{Topic: "events", Value: []byte(`"h"`), Headers: []connectors.Header{{Key: "h", Value: []byte("v")}, {Key: "n"}}},
	)
	s := newStore()
	f := newFakePlugin(t, s)
	f.values = map[connectors.Partition][]string{}
	var headers []connectors.Header
	var stamp int64
	f.onBatch = func(_ connectors.Partition, b *connectors.Batch) plugins.Event {
		for i, rec := range b.All() {
			if rec.Offset == 0 {
				stamp = rec.Timestamp
			}
			for h := range b.Headers(i) {
				headers = append(headers, h)
			}
		}
		return nil
	}
	r := start(t, config(b, 0, "events"), f)
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 6 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	want := []string{`a={"x":1}`, "null=null", "=[1]", "not json=null", "null=null", `null="h"`}
	got := f.values[tp("events", 0)]
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("record %d is %s, wanted %s", i, got[i], want[i])
		}
	}
	if stamp != at.UnixMilli() {
		t.Errorf("timestamp %d", stamp)
	}
	if len(headers) != 2 || headers[0].Key != "h" || string(headers[0].Value) != "v" || headers[1].Value != nil {
		t.Errorf("headers %v", headers)
	}
}
