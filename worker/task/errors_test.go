package task

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/embedded"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/metrics"
)

const deadLetters = "test-dead"

// tolerant is a configuration with a dead letter queue.
func tolerant(b *embedded.Broker, topics ...string) Config {
	cfg := config(b, 0, topics...)
	client := map[string]string{"bootstrap.servers": b.Bootstrap(), "retry.backoff.ms": "20", "retry.backoff.max.ms": "100"}
	cfg.Errors = Errors{Tolerate: true, DeadLetters: &deadletter.Config{
		Topic: deadLetters, Replication: 1, ContextHeaders: true, Connector: "test", Task: 0,
		Producer: maps.Clone(client), Admin: client, Consumer: maps.Clone(cfg.Consumer),
	}}
	return cfg
}

// headersOf gives the headers of a record as text, name by name.
func headersOf(r embeddedtest.Record) map[string]string {
	m := map[string]string{}
	for _, h := range r.Headers {
		m[h.Key] = string(h.Value)
	}
	return m
}

func committed(t testing.TB, b *embedded.Broker, p connectors.Partition) int64 {
	t.Helper()
	return embeddedtest.Committed(t, b, group)[p]
}

func TestDeadLettersOfConverters(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	written := time.UnixMilli(1_700_000_000_123)
	bad := embeddedtest.Record{
		Topic: "events", Partition: 1, Key: []byte("k"), Value: []byte(`{"a":}`), Timestamp: written,
		Headers: []connectors.Header{{Key: "trace", Value: []byte{0, 1}}, {Key: "none"}},
	}
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 1, `1`, `2`, `3`)...)
	embeddedtest.Produce(t, b, bad)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 1, `5`)...)
	embeddedtest.Produce(t, b, embeddedtest.Record{Topic: "events", Partition: 1, Value: []byte("")}, embeddedtest.Record{Topic: "events", Partition: 1, Value: []byte("x")})
	s := newStore()
	cfg := tolerant(b, "events")
	registry := metrics.New()
	cfg.Metrics = registry.Task("test", 0)
	var log lockedBuffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Errors.Log, cfg.Errors.LogRecord = true, true
	f := newFakePlugin(t, s)
	f.gaps = true
	r := start(t, cfg, f)
	eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 1)) == 7 }, r)
	if n, twice := s.total(); n != 5 || twice != 0 {
		t.Errorf("%d records stored, %d more than once", n, twice)
	}
	letters := embeddedtest.Read(t, b, deadLetters)
	if len(letters) != 2 {
		t.Fatalf("%d dead letters", len(letters))
	}
	first := letters[0]
	if !bytes.Equal(first.Key, bad.Key) || !bytes.Equal(first.Value, bad.Value) || !first.Timestamp.Equal(written) {
		t.Errorf("dead letter %q=%q at %s", first.Key, first.Value, first.Timestamp)
	}
	if diff := cmp.Diff(bad.Headers, first.Headers[:2]); diff != "" {
		t.Error(diff)
	}
	want := []string{"topic", "partition", "offset", "connector.name", "task.id", "stage", "class.name", "exception.class.name", "exception.message", "exception.stacktrace"}
	for i, h := range first.Headers[2:] {
		if h.Key != "__connect.errors."+want[i] {
			t.Errorf("header %d is %s", i, h.Key)
		}
	}
	got := headersOf(first)
	for name, value := range map[string]string{
		"topic": "events", "partition": "1", "offset": "3", "connector.name": "test", "task.id": "0", "stage": "VALUE_CONVERTER",
		"class.name": "org.apache.kafka.connect.json.JsonConverter", "exception.class.name": "org.apache.kafka.connect.errors.DataException",
		"exception.message": "Converting byte[] to Kafka Connect data failed due to serialization error: ",
	} {
		if got["__connect.errors."+name] != value {
			t.Errorf("header %s is %q", name, got["__connect.errors."+name])
		}
	}
	if trace := got["__connect.errors.exception.stacktrace"]; !strings.Contains(trace, "at byte 5") {
		t.Errorf("trace %q", trace)
	}
	// On the end of a partition the rest is passed over, too.
	if values := gather(t, registry); values["total_record_errors"] != 2 || values["total_records_skipped"] != 2 || values["total_record_failures"] != 2 ||
		values["total_errors_logged"] != 2 || values["deadletterqueue_produce_requests"] != 2 || values["deadletterqueue_produce_failures"] != 0 || values["last_error_timestamp"] == 0 {
		t.Errorf("metrics %v", values)
	}
	if text := log.String(); !strings.Contains(text, "offset=3") || !strings.Contains(text, "stage=VALUE_CONVERTER") || strings.Contains(text, `{\"a\":}`) {
		t.Errorf("log: %s", text)
	}
	if _, err := r.stop(); err != nil {
		t.Error(err)
	}
}

// gather reads Kafka Connect's metrics of errors in tasks.
func gather(t testing.TB, r *metrics.Registry) map[string]float64 {
	t.Helper()
	families, err := prometheus.Gatherers{r.Gatherer()}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		if name, ok := strings.CutPrefix(f.GetName(), "kafka_connect_task_error_metrics_"); ok {
			m := f.GetMetric()[0]
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rejecting makes a plugin reject every record whose offset is a multiple of n, in every batch.
func rejecting(f *fakePlugin, n int64) {
	f.onBatch = func(p connectors.Partition, b *connectors.Batch) plugins.Event {
		for _, r := range b.All() {
			if r.Offset%n == 0 {
				f.queue = append(f.queue, plugins.Rejected{ID: f.idOf(p), Offset: r.Offset, Err: connectors.BadRecord(connectors.Partition{}, -1, fmt.Errorf("no field at %d", r.Offset))})
			}
		}
		return nil
	}
}

func TestDeadLettersOfSinks(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 3)
	embeddedtest.Produce(t, b, documents("events", 3, 1000)...)
	s := newStore()
	f := newFakePlugin(t, s)
	rejecting(f, 7)
	cfg := tolerant(b, "events")
	cfg.BatchBytes = 4 << 10
	r := start(t, cfg, f)
	for p := range int32(3) {
		eventually(t, "the commits", func() bool { return committed(t, b, tp("events", p)) == 1000 }, r)
	}
	seen := map[string]int{}
	for _, l := range embeddedtest.Read(t, b, deadLetters) {
		h := headersOf(l)
		at := h["__connect.errors.partition"] + "/" + h["__connect.errors.offset"]
		seen[at]++
		if want := fmt.Sprintf(`{"n":%s,`, h["__connect.errors.offset"]); !strings.HasPrefix(string(l.Value), want) || string(l.Key) != "k"+h["__connect.errors.offset"] {
			t.Errorf("dead letter of %s has %s=%.20s", at, l.Key, l.Value)
		}
		if h["__connect.errors.stage"] != "TASK_PUT" || h["__connect.errors.class.name"] != "org.apache.kafka.connect.sink.SinkTask" ||
			!strings.Contains(h["__connect.errors.exception.message"], "no field at "+h["__connect.errors.offset"]) {
			t.Errorf("headers %v", h)
		}
	}
	if len(seen) != 3*143 {
		t.Errorf("dead letters of %d records", len(seen))
	}
	if _, err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestRejectedRecordThatIsGone(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 20)...)
	s := newStore()
	f := newFakePlugin(t, s)
	f.buffer = true
	r := start(t, tolerant(b, "events"), f)
	eventually(t, "records at the plugin", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.openings[1] != nil && len(f.openings[1].stored) == 20
	}, r)
	embeddedtest.DeleteBefore(t, b, tp("events", 0), 10)
	f.emit(plugins.Rejected{ID: 1, Offset: 4, Err: connectors.BadRecord(connectors.Partition{}, -1, errors.New("too late"))})
	f.emit(plugins.Rejected{ID: 1, Offset: 15, Err: connectors.BadRecord(connectors.Partition{}, -1, errors.New("in time"))})
	f.flush(1)
	eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 20 }, r)
	letters := embeddedtest.Read(t, b, deadLetters)
	if len(letters) != 2 || letters[0].Value != nil || headersOf(letters[0])["__connect.errors.offset"] != "4" || !strings.HasPrefix(string(letters[1].Value), `{"n":15,`) {
		t.Errorf("dead letters %v", letters)
	}
}

func TestDeadLetterOfTheRecordThatEndsTheTask(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, `1`, `2`, `{`, `4`)...)
	s := newStore()
	cfg := tolerant(b, "events")
	cfg.Errors.Tolerate, cfg.Errors.DeadLetters.ContextHeaders = false, false
	err := start(t, cfg, newFakePlugin(t, s)).wait()
	if e, ok := errors.AsType[*connectors.Error](err); !ok || e.Code != connectors.CodeBadRecord || e.Offset != 2 {
		t.Errorf("error %v", err)
	}
	if c := committed(t, b, tp("events", 0)); c != 2 {
		t.Errorf("committed at %d", c)
	}
	if l := embeddedtest.Read(t, b, deadLetters); len(l) != 1 || string(l[0].Value) != `{` || len(l[0].Headers) != 0 {
		t.Errorf("dead letters %v", l)
	}
}

func TestToleranceWithoutDeadLetters(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, `{`, `2`, `{`, `4`, `{`)...)
	cfg := config(b, 0, "events")
	cfg.Errors.Tolerate = true
	s := newStore()
	f := newFakePlugin(t, s)
	f.gaps = true
	r := start(t, cfg, f)
	eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 5 }, r)
	if n, _ := s.total(); n != 2 {
		t.Errorf("%d records stored", n)
	}
}

// refuseProduce answers writes to the dead letter queue with an error that passes, as long as it is wanted.
func refuseProduce(b *embedded.Broker, refuse *atomic.Bool) {
	b.Cluster().ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		if !refuse.Load() || len(req.Topics) == 0 || req.Topics[0].Topic != deadLetters {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

// TestDeadLettersHoldTheCommit has a queue that cannot be written: no offset goes beyond a dead letter, whatever the plugin reports,
// what is held is bounded, and all goes on when the queue is back.
func TestDeadLettersHoldTheCommit(t *testing.T) {
	for _, by := range []string{"converter", "sink"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			b := embeddedtest.Start(t)
			var refuse atomic.Bool
			refuse.Store(true)
			refuseProduce(b, &refuse)
			embeddedtest.CreateTopic(t, b, "events", 1)
			embeddedtest.Produce(t, b, documents("events", 1, 3)...)
			const n = 5000
			s := newStore()
			f := newFakePlugin(t, s)
			f.gaps = true
			value := `{`
			if by == "sink" {
				value = `{"n":1}`
				f.onBatch = func(p connectors.Partition, b *connectors.Batch) plugins.Event {
					for _, r := range b.All() {
						if r.Offset >= 3 {
							f.queue = append(f.queue, plugins.Rejected{ID: f.idOf(p), Offset: r.Offset, Err: connectors.BadRecord(connectors.Partition{}, -1, errors.New("no"))})
						}
					}
					return nil
				}
			}
			records := make([]string, n)
			for i := range records {
				records[i] = value
			}
			embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, records...)...)
			cfg := tolerant(b, "events")
			cfg.CreditBytes, cfg.BatchBytes = 16<<10, 4<<10
			registry := metrics.New()
			cfg.Metrics = registry.Task("test", 0)
			r := start(t, cfg, f)
			eventually(t, "trouble", func() bool {
				e, _ := r.lastTrouble()
				return e != nil && strings.Contains(e.Error(), "writing dead letters to topic test-dead")
			}, r)
			eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 3 }, r)
			requests := func() float64 { return gather(t, registry)["deadletterqueue_produce_requests"] }
			eventually(t, "dead letters under way", func() bool { return requests() >= 1000 }, r)
			if n := requests(); n > 2500 {
				t.Errorf("%v dead letters under way", n)
			}
			refuse.Store(false)
			eventually(t, "the last commit", func() bool { return committed(t, b, tp("events", 0)) == n+3 }, r)
			if l := embeddedtest.Read(t, b, deadLetters); len(l) != n {
				t.Errorf("%d dead letters", len(l))
			}
			eventually(t, "the end of trouble", func() bool { e, any := r.lastTrouble(); return any && e == nil }, r)
			if _, err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		b := embeddedtest.Start(t)
		var refuse atomic.Bool
		refuse.Store(true)
		refuseProduce(b, &refuse)
		embeddedtest.CreateTopic(t, b, "events", 1)
		embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, `1`, `{`, `3`)...)
		cfg := tolerant(b, "events")
		cfg.StopTimeout = 4 * time.Second
		s := newStore()
		f := newFakePlugin(t, s)
		f.gaps = true
		r := start(t, cfg, f)
		eventually(t, "the first record", func() bool { n, _ := s.total(); return n == 1 }, r)
		if took, err := r.stop(); err != nil || took > soon {
			t.Errorf("stopped after %s: %v", took, err)
		}
		if c := committed(t, b, tp("events", 0)); c > 1 {
			t.Errorf("committed at %d, behind a record that is lost then", c)
		}
		refuse.Store(false)
		r = start(t, cfg, newFakePluginWithGaps(t, s))
		eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 3 }, r)
		if l := embeddedtest.Read(t, b, deadLetters); len(l) != 1 || string(l[0].Value) != `{` {
			t.Errorf("dead letters %v", l)
		}
	})
}

// Invariant 9: a sink that resumes by its own truth must not get beyond a record whose dead letter is not written.
func TestSinkDoesNotGetAheadOfDeadLetters(t *testing.T) {
	for _, tc := range []struct {
		by, value string
		before    int64 // records at the sink while the queue refuses
	}{{"converter", `{`, 1}, {"sink", `{"n":1}`, 3}} {
		t.Run(tc.by, func(t *testing.T) {
			t.Parallel()
			b := embeddedtest.Start(t)
			var refuse atomic.Bool
			refuse.Store(true)
			refuseProduce(b, &refuse)
			embeddedtest.CreateTopic(t, b, "events", 1)
			embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, `{"n":0}`, tc.value, `{"n":2}`)...)
			s := newStore()
			f := newFakePlugin(t, s)
			f.gaps = true
			f.onBatch = func(p connectors.Partition, b *connectors.Batch) plugins.Event {
				for _, r := range b.All() {
					if r.Offset == 1 {
						f.queue = append(f.queue, plugins.Rejected{ID: f.idOf(p), Offset: 1, Err: connectors.BadRecord(connectors.Partition{}, -1, errors.New("no"))})
					}
				}
				return nil
			}
			r := start(t, tolerant(b, "events"), f)
			eventually(t, "trouble", func() bool {
				e, _ := r.lastTrouble()
				return e != nil && strings.Contains(e.Error(), "writing dead letters to topic test-dead")
			}, r)
			eventually(t, "what comes before it", func() bool { n, _ := s.total(); return int64(n) >= tc.before }, r)
			if n, _ := s.total(); int64(n) != tc.before || f.settledAt(1) != 0 {
				t.Errorf("the sink has %d records, settled is %d", n, f.settledAt(1))
			}
			refuse.Store(false)
			eventually(t, "the commit", func() bool { return committed(t, b, tp("events", 0)) == 3 }, r)
			if tc.by == "sink" {
				eventually(t, "word of the rejected record", func() bool { return f.settledAt(1) == 2 }, r)
			}
			if _, err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Without a dead letter queue there is nothing to wait for.
func TestRejectedRecordsWithoutDeadLettersAreSettled(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 10)...)
	f := newFakePlugin(t, newStore())
	rejecting(f, 7)
	cfg := config(b, 0, "events")
	cfg.Errors.Tolerate = true
	r := start(t, cfg, f)
	eventually(t, "word of the last rejected record", func() bool { return f.settledAt(1) == 8 }, r)
}

func TestDeadLetterThatCannotBeWritten(t *testing.T) {
	b := embeddedtest.Start(t)
	b.Cluster().ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		if len(req.Topics) == 0 || req.Topics[0].Topic != deadLetters {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		rt, rp := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
		rt.Topic, rp.ErrorCode = deadLetters, kerr.MessageTooLarge.Code
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, `1`, `{`, `3`)...)
	f := newFakePlugin(t, newStore())
	f.gaps = true
	err := start(t, tolerant(b, "events"), f).wait()
	if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), "writing a dead letter to topic test-dead (events-0 offset 1)") ||
		!strings.Contains(err.Error(), "raise max.message.bytes") {
		t.Errorf("error %v", err)
	}
	if c := committed(t, b, tp("events", 0)); c > 1 {
		t.Errorf("committed at %d", c)
	}
}
