//go:build stack

package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// cutCluster is three workers on real Kafka, each with a stretch of network of its own to Kafka, and one to itself for its peers.
func cutCluster(t *testing.T, tasks int32, pairs ...string) (c *cluster, toKafka, toPeers []*proxy) {
	t.Helper()
	const workers = 3
	own := []string{freePort(t), freePort(t)}
	listeners := []string{"PLAINTEXT://127.0.0.1:" + own[0], "CONTROLLER://127.0.0.1:" + own[1]}
	advertised := []string{"PLAINTEXT://127.0.0.1:" + own[0]}
	protocols := []string{"PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"}
	for i := range workers {
		port := freePort(t)
		toKafka = append(toKafka, newProxy(t, "127.0.0.1:"+port))
		listeners = append(listeners, fmt.Sprintf("W%d://127.0.0.1:%s", i, port))
		advertised = append(advertised, fmt.Sprintf("W%d://%s", i, toKafka[i].address()))
		protocols = append(protocols, fmt.Sprintf("W%d:PLAINTEXT", i))
	}
	s := stack.Own(t, stack.Options{Env: map[string]string{
		"STACK_KAFKA_PORT": own[0], "STACK_KAFKA_CONTROLLER_PORT": own[1], "STACK_REBALANCE_DELAY_MS": "0",
		"STACK_KAFKA_SETTINGS": "listeners=" + strings.Join(listeners, ",") + " advertised.listeners=" + strings.Join(advertised, ",") +
			" listener.security.protocol.map=" + strings.Join(protocols, ","),
	}}, stack.Kafka)
	c = newCluster(t, s.KafkaBootstrap(), tasks, pairs...)
	for i := range workers {
		port := freePort(t)
		toPeers = append(toPeers, newProxy(t, "127.0.0.1:"+port))
		_, seen, err := net.SplitHostPort(toPeers[i].address())
		if err != nil {
			t.Fatal(err)
		}
		c.add("bootstrap.servers", toKafka[i].address(), "listeners", "http://127.0.0.1:"+port, "rest.advertised.port", seen)
	}
	c.healthy(c.workers...)
	return c, toKafka, toPeers
}

// overlaps looks all the time at which tasks each worker runs, until the test ends, and remembers for how long two ran the same.
type overlaps struct {
	mu      sync.Mutex
	since   map[string]time.Time // task
	longest time.Duration
	looks   int
}

var taskShown = regexp.MustCompile(`(?m)^kafka_connect_sink_task_metrics_partition_count(\{.*\}) `)

func (c *cluster) observe() *overlaps {
	c.t.Helper()
	o := &overlaps{since: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() {
		for ctx.Err() == nil {
			runs := map[string]int{}
			for _, m := range c.workers {
				tasks := m.running(ctx)
				if m.children()["hdfs"] == 0 {
					continue // what is left of its tasks waits for Kafka to answer, and can store nothing
				}
				for _, task := range tasks {
					runs[task]++
				}
			}
			o.look(runs)
			time.Sleep(20 * time.Millisecond) // between two looks
		}
	})
	c.t.Cleanup(func() { cancel(); looking.Wait() })
	return o
}

func (o *overlaps) look(runs map[string]int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looks++
	maps.DeleteFunc(o.since, func(task string, _ time.Time) bool { return runs[task] < 2 })
	for task, n := range runs {
		switch since := o.since[task]; {
		case n < 2:
		case since.IsZero():
			o.since[task] = time.Now()
		default:
			o.longest = max(o.longest, time.Since(since))
		}
	}
}

// running are the tasks that a worker runs, by its own metrics.
func (m *member) running(ctx context.Context) (tasks []string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/metrics", nil)
	if err != nil {
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // of a worker that ends: less
	for _, found := range taskShown.FindAllSubmatch(text, -1) {
		tasks = append(tasks, string(found[1]))
	}
	return tasks
}

func (c *cluster) without(m *member) (others []*member) {
	for _, other := range c.workers {
		if other != m {
			others = append(others, other)
		}
	}
	return others
}

func (c *cluster) index(m *member) int {
	for i, other := range c.workers {
		if other == m {
			return i
		}
	}
	return -1
}

// The network between a worker and Kafka is cut and comes back, of a follower and of the leader: the worker has stopped its tasks before
// others start them, nothing is lost or stored twice, and what it had sent that arrives late does no harm.
func TestCutFromKafka(t *testing.T) {
	t.Parallel()
	const tasks, session = 6, 6 * time.Second
	c, toKafka, _ := cutCluster(t, tasks)
	c.files("f", tasks, c.workers[0])
	c.spread("f", tasks, c.workers...)
	c.send(1000)
	c.delivers("f", tasks)
	seen := c.observe()
	for _, who := range []string{"leader", "follower"} {
		leader := c.leader()
		victim := leader
		if who == "follower" {
			victim = c.without(leader)[0]
		}
		network := toKafka[c.index(victim)]
		began := time.Now()
		network.cut()
		eventually(t, time.Minute, victim.id+" to stop its tasks", func() error {
			if running := victim.running(t.Context()); len(running) > 0 || victim.children()["hdfs"] != 0 {
				return fmt.Errorf("it runs %v and has plugins %v", running, victim.children())
			}
			return nil
		})
		t.Logf("%s: has stopped its tasks and their plugins %s after the cut", who, time.Since(began))
		if err := get(victim.url+"/health", nil); err == nil || !strings.Contains(err.Error(), "500") {
			t.Errorf("%s: its health is %v", who, err)
		}
		c.delivers("f", tasks)
		t.Logf("%s: all partitions go on %s after the cut", who, time.Since(began))
		c.spread("f", tasks, c.without(victim)...)
		network.mend()
		began = time.Now()
		c.healthy(victim)
		c.spread("f", tasks, c.workers...)
		t.Logf("%s: it has its share again %s after the mending", who, time.Since(began))
		c.delivers("f", tasks)
	}

	// A worker that is told to stop while it cannot reach Kafka ends all the same, within task.shutdown.graceful.timeout.ms and 17 s,
	// and a moment for the process to be seen, on a machine that may be slow. Left to itself the client would take a minute.
	victim := c.without(c.leader())[0]
	toKafka[c.index(victim)].cut()
	began := time.Now()
	victim.signal(syscall.SIGTERM)
	victim.wait()
	took := time.Since(began)
	t.Logf("told to stop without Kafka, it ends after %s", took)
	if bound := 5*time.Second + 17*time.Second + 15*time.Second; took > bound {
		t.Errorf("it has taken %s, more than %s", took, bound)
	}
	toKafka[c.index(victim)].mend()
	c.delivers("f", tasks)
	c.spread("f", tasks, c.alive()...)
	c.finish("f")
	seen.check(t, 100)
}

// The network between the workers is cut, with Kafka whole: tasks go on where they are, reads are answered, requests to the leader are
// served, and one that has to be sent on waits. Where a worker can be seen to be away, the request fails at once.
func TestCutFromPeers(t *testing.T) {
	t.Parallel()
	const tasks = 3
	c, _, toPeers := cutCluster(t, tasks, "session.timeout.ms", "30000") // nobody is to lose its place by being slow
	c.files("f", tasks, c.workers[0])
	c.spread("f", tasks, c.workers...)
	c.send(1000)
	c.delivers("f", tasks)
	seen := c.observe()
	leader := c.leader()
	other := c.without(leader)[0]
	before, err := leader.holders("f")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range toPeers {
		p.cut()
	}
	sentOn := make(chan error, 1)
	go func() {
		sentOn <- request(http.MethodPut, other.url+"/connectors/g/config", map[string]string{
			"connector.class": "FileStreamSink", "tasks.max": "1", "topics": c.topic, "file": c.dir + "/g",
		}, nil)
	}()
	c.create("h", leader, "connector.class", "FileStreamSink", "tasks.max", "1", "file", c.dir+"/h")
	eventually(t, time.Minute, "the other to show what the leader made", func() error { return get(other.url+"/connectors/h", nil) })
	c.delivers("f", tasks)
	c.healthy(c.workers...)
	for _, m := range c.workers {
		eventually(t, 10*time.Second, m.id+" to see all tasks where they were", func() error {
			if after, err := m.holders("f"); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
				return fmt.Errorf("they were on %v and are on %v, %w", before, after, err)
			}
			return nil
		})
	}
	select {
	case err := <-sentOn:
		t.Errorf("a request through a worker that does not reach the leader: %v", err)
	default:
	}
	for _, p := range toPeers {
		p.mend()
	}
	if err := <-sentOn; err != nil {
		t.Errorf("a request that waited for the network: %v", err)
	}
	for _, p := range toPeers {
		p.refuse()
	}
	if err := request(http.MethodDelete, other.url+"/connectors/h", nil, nil); err == nil || !strings.Contains(err.Error(), "forward REST request") {
		t.Errorf("a request that has to be sent on, and cannot: %v", err)
	}
	for _, p := range toPeers {
		p.mend()
	}
	eventually(t, time.Minute, "requests to be sent on again", func() error {
		return request(http.MethodDelete, other.url+"/connectors/h", nil, nil)
	})
	c.finish("f")
	seen.check(t, 10)
}

// check ends a test: never have two workers been seen to run the same task.
func (o *overlaps) check(t *testing.T, looks int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	t.Logf("in %d looks, the longest that two workers ran the same task was %s", o.looks, o.longest)
	if o.longest > 0 || o.looks < looks {
		t.Errorf("two workers ran the same task for %s (%d looks)", o.longest, o.looks)
	}
}
