//go:build stack

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/examples/stack"
)

// observer is a proxy before Elasticsearch that knows what was sent and when it was confirmed.
type observer struct {
	url string

	mu     sync.Mutex
	lose   int                  // so many bulk requests are carried out, but not confirmed
	busy   bool                 // bulk requests are refused
	bulks  int                  // requests, whatever became of them
	bytes  int                  // of them
	acked  map[string]time.Time // ids, when they were first confirmed
	again  map[string]time.Time // ids that were sent after they had been confirmed, and when that had been
	latest time.Time            // when an id was confirmed for the first time
}

func observe(t *testing.T, backend string) *observer {
	t.Helper()
	o := &observer{acked: map[string]time.Time{}, again: map[string]time.Time{}}
	transport := &http.Transport{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		ids, answer := o.sent(r, body)
		if answer == http.StatusServiceUnavailable {
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
			http.Error(w, `{"error":{"type":"closed_for_lunch","reason":"back soon"},"status":503}`, answer)
			return
		}
		// It is carried out even if the client has given up.
		out, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, backend+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		out.Header = r.Header.Clone()
		res, err := transport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if err != nil || answer == http.StatusBadGateway {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), res.Header)
		w.WriteHeader(res.StatusCode)
		if _, err := w.Write(said); err == nil && r.Context().Err() == nil && res.StatusCode == http.StatusOK {
			o.confirmed(ids)
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	o.url = server.URL
	return o
}

// sent notes a request, and says how to answer it: as the server does, not at all (502) or with a refusal (503).
func (o *observer) sent(r *http.Request, body []byte) (ids []string, answer int) {
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		return nil, http.StatusOK
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bulks++
	o.bytes += len(body)
	lines := bytes.Split(body, []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		var action struct {
			Index struct {
				ID string `json:"_id"`
			}
		}
		if json.Unmarshal(lines[i], &action) != nil {
			continue
		}
		ids = append(ids, action.Index.ID)
		if at, ok := o.acked[action.Index.ID]; ok {
			o.again[action.Index.ID] = at
		}
	}
	switch {
	case o.busy:
		return ids, http.StatusServiceUnavailable
	case o.lose > 0:
		o.lose--
		return ids, http.StatusBadGateway
	}
	return ids, http.StatusOK
}

func (o *observer) confirmed(ids []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for _, id := range ids {
		if _, ok := o.acked[id]; !ok {
			o.acked[id], o.latest = now, now
		}
	}
}

// durable gives, for every document, when it and all before it in its partition had been confirmed: then its offset could be committed.
func (o *observer) durable() map[string]time.Time {
	type confirmation struct {
		id     string
		offset int64
	}
	partitions := map[string][]confirmation{}
	for id := range o.acked {
		i := strings.LastIndexByte(id, '+')
		offset, err := strconv.ParseInt(id[i+1:], 10, 64)
		if err != nil {
			continue
		}
		partitions[id[:i]] = append(partitions[id[:i]], confirmation{id, offset})
	}
	at := map[string]time.Time{}
	for _, list := range partitions {
		slices.SortFunc(list, func(a, b confirmation) int { return cmp.Compare(a.offset, b.offset) })
		var latest time.Time
		for _, c := range list {
			if latest.Before(o.acked[c.id]) {
				latest = o.acked[c.id]
			}
			at[c.id] = latest
		}
	}
	return at
}

func (o *observer) with(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

// create3 makes a topic of three partitions.
func create3(t *testing.T, bootstrap, topic string) {
	t.Helper()
	a, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": bootstrap})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	results, err := a.CreateTopics(t.Context(), []kafka.TopicSpecification{{Topic: topic, NumPartitions: 3, ReplicationFactor: 1}})
	if err != nil || results[0].Error.Code() != kafka.ErrNoError {
		t.Fatal(err, results)
	}
}

// pace writes records [from,to) to a topic, spread over its partitions, paced where a pause is given.
func pace(t *testing.T, bootstrap, topic string, from, to int, pause time.Duration, value func(n int) []byte) {
	t.Helper()
	p, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": bootstrap, "linger.ms": 5, "go.delivery.reports": false, "queue.buffering.max.messages": 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tick := time.NewTicker(max(pause, time.Millisecond))
	defer tick.Stop()
	for n := from; n < to; n++ {
		m := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(n % 3)}, Key: strconv.AppendInt(nil, int64(n), 10), Value: value(n)}
		if err := p.Produce(m, nil); err != nil {
			t.Fatal(err)
		}
		if pause > 0 && n%20 == 0 {
			<-tick.C
		}
	}
	if left := p.Flush(60_000); left > 0 {
		t.Fatalf("%d records were not delivered", left)
	}
}

// metrics gives those of a connector's plugin, added up over its tasks.
func (p *pipeline) metrics(name string) map[string]int {
	p.t.Helper()
	resp, err := http.Get(p.rest + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	m := map[string]int{}
	for line := range strings.Lines(string(b)) {
		metric, rest, ok := strings.Cut(line, "{")
		if !ok || !strings.Contains(rest, `connector="`+name+`"`) {
			continue
		}
		f := strings.Fields(rest)
		v, err := strconv.ParseFloat(f[len(f)-1], 64)
		if err != nil {
			p.t.Fatal(err)
		}
		m[strings.TrimPrefix(metric, "sluice_plugin_")] += int(v)
	}
	return m
}

func (p *pipeline) stored(name string, want int) {
	p.t.Helper()
	eventually(p.t, 90*time.Second, name+" to store everything", func() error {
		if n := p.committed(name); n < int64(want) {
			s, _ := p.status(name)
			return fmt.Errorf("%d of %d, status %+v", n, want, s)
		}
		return nil
	})
}

func numbered(n int) []byte { return fmt.Appendf(nil, `{"n":%d,"color":"green"}`, n) }

// TestElasticsearchSeen has a worker show in metrics and status what its Elasticsearch sink goes through.
func TestElasticsearchSeen(t *testing.T) {
	s := stack.Shared(t, stack.Kafka, stack.Elasticsearch)
	o := observe(t, s.ElasticsearchURL())
	topic := fmt.Sprintf("es-seen-%d", time.Now().UnixNano())
	p := startPipeline(t, s.KafkaBootstrap(), "")
	p.topic = topic
	create3(t, s.KafkaBootstrap(), topic)
	const n = 3000
	o.with(func() { o.lose = 2 })
	pace(t, s.KafkaBootstrap(), topic, 0, n, 0, func(n int) []byte {
		if n == 1234 {
			return []byte(`{"n":"many"}`)
		}
		return numbered(n)
	})
	const name = "es-seen"
	cfg := map[string]string{
		"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": "2", "topics": topic,
		"connection.url": o.url, "max.retries": "-1", "behavior.on.malformed.documents": "ignore", "batch.size": "500",
		"sluice.index.mappings": `{"properties":{"n":{"type":"long"}}}`, "retry.backoff.ms": "20", "read.timeout.ms": "30000",
	}
	p.create(name, 2, cfg)
	p.stored(name, n)
	var m map[string]int
	// Metrics come to the worker now and then.
	eventually(t, 20*time.Second, "the metrics", func() error {
		m = p.metrics(name)
		var bulks, bytes int
		o.with(func() { bulks, bytes = o.bulks, o.bytes })
		// Some may have been sent twice, where a partition has gone from one task to the other.
		if m["documents_total"] > n-1 || m["documents_total"]+m["conflicts_total"] < n-1 || m["bulk_requests_total"] != bulks || m["bytes_total"] != bytes || m["skipped_total"] != 1 ||
			m["bulk_requests_in_flight"] != 0 || m["buffered_records"] != 0 {
			return fmt.Errorf("%d bulk requests with %d bytes were seen; metrics %v", bulks, bytes, m)
		}
		return nil
	})
	if m["conflicts_total"] == 0 || m["retries_connection_total"] == 0 || m["bulk_milliseconds_total"] == 0 {
		t.Errorf("metrics %v", m)
	}

	o.with(func() { o.busy = true })
	pace(t, s.KafkaBootstrap(), topic, n, n+30, 0, numbered)
	eventually(t, 30*time.Second, "the trouble in the status", func() error {
		st, err := p.status(name)
		if err != nil {
			return err
		}
		for _, task := range st.Tasks {
			if task.State == "RUNNING" && strings.Contains(task.Trace, "503") && strings.Contains(task.Trace, "back soon") && strings.Contains(task.Trace, topic) {
				return nil
			}
		}
		return fmt.Errorf("status %+v", st)
	})
	o.with(func() { o.busy = false })
	p.stored(name, n+30)
	eventually(t, 30*time.Second, "a status without trouble", func() error {
		st, err := p.status(name)
		for _, task := range st.Tasks {
			if task.State != "RUNNING" || task.Trace != "" {
				err = fmt.Errorf("status %+v", st)
			}
		}
		return err
	})
	eventually(t, patience, "the refusals in the metrics", func() error {
		if m := p.metrics(name); m["retries_unavailable_total"] == 0 {
			return fmt.Errorf("metrics %v", m)
		}
		return nil
	})

	// Validation says that a service is away; a connector is made all the same.
	cfg["connection.url"] = "http://127.0.0.1:" + freePort(t)
	for url, want := range map[string]int{o.url: 0, cfg["connection.url"]: 1} {
		if errs := p.validate(with(cfg, "name", "es-away", "connection.url", url)); len(errs["connection.url"]) != want || len(errs) != want ||
			want == 1 && !strings.Contains(errs["connection.url"][0], "refused") {
			t.Errorf("validation with %s: %v", url, errs)
		}
	}
	p.create("es-away", 2, cfg)
}

func with(m map[string]string, more ...string) map[string]string {
	m = maps.Clone(m)
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// validate gives the errors in a configuration of the Elasticsearch sink, by key.
func (p *pipeline) validate(cfg map[string]string) map[string][]string {
	p.t.Helper()
	body, err := json.Marshal(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPut, p.rest+"/connector-plugins/ElasticsearchSinkConnector/config/validate", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Configs []struct {
			Value struct {
				Name   string
				Errors []string
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Configs) == 0 {
		p.t.Fatal(resp.Status, err)
	}
	errs := map[string][]string{}
	for _, c := range answer.Configs {
		if len(c.Value.Errors) > 0 {
			errs[c.Value.Name] = c.Value.Errors
		}
	}
	return errs
}

// TestElasticsearchRecovers kills a worker under load. Documents arrive again soon, and what was confirmed longer before than the
// interval of commits is not sent again.
func TestElasticsearchRecovers(t *testing.T) {
	const n, before, after = 60_000, 20_000, 40_000
	s := stack.Shared(t, stack.Kafka, stack.Elasticsearch)
	o := observe(t, s.ElasticsearchURL())
	topic := fmt.Sprintf("es-recovers-%d", time.Now().UnixNano())
	p := startPipeline(t, s.KafkaBootstrap(), "")
	p.topic = topic
	create3(t, s.KafkaBootstrap(), topic)
	pace(t, s.KafkaBootstrap(), topic, 0, 3, 0, numbered)
	const name = "es-recovers"
	p.create(name, 3, map[string]string{
		"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": "3", "topics": topic,
		"connection.url": o.url, "key.ignore": "true", "max.retries": "-1", "sluice.index.mappings": `{"properties":{"n":{"type":"long"}}}`,
	})
	var load sync.WaitGroup
	begun := time.Now()
	load.Go(func() { pace(t, s.KafkaBootstrap(), topic, 3, n, 3*time.Millisecond, numbered) })
	defer load.Wait()
	confirmed := func(want int) func() error {
		return func() error {
			var got int
			o.with(func() { got = len(o.acked) })
			if got < want {
				return fmt.Errorf("%d documents of %d", got, want)
			}
			return nil
		}
	}
	eventually(t, 60*time.Second, "the load", confirmed(before))
	p.worker.kill()
	killed := time.Now()
	loaded := killed.Sub(begun)
	var old int
	o.with(func() { old = len(o.acked); clear(o.again) })
	p.worker.start()
	eventually(t, 60*time.Second, "documents", confirmed(old+1))
	var took time.Duration
	o.with(func() { took = o.latest.Sub(killed) })
	eventually(t, 60*time.Second, "more load", confirmed(after))
	load.Wait()
	p.stored(name, n)
	oldest := time.Duration(0)
	o.with(func() {
		for id, at := range o.durable() {
			if _, again := o.again[id]; again {
				oldest = max(oldest, killed.Sub(at))
			}
		}
		t.Logf("documents %v after the kill; %d of %d were sent again, the oldest could have been committed %v before it", took, len(o.again), old, oldest)
		if len(o.acked) != n {
			t.Errorf("%d documents, want %d", len(o.acked), n)
		}
	})
	// Two cores to themselves take less than three seconds for the one, and one second, the interval of commits, for the other.
	if took > 45*time.Second {
		t.Errorf("documents came only %v after the kill", took)
	}
	// One that is slow may be late with a commit, but not for half of all the time that it has had.
	if oldest > max(4*time.Second, loaded/2) {
		t.Errorf("a document was sent again that could have been committed %v before the kill", oldest)
	}
	got := 0
	eventually(t, 30*time.Second, "the count", func() error {
		var c struct{ Count int }
		if err := get(s.ElasticsearchURL()+"/"+topic+"/_count", &c); err != nil {
			return err
		}
		if got = c.Count; got != n {
			return fmt.Errorf("%d documents in the index", got)
		}
		return nil
	})
}
