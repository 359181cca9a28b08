//go:build stack

package elasticsearch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// reader reads an index over plain HTTP, without any of the sink's code.
type reader struct {
	t   testing.TB
	url string
}

func (r reader) call(method, path, body string) (int, []byte) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, answer
}

func (r reader) must(method, path, body string) []byte {
	r.t.Helper()
	status, answer := r.call(method, path, body)
	if status < 200 || status > 299 {
		r.t.Fatalf("%s %s: HTTP %d: %s", method, path, status, answer)
	}
	return answer
}

// drop removes the indices of a pattern. Elasticsearch removes none by a pattern itself.
func (r reader) drop(pattern string) {
	r.t.Helper()
	var indices map[string]json.RawMessage
	if err := json.Unmarshal(r.must("GET", "/"+pattern+"/_settings?filter_path=*.settings.index.uuid", ""), &indices); err != nil {
		r.t.Error(err)
	}
	for name := range indices {
		r.must("DELETE", "/"+name, "")
	}
}

// all gives every document of an index by its id.
func (r reader) all(index string) map[string]json.RawMessage {
	r.t.Helper()
	r.must("POST", "/"+index+"/_refresh", "")
	docs := map[string]json.RawMessage{}
	after := ""
	for {
		answer := r.must("POST", "/"+index+"/_search", `{"size":5000,"track_total_hits":false,"sort":[{"n":"asc"}]`+after+`}`)
		var page struct {
			Hits struct {
				Hits []struct {
					ID     string          `json:"_id"`
					Source json.RawMessage `json:"_source"`
					Sort   json.RawMessage `json:"sort"`
				}
			}
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			r.t.Fatal(err)
		}
		if len(page.Hits.Hits) == 0 {
			return docs
		}
		for _, h := range page.Hits.Hits {
			if _, twice := docs[h.ID]; twice {
				r.t.Fatalf("id %s came twice", h.ID)
			}
			docs[h.ID] = h.Source
			after = `,"search_after":` + string(h.Sort)
		}
	}
}

// expect compares an index of documents of partition p with those of the offsets [0,n) without some.
func (r reader) expect(index string, p connectors.Partition, n int64, document func(offset int64) []byte, without ...int64) {
	r.t.Helper()
	docs := r.all(index)
	for _, o := range without {
		id := fmt.Sprintf("%s+%d+%d", p.Topic, p.ID, o)
		if docs[id] != nil {
			r.t.Errorf("document %s exists", id)
		}
	}
	if want := int(n) - len(without); len(docs) != want {
		r.t.Errorf("%d documents, want %d", len(docs), want)
	}
	bad := 0
	for id, doc := range docs {
		var o int64
		if _, err := fmt.Sscanf(id, p.Topic+"+%d+%d", new(int), &o); err != nil || o < 0 || o >= n || !bytes.Equal(doc, document(o)) {
			if bad++; bad < 5 {
				r.t.Errorf("document %s is %s", id, doc)
			}
		}
	}
}

func TestStackStores(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	p := connectors.Partition{Topic: "es-stores", ID: 2}
	rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
	task := startTask(t, rt, s.ElasticsearchURL(), nil)
	w := openWriter(t, task, p, ack)
	const n = 20_000
	for o := int64(0); o < n; o += 4000 {
		if err := w.Write(t.Context(), documents(p, o, 4000, numbered)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, _, _ := ack.state(); d != n {
		t.Errorf("durable %d, want %d", d, n)
	}
	reader{t, s.ElasticsearchURL()}.expect("es-stores", p, n, numbered)
}
