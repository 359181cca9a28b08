//go:build stack

package task

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
)

// TestHandoverThatWasInterrupted: a task that dies while it hands partitions over, and comes back in its place of the group,
// does not know that the others wait for it to join again. Kafka's own coordinator leaves it at that; the embedded broker has
// everybody join again, so that it shows nothing.
func TestHandoverThatWasInterrupted(t *testing.T) {
	s := stack.Shared(t, stack.Kafka)
	topic := fmt.Sprintf("handover-%d", time.Now().UnixNano())
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBootstrap()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	cfg := func(id int) Config {
		cfg := configOf(s.KafkaBootstrap(), id, topic)
		cfg.Consumer["group.id"] = "connect-" + topic
		cfg.Consumer["session.timeout.ms"] = "10000"
		cfg.Consumer["heartbeat.interval.ms"] = "1000"
		return cfg
	}
	st := newStore()
	f := newFakePlugin(t, st)
	r0 := start(t, cfg(0), f)
	eventually(t, "all partitions", func() bool { return len(r0.partitions()) == 3 }, r0)
	f.mu.Lock()
	f.hangs["close"] = true
	f.mu.Unlock()
	r1 := start(t, cfg(1), newFakePlugin(t, st))
	r2 := start(t, cfg(2), newFakePlugin(t, st))
	eventually(t, "the hand-over", f.hanging.Load, r0, r1, r2)
	f.kill()
	if err := r0.wait(); err == nil {
		t.Fatal("a task without plugin does not fail")
	}
	began := time.Now()
	r0 = start(t, cfg(0), newFakePlugin(t, st))
	eventually(t, "every partition with somebody", func() bool {
		return len(r0.partitions())+len(r1.partitions())+len(r2.partitions()) == 3
	}, r0, r1, r2)
	t.Logf("every partition has a task %v after the restart", time.Since(began).Round(time.Millisecond))
}
