package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// operations are all operations with an answer of a worker that runs g1: what the herder was asked, and what came of it.
var operations = []struct {
	name   string
	ask    request
	calls  []string
	status int
	body   string
}{
	{"root", request{method: "GET", path: "/"}, []string{"Server"}, 200, `{"version":"4.3.1","commit":"26b251a451ce941d","kafka_cluster_id":"MkU3OEVBNTcwNTJENDM2Qk"}`},
	{"health", request{method: "GET", path: "/health"}, []string{"Health"}, 200, `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`},
	{
		"cluster",
		request{method: "GET", path: "/admin/cluster"},
		[]string{"Cluster"},
		200,
		`{"group_id":"g","worker_id":"worker1:8083","leader":"worker1:8083","generation":4,"settled":true,"moving":0,"workers":[{"id":"worker1:8083","url":"http://worker1:8083/","version":"1","state":"active","connectors":1,"tasks":3,"plugins":["file 1.0.0"]}]}`,
	},
	{"list connectors", request{method: "GET", path: "/connectors"}, []string{"Connectors"}, 200, `["g1"]`},
	{
		"create",
		request{method: "POST", path: "/connectors", body: `{"name":" n ","config":{"connector.class":"C","tasks.max":2}}`},
		[]string{`Create {"Name":"n","Config":{"connector.class":"C","name":"n","tasks.max":"2"},"InitialState":""}`},
		201, `{"name":"n","config":{"connector.class":"C","name":"n","tasks.max":"2"},"tasks":[],"type":"sink"}`,
	},
	{
		"get",
		request{method: "GET", path: "/connectors/g1"},
		[]string{`Connector "g1"`},
		200,
		`{"name":"g1","config":{"connector.class":"` + fakeSink + `","file":"/data/g1.txt","name":"g1","tasks.max":"3","topics":"golden-t"},"tasks":[{"connector":"g1","task":0},{"connector":"g1","task":1},{"connector":"g1","task":2}],"type":"sink"}`,
	},
	{"delete", request{method: "DELETE", path: "/connectors/g1"}, []string{`Delete "g1"`}, 204, ""},
	{
		"get config",
		request{method: "GET", path: "/connectors/g1/config"},
		[]string{`Connector "g1"`},
		200,
		`{"connector.class":"` + fakeSink + `","file":"/data/g1.txt","name":"g1","tasks.max":"3","topics":"golden-t"}`,
	},
	{
		"put config",
		request{method: "PUT", path: "/connectors/g1/config", body: `{"connector.class":"C"}`},
		[]string{`PutConfig "g1" {"connector.class":"C","name":"g1"}`},
		200,
		`{"name":"g1","config":{"connector.class":"C","name":"g1"},"tasks":[{"connector":"g1","task":0},{"connector":"g1","task":1},{"connector":"g1","task":2}],"type":"sink"}`,
	},
	{
		"put config of a new one",
		request{method: "PUT", path: "/connectors/n/config", body: `{"connector.class":"C"}`},
		[]string{`PutConfig "n" {"connector.class":"C","name":"n"}`},
		201,
		`{"name":"n","config":{"connector.class":"C","name":"n"},"tasks":[],"type":"sink"}`,
	},
	{
		"patch config",
		request{method: "PATCH", path: "/connectors/g1/config", body: `{"a":1,"b":null,"c":"x"}`},
		[]string{`PatchConfig "g1" {"a":"1","b":null,"c":"x"}`},
		200,
		`{"name":"g1","config":{"connector.class":"` + fakeSink + `","file":"/data/g1.txt","name":"g1","tasks.max":"3","topics":"golden-t"},"tasks":[{"connector":"g1","task":0},{"connector":"g1","task":1},{"connector":"g1","task":2}],"type":"sink"}`,
	},
	{
		"status",
		request{method: "GET", path: "/connectors/g1/status"},
		[]string{`Status "g1"`},
		200,
		`{"name":"g1","connector":{"state":"RUNNING","worker_id":"worker1:8083","version":"4.3.1"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"worker1:8083","version":"4.3.1"},{"id":1,"state":"RUNNING","worker_id":"worker1:8083","version":"4.3.1"},{"id":2,"state":"RUNNING","worker_id":"worker1:8083","version":"4.3.1"}],"type":"sink"}`,
	},
	{"restart", request{method: "POST", path: "/connectors/g1/restart"}, []string{`Restart "g1" {"IncludeTasks":false,"OnlyFailed":false}`}, 204, ""},
	{"pause", request{method: "PUT", path: "/connectors/g1/pause"}, []string{`SetState "g1" "PAUSED"`}, 202, ""},
	{"resume", request{method: "PUT", path: "/connectors/g1/resume"}, []string{`SetState "g1" "STARTED"`}, 202, ""},
	{"stop", request{method: "PUT", path: "/connectors/g1/stop"}, []string{`SetState "g1" "STOPPED"`}, 204, ""},
	{"tasks", request{method: "GET", path: "/connectors/none/tasks"}, []string{`Tasks "none"`}, 404, `{"error_code":404,"message":"Connector none not found"}`},
	{"tasks of another worker", request{method: "POST", path: "/connectors/g1/tasks", body: `[]`}, nil, 400, `{"error_code":400,"message":"Internal request missing required signature"}`},
	{
		"task status",
		request{method: "GET", path: "/connectors/g1/tasks/1/status"},
		[]string{`TaskStatus {"connector":"g1","task":1}`},
		200,
		`{"id":1,"state":"RUNNING","worker_id":"worker1:8083","version":"4.3.1"}`,
	},
	{"restart task", request{method: "POST", path: "/connectors/g1/tasks/2/restart"}, []string{`RestartTask {"connector":"g1","task":2}`}, 204, ""},
	{"topics", request{method: "GET", path: "/connectors/g1/topics"}, []string{`Topics "g1"`}, 200, `{"g1":{"topics":["golden-t"]}}`},
	{"reset topics", request{method: "PUT", path: "/connectors/g1/topics/reset"}, []string{`ResetTopics "g1"`}, 202, ""},
	{"offsets", request{method: "GET", path: "/connectors/g1/offsets"}, []string{`Offsets "g1"`}, 200, `{"offsets":[]}`},
	{
		"alter offsets",
		request{method: "PATCH", path: "/connectors/g1/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":null}]}`},
		[]string{`AlterOffsets "g1" [{"Topic":"t","Partition":0,"Offset":null}]`},
		200, `{"message":"The offsets for this connector have been altered successfully"}`,
	},
	{"reset offsets", request{method: "DELETE", path: "/connectors/g1/offsets"}, []string{`ResetOffsets "g1"`}, 200, `{"message":"The offsets for this connector have been reset successfully"}`},
	{"fence", request{method: "PUT", path: "/connectors/g1/fence"}, nil, 400, `{"error_code":400,"message":"Internal request missing required signature"}`},
	{"plugins", request{method: "GET", path: "/connector-plugins"}, []string{`Plugins true`}, 200, `[{"class":"` + fakeSink + `","type":"sink","version":"4.3.1"}]`},
	{
		"plugin config",
		request{method: "GET", path: "/connector-plugins/FileStreamSink/config?version=latest"},
		[]string{`PluginConfig "FileStreamSink" "latest"`},
		200,
		`[{"name":"file","type":"STRING","required":false,"default_value":null,"importance":"HIGH","documentation":"File.","group":null,"order_in_group":-1,"order":-1,"width":"NONE","display_name":"file","dependents":[]}]`,
	},
	{
		"validate",
		request{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"connector.class":"` + fakeSink + `"}`},
		[]string{`Validate "FileStreamSink" {"connector.class":"` + fakeSink + `"}`},
		200, `{"name":"","error_count":0,"groups":[],"configs":[]}`,
	},
	{"loggers", request{method: "GET", path: "/admin/loggers"}, []string{"Loggers"}, 200, `{"org.apache.kafka.connect.runtime.WorkerSinkTask":{"level":"INFO","last_modified":null},"org.apache.kafka.connect.storage":{"level":"INFO","last_modified":null},"org.apache.kafka.connect.storage.KafkaConfigBackingStore":{"level":"INFO","last_modified":null},"org.apache.kafka.connect.storage.KafkaOffsetBackingStore":{"level":"INFO","last_modified":null},"org.apache.kafka.connect.storage.KafkaStatusBackingStore":{"level":"INFO","last_modified":null},"org.apache.kafka.connect.storage.KafkaTopicBasedBackingStore":{"level":"INFO","last_modified":null},"org.apache.kafka.connect.storage.SimpleHeaderConverter":{"level":"INFO","last_modified":null},"root":{"level":"INFO","last_modified":null}}`},
	{"logger", request{method: "GET", path: "/admin/loggers/root"}, []string{`Logger "root"`}, 200, `{"level":"INFO","last_modified":null}`},
	{"set logger", request{method: "PUT", path: "/admin/loggers/root?scope=worker", body: `{"level":"warn"}`}, []string{`SetLogger "root" "warn" false`}, 200, `["root"]`},
}

func TestOperations(t *testing.T) {
	for _, tt := range operations {
		t.Run(tt.name, func(t *testing.T) {
			h := newRunning()
			resp := expect(t, newHandler(t, h, Options{}), tt.ask, tt.status, tt.body)
			if got := h.made(); !slices.Equal(got, tt.calls) {
				t.Errorf("asked the herder %q, want %q", got, tt.calls)
			}
			want := "application/json"
			if tt.body == "" {
				want = ""
			}
			if got := resp.Header.Get("Content-Type"); got != want {
				t.Errorf("Content-Type %q, want %q", got, want)
			}
		})
	}
}

// TestOperationsAreAll holds the table above, and that of README.md, against the declaration of the routes (invariant 6).
func TestOperationsAreAll(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range operations {
		path, _, _ := strings.Cut(tt.ask.path, "?")
		for _, e := range new(Handler).routes() {
			if matches(e.pattern, path) {
				tested[tt.ask.method+" "+e.pattern] = true
			}
		}
	}
	var declared []string
	for _, e := range new(Handler).routes() {
		for _, m := range allMethods {
			if _, ok := e.methods[m]; ok {
				declared = append(declared, m+" "+e.pattern)
			}
		}
	}
	if len(declared) != 31 {
		t.Errorf("%d operations are declared; Kafka Connect 4.3 has 28, and 2 among its workers, and one is our own", len(declared))
	}
	rows := readmeOperations(t)
	for _, op := range declared {
		if !tested[op] {
			t.Errorf("%s is not in the table of this test", op)
		}
		if !slices.Contains(rows, op) {
			t.Errorf("%s is not in the table of README.md", op)
		}
	}
	for _, op := range rows {
		if !slices.Contains(declared, op) && !slices.Contains([]string{"GET /metrics", "GET /openapi.json", "GET /docs"}, op) {
			t.Errorf("%s is in the table of README.md and nowhere else", op)
		}
	}
}

func matches(pattern, path string) bool {
	a, b := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(a, b, func(p, s string) bool { return p == s || strings.HasPrefix(p, "{") })
}

func TestMethods(t *testing.T) {
	a := newHandler(t, newRunning(), Options{})
	for _, e := range a.routes() {
		path := strings.NewReplacer("{connector}", "g1", "{task}", "0", "{plugin}", "FileStreamSink", "{logger}", "root").Replace(e.pattern)
		var allowed []string
		for _, m := range []string{"HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH", "TRACE", "BREW"} {
			_, has := e.methods[m]
			_, get := e.methods["GET"]
			if has || m == "OPTIONS" || m == "HEAD" && get {
				allowed = append(allowed, m)
				continue
			}
			t.Run(m+" "+e.pattern, func(t *testing.T) {
				resp := expect(t, a, request{method: m, path: path}, 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`)
				if ct, has := resp.Header["Content-Type"]; has && ct != nil {
					t.Errorf("Content-Type %q, want none", ct)
				}
			})
		}
		t.Run("OPTIONS "+e.pattern, func(t *testing.T) {
			resp := expect(t, a, request{method: "OPTIONS", path: path}, 200, strings.Join(allowed, ", "))
			if got := resp.Header.Get("Allow"); got != strings.Join(allowed, ",") {
				t.Errorf("Allow %q, want %q", got, allowed)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	const notFound = `{"error_code":404,"message":"HTTP 404 Not Found"}`
	tests := []struct {
		name, path string
		status     int
		body       string
		call       string // the first, where it is of interest
	}{
		{name: "unknown", path: "/nope", status: 404, body: notFound},
		{name: "unknown below a connector", path: "/connectors/g1/nope", status: 404, body: notFound},
		{name: "removed in Connect 4", path: "/connectors/g1/tasks-config", status: 404, body: notFound},
		{name: "a task itself", path: "/connectors/g1/tasks/0", status: 404, body: notFound},
		{name: "metrics without a handler", path: "/metrics", status: 404, body: notFound},
		{name: "last slash", path: "/connectors/", status: 200, body: `["g1"]`},
		{name: "two last slashes", path: "/connectors//", status: 400, body: `{"error_code":400,"message":"Ambiguous URI empty segment"}`},
		{name: "empty name", path: "/connectors//status", status: 400, body: `{"error_code":400,"message":"Ambiguous URI empty segment"}`},
		{name: "matrix parameter", path: "/connectors;v=1/none;x=/status;y", status: 404, body: `{"error_code":404,"message":"No status found for connector none"}`},
		{name: "no UTF-8", path: "/connectors/%ff", status: 400, body: `{"error_code":400,"message":"Bad UTF-8 encoding"}`},
		{name: "line feed", path: "/connectors/a%0Ab", status: 400, body: `{"error_code":400,"message":"Suspicious Path Character"}`},
		{name: "delete character", path: "/connectors/a%7F", status: 400, body: `{"error_code":400,"message":"Suspicious Path Character"}`},
		{name: "escaped where that is not needed", path: "/connectors/%61", status: 404, body: `{"error_code":404,"message":"Connector a not found"}`, call: `Connector "a"`},
		{name: "slash in the name", path: "/connectors/a%2Fb", status: 400, body: `{"error_code":400,"message":"Ambiguous URI path separator"}`},
		{name: "small slash in the name", path: "/connectors/a%2fb/status", status: 400, body: `{"error_code":400,"message":"Ambiguous URI path separator"}`},
		{name: "percent in the name", path: "/connectors/a%252Fb", status: 400, body: `{"error_code":400,"message":"Ambiguous URI path encoding"}`},
		{name: "backslash in the name", path: "/connectors/a%5Cb", status: 400, body: `{"error_code":400,"message":"Suspicious Path Character"}`},
		{name: "encoded dots", path: "/connectors/%2e%2E/status", status: 400, body: `{"error_code":400,"message":"Ambiguous URI path segment"}`},
		{name: "encoded dot at the end", path: "/connectors/%2E", status: 400, body: `{"error_code":400,"message":"Ambiguous URI path segment"}`},
		{name: "encoded dot in a name", path: "/connectors/a%2Eb", status: 404, body: `{"error_code":404,"message":"Connector a.b not found"}`},
		{name: "brackets as they are", path: "/connectors/[a]", status: 400, body: `{"error_code":400,"message":"Illegal Path Character"}`},
		{name: "brackets encoded", path: "/connectors/%5Ba%5D", status: 404, body: `{"error_code":404,"message":"Connector [a] not found"}`},
		{name: "semicolon in the name", path: "/connectors/a%3Bb", status: 404, body: `{"error_code":404,"message":"Connector a;b not found"}`},
		{name: "blank in the name", path: "/connectors/a%20b", status: 404, body: `{"error_code":404,"message":"Connector a b not found"}`},
		{name: "plus is a plus", path: "/connectors/a+b", status: 404, body: `{"error_code":404,"message":"Connector a+b not found"}`},
		{name: "question mark and hash", path: "/connectors/%3F%23", status: 404, body: `{"error_code":404,"message":"Connector ?# not found"}`},
		{name: "unicode", path: "/connectors/%C3%A4%E2%82%AC%F0%9F%90%98", status: 404, body: `{"error_code":404,"message":"Connector ä€🐘 not found"}`},
		{name: "quotes", path: "/connectors/%22%3C%26", status: 404, body: `{"error_code":404,"message":"Connector \"<& not found"}`},
		{name: "dots", path: "/connectors/..", status: 404, body: `{"error_code":404,"message":"Connector .. not found"}`},
		{name: "task that is no number", path: "/connectors/g1/tasks/x/status", status: 404, body: notFound},
		{name: "task beyond 32 bits", path: "/connectors/g1/tasks/2147483648/status", status: 404, body: notFound},
		{name: "negative task", path: "/connectors/g1/tasks/-1/status", status: 404, body: `{"error_code":404,"message":"No status found for task g1--1"}`},
		{name: "unknown query parameters", path: "/connectors?page=2&sort", status: 200, body: `["g1"]`},
		{name: "malformed query", path: "/connectors?a=%zz;b", status: 200, body: `["g1"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newRunning()
			expect(t, newHandler(t, h, Options{}), request{method: "GET", path: tt.path}, tt.status, tt.body)
			if calls := h.made(); tt.call != "" && (len(calls) == 0 || calls[0] != tt.call) {
				t.Errorf("asked the herder %q, want %q", calls, tt.call)
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	const (
		unsupported   = `{"error_code":415,"message":"HTTP 415 Unsupported Media Type"}`
		notAcceptable = `{"error_code":406,"message":"HTTP 406 Not Acceptable"}`
		created       = `{"name":"n","config":{"name":"n"},"tasks":[],"type":"sink"}`
	)
	post := func(header http.Header) request {
		return request{method: "POST", path: "/connectors", body: `{"name":"n","config":{}}`, header: header}
	}
	tests := []struct {
		name   string
		ask    request
		status int
		body   string
	}{
		{"JSON with charset", post(http.Header{"Content-Type": {"application/json; charset=utf-8"}}), 201, created},
		{"upper case", post(http.Header{"Content-Type": {"Application/JSON"}}), 201, created},
		{"form", post(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}), 415, unsupported},
		{"text", post(http.Header{"Content-Type": {"text/plain"}}), 415, unsupported},
		{"none", post(http.Header{"Content-Type": nil}), 415, unsupported},
		{"range for a body", post(http.Header{"Content-Type": {"*/*"}}), 415, unsupported},
		{"malformed", post(http.Header{"Content-Type": {"json"}}), 400, `{"error_code":400,"message":"malformed header Content-Type: expected application/json"}`},
		{"text without a body", request{method: "PUT", path: "/connectors/g1/pause", header: http.Header{"Content-Type": {"text/plain"}}}, 415, unsupported},
		{"accepts all", request{method: "GET", path: "/connectors", header: http.Header{"Accept": {"*/*"}}}, 200, `["g1"]`},
		{"accepts JSON among others", request{method: "GET", path: "/connectors", header: http.Header{"Accept": {"text/html, application/json;q=0.1"}}}, 200, `["g1"]`},
		{"accepts JSON in a second header", request{method: "GET", path: "/connectors", header: http.Header{"Accept": {"text/html", "application/*"}}}, 200, `["g1"]`},
		{"accepts HTML only", request{method: "GET", path: "/connectors", header: http.Header{"Accept": {"text/html"}}}, 406, notAcceptable},
		{"accepts nothing that is understood", request{method: "GET", path: "/connectors", header: http.Header{"Accept": {"///"}}}, 406, notAcceptable},
		{"unknown path comes first", request{method: "GET", path: "/nope", header: http.Header{"Accept": {"text/html"}}}, 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, newHandler(t, newRunning(), Options{}), tt.ask, tt.status, tt.body)
		})
	}
}

func TestOptionsForTheHeaderAccept(t *testing.T) {
	a := newHandler(t, newRunning(), Options{})
	resp := expect(t, a, request{method: "OPTIONS", path: "/connectors", header: http.Header{"Accept": {"application/json, text/html"}}}, 200, "")
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q, want that of the client", got)
	}
}

// TestLocationOfWhatNoPathCanName holds the header to Connect's, which leaves slashes and what looks like an escape alone.
func TestLocationOfWhatNoPathCanName(t *testing.T) {
	for name, want := range map[string]string{"a/b c": "/connectors/a/b%20c", "a%2Fb": "/connectors/a%2Fb", "a%b": "/connectors/a%25b", "100%": "/connectors/100%25"} {
		a := newHandler(t, newFake(), Options{})
		resp, _ := ask(t, a, request{method: "POST", path: "http://worker1:8083/connectors", body: fmt.Sprintf(`{"name":%q,"config":{}}`, name)})
		if got := resp.Header.Get("Location"); got != "http://worker1:8083"+want {
			t.Errorf("%s: Location %q, want %q", name, got, want)
		}
	}
}

func TestLocation(t *testing.T) {
	tests := []struct{ name, want string }{
		{"plain", "http://worker1:8083/connectors/plain"},
		{"a b+c", "http://worker1:8083/connectors/a%20b+c"},
		{"it's (a), b!*", "http://worker1:8083/connectors/it's%20(a),%20b!*"},
		{"ä?#", "http://worker1:8083/connectors/%C3%A4%3F%23"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newHandler(t, newFake(), Options{})
			resp, _ := ask(t, a, request{method: "POST", path: "http://worker1:8083/connectors", body: fmt.Sprintf(`{"name":%q,"config":{}}`, tt.name)})
			if got := resp.Header.Get("Location"); resp.StatusCode != 201 || got != tt.want {
				t.Errorf("answered %d with Location %q, want %q", resp.StatusCode, got, tt.want)
			}
			path := strings.TrimPrefix(resp.Header.Get("Location"), "http://worker1:8083")
			if resp, _ := ask(t, a, request{method: "GET", path: path}); resp.StatusCode != 200 {
				t.Errorf("GET %s answered %d: what Location names is not there", path, resp.StatusCode)
			}
		})
	}
}
