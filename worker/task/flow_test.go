package task

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestSlowPartitionDelaysNoOther(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 3)
	s := newStore()
	watchCommits(t, b, s)
	f := newFakePlugin(t, s)
	f.slow[tp("events", 0)] = true
	cfg := config(b, 0, "events")
	cfg.CreditBytes, cfg.BatchBytes = 60<<10, 8<<10 // far less than the 800 kB of a partition
	// A partition that goes on after a pause is fetched when the fetch under way is answered. With credit for two batches that
	// happens often, and with the default of 500 ms it is most of the time measured here, in steps of half a second.
	cfg.Consumer["fetch.wait.max.ms"] = "100"
	r := start(t, cfg, f)
	eventually(t, "assignment", func() bool { return len(r.partitions()) == 3 }, r)
	embeddedtest.Produce(t, b, documents("events", 3, 5000)...)
	within(t, 2*soon, "the fast partitions", func() bool {
		n1, _ := s.count(tp("events", 1))
		n2, _ := s.count(tp("events", 2))
		return n1 == 5000 && n2 == 5000
	}, r)
	if n, _ := s.count(tp("events", 0)); n != 0 {
		t.Fatalf("%d records of the slow partition were taken", n)
	}
	// The client may have fetched the slow partition last: what it may have under way it must get all the same.
	eventually(t, "a fifth of the credit under way", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.underWay >= cfg.CreditBytes/5
	}, r)
	f.setSlow(tp("events", 0), false)
	eventually(t, "the slow partition", func() bool { n, _ := s.count(tp("events", 0)); return n == 5000 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
}

// A sink that is slower than Kafka costs no record more than one fetch: where no other partition waits, none is paused.
func TestSlowSinkFetchesOnce(t *testing.T) {
	const n, steps = 10_000, 8
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, n)...)
	s := newStore()
	watchCommits(t, b, s)
	var mu sync.Mutex
	next := int64(0)
	b.Cluster().ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		mu.Lock()
		defer mu.Unlock()
		for _, topic := range req.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if p.FetchOffset < next {
					t.Errorf("fetched from %d on, after %d", p.FetchOffset, next)
				}
				next = max(next, p.FetchOffset)
			}
		}
		return nil, nil, false
	})
	f := newFakePlugin(t, s)
	f.slow[tp("events", 0)] = true
	cfg := config(b, 0, "events")
	cfg.CreditBytes, cfg.BatchBytes = 40<<10, 8<<10
	r := start(t, cfg, f)
	for range steps {
		eventually(t, "credit to be used up", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.underWay > cfg.CreditBytes/2 }, r)
		time.Sleep(holdMost + holdMost/4) // longer than a partition may keep others waiting: this is what is tested
		f.takeOnce(tp("events", 0))
	}
	f.setSlow(tp("events", 0), false)
	eventually(t, "all records", func() bool { stored, _ := s.total(); return stored == n }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
}

func TestAllPartitionsSlowKeepsMembership(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	embeddedtest.Produce(t, b, documents("events", 2, 3000)...)
	s := newStore()
	f := newFakePlugin(t, s)
	f.slow[tp("events", 0)], f.slow[tp("events", 1)] = true, true
	cfg := config(b, 0, "events")
	cfg.CreditBytes, cfg.BatchBytes = 40<<10, 8<<10
	cfg.Consumer["max.poll.interval.ms"], cfg.Consumer["session.timeout.ms"] = shortSession, shortSession // no shorter than the other
	r := start(t, cfg, f)
	f2 := newFakePlugin(t, s)
	eventually(t, "credit to be used up", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.underWay > cfg.CreditBytes/2 }, r)
	time.Sleep(7 * time.Second) // longer than max.poll.interval.ms: this is what is tested
	if trouble, any := r.lastTrouble(); any {
		t.Errorf("trouble %v", trouble)
	}
	if n0, n1 := s.opened(tp("events", 0)), s.opened(tp("events", 1)); n0 != 1 || n1 != 1 {
		t.Errorf("partitions were opened %d and %d times", n0, n1)
	}
	// It takes part in a rebalance too.
	r2 := start(t, config(b, 1, "events"), f2)
	eventually(t, "a rebalance", func() bool { return len(r.partitions()) == 1 && len(r2.partitions()) == 1 }, r, r2)
	f.setSlow(tp("events", 0), false)
	f.setSlow(tp("events", 1), false)
	eventually(t, "all records", func() bool { n, _ := s.total(); return n == 6000 }, r, r2)
}

// A partition that is taken away while its record has no room, and comes back, goes on where the sink says: what was read before of it,
// and waits behind the record, is of an opening that is over. If it was paused meanwhile, it is not any more.
func TestComesBackWhileThereIsNoRoom(t *testing.T) {
	const n = 3000
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	embeddedtest.Produce(t, b, documents("events", 2, n)...)
	s := newStore()
	watchCommits(t, b, s)
	f := newFakePlugin(t, s)
	f.slow[tp("events", 0)], f.slow[tp("events", 1)] = true, true
	cfg := config(b, 0, "events")
	cfg.CreditBytes, cfg.BatchBytes = 40<<10, 8<<10
	r := start(t, cfg, f)
	full := func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.underWay > cfg.CreditBytes*2/3 }
	for i := range 3 {
		eventually(t, "credit to be used up", full, r)
		f2 := newFakePlugin(t, s)
		f2.slow[tp("events", 0)], f2.slow[tp("events", 1)] = true, true
		r2 := start(t, config(b, 1+i, "events"), f2)
		eventually(t, "a second task", func() bool { return len(r.partitions()) == 1 && len(r2.partitions()) == 1 }, r, r2)
		r2.task.Leave()
		if _, err := r2.stop(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the partition to come back", func() bool { return len(r.partitions()) == 2 }, r)
	}
	f.setSlow(tp("events", 0), false)
	f.setSlow(tp("events", 1), false)
	eventually(t, "all records", func() bool { stored, _ := s.total(); return stored == 2*n }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestModeratelySlowPartition(t *testing.T) {
	// A partition that takes a batch now and then must not pace the others by the holding of records.
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	s := newStore()
	f := newFakePlugin(t, s)
	f.slow[tp("events", 0)] = true
	cfg := config(b, 0, "events")
	cfg.CreditBytes, cfg.BatchBytes = 64<<10, 8<<10
	r := start(t, cfg, f)
	eventually(t, "assignment", func() bool { return len(r.partitions()) == 2 }, r)
	embeddedtest.Produce(t, b, documents("events", 2, 20000)...)
	// It takes its share, 32 kB of 2.7 MB, fifty times while the other goes all its way. Were the other to wait for it, neither would go on.
	taken := 0
	eventually(t, "the fast partition", func() bool {
		n, _ := s.count(tp("events", 1))
		for ; taken < n/400; taken++ {
			f.takeOnce(tp("events", 0))
		}
		return n == 20000
	}, r)
	if n, _ := s.count(tp("events", 0)); n >= 20000 {
		t.Errorf("the slow partition was as fast")
	}
	f.setSlow(tp("events", 0), false)
	eventually(t, "the slow partition", func() bool { n, _ := s.count(tp("events", 0)); return n == 20000 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
}

func TestLargeRecords(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 4)
	large := func(p int32, size int) embeddedtest.Record {
		return embeddedtest.Record{Topic: "events", Partition: p, Value: fmt.Appendf(nil, `"%s"`, bytes.Repeat([]byte("x"), size))}
	}
	var records []embeddedtest.Record
	for range 20 {
		for p := range int32(4) {
			records = append(records, large(p, 300), large(p, 60<<10), large(p, 10))
		}
	}
	embeddedtest.Produce(t, b, records...)
	s := newStore()
	f := newFakePlugin(t, s)
	cfg := config(b, 0, "events")
	cfg.CreditBytes, cfg.BatchBytes = 100<<10, 4<<10 // a share of 25 kB; the large records need more than half of all
	r := start(t, cfg, f)
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 240 }, r)
	embeddedtest.Produce(t, b, large(0, 10), large(1, 10), large(2, 120<<10), large(2, 10), large(3, 10)) // more than all that there is: it goes alone
	eventually(t, "the largest", func() bool { n, _ := s.total(); return n == 245 }, r)
	if _, err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestTrickleIsSentAtOnce(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	s := newStore()
	f := newFakePlugin(t, s)
	cfg := config(b, 0, "events")
	cfg.Linger = time.Hour // would be seen
	r := start(t, cfg, f)
	eventually(t, "assignment", func() bool { return len(r.partitions()) == 1 }, r)
	embeddedtest.Produce(t, b, documents("events", 1, 1)...)
	within(t, soon, "a record", func() bool { n, _ := s.total(); return n == 1 }, r)
}

func TestPauseAndResume(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	s := newStore()
	f := newFakePlugin(t, s)
	cfg := config(b, 0, "events")
	var paused atomic.Bool
	cfg.OnPaused = paused.Store
	r := start(t, cfg, f)
	embeddedtest.Produce(t, b, documents("events", 2, 100)...)
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 200 }, r)
	r.task.SetPaused(true)
	within(t, soon, "the pause", paused.Load, r)
	embeddedtest.Produce(t, b, documents("events", 2, 100)...)
	embeddedtest.AddPartitions(t, b, "events", 3)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 2, `"new"`)...)
	eventually(t, "the new partition", func() bool { return len(r.partitions()) == 3 }, r)
	time.Sleep(500 * time.Millisecond) // nothing may come
	if n, _ := s.total(); n != 200 {
		t.Errorf("%d records while paused", n-200)
	}
	r.task.SetPaused(false)
	eventually(t, "the rest", func() bool { n, _ := s.total(); return n == 401 }, r)
	if n := s.opened(tp("events", 0)); n != 1 {
		t.Errorf("partition 0 was opened %d times", n)
	}
	if _, d := s.total(); d != 0 {
		t.Errorf("%d duplicates", d)
	}
}

func TestCreditNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(1, 1000).Draw(t, "total")
		n := rapid.IntRange(1, 8).Draw(t, "partitions")
		c := credit{total: total, sharers: n}
		accounts := make([]*account, n)
		want := make([]int64, n) // the batch that each wants to send
		for i := range accounts {
			accounts[i] = &account{}
		}
		sum := func() (s int64) {
			for _, a := range accounts {
				if a.used < 0 {
					t.Fatalf("account %d", a.used)
				}
				s += a.used
			}
			return s
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, n-1).Draw(t, "which")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				if want[i] == 0 {
					want[i] = rapid.Int64Range(1, total+total/2).Draw(t, "size")
				}
				if want[i] <= c.share() && accounts[i].used == 0 && c.waiting == nil && sum()+want[i] <= total && !c.take(accounts[i], want[i]) {
					t.Fatalf("refused what fits")
				} else if accounts[i].used == 0 || want[i] != 0 {
					if c.take(accounts[i], want[i]) {
						want[i] = 0
					}
				}
			case 2:
				if u := accounts[i].used; u > 0 {
					if !c.give(accounts[i], rapid.Int64Range(1, u).Draw(t, "back")) {
						t.Fatal("refused what was taken")
					}
				}
				if c.give(accounts[i], accounts[i].used+1) {
					t.Fatal("accepted more than was taken")
				}
			case 3:
				c.close(accounts[i])
				want[i] = 0
			}
			alone := slices.ContainsFunc(accounts, func(a *account) bool { return a.used == c.used })
			if c.used != sum() || c.used > c.total && !alone {
				t.Fatalf("used %d, sum %d, total %d", c.used, sum(), c.total)
			}
		}
		// Liveness: when all is given back again and again, everyone's batch goes.
		for round := 0; ; round++ {
			left := false
			for i, a := range accounts {
				if want[i] > 0 && c.take(a, want[i]) {
					want[i] = 0
				}
				left = left || want[i] > 0
			}
			for _, a := range accounts {
				c.give(a, a.used)
			}
			if !left {
				break
			}
			if round > 2*n {
				t.Fatalf("starved: %v", want)
			}
		}
	})
}

func TestSlowPartitionsLeaveTheSharesOfOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "partitions")
		c := credit{total: rapid.Int64Range(int64(n), 10000).Draw(t, "total"), sharers: n}
		slow := rapid.IntRange(1, n-1).Draw(t, "slow") // take all they can and give nothing back
		for range slow {
			a := &account{}
			for c.take(a, rapid.Int64Range(1, c.share()).Draw(t, "size")) {
			}
		}
		fast := &account{}
		if !c.take(fast, c.share()) {
			t.Fatalf("no room for the share of %d with %d of %d used", c.share(), c.used, c.total)
		}
	})
}
