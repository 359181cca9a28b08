package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	patience  = 2 * time.Minute
	testTopic = "select-color"
)

// freePort returns a port nobody listens on. It is not
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

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// startBroker starts a Kafka of one broker and returns its address.
func startBroker(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()[0]
}

// readEvents returns the events of the topic, which must be at least want, by the name of their user. It checks their form on the
// way; an event may be stored more than once, but then it is the same.
func readEvents(t *testing.T, broker string, want int) map[string]selectEvent {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(testTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := map[string]selectEvent{}
	read := int64(0)
	for {
		ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, testTopic)
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		ends.Each(func(o kadm.ListedOffset) { total += max(o.Offset, 0) })
		if read >= total && len(events) >= want {
			return events
		}
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d events of %d", len(events), want)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			var e selectEvent
			if err := json.Unmarshal(r.Value, &e); err != nil || r.Key != nil {
				t.Fatalf("record %q with key %q: %v", r.Value, r.Key, err)
			}
			at, err := time.Parse(timestampLayout, e.Timestamp)
			if err != nil || !at.Equal(r.Timestamp) {
				t.Fatalf("event of %s in a record of %s: %v", e.Timestamp, r.Timestamp, err)
			}
			if again, err := encodeSelect(at, e.UserAgent, e.ColorName, e.UserName); err != nil || string(again) != string(r.Value) {
				t.Fatalf("record %s is not in the form of an event, %s", r.Value, again)
			}
			if before, ok := events[e.UserName]; ok && before != e {
				t.Fatalf("two events of %s: %+v, %+v", e.UserName, before, e)
			}
			events[e.UserName] = e
		})
	}
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
