package store_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/store"
)

// The config topic is not made anew by a write, which would give it settings that lose records.
func TestConfigTopicIsDeleted(t *testing.T) {
	b := embeddedtest.Start(t)
	s := openConfig(t, options(t, b.Bootstrap(), "configs"))
	ctx := within(t, patience)
	must(t, s.PutConnector(ctx, "a", conf("0"), nil))
	must(t, b.Cluster().DeleteTopic("configs"))
	for {
		short, cancel := context.WithTimeout(ctx, time.Second)
		err := s.PutConnector(short, "b", conf("1"), nil)
		cancel()
		if err != nil && strings.Contains(err.Error(), "has been deleted") {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("written to a topic that is gone: %v", err)
		}
	}
	if _, ok := s.Snapshot().Connectors["a"]; !ok {
		t.Error("what was known is forgotten")
	}
}

// The status topic is made anew, with other partitions, by the workers and then by somebody else, and each worker writes again what it has written: one that starts afterwards sees
// all that is so, and nothing that is not.
func TestStatusTopicIsDeleted(t *testing.T) {
	b := embeddedtest.Start(t)
	first := options(t, b.Bootstrap(), "statuses")
	first.Partitions = 2
	one := openStatus(t, first)
	second := options(t, b.Bootstrap(), "statuses")
	second.Partitions = 5
	two := openStatus(t, second)
	ctx := within(t, patience)
	state := func(task int, state, worker string) store.TaskStatus {
		return store.TaskStatus{Connector: "c", Task: task, State: state, WorkerID: worker, Generation: 3, Version: "1"}
	}
	one.PutConnector(store.ConnectorStatus{Name: "c", State: store.StateRunning, WorkerID: "one:1", Generation: 3})
	one.PutConnector(store.ConnectorStatus{Name: "gone", State: store.StateRunning, WorkerID: "one:1", Generation: 3})
	one.PutTopic(store.TopicStatus{Topic: "t", Connector: "c", DiscoverTimestamp: 5})
	for n := range 5 {
		one.PutTask(state(n, store.StateRunning, "one:1"))
		two.PutTask(state(n+5, store.StateRunning, "two:1"))
	}
	one.DeleteConnector("gone")
	one.DeleteTask("c", 4)
	must(t, one.Flush(ctx))
	must(t, two.Flush(ctx))
	must(t, b.Cluster().DeleteTopic("statuses"))
	two.PutTask(state(9, store.StateFailed, "two:1"))

	want := map[int]store.TaskStatus{}
	for n := range 4 {
		want[n] = state(n, store.StateRunning, "one:1")
		want[n+5] = state(n+5, store.StateRunning, "two:1")
	}
	want[9] = state(9, store.StateFailed, "two:1")
	seen := func() string {
		if one.Lost() != nil || two.Lost() != nil {
			return "it is lost"
		}
		late, err := store.OpenStatus(ctx, store.Options{Client: client(t, b.Bootstrap()), Topic: "statuses", ReadOnly: true})
		if err != nil {
			return err.Error()
		}
		defer late.Close()
		if len(late.Connectors()) != 1 || len(late.Topics("c")) != 1 {
			return strings.Join(late.Connectors(), " ")
		}
		return cmp.Diff(want, byTask(late))
	}
	until := func(what string, diff func() string) {
		t.Helper()
		for diff() != "" {
			if ctx.Err() != nil {
				t.Fatalf("%s: %s", what, diff())
			}
			time.Sleep(50 * time.Millisecond) // between two looks
		}
	}
	until("what a worker sees that starts", seen)
	must(t, b.Cluster().DeleteTopic("statuses"))
	must(t, b.Cluster().CreateTopic("statuses", 7, map[string]string{"cleanup.policy": "compact"}))
	until("what a worker sees that starts later", seen)
	one.PutTask(state(0, store.StatePaused, "one:1"))
	must(t, one.Flush(ctx))
	want[0] = state(0, store.StatePaused, "one:1")
	for _, s := range []*store.StatusStore{one, two} {
		until("what a worker sees that was there", func() string { return cmp.Diff(want, byTask(s)) })
	}
}

func byTask(s *store.StatusStore) map[int]store.TaskStatus {
	return maps.Collect(func(yield func(int, store.TaskStatus) bool) {
		for _, t := range s.Tasks("c") {
			if !yield(t.Task, t) {
				return
			}
		}
	})
}
