package task

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestTwoTasksShareAndTakeOver(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 4)
	s := newStore()
	watchCommits(t, b, s)
	const each = 20000
	producing := make(chan struct{})
	go func() {
		defer close(producing)
		for range 10 {
			embeddedtest.Produce(t, b, documents("events", 4, each/10)...)
		}
	}()
	defer func() { <-producing }()
	cfg := config(b, 0, "events")
	cfg.CommitInterval = time.Hour // only what a rebalance commits itself
	cfg.Consumer["session.timeout.ms"] = shortSession
	f0, f1 := newFakePlugin(t, s), newFakePlugin(t, s)
	f0.buffer, f1.buffer = true, true // only Close makes durable
	r0 := start(t, cfg, f0)
	eventually(t, "first batches", func() bool { f0.mu.Lock(); defer f0.mu.Unlock(); return f0.batches > 3 }, r0)
	cfg1 := config(b, 1, "events")
	cfg1.CommitInterval = time.Hour
	cfg1.Consumer["session.timeout.ms"] = shortSession
	r1 := start(t, cfg1, f1)
	eventually(t, "an even split", func() bool { return len(r0.partitions()) == 2 && len(r1.partitions()) == 2 }, r0, r1)
	// The partitions that moved were closed, flushed and committed; those that stayed were not touched.
	moved := r1.partitions()
	for _, p := range moved {
		if n := s.closed(p); n != 1 {
			t.Errorf("%s was closed %d times", p, n)
		}
		if c := embeddedtest.Committed(t, b, group)[p]; c > s.durableAt(p) || c == 0 && s.durableAt(p) > 0 {
			t.Errorf("%s committed at %d, durable at %d", p, c, s.durableAt(p))
		}
	}
	for _, p := range r0.partitions() {
		if opened, closed := s.opened(p), s.closed(p); closed != 0 || opened != 1 {
			t.Errorf("%s stayed but was opened %d times and closed %d times", p, opened, closed)
		}
	}
	<-producing
	// A stopped task is a static member: its partitions wait for the session timeout, then go to the other.
	if _, err := r1.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "take-over", func() bool { return len(r0.partitions()) == 4 }, r0)
	eventually(t, "all to be read", func() bool {
		f0.mu.Lock()
		defer f0.mu.Unlock()
		next := map[connectors.Partition]int64{}
		for _, o := range f0.openings {
			next[o.p] = max(next[o.p], o.next)
		}
		for p := range int32(4) {
			if next[tp("events", p)] != each {
				return false
			}
		}
		return true
	}, r0)
	if _, err := r0.stop(); err != nil {
		t.Fatal(err)
	}
	n, d := s.total()
	if n != 4*each || d != 0 {
		t.Errorf("%d records of %d, %d duplicates", n, 4*each, d)
	}
	for p := range int32(4) {
		if c := embeddedtest.Committed(t, b, group)[tp("events", p)]; c != each {
			t.Errorf("partition %d committed at %d", p, c)
		}
	}
}

func TestRestartHasItsPartitionsAtOnce(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	s := newStore()
	r := start(t, config(b, 0, "events"), newFakePlugin(t, s))
	embeddedtest.Produce(t, b, documents("events", 2, 100)...)
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 200 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	embeddedtest.Produce(t, b, documents("events", 2, 100)...)
	r = start(t, config(b, 0, "events"), newFakePlugin(t, s))
	within(t, soon, "records after the restart", func() bool { n, _ := s.total(); return n == 400 }, r)
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
}

func TestNewerTaskFencesOlder(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 10)...)
	s := newStore()
	watchCommits(t, b, s)
	f := newFakePlugin(t, s)
	older := start(t, config(b, 0, "events"), f)
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 10 }, older)
	newer := start(t, config(b, 0, "events"), newFakePlugin(t, s))
	err := older.wait()
	var e *connectors.Error
	if !errors.As(err, &e) || e.Code != connectors.CodeRetriable || !strings.Contains(e.Error(), "takes it back") {
		t.Errorf("older task ended with %v", err)
	}
	embeddedtest.Produce(t, b, documents("events", 1, 10)...)
	eventually(t, "records by the newer", func() bool { n, _ := s.total(); return n == 20 }, newer)
}

func TestLostPartitionsAreNotCommitted(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 100)...)
	s := newStore()
	f := newFakePlugin(t, s)
	f.buffer = true
	cfg := config(b, 0, "events")
	cfg.CommitInterval = time.Hour
	cfg.Consumer["session.timeout.ms"] = shortSession
	delete(cfg.Consumer, "group.instance.id") // a dynamic member that is forgotten loses its partitions, and joins again
	r := start(t, cfg, f)
	eventually(t, "a batch", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.batches > 0 }, r)
	var commits atomic.Int32
	b.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		commits.Add(1)
		return nil, nil, false
	})
	b.Cluster().ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.(*kmsg.HeartbeatRequest).ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = kerr.UnknownMemberID.Code
		return resp, nil, true // once
	})
	eventually(t, "the loss", func() bool { return s.closed(tp("events", 0)) == 1 }, r)
	eventually(t, "the partition again", func() bool { return s.opened(tp("events", 0)) == 2 }, r)
	if n := commits.Load(); n != 0 || len(embeddedtest.Committed(t, b, group)) != 0 {
		t.Errorf("%d commits: %v", n, embeddedtest.Committed(t, b, group))
	}
}

func TestSinkDecidesWhereToResume(t *testing.T) {
	for _, tc := range []struct {
		name              string
		resume            int64
		want, wantSkipped int
	}{
		{"as committed", 50, 50, 50},
		{"ahead of the commit", 80, 20, 80},
		{"behind the commit", 20, 80, 20},
		{"from the beginning", 0, 100, 0},
		{"no opinion", -1, 50, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := embeddedtest.Start(t)
			embeddedtest.CreateTopic(t, b, "events", 1)
			embeddedtest.Produce(t, b, documents("events", 1, 50)...)
			s := newStore()
			r := start(t, config(b, 0, "events"), newFakePlugin(t, s))
			eventually(t, "records", func() bool { n, _ := s.total(); return n == 50 }, r)
			if _, err := r.stop(); err != nil {
				t.Fatal(err)
			}
			embeddedtest.Produce(t, b, documents("events", 1, 50)...)
			s2 := newStore()
			f := newFakePlugin(t, s2)
			var committed int64
			f.resume = func(_ connectors.Partition, c int64) int64 { committed = c; return tc.resume }
			r = start(t, config(b, 0, "events"), f)
			eventually(t, "records after the restart", func() bool { n, _ := s2.total(); return n == tc.want }, r)
			if _, err := r.stop(); err != nil {
				t.Fatal(err)
			}
			if committed != 50 {
				t.Errorf("opened with committed offset %d", committed)
			}
			for off := range s2.records[tp("events", 0)] {
				if off < int64(tc.wantSkipped) {
					t.Errorf("record %d was delivered", off)
				}
			}
			if c := embeddedtest.Committed(t, b, group)[tp("events", 0)]; c != 100 {
				t.Errorf("committed at %d", c)
			}
		})
	}
}

func TestSlowOpeningDelaysNoOther(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	embeddedtest.Produce(t, b, documents("events", 2, 10)...)
	s := newStore()
	f := newFakePlugin(t, s)
	gate := make(chan struct{})
	f.slowOpen[tp("events", 0)] = gate
	r := start(t, config(b, 0, "events"), f)
	eventually(t, "the other partition", func() bool { n, _ := s.count(tp("events", 1)); return n == 10 }, r)
	close(gate)
	eventually(t, "the slow one", func() bool { n, _ := s.count(tp("events", 0)); return n == 10 }, r)
}

func TestRevokedWhileOpening(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	embeddedtest.Produce(t, b, documents("events", 2, 10)...)
	s := newStore()
	f := newFakePlugin(t, s)
	f.slowOpen[tp("events", 0)], f.slowOpen[tp("events", 1)] = make(chan struct{}), make(chan struct{}) // never
	r0 := start(t, config(b, 0, "events"), f)
	eventually(t, "openings", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.opens) == 2 }, r0)
	r1 := start(t, config(b, 1, "events"), newFakePlugin(t, s))
	eventually(t, "a split", func() bool { return len(r0.partitions()) == 1 && len(r1.partitions()) == 1 }, r0, r1)
	eventually(t, "records of the one that moved", func() bool { n, _ := s.total(); return n == 10 }, r0, r1)
	if took, err := r0.stop(); err != nil || took > soon {
		t.Errorf("stopping took %s: %v", took, err)
	}
}

func TestTopicsRegexFindsNewTopics(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "page-views", 1)
	embeddedtest.CreateTopic(t, b, "other-page-views", 1)
	for _, topic := range []string{"page-views", "other-page-views"} {
		embeddedtest.Produce(t, b, embeddedtest.Values(topic, 0, `1`)...)
	}
	s := newStore()
	cfg := config(b, 0)
	cfg.Topics, cfg.TopicsRegex = nil, `page-(?:\w+|[\d.]{2,})`
	r := start(t, cfg, newFakePlugin(t, s))
	eventually(t, "the first topic", func() bool { n, _ := s.total(); return n == 1 }, r)
	embeddedtest.CreateTopic(t, b, "page-clicks", 2)
	embeddedtest.CreateTopic(t, b, "page-3.5", 1)
	embeddedtest.CreateTopic(t, b, "page-", 1)
	embeddedtest.CreateTopic(t, b, "page-a-b", 1)
	for _, topic := range []string{"page-clicks", "page-3.5", "page-", "page-a-b"} {
		embeddedtest.Produce(t, b, embeddedtest.Values(topic, 0, `1`)...)
	}
	eventually(t, "new topics", func() bool { n, _ := s.total(); return n == 3 }, r)
	eventually(t, "partitions", func() bool { return len(r.partitions()) == 4 }, r)
	for _, p := range r.partitions() {
		if p.Topic == "other-page-views" || p.Topic == "page-" || p.Topic == "page-a-b" {
			t.Errorf("reads %s", p)
		}
	}
}

func TestPartitionsAndTopicsComeAndGo(t *testing.T) {
	b := embeddedtest.Start(t)
	s := newStore()
	r := start(t, config(b, 0, "early", "late"), newFakePlugin(t, s))
	eventually(t, "trouble about the missing topic", func() bool {
		e, _ := r.lastTrouble()
		return e != nil && strings.Contains(e.Error(), "create the topic")
	}, r)
	embeddedtest.CreateTopic(t, b, "early", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("early", 0, `1`)...)
	eventually(t, "the topic", func() bool { n, _ := s.total(); return n == 1 }, r)
	embeddedtest.AddPartitions(t, b, "early", 3)
	embeddedtest.Produce(t, b, embeddedtest.Values("early", 2, `1`)...)
	eventually(t, "the new partition", func() bool { n, _ := s.total(); return n == 2 }, r)
	embeddedtest.CreateTopic(t, b, "late", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("late", 0, `1`)...)
	eventually(t, "the other topic", func() bool { n, _ := s.total(); return n == 3 && len(r.partitions()) == 4 }, r)
	if err := b.Cluster().DeleteTopic("late"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end", func() bool { return len(r.partitions()) == 3 }, r)
	embeddedtest.Produce(t, b, embeddedtest.Values("early", 1, `1`)...)
	eventually(t, "records that go on", func() bool { n, _ := s.total(); return n == 4 }, r)
}

// A task that gets no partition of a topic that was missing has no trouble any more, either.
func TestMissingTopicIsNoTroubleWhenItComes(t *testing.T) {
	b := embeddedtest.Start(t)
	s := newStore()
	tasks := make([]*running, 3)
	for i := range tasks {
		tasks[i] = start(t, config(b, i, "late"), newFakePlugin(t, s))
	}
	for _, r := range tasks {
		eventually(t, "trouble about the missing topic", func() bool {
			e, _ := r.lastTrouble()
			return e != nil && strings.Contains(e.Error(), "create the topic")
		}, r)
	}
	embeddedtest.CreateTopic(t, b, "late", 1)
	for _, r := range tasks {
		eventually(t, "the end of trouble", func() bool { e, _ := r.lastTrouble(); return e == nil }, tasks...)
	}
}

func TestLeadersMove(t *testing.T) {
	b := embeddedtest.Start(t, embeddedtest.Brokers(3))
	embeddedtest.CreateTopic(t, b, "events", 3)
	s := newStore()
	watchCommits(t, b, s)
	r := start(t, config(b, 0, "events"), newFakePlugin(t, s))
	const rounds = 10
	for i := range rounds {
		embeddedtest.Produce(t, b, documents("events", 3, 300)...)
		eventually(t, "some records", func() bool { n, _ := s.total(); return n > 3*300*i }, r)
		b.Cluster().ShufflePartitionLeaders()
		if i%3 == 0 {
			b.Cluster().RehashCoordinators()
		}
	}
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 3*300*rounds }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
	for p := range int32(3) {
		if c := embeddedtest.Committed(t, b, group)[tp("events", p)]; c != 300*rounds {
			t.Errorf("partition %d committed at %d", p, c)
		}
	}
}
