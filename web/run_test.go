package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
)

// running is a whole service in this process.
type running struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   func() error // starts the graceful stop and waits for its end
}

func startService(t *testing.T, broker string, change ...func(*settings)) *running {
	t.Helper()
	s := settings{
		listen: "127.0.0.1:0", bootstrapServers: broker, topic: testTopic, bufferEvents: 100_000, bufferBytes: 64 << 20,
		shutdownTimeout: patience,
		// Only so that the test need not wait ten seconds for a broker that is back.
		properties: []string{"reconnect.backoff.max.ms=300"},
	}
	for _, f := range change {
		f(&s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	address, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, s, testLogger(t), func(a net.Addr) { address <- a }) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	r := &running{t: t, client: &http.Client{Transport: transport, Timeout: patience}}
	r.stop = sync.OnceValue(func() error {
		transport.CloseIdleConnections()
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = r.stop() })
	select {
	case a := <-address:
		r.url = "http://" + a.String()
	case err := <-ended:
		ended <- err
		t.Fatalf("the service did not start: %v", err)
	}
	return r
}

// pick sends one pick and returns the status and how long the answer took.
func (r *running) pick(user, color string) (int, time.Duration) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.url+"/api/select?"+url.Values{"user": {user}, "color": {color}}.Encode(), nil)
	if err != nil {
		r.t.Error(err)
		return 0, 0
	}
	req.Header.Set("User-Agent", "test of "+user)
	begun := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Error(err)
		return 0, 0
	}
	took := time.Since(begun)
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode, took
}

func (r *running) get(path string) string {
	r.t.Helper()
	resp, err := r.client.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
	return string(body)
}

// metric reads one figure from /metrics.
func (r *running) metric(name string) int64 {
	r.t.Helper()
	for line := range strings.Lines(r.get("/metrics")) {
		if value, ok := strings.CutPrefix(line, "sluice_web_"+name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				r.t.Fatal(err)
			}
			return int64(f)
		}
	}
	r.t.Fatalf("no metric %s", name)
	return 0
}

func (r *running) health() (h healthBody) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.get("/health")), &h); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// drive sends picks at a steady rate, each of a user of its own, and returns the sorted times of the answers. All must be accepted.
func (r *running) drive(prefix string, perSecond int, lasting time.Duration) []time.Duration {
	r.t.Helper()
	var mu sync.Mutex
	var times []time.Duration
	var workers sync.WaitGroup
	users := make(chan int, perSecond)
	for range 16 {
		workers.Go(func() {
			for n := range users {
				status, took := r.pick(fmt.Sprintf("%s %d", prefix, n), "blue")
				if status != http.StatusAccepted {
					r.t.Errorf("%s %d: status %d", prefix, n, status)
				}
				mu.Lock()
				times = append(times, took)
				mu.Unlock()
			}
		})
	}
	begun := time.Now()
	total := int(float64(perSecond) * lasting.Seconds())
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < total; <-tick.C {
		for due := min(total, int(time.Since(begun).Seconds()*float64(perSecond))); sent < due; sent++ {
			users <- sent
		}
	}
	close(users)
	workers.Wait()
	slices.Sort(times)
	return times
}

// quick wants answers within milliseconds. What every answer waits for shows in the fastest of them, however busy the machine is, and
// Kafka would keep the slowest for longer than a machine that stands still for a moment: for as long as it is away.
func quick(t *testing.T, what string, times []time.Duration) {
	t.Helper()
	fast, p99 := times[len(times)/10], times[len(times)*99/100]
	t.Logf("%s: %d answers, fastest tenth %v, 99th percentile %v, slowest %v", what, len(times), fast, p99, times[len(times)-1])
	if fast > 50*time.Millisecond || p99 > 10*time.Second {
		t.Errorf("%s: fastest tenth %v, 99th percentile %v", what, fast, p99)
	}
}

func TestPickArrivesInKafka(t *testing.T) {
	_, broker := startBroker(t)
	r := startService(t, broker)
	before := time.Now().UTC().Truncate(time.Millisecond)
	if status, _ := r.pick("Zoë 👩‍🚀", "light blue"); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	got := readEvents(t, broker, 1)["Zoë 👩‍🚀"]
	at, err := time.Parse(timestampLayout, got.Timestamp)
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("timestamp %q, sent after %v: %v", got.Timestamp, before, err)
	}
	got.Timestamp = ""
	want := selectEvent{UserAgent: "test of Zoë 👩‍🚀", ColorName: "light blue", UserName: "Zoë 👩‍🚀"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	waitFor(t, "the books to balance", func() bool { return r.metric("events_delivered_total") == 1 })
	if h := r.health(); !h.Kafka.Reachable || !h.Kafka.Ready || h.Buffer.Events != 0 {
		t.Errorf("health %+v", h)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestBurstIsAbsorbed(t *testing.T) {
	_, broker := startBroker(t)
	r := startService(t, broker)
	const normal = 100 // picks a second
	quick(t, "normal", r.drive("normal", normal, time.Second))
	quick(t, "burst", r.drive("burst", 20*normal, 2*time.Second))
	quick(t, "afterwards", r.drive("afterwards", normal, time.Second))
	if err := r.stop(); err != nil { // delivers the rest
		t.Fatal(err)
	}
	if got := readEvents(t, broker, 4200); len(got) != 4200 {
		t.Errorf("%d events, want 4200", len(got))
	}
}

// The broker is away at the start, comes, goes and comes back. Answers stay quick throughout and everything accepted arrives.
func TestAnswersWhileKafkaComesAndGoes(t *testing.T) {
	port := freePort(t)
	opts := []kfake.Opt{kfake.Ports(port), kfake.DataDir(t.TempDir())}
	r := startService(t, local(port))

	quick(t, "before Kafka", r.drive("before", 300, time.Second))
	if h := r.health(); h.Status != "up" || h.Kafka.Reachable || h.Buffer.Events != 300 || h.Buffer.Fill == 0 {
		t.Errorf("health before Kafka: %+v", h)
	}
	first, _ := startBroker(t, opts...)
	waitFor(t, "the first picks", func() bool { return r.metric("events_delivered_total") == 300 })

	driven := make(chan []time.Duration, 1)
	go func() { driven <- r.drive("cut", 300, 2*time.Second) }()
	waitFor(t, "the middle of the load", func() bool { return r.metric("events_accepted_total") >= 500 })
	first.Close()
	quick(t, "cut", <-driven)
	if status, _ := r.pick("one more", "blue"); status != http.StatusAccepted { // all the others may have been delivered before the cut
		t.Errorf("status %d", status)
	}
	if n := r.metric("buffer_events"); n == 0 {
		t.Error("nothing is buffered with Kafka away")
	}
	startBroker(t, opts...)
	waitFor(t, "all picks", func() bool { return r.metric("events_delivered_total") == 901 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if got := readEvents(t, local(port), 901); len(got) != 901 {
		t.Errorf("%d events, want 901", len(got))
	}
}

func TestFullBufferRefusesAtOnce(t *testing.T) {
	r := startService(t, local(freePort(t)), func(s *settings) { s.bufferEvents, s.shutdownTimeout = 10, 50*time.Millisecond })
	var times []time.Duration
	for i := range 100 {
		want := http.StatusAccepted
		if i >= 10 {
			want = http.StatusServiceUnavailable
		}
		status, took := r.pick("Ada", "red")
		if status != want {
			t.Fatalf("pick %d: status %d, want %d", i, status, want)
		}
		times = append(times, took)
	}
	slices.Sort(times)
	quick(t, "full", times)
	got := [...]int64{r.metric("events_accepted_total"), r.metric("events_dropped_total"), r.metric("buffer_events")}
	if want := [...]int64{10, 90, 10}; got != want {
		t.Errorf("accepted, dropped, buffered: %v, want %v", got, want)
	}
	if h := r.health(); h.Buffer.Fill != 1 {
		t.Errorf("health %+v", h)
	}
}
