package publish

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scriptedCluster is a Kafka whose state the test sets; a real one cannot be made to answer at chosen instants.
type scriptedCluster struct {
	mu      sync.Mutex
	brokers int // 0: unreachable
	exists  bool
	denied  error // of create
	looks   []time.Time
	created [][2]int // partitions, replication
}

func (c *scriptedCluster) set(f func(*scriptedCluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *scriptedCluster) describe() (int, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks = append(c.looks, time.Now())
	if c.brokers == 0 {
		return 0, false, errors.New("nobody there")
	}
	return c.brokers, c.exists, nil
}

func (c *scriptedCluster) create(_ context.Context, partitions, replication int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.denied != nil {
		return c.denied
	}
	c.created = append(c.created, [2]int{partitions, replication})
	c.exists = true
	return nil
}

func isOpen(g *gate) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return g.wait(ctx) == nil
}

func startKeeper(t *testing.T, c *scriptedCluster) (*keeper, *gate) {
	t.Helper()
	g := &gate{}
	k := newKeeper(c, g, testLogger(t))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return k, g
}

func TestKeeperCreatesTopic(t *testing.T) {
	tests := []struct {
		name    string
		brokers int
		want    [][2]int
	}{
		{"one broker", 1, [][2]int{{3, 1}}},
		{"two brokers", 2, [][2]int{{3, 2}}},
		{"five brokers", 5, [][2]int{{3, 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &scriptedCluster{brokers: tt.brokers}
				k, g := startKeeper(t, c)
				synctest.Wait()
				if isOpen(g) {
					t.Error("the gate opened before the cluster confirmed the topic")
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if !isOpen(g) || *k.status.Load() != (Status{Reachable: true, Topic: true}) {
					t.Errorf("gate open=%t, status %+v", isOpen(g), *k.status.Load())
				}
				c.mu.Lock()
				defer c.mu.Unlock()
				if diff := cmp.Diff(tt.want, c.created); diff != "" {
					t.Errorf("created (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// While Kafka is away the keeper asks ever more slowly, up to a bound, and finds it soon after it is back.
func TestKeeperBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &scriptedCluster{}
		k, g := startKeeper(t, c)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		c.set(func(c *scriptedCluster) {
			if n := len(c.looks); n < 95 || n > 160 {
				t.Errorf("%d looks in ten minutes", n)
			}
			for i := 1; i < len(c.looks); i++ {
				if gap := c.looks[i].Sub(c.looks[i-1]); gap > retryMost*6/5+time.Millisecond || gap < retryFirst*4/5 {
					t.Errorf("pause %d was %v", i, gap)
				}
			}
			c.brokers, c.exists = 1, true
		})
		if s := *k.status.Load(); s.Reachable || s.Topic || s.Problem != "nobody there" || isOpen(g) {
			t.Errorf("while Kafka is away: %+v", s)
		}
		time.Sleep(retryMost * 6 / 5)
		synctest.Wait()
		if s := *k.status.Load(); !s.Reachable || !s.Topic || !isOpen(g) {
			t.Errorf("after Kafka is back: %+v", s)
		}
	})
}

// An outage does not shut the gate: the client keeps what it has. A missing topic does, and the keeper makes it anew at once.
func TestKeeperReactsToMissingTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &scriptedCluster{brokers: 1, exists: true}
		k, g := startKeeper(t, c)
		synctest.Wait()
		c.set(func(c *scriptedCluster) { c.brokers = 0 })
		time.Sleep(lookEvery + time.Second)
		synctest.Wait()
		if !isOpen(g) || k.status.Load().Reachable {
			t.Errorf("in an outage: gate open=%t, status %+v", isOpen(g), *k.status.Load())
		}

		c.set(func(c *scriptedCluster) { c.brokers, c.exists = 1, false })
		k.refused()
		if isOpen(g) {
			t.Error("the gate stayed open after an event was refused")
		}
		time.Sleep(2 * retryMost)
		synctest.Wait()
		if !isOpen(g) {
			t.Error("the gate did not open again")
		}
		c.set(func(c *scriptedCluster) {
			if len(c.created) != 1 {
				t.Errorf("created %v", c.created)
			}
		})
	})
}

// Refusals that go on though the topic is in order are looked into at a bounded rate.
func TestKeeperIsNotDrivenBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &scriptedCluster{brokers: 1, exists: true}
		k, _ := startKeeper(t, c)
		for range 1000 {
			k.refused()
			time.Sleep(time.Millisecond)
		}
		c.set(func(c *scriptedCluster) {
			if n := len(c.looks); n > 6 {
				t.Errorf("%d looks in a second", n)
			}
		})
	})
}

func TestKeeperReportsDeniedCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &scriptedCluster{brokers: 1, denied: errors.New("not allowed")}
		k, g := startKeeper(t, c)
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := *k.status.Load(); !s.Reachable || s.Topic || s.Problem != "not allowed" || isOpen(g) {
			t.Errorf("status %+v, gate open=%t", s, isOpen(g))
		}
	})
}
