package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// index is what both sides of the Elasticsearch benchmark write to, made anew for each round.
var index = topic

// inFlight is how many requests the loop sends at a time.
const inFlight = 4

const indexBody = `{"settings":{"number_of_shards":1,"number_of_replicas":0,"refresh_interval":"30s"},"mappings":{"dynamic":false,"properties":{
	"n":{"type":"long"},"timestamp":{"type":"keyword"},"userAgent":{"type":"keyword"},"colorName":{"type":"keyword"},"userName":{"type":"keyword"}}}}`

// indexed is one round of one side.
type indexed struct {
	rate   float64 // documents/s from the first to the last
	cpu    float64 // CPU seconds of the worker and its plugin, or of the loop, per million
	plugin float64 // of cpu, what the plugin took
	server float64 // CPU seconds of Elasticsearch per million
	kafka  float64 // and of Kafka
	rss    int64   // bytes resident, worker and plugin, the most that was seen
	own    int64   // of rss, what the worker had
	bulk   float64 // documents in a bulk request, on average
}

// runElasticsearch measures the Elasticsearch sink against a loop that only sends bulk requests.
func runElasticsearch(ctx context.Context, o options) error {
	s, down, err := elasticStack(ctx, o)
	if err != nil {
		return err
	}
	defer down()
	if err := produce(ctx, s.KafkaBootstrap(), o); err != nil {
		return err
	}
	worker, err := startSluice(ctx, s.KafkaBootstrap(), o)
	if err != nil {
		return err
	}
	defer worker.stop()
	pid, err := servicePID(s.Dir(), "elasticsearch")
	if err != nil {
		return err
	}
	broker, err := servicePID(s.Dir(), "kafka")
	if err != nil {
		return err
	}
	e := &elasticBench{
		o: o, url: s.ElasticsearchURL(), server: &peer{pid: pid}, kafka: &peer{pid: broker}, worker: worker, raw: encodeAll(o),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight}},
	}
	sides := []string{sluice, "raw loop"}
	if o.workload != "" {
		sides = []string{o.workload}
	}
	results := map[string][]indexed{}
	for round := range o.warmups + o.rounds {
		if o.serverCPUs != "" && round == o.warmups { // until then the server's compilers may have all processors
			if err := pin(o.serverCPUs, []int{pid}, append(worker.family(), broker, os.Getpid())); err != nil {
				return err
			}
		}
		order := slices.Clone(sides)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, side := range order {
			r, err := e.measure(ctx, side, round)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", side, round, err)
			}
			note := "  (warm-up)"
			if round >= o.warmups {
				results[side], note = append(results[side], r), ""
			}
			fmt.Printf("%-8s round %d: %7.0f documents/s  %5.2f CPU s/million, %5.2f of it the plugin  %5.2f of the server  %5.2f of Kafka  %4d MB, %3d of it the worker  %5.0f documents a bulk%s\n",
				side, round, r.rate, r.cpu, r.plugin, r.server, r.kafka, r.rss>>20, r.own>>20, r.bulk, note)
		}
	}
	fmt.Printf("\n%d records of %d bytes, %d partitions, %d tasks; medians of %d rounds\n\n", o.records, o.size, o.partitions, o.partitions, o.rounds)
	fmt.Println("| | documents/s | CPU s per million | of the server | of Kafka | documents a CPU second | resident MB | documents a bulk |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, side := range sides {
		of := func(f func(indexed) float64) float64 {
			var values []float64
			for _, r := range results[side] {
				values = append(values, f(r))
			}
			slices.Sort(values)
			return values[len(values)/2]
		}
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.2f | %.0f | %.0f | %.0f |\n", side, of(func(r indexed) float64 { return r.rate }), of(func(r indexed) float64 { return r.cpu }),
			of(func(r indexed) float64 { return r.server }), of(func(r indexed) float64 { return r.kafka }),
			of(func(r indexed) float64 { return 1e6 / (r.cpu + r.server + r.kafka) }),
			of(func(r indexed) float64 { return float64(r.rss >> 20) }), of(func(r indexed) float64 { return r.bulk }))
	}
	return nil
}

// elasticStack starts the services, or takes those that run for tests.
func elasticStack(ctx context.Context, o options) (s *stack.Stack, down func(), err error) {
	services := []stack.Service{stack.Kafka, stack.Elasticsearch}
	if dir := os.Getenv(stack.SharedDir); dir != "" {
		s, err := stack.Attach(dir)
		if err != nil {
			return nil, nil, err
		}
		return s, func() {}, s.Start(ctx, services...)
	}
	fmt.Printf("starting %v …\n", services)
	s, err = stack.Start(ctx, filepath.Join(o.dir, "stack"), stack.Options{
		Env: map[string]string{"STACK_JAVA_OPTS": "", "STACK_REBALANCE_DELAY_MS": rebalanceDelay, "STACK_KAFKA_HEAP": "1g", "STACK_ES_HEAP": "2g"}, Log: os.Stderr,
	}, services...)
	return s, func() { _ = s.Down(context.WithoutCancel(ctx), true) }, err
}

type elasticBench struct {
	o      options
	url    string
	server *peer
	kafka  *peer
	worker *peer
	raw    []string // bulk requests
	http   *http.Client
}

func (e *elasticBench) measure(ctx context.Context, side string, round int) (indexed, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	_ = e.call(ctx, http.MethodDelete, "/"+index, "", nil) // there is none the first time
	if err := e.call(ctx, http.MethodPut, "/"+index, indexBody, nil); err != nil {
		return indexed{}, err
	}
	own, loop, server, kafka := e.worker.cpu(), ownCPU(), e.server.cpu(), e.kafka.cpu()
	perMillion := func(seconds float64) float64 { return seconds / float64(e.o.records) * 1e6 }
	var r indexed
	var took time.Duration
	var err error
	if side == sluice {
		took, err = e.sink(ctx, round, &r)
		r.cpu, r.kafka = perMillion(e.worker.cpu()-own), perMillion(e.kafka.cpu()-kafka)
	} else {
		took, err = e.loop(ctx)
		r.bulk = float64(e.o.records) / float64(len(e.raw))
		r.cpu = perMillion(ownCPU() - loop)
	}
	r.server = perMillion(e.server.cpu() - server)
	if err != nil {
		return r, err
	}
	r.rate = float64(e.o.records) / took.Seconds()
	return r, e.verify(ctx)
}

// sink has a connector write all records, and gives the time from the first document to the last, with what those seen at first took. It notes the most memory, the CPU
// time of the plugin, and how many documents a bulk request had.
func (e *elasticBench) sink(ctx context.Context, round int, r *indexed) (took time.Duration, err error) {
	name := fmt.Sprintf("es-%d", round)
	cfg := map[string]string{
		"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector", "tasks.max": strconv.Itoa(e.o.partitions), "topics": topic,
		"connection.url": e.url, "key.ignore": "true", "schema.ignore": "true",
		"read.timeout.ms": "60000", // what is repeated would be counted twice
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	}
	for set := range strings.SplitSeq(e.o.sink, ";") {
		if k, v, ok := strings.Cut(set, "="); ok {
			cfg[k] = v
		}
	}
	if err := e.worker.call(ctx, http.MethodPost, "/connectors", map[string]any{"name": name, "config": cfg}, nil); err != nil {
		return 0, err
	}
	var first time.Time
	early := 0 // documents that were there when the first were seen
	for {
		n, err := e.count(ctx)
		if err != nil {
			return 0, err
		}
		if n > 0 && first.IsZero() {
			first, early = time.Now(), n
		}
		if rss, own := e.worker.rss(); rss > r.rss {
			r.rss, r.own = rss, own
		}
		if n >= e.o.records {
			took = time.Since(first) * time.Duration(e.o.records) / time.Duration(max(e.o.records-early, 1))
			break
		}
		pause := 100 * time.Millisecond
		if since := time.Since(first); n > 0 { // the server counts at the cost of what is measured: rather when the end is near
			pause = max(pause, min(since*time.Duration(e.o.records-n)/time.Duration(2*n), time.Second))
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d documents: %w", n, e.o.records, ctx.Err())
		case <-time.After(pause):
		}
	}
	bulks, err := e.worker.metric(ctx, "sluice_plugin_bulk_requests_total", name)
	if err != nil {
		return 0, err
	}
	r.bulk = float64(e.o.records) / bulks
	_, plugin := e.worker.cpus()
	r.plugin = plugin / float64(e.o.records) * 1e6
	return took, e.worker.call(ctx, http.MethodDelete, "/connectors/"+name, nil, nil)
}

// loop sends prepared bulk requests, four at a time.
func (e *elasticBench) loop(ctx context.Context) (time.Duration, error) {
	var all sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, inFlight)
	began := time.Now()
	for i := range errs {
		all.Go(func() {
			for errs[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(e.raw) {
					return
				}
				var answer struct{ Errors bool }
				errs[i] = e.call(ctx, http.MethodPost, "/"+index+"/_bulk?filter_path=took,errors,items.*.error", e.raw[n], &answer)
				if answer.Errors {
					errs[i] = errors.New("documents were refused")
				}
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}

// encodeAll makes bulk requests of all records, with the ids that the sink gives them.
func encodeAll(o options) []string {
	const documents = 2000
	var all []string
	for p := range o.partitions {
		var b []byte
		offset := 0
		for n := p; n < o.records; n += o.partitions {
			b = fmt.Appendf(b, `{"index":{"_id":"%s+%d+%d"}}`+"\n%s\n", topic, p, offset, record(n, o.size))
			if offset++; offset%documents == 0 {
				all = append(all, string(b))
				b = b[:0]
			}
		}
		if len(b) > 0 {
			all = append(all, string(b))
		}
	}
	// in the order of time, as records come from several partitions
	per := (len(all) + o.partitions - 1) / o.partitions
	mixed := make([]string, 0, len(all))
	for i := range per {
		for p := range o.partitions {
			if k := p*per + i; k < len(all) {
				mixed = append(mixed, all[k])
			}
		}
	}
	return mixed
}

// count gives how many documents were indexed since the index was made.
func (e *elasticBench) count(ctx context.Context) (int, error) {
	var stats struct {
		All struct {
			Primaries struct {
				Indexing struct {
					Total int `json:"index_total"`
				}
			}
		} `json:"_all"`
	}
	err := e.call(ctx, http.MethodGet, "/"+index+"/_stats/indexing?filter_path=_all.primaries.indexing.index_total", "", &stats)
	return stats.All.Primaries.Indexing.Total, err
}

// verify checks that every record is there, once: by their number and the sum of their numbers.
func (e *elasticBench) verify(ctx context.Context) error {
	if err := e.call(ctx, http.MethodPost, "/"+index+"/_refresh", "", nil); err != nil {
		return err
	}
	var answer struct {
		Hits struct {
			Total struct{ Value int }
		}
		Aggregations struct {
			Sum struct{ Value float64 }
		}
	}
	err := e.call(ctx, http.MethodPost, "/"+index+"/_search", `{"size":0,"track_total_hits":true,"aggs":{"sum":{"sum":{"field":"n"}}}}`, &answer)
	if want := float64(e.o.records) * float64(e.o.records-1) / 2; err == nil && (answer.Hits.Total.Value != e.o.records || answer.Aggregations.Sum.Value != want) {
		err = fmt.Errorf("%d documents with the sum %.0f, want %d with %.0f", answer.Hits.Total.Value, answer.Aggregations.Sum.Value, e.o.records, want)
	}
	return err
}

func (e *elasticBench) call(ctx context.Context, method, path, body string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, e.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %w: %s: %.300s", method, path, errStatus, res.Status, b)
	}
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// metric adds up a metric of a connector's tasks.
func (p *peer) metric(ctx context.Context, name, connector string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept-Encoding", "identity") // compressing it would cost the worker more than telling it
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for line := range bytes.Lines(b) {
		if !bytes.HasPrefix(line, []byte(name+"{")) || !bytes.Contains(line, []byte(`connector="`+connector+`"`)) {
			continue
		}
		f := bytes.Fields(line)
		v, err := strconv.ParseFloat(string(f[len(f)-1]), 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}
