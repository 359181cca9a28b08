//go:build stack

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Twenty times the normal rate for half a minute, while the sinks are slowed down: the page answers as fast as before,
// memory stays within its settings, and everything that was accepted arrives.
func TestBurst(t *testing.T) {
	const (
		normal   = 50 // clicks a second
		factor   = 20
		calm     = 5 * time.Second
		burst    = 30 * time.Second
		buffer   = 64 << 20
		tasks    = 3
		overhead = 150 << 20 // of the processes themselves, beside the buffers that are set
	)
	rng := stack.Seed(t)
	s := stack.Shared(t, stack.Kafka, stack.HDFS, stack.Elasticsearch)
	topic := fmt.Sprintf("burst-%d", rng.Uint32())
	p := startPipeline(t, s.KafkaBootstrap(), topic, "--buffer-bytes", strconv.Itoa(buffer))
	p.create("to-hdfs", tasks, map[string]string{
		"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max": strconv.Itoa(tasks), "topics": topic,
		"hdfs.url": s.HDFSURL(), "format.class": "io.confluent.connect.hdfs.json.JsonFormat", "flush.size": "500", "rotate.interval.ms": "1000",
	})
	p.create("to-elasticsearch", tasks, map[string]string{ // one document a request, one request at a time: slow on purpose
		"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": strconv.Itoa(tasks), "topics": topic,
		"connection.url": s.ElasticsearchURL(), "key.ignore": "true", "schema.ignore": "true",
		"batch.size": "20", "max.in.flight.requests": "1", "max.buffered.records": "200",
	})

	var n atomic.Int64
	quiet, _ := click(t, p.page, &n, normal, calm)
	loud, memory := click(t, p.page, &n, normal*factor, burst, p.web.pid(), p.worker.pid())
	t.Logf("p99 of an answer: %s at %d/s, %s at %d/s", quiet, normal, loud, normal*factor)
	if limit := max(10*quiet, 100*time.Millisecond); loud > limit {
		t.Errorf("the page became slow: p99 %s in the burst, %s before", loud, quiet)
	}
	t.Logf("memory: web %d MB, worker %d MB", memory[0]>>20, memory[1]>>20)
	if limit := int64(buffer + overhead); memory[0] > limit {
		t.Errorf("the web service used %d bytes, its buffer is %d", memory[0], buffer)
	}
	if limit := int64(2*tasks*(4<<20+4<<20) + overhead); memory[1] > limit {
		t.Errorf("the worker used %d bytes, its tasks may hold %d", memory[1], limit-overhead)
	}

	accepted := metric(t, p.page, "events_accepted_total")
	if dropped := metric(t, p.page, "events_dropped_total"); accepted+dropped != n.Load() {
		t.Errorf("%d clicks, %d accepted, %d dropped", n.Load(), accepted, dropped)
	}
	users := make([]string, n.Load())
	for i := range users {
		users[i] = "user-" + strconv.Itoa(i)
	}
	for _, c := range []string{"to-hdfs", "to-elasticsearch"} {
		eventually(t, 3*time.Minute, c+" to store everything", func() error {
			if got := p.committed(c); got < accepted {
				return fmt.Errorf("%d of %d", got, accepted)
			}
			return nil
		})
	}
	if accepted == n.Load() {
		exactlyOnce(t, "HDFS", users, readHDFS(t, s.WebHDFSURL(), topic))
		exactlyOnce(t, "Elasticsearch", users, readElasticsearch(t, s.ElasticsearchURL(), topic))
	}
}

// click sends clicks at a rate for a time. It gives the 99th percentile of the answers' times and the most memory seen
// of each process.
func click(t testing.TB, page string, n *atomic.Int64, rate int, during time.Duration, pids ...int) (p99 time.Duration, memory []int64) {
	t.Helper()
	const browsers = 16
	memory = make([]int64, len(pids))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: browsers}, Timeout: patience}
	defer client.CloseIdleConnections()
	tickets := make(chan struct{}, rate)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range browsers {
		wg.Go(func() {
			for range tickets {
				u := "user-" + strconv.FormatInt(n.Add(1)-1, 10)
				began := time.Now()
				resp, err := client.Get(page + "/api/select?color=green&user=" + url.QueryEscape(u))
				if err != nil {
					t.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	// Tickets are given out by the clock: a hundred times a second, as many as are due.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	given := 0
	for began := time.Now(); time.Since(began) < during; <-tick.C {
		for due := int(time.Since(began).Seconds() * float64(rate)); given < due; given++ {
			tickets <- struct{}{}
		}
		for i, pid := range pids {
			memory[i] = max(memory[i], rss(pid))
		}
	}
	close(tickets)
	wg.Wait()
	slices.Sort(took)
	return took[len(took)*99/100], memory
}

func metric(t testing.TB, base, name string) int64 {
	t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\w*` + name + ` ([0-9.e+]+)$`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no metric %s", name)
	}
	f, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(f)
}
