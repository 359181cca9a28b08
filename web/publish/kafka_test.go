package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// patience is for what must happen some time.
	patience = 2 * time.Minute

	// soon is for what must not wait for anything: far more than it takes, because the machine may be slow.
	soon = 20 * time.Second
)

// freePort returns a port nobody listens on, for a broker that is to appear, vanish and come back at one address. It is not
// one of those that the kernel gives to outgoing connections: a client that looks for its broker could get the very port that it looks at.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(8_000))))
		if err == nil {
			defer l.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func startBroker(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func startPublisher(t *testing.T, broker string, change ...func(*Config)) *Publisher {
	t.Helper()
	cfg := Config{
		BootstrapServers: broker, Topic: "select-color", BufferEvents: 100_000, BufferBytes: 64 << 20, Logger: testLogger(t),
		// Only so that the test need not wait ten seconds for a broker that is back.
		Properties: map[string]string{"reconnect.backoff.max.ms": "300"},
	}
	for _, f := range change {
		f(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// publishAll publishes some events, which takes no time whatever becomes of the broker.
func publishAll(t *testing.T, p *Publisher, from, to int) (want []string) {
	t.Helper()
	begun := time.Now()
	for i := from; i < to; i++ {
		value := fmt.Sprintf(`{"n":%d}`, i)
		if err := p.Publish([]byte(value), time.Now()); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		want = append(want, value)
	}
	if took := time.Since(begun); took > soon {
		t.Errorf("%d events took %v", to-from, took)
	}
	return want
}

// closeFully closes p and wants everything delivered.
func closeFully(t *testing.T, p *Publisher) Counts {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if left := p.Close(ctx); left != 0 {
		t.Fatalf("%d events were given up: %+v", left, p.Counts())
	}
	c := p.Counts()
	if c.Failed != 0 || c.Accepted != c.Delivered || c.Buffered != 0 || c.BufferedBytes != 0 {
		t.Fatalf("counts after Close: %+v", c)
	}
	return c
}

// readTopic returns the values of all records of the topic, sorted.
func readTopic(t *testing.T, broker, topic string) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	var values []string
	for int64(len(values)) < total {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %d of %d records: %v", len(values), total, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Key != nil {
				t.Errorf("record %d-%d has the key %q", r.Partition, r.Offset, r.Key)
			}
			values = append(values, string(r.Value))
		})
	}
	sort.Strings(values)
	return values
}

// distinct drops repetitions from sorted values and says how many there were: a broken connection may store an event twice.
func distinct(sorted []string) (once []string, repeated int) {
	for i, v := range sorted {
		if i > 0 && v == sorted[i-1] {
			repeated++
			continue
		}
		once = append(once, v)
	}
	return once, repeated
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func topicShape(t *testing.T, broker string) (partitions, replicas int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	topics, err := kadm.NewClient(cl).ListTopics(t.Context(), "select-color")
	if err != nil {
		t.Fatal(err)
	}
	d := topics["select-color"]
	return len(d.Partitions), d.Partitions.NumReplicas()
}

func TestDeliversWhatItAccepted(t *testing.T) {
	tests := []struct {
		name     string
		opts     []kfake.Opt
		replicas int
	}{
		{"one broker", []kfake.Opt{kfake.NumBrokers(1)}, 1},
		{"three brokers", []kfake.Opt{kfake.NumBrokers(3)}, 2},
		// Such a broker makes a topic of one partition for anybody who asks for it carelessly.
		{"eager broker", []kfake.Opt{kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1)}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broker := startBroker(t, tt.opts...).ListenAddrs()[0]
			p := startPublisher(t, broker)
			want := publishAll(t, p, 0, 5000)
			closeFully(t, p)
			sort.Strings(want)
			if diff := cmp.Diff(want, readTopic(t, broker, "select-color")); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if partitions, replicas := topicShape(t, broker); partitions != 3 || replicas != tt.replicas {
				t.Errorf("%d partitions and %d replicas, want 3 and %d", partitions, replicas, tt.replicas)
			}
		})
	}
}

func TestBrokerAppearsLater(t *testing.T) {
	port := freePort(t)
	broker := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p := startPublisher(t, broker)
	want := publishAll(t, p, 0, 2000)
	waitFor(t, "the keeper to notice that nobody is there", func() bool { return p.Status().Problem != "not asked yet" })
	if s := p.Status(); s.Reachable || s.Topic {
		t.Errorf("status without a broker: %+v", s)
	}
	if c := p.Counts(); c.Buffered != 2000 || c.Failed != 0 {
		t.Errorf("counts without a broker: %+v", c)
	}
	startBroker(t, kfake.NumBrokers(1), kfake.Ports(port))
	waitFor(t, "all to be delivered", func() bool { return p.Counts().Delivered == 2000 })
	if s := p.Status(); !s.Reachable || !s.Topic {
		t.Errorf("status with a broker: %+v", s)
	}
	closeFully(t, p)
	sort.Strings(want)
	if diff := cmp.Diff(want, readTopic(t, broker, "select-color")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// The broker goes away under load and comes back, once with its data and once without its topic. All that was accepted arrives.
func TestBrokerGoesAway(t *testing.T) {
	for _, keepsData := range []bool{true, false} {
		t.Run(fmt.Sprintf("keeps data %t", keepsData), func(t *testing.T) {
			port := freePort(t)
			broker := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			opts := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(port)}
			if keepsData {
				opts = append(opts, kfake.DataDir(t.TempDir()))
			}
			first := startBroker(t, opts...)
			p := startPublisher(t, broker)
			want := publishAll(t, p, 0, 1000)
			waitFor(t, "the first thousand", func() bool { return p.Counts().Delivered == 1000 })

			for from := 1000; from < 3000; from += 100 { // the cut falls among these
				if from == 1500 {
					first.Close()
				}
				want = append(want, publishAll(t, p, from, from+100)...)
			}
			if c := p.Counts(); c.Buffered == 0 || c.Failed != 0 {
				t.Errorf("counts without the broker: %+v", c)
			}
			if !keepsData {
				// What the first broker has taken is lost with it, see below. Word of that may come a moment later.
				before := int64(-1)
				waitFor(t, "the last word of the first broker", func() bool {
					was := before
					before = int64(p.Counts().Delivered)
					time.Sleep(time.Second)
					return before == was
				})
				want = want[before:]
			}

			startBroker(t, opts...)
			waitFor(t, "the rest", func() bool { return p.Counts().Delivered == 3000 })
			closeFully(t, p)
			got, repeated := distinct(readTopic(t, broker, "select-color"))
			t.Logf("%d records stored twice", repeated)
			if !keepsData {
				// The second broker has what was not yet acknowledged by the first one.
				if len(got) < len(want) {
					t.Errorf("%d records on the new broker, want at least %d", len(got), len(want))
				}
				if partitions, _ := topicShape(t, broker); partitions != 3 {
					t.Errorf("the topic was made anew with %d partitions", partitions)
				}
				return
			}
			sort.Strings(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCloseCountsWhatKafkaNeverTook(t *testing.T) {
	c := startBroker(t, kfake.NumBrokers(1))
	p := startPublisher(t, c.ListenAddrs()[0])
	publishAll(t, p, 0, 10)
	waitFor(t, "the first ten", func() bool { return p.Counts().Delivered == 10 })
	c.Close()
	publishAll(t, p, 10, 110)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if left := p.Close(ctx); left != 100 {
		t.Errorf("Close gave up %d events, want 100", left)
	}
	if took := time.Since(begun); took > soon {
		t.Errorf("Close took %v", took)
	}
	if got, want := p.Counts(), (Counts{Accepted: 110, Delivered: 10, Failed: 100}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}
