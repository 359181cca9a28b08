package elasticsearch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	elastic "github.com/elastic/go-elasticsearch/v8"

	"github.com/sluice-connect/sluice/connectors"
)

// service is a small model of Elasticsearch for what a real one cannot be made to do on request. It knows one index.
type service struct {
	t      testing.TB
	before func(w http.ResponseWriter, r *http.Request, body []byte) bool // true: answered
	item   func(op string, meta map[string]any) (status int, kind string) // 0: as usual

	mu    sync.Mutex
	docs  map[string]document
	log   []string // "op id" in the order of arrival
	bulks int
	sizes []int
	paths []string
}

type document struct {
	source  string
	version int64
}

func newService(t testing.TB) *service {
	t.Helper()
	return &service{t: t, docs: map[string]document{}}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	s.mu.Lock()
	s.paths = append(s.paths, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if s.before != nil && s.before(w, r, body) {
		return
	}
	switch {
	case r.URL.Path == "/":
		_, _ = io.WriteString(w, `{"version":{"number":"8.19.0"}}`)
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		_, _ = w.Write(s.apply(body))
	default:
		_, _ = io.WriteString(w, `{}`)
	}
}

// RoundTrip serves without a network, for tests with a false clock.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec.Result(), r.Context().Err()
}

func (s *service) apply(body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bulks++
	s.sizes = append(s.sizes, len(body))
	if !bytes.HasSuffix(body, []byte("\n")) {
		s.t.Error("a bulk request does not end with a line feed")
	}
	var out bytes.Buffer
	out.WriteString(`{"took":1,"errors":true,"items":[`)
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		var action map[string]map[string]any
		d := json.NewDecoder(strings.NewReader(lines[i]))
		d.UseNumber()
		if err := d.Decode(&action); err != nil || len(action) != 1 {
			s.t.Errorf("action line %q: %v", lines[i], err)
			return []byte(`{}`)
		}
		for op, meta := range action {
			source := ""
			if op != "delete" {
				if i++; i == len(lines) {
					s.t.Errorf("no source after %q", lines[i-1])
					return []byte(`{}`)
				}
				source = lines[i]
				if !json.Valid([]byte(source)) {
					s.t.Errorf("source is no JSON: %q", source)
				}
			}
			status, kind := s.one(op, meta, source)
			if out.Bytes()[out.Len()-1] != '[' {
				out.WriteByte(',')
			}
			if kind == "" {
				fmt.Fprintf(&out, `{%q:{"status":%d}}`, op, status)
			} else {
				fmt.Fprintf(&out, `{%q:{"status":%d,"error":{"type":%q,"reason":"because"}}}`, op, status, kind)
			}
		}
	}
	out.WriteString(`]}`)
	return out.Bytes()
}

func (s *service) one(op string, meta map[string]any, source string) (int, string) {
	id, _ := meta["_id"].(string)
	if id == "" {
		id = fmt.Sprintf("auto%d", len(s.docs))
	}
	if index, _ := meta["_index"].(string); index != "" {
		id = index + "/" + id
	}
	s.log = append(s.log, op+" "+id)
	if s.item != nil {
		if status, kind := s.item(op, meta); status != 0 {
			return status, kind
		}
	}
	old, found := s.docs[id]
	version := old.version + 1
	if v, ok := meta["version"].(json.Number); ok {
		n, err := v.Int64()
		if err != nil || meta["version_type"] != "external" {
			s.t.Errorf("version %v of type %v", v, meta["version_type"])
		}
		if old.version >= n && (found || old.version > 0) {
			return 409, "version_conflict_engine_exception"
		}
		version = n
	}
	switch {
	case op == "create" && found && old.source != "":
		return 409, "version_conflict_engine_exception"
	case op == "delete" && (!found || old.source == ""):
		s.docs[id] = document{version: version}
		return 404, ""
	case op == "update":
		var u struct {
			Doc json.RawMessage `json:"doc"`
		}
		if err := json.Unmarshal([]byte(source), &u); err != nil {
			s.t.Errorf("update %q: %v", source, err)
		}
		source = string(u.Doc)
	}
	s.docs[id] = document{source: source, version: version}
	return 201, ""
}

// live gives the documents that exist.
func (s *service) live() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	docs := map[string]string{}
	for id, d := range s.docs {
		if d.source != "" {
			docs[id] = d.source
		}
	}
	return docs
}

// count gives the number of bulk requests that were applied.
func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bulks
}

// inProcess starts a task whose client calls the service directly.
func (s *service) inProcess(rt *fakeRuntime, more map[string]string) connectors.Task {
	s.t.Helper()
	made, err := New().Start(s.t.Context(), parse(s.t, "http://es:9200", more), rt)
	if err != nil {
		s.t.Fatal(err)
	}
	es, err := elastic.NewBase(elastic.WithAddresses("http://es:9200"),
		elastic.WithTransportOptions(elastictransport.WithTransport(s), elastictransport.WithDisableRetry()))
	if err != nil {
		s.t.Fatal(err)
	}
	made.(*task).client.es = es
	return made
}
