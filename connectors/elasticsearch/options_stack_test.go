//go:build stack

package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// at is the timestamp of the first record of an options test, 2026-11-23T04:41:52.123Z; the others follow a day apart.
const (
	at   = 1795408912123
	aDay = 24 * 60 * 60 * 1000
)

// hit is a document as a search gives it.
type hit struct {
	Index   string          `json:"_index"`
	ID      string          `json:"_id"`
	Routing string          `json:"_routing"`
	Version int64           `json:"_version"`
	Source  json.RawMessage `json:"_source"`
}

// hits gives all documents of a pattern of indices, by id.
func (r reader) hits(pattern string) map[string]hit {
	r.t.Helper()
	r.must("POST", "/"+pattern+"/_refresh", "")
	var page struct{ Hits struct{ Hits []hit } }
	if err := json.Unmarshal(r.must("POST", "/"+pattern+"/_search", `{"size":1000,"version":true}`), &page); err != nil {
		r.t.Fatal(err)
	}
	all := map[string]hit{}
	for _, h := range page.Hits.Hits {
		all[h.ID] = h
	}
	return all
}

// rec is a record; its offset is its place.
type rec struct {
	key, value string // "" is null
	header     string // external version
}

// TestStackOptions stores a few records under each option and reads them back.
func TestStackOptions(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	keyed := map[string]string{"key.ignore": "false"}
	two := []rec{{"a", `{"x":1}`, ""}, {"a", `{"y":2}`, ""}}
	nulls := []rec{{"a", `{"x":1}`, ""}, {"b", `{"x":2}`, ""}, {"a", "", ""}}
	mixed := []rec{{"a", `{"x":1}`, ""}, {"b", `[1]`, ""}, {"c", `{"x":"text"}`, ""}, {"d", `{"x":4}`, ""}}
	mapped := `{"properties":{"x":{"type":"long"}}}`
	for _, tc := range []struct {
		name     string
		set      map[string]string
		records  []rec
		want     map[string]string // id → document; T stands for the topic
		version  map[string]int64
		routing  map[string]string
		index    map[string]string // id → index; T as above
		rejected []int64
		log      string
	}{
		{name: "key ignored", records: two, want: map[string]string{"T+0+0": `{"x":1}`, "T+0+1": `{"y":2}`}},
		{name: "key ignored for this topic", set: with(keyed, "topic.key.ignore", "T"), records: two, want: map[string]string{"T+0+0": `{"x":1}`, "T+0+1": `{"y":2}`}},
		{name: "key", set: keyed, records: two, want: map[string]string{"a": `{"y":2}`}, version: map[string]int64{"a": 1}},
		{
			name: "version of a header", set: with(keyed, "external.version.header", "v"),
			records: []rec{{"a", `{"x":1}`, "70"}, {"a", `{"x":2}`, "60"}, {"a", `{"x":3}`, "x"}, {"b", `{"x":4}`, ""}},
			want:    map[string]string{"a": `{"x":1}`}, version: map[string]int64{"a": 70}, rejected: []int64{2, 3},
		},
		{name: "upsert", set: with(keyed, "write.method", "UPSERT"), records: two, want: map[string]string{"a": `{"x":1,"y":2}`}},
		{name: "nulls fail", set: keyed, records: nulls, want: map[string]string{"a": `{"x":1}`, "b": `{"x":2}`}, rejected: []int64{2}},
		{name: "nulls ignored", set: with(keyed, "behavior.on.null.values", "ignore"), records: nulls, want: map[string]string{"a": `{"x":1}`, "b": `{"x":2}`}},
		{name: "nulls delete", set: with(keyed, "behavior.on.null.values", "delete"), records: nulls, want: map[string]string{"b": `{"x":2}`}},
		{name: "malformed fail", set: with(keyed, "sluice.index.mappings", mapped), records: mixed, want: map[string]string{"a": `{"x":1}`, "d": `{"x":4}`}, rejected: []int64{1, 2}},
		{name: "malformed ignored", set: with(keyed, "sluice.index.mappings", mapped, "behavior.on.malformed.documents", "ignore"), records: mixed, want: map[string]string{"a": `{"x":1}`, "d": `{"x":4}`}, rejected: []int64{1}},
		{name: "malformed warned of", set: with(keyed, "sluice.index.mappings", mapped, "behavior.on.malformed.documents", "warn"), records: mixed, want: map[string]string{"a": `{"x":1}`, "d": `{"x":4}`}, rejected: []int64{1}, log: "left out"},
		{name: "malformed reported", set: with(keyed, "sluice.index.mappings", mapped, "behavior.on.malformed.documents", "report", "errors.tolerance", "all"), records: mixed, want: map[string]string{"a": `{"x":1}`, "d": `{"x":4}`}, rejected: []int64{1, 2}},
		{name: "invalid dropped", set: with(keyed, "sluice.index.mappings", mapped, "drop.invalid.message", "true"), records: mixed, want: map[string]string{"a": `{"x":1}`, "d": `{"x":4}`}, rejected: []int64{2}, log: "left out"},
		{name: "create", set: with(keyed, "sluice.op.type", "create"), records: two, want: map[string]string{"a": `{"x":1}`}},
		{name: "routing", set: with(keyed, "sluice.routing.field", "x"), records: []rec{{"a", `{"x":"p"}`, ""}, {"b", `{"x":"ü"}`, ""}, {"c", `{}`, ""}}, want: map[string]string{"a": `{"x":"p"}`, "b": `{"x":"ü"}`}, routing: map[string]string{"a": "p", "b": "ü"}, rejected: []int64{2}},
		{
			name: "dated by the record", set: map[string]string{"sluice.index.name": "${topic}-${yyyy.MM.dd}"}, records: two,
			want:  map[string]string{"T+0+0": `{"x":1}`, "T+0+1": `{"y":2}`},
			index: map[string]string{"T+0+0": "T-2026.11.23", "T+0+1": "T-2026.11.24"},
		},
		{
			name:    "dated by a field",
			set:     map[string]string{"sluice.index.name": "${topic}-${yyyy}", "sluice.index.time.field": "m.at", "sluice.index.settings": `{"number_of_replicas":0}`},
			records: []rec{{"", `{"m":{"at":"2024-02-03T04:05:06.789+0000"}}`, ""}, {"", `{"m":{"at":1795408912123}}`, ""}, {"", `{"m":{"at":"soon"}}`, ""}},
			want:    map[string]string{"T+0+0": `{"m":{"at":"2024-02-03T04:05:06.789+0000"}}`, "T+0+1": `{"m":{"at":1795408912123}}`},
			index:   map[string]string{"T+0+0": "T-2024", "T+0+1": "T-2026"}, rejected: []int64{2},
		},
		{name: "compressed", set: map[string]string{"connection.compression": "true"}, records: two, want: map[string]string{"T+0+0": `{"x":1}`, "T+0+1": `{"y":2}`}},
		{name: "line breaks", records: []rec{{"", "{\n\"x\":\r\n1}", ""}}, want: map[string]string{"T+0+0": "{ \"x\":\r 1}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topic := fmt.Sprintf("es-options-%d", time.Now().UnixNano())
			t.Cleanup(func() { r.drop(topic + "*") })
			set := maps.Clone(tc.set)
			if set["topic.key.ignore"] != "" {
				set["topic.key.ignore"] = topic
			}
			ack, log := store(t, s.ElasticsearchURL(), topic, set, tc.records)
			got, versions, routing, index := map[string]string{}, map[string]int64{}, map[string]string{}, map[string]string{}
			for id, h := range r.hits(topic + "*") {
				got[id] = string(h.Source)
				if _, wanted := tc.version[id]; wanted {
					versions[id] = h.Version
				}
				if h.Routing != "" {
					routing[id] = h.Routing
				}
				index[id] = h.Index
			}
			if d := cmp.Diff(named(tc.want, topic), got); d != "" {
				t.Error(d)
			}
			if tc.version != nil && !maps.Equal(versions, tc.version) {
				t.Errorf("versions %v, want %v", versions, tc.version)
			}
			if !maps.Equal(routing, tc.routing) {
				t.Errorf("routing %v, want %v", routing, tc.routing)
			}
			if want := named(tc.index, topic); tc.index != nil && !maps.Equal(index, want) {
				t.Errorf("indices %v, want %v", index, want)
			}
			d, rejected, _ := ack.state()
			if d != int64(len(tc.records)) || !slices.Equal(slices.Sorted(maps.Keys(rejected)), tc.rejected) {
				t.Errorf("durable %d, rejected %v, want %v", d, rejected, tc.rejected)
			}
			if (tc.log != "") != strings.Contains(log, "left out") {
				t.Errorf("log %q", log)
			}
		})
	}
}

// named puts the topic into ids and names of indices.
func named(m map[string]string, topic string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if rest, ok := strings.CutPrefix(k, "T+"); ok {
			k = topic + "+" + rest
		}
		if rest, ok := strings.CutPrefix(v, "T-"); ok {
			v = topic + "-" + rest
		}
		out[k] = v
	}
	return out
}

// store writes records to partition 0 of a topic and gives what was reported and logged.
func store(t *testing.T, url, topic string, set map[string]string, records []rec) (*fakeAck, string) {
	t.Helper()
	var log strings.Builder
	rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
	rt.log = &log
	p := connectors.Partition{Topic: topic, ID: 0}
	w := openWriter(t, startTask(t, rt, url, set), p, ack)
	for i, x := range records { // one by one, so that each meets what was stored before
		var b connectors.Builder
		var key, value []byte
		if x.key != "" {
			key = []byte(x.key)
		}
		if x.value != "" {
			value = []byte(x.value)
		}
		var headers []connectors.Header
		if x.header != "" {
			headers = append(headers, connectors.Header{Key: "v", Value: []byte(x.header)})
		}
		b.Append(int64(i), at+int64(i)*aDay, key, value, headers...)
		if err := w.Write(t.Context(), b.Batch(p)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return ack, log.String()
}

// TestStackResources writes to data streams and to resources that others made.
func TestStackResources(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	unique := strconv.FormatInt(time.Now().UnixNano(), 10)
	streams := "logs-es" + unique
	template := fmt.Sprintf(`{"index_patterns":[%q],"data_stream":{},"priority":500,"template":{"settings":{"number_of_replicas":0}}}`, streams+"-*")
	r.must("PUT", "/_index_template/es"+unique, template)
	r.must("POST", "/"+streams+"-behind/_create/seed", `{"@timestamp":0}`) // makes the stream
	r.must("POST", "/_aliases", fmt.Sprintf(`{"actions":[{"add":{"index":"%s-behind","alias":"es-stream-alias-%s","is_write_index":true}}]}`, streams, unique))
	r.must("PUT", "/es-index-"+unique, "")
	r.must("PUT", "/es-behind-"+unique, fmt.Sprintf(`{"aliases":{"es-alias-%s":{}}}`, unique))
	t.Cleanup(func() {
		r.call("DELETE", "/es-index-"+unique, "")
		r.call("DELETE", "/es-behind-"+unique, "")
		r.call("DELETE", "/_data_stream/"+streams+"-*", "")
	})
	one := []rec{{"k", `{"x":1,"at":"2024-02-03T04:05:06Z"}`, ""}}
	for _, tc := range []struct {
		name   string
		set    map[string]string
		target string
		id     string // T as above
		source string
	}{
		{
			name: "data stream", set: map[string]string{"data.stream.type": "LOGS", "data.stream.dataset": "es" + unique},
			target: streams + "-t", id: "T+0+0", source: `{"@timestamp":1795408912123,"x":1,"at":"2024-02-03T04:05:06Z"}`,
		},
		{
			name:   "time of a field",
			set:    map[string]string{"data.stream.type": "LOGS", "data.stream.dataset": "es" + unique, "data.stream.namespace": "fields", "data.stream.timestamp.field": "none,at"},
			target: streams + "-fields", id: "T+0+0", source: `{"@timestamp":"2024-02-03T04:05:06Z","x":1,"at":"2024-02-03T04:05:06Z"}`,
		},
		{
			name:   "existing index",
			set:    map[string]string{"external.resource.usage": "INDEX", "topic.to.external.resource.mapping": "T:es-index-" + unique, "key.ignore": "false"},
			target: "es-index-" + unique, id: "k", source: one[0].value,
		},
		{
			name:   "alias",
			set:    map[string]string{"external.resource.usage": "ALIAS_INDEX", "topic.to.external.resource.mapping": "T:es-alias-" + unique},
			target: "es-behind-" + unique, id: "T+0+0", source: one[0].value,
		},
		{
			name:   "existing data stream",
			set:    map[string]string{"external.resource.usage": "DATASTREAM", "topic.to.external.resource.mapping": "T:" + streams + "-t"},
			target: streams + "-t", id: "T+0+0", source: `{"@timestamp":1795408912123,"x":1,"at":"2024-02-03T04:05:06Z"}`,
		},
		{
			name:   "alias of a data stream",
			set:    map[string]string{"external.resource.usage": "ALIAS_DATASTREAM", "topic.to.external.resource.mapping": "T:es-stream-alias-" + unique},
			target: streams + "-behind", id: "T+0+0", source: `{"@timestamp":1795408912123,"x":1,"at":"2024-02-03T04:05:06Z"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topic := "t"
			if tc.set["external.resource.usage"] != "" {
				topic = "other"
				tc.set = with(tc.set, "topic.to.external.resource.mapping", strings.ReplaceAll(tc.set["topic.to.external.resource.mapping"], "T:", topic+":"))
				if err := New().Probe(t.Context(), parse(t, s.ElasticsearchURL(), tc.set)); err != nil {
					t.Error(err)
				}
			}
			for range 2 { // the second time finds it there
				store(t, s.ElasticsearchURL(), topic, tc.set, one)
			}
			h := r.hits(tc.target)[strings.ReplaceAll(tc.id, "T", topic)]
			if string(h.Source) != tc.source {
				t.Errorf("document %s, want %s; all: %v", h.Source, tc.source, r.hits(tc.target))
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		cfg := parse(t, s.ElasticsearchURL(), map[string]string{"external.resource.usage": "INDEX", "topic.to.external.resource.mapping": "t:es-none-" + unique})
		if err := New().Probe(t.Context(), cfg); connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("probe: %v", err)
		}
	})
}

// TestStackIndexBody checks that indices are made with the settings and mappings of the connector, and ids by the server.
func TestStackIndexBody(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	topic := fmt.Sprintf("Es-Body-%d", time.Now().UnixNano())
	index := strings.ToLower(topic)
	t.Cleanup(func() { r.call("DELETE", "/"+index, "") })
	store(t, s.ElasticsearchURL(), topic, map[string]string{
		"sluice.index.settings": `{"number_of_shards":3,"number_of_replicas":0,"refresh_interval":"30s"}`, "sluice.index.mappings": `{"dynamic":false}`,
		"use.autogenerated.ids": "true",
	}, []rec{{"a", `{"x":1}`, ""}})
	for id := range r.hits(index) {
		if strings.Contains(id, "+") {
			t.Errorf("id %s is not the server's", id)
		}
	}
	if got := string(r.must("GET", "/"+index+"/_settings?filter_path=*.settings.index.number_of_*,*.settings.index.refresh_interval", "")); !strings.Contains(got, `{"refresh_interval":"30s","number_of_shards":"3","number_of_replicas":"0"}`) {
		t.Errorf("settings %s", got)
	}
	if got := string(r.must("GET", "/"+index+"/_mapping", "")); !strings.Contains(got, `{"dynamic":"false"}`) {
		t.Errorf("mapping %s", got)
	}
}

// TestStackPipeline names a pipeline that is made later: the server misses it, and then runs it.
func TestStackPipeline(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	r := reader{t, s.ElasticsearchURL()}
	name := fmt.Sprintf("es-pipeline-%d", time.Now().UnixNano())
	t.Cleanup(func() { r.drop(name + "*"); r.call("DELETE", "/_ingest/pipeline/"+name, "") })
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	p := connectors.Partition{Topic: name, ID: 0}
	ack := newAck(t)
	w := openWriter(t, startTask(t, newRuntime(connectors.PayloadString, connectors.PayloadJSON), s.ElasticsearchURL(),
		map[string]string{"sluice.pipeline": name, "retry.backoff.ms": "20"}), p, ack)
	if err := w.Write(ctx, documents(p, 0, 50, numbered)); err != nil {
		t.Fatal(err)
	}
	awaitTrouble(ctx, t, ack, "pipeline with id ["+name+"]")
	r.must("PUT", "/_ingest/pipeline/"+name, `{"processors":[]}`)
	for { // what was reported meanwhile is told first
		if err := w.Flush(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(r.all(name)); n != 50 {
		t.Errorf("%d documents", n)
	}
	var stats struct {
		Nodes map[string]struct {
			Ingest struct {
				Pipelines map[string]struct {
					Bytes int `json:"ingested_as_first_pipeline_in_bytes"` // the count is of processors, which this server has none of
				}
			}
		}
	}
	if err := json.Unmarshal(r.must("GET", "/_nodes/stats/ingest", ""), &stats); err != nil {
		t.Fatal(err)
	}
	for _, node := range stats.Nodes {
		if node.Ingest.Pipelines[name].Bytes == 0 {
			t.Error("nothing went through the pipeline")
		}
	}
}
