//go:build stack

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Requests that nobody should send, some hundreds of them, are answered by sluice as by a real Kafka Connect: every path with
// every method, with odd headers, bodies, names and parameters. None of them changes anything that outlives it.
func TestSameAnswersToOddRequests(t *testing.T) {
	s := stack.Shared(t, stack.Kafka, stack.Connect)
	name := fmt.Sprintf("odd-%d", stack.Seed(t).Uint32())
	requests := oddRequests()
	connect := &differ{t: t, url: s.ConnectURL(), name: name + "-connect", dir: t.TempDir()}
	sluice := &differ{t: t, url: startPipeline(t, s.KafkaBootstrap(), "").rest, name: name + "-sluice", dir: connect.dir}
	fill(t, s.KafkaBootstrap(), connect.name)
	fill(t, s.KafkaBootstrap(), sluice.name)
	want, got := connect.odd(requests), sluice.odd(requests)
	same, better := 0, 0
	reasons := map[string]bool{}
	for i, q := range requests {
		why := want[i].difference(got[i])
		switch reason := q.deliberate(want[i], got[i]); {
		case why == "":
			same++
		case reason == "":
			t.Errorf("%s: %s", q, why)
		default:
			reasons[reason] = true
			better++
		}
	}
	t.Logf("%d requests: %d answers are the same, %d differ on purpose: %s", len(requests), same, better, strings.Join(slices.Sorted(maps.Keys(reasons)), "; "))
}

// odd sends requests to a worker that has a stopped connector.
func (d *differ) odd(requests []oddRequest) []reply {
	d.t.Helper()
	d.t.Cleanup(func() { d.send("DELETE", "/connectors/NAME", "", "") })
	d.send("POST", "/connectors", `{"name":"NAME","config":{SINK},"initial_state":"STOPPED"}`, "")
	eventually(d.t, stateWithin, "the stopped connector of "+d.url, func() error {
		if r := d.send("GET", "/connectors/NAME/status", "", ""); !strings.Contains(r.body, "STOPPED") {
			return fmt.Errorf("status %s", r.body)
		}
		return nil
	})
	begin := time.Now()
	defer func() { d.t.Logf("%s took %s", d.url, time.Since(begin).Round(time.Millisecond)) }()
	replies := make([]reply, len(requests))
	for i, q := range requests {
		replies[i] = d.ask(q.method, q.path, q.body, q.header)
		if q.method == http.MethodPost && strings.HasPrefix(q.path, "/connectors") && replies[i].status == http.StatusCreated {
			d.send("DELETE", replies[i].location, "", "")
		}
	}
	return replies
}

// oddRequest is a request; SINK and NAME stand for what they stand for in differentialCases.
type oddRequest struct {
	method, path, body string
	header             http.Header
}

func (q oddRequest) String() string {
	return fmt.Sprintf("%s %s %.100q %v", q.method, q.path, q.body, q.header)
}

// deliberate says why an answer is another one on purpose; empty: it should not be. api/README.md tells these reasons to users.
func (q oddRequest) deliberate(want, got reply) string {
	switch p := strings.FieldsFunc(q.path, func(c rune) bool { return c == '?' || c == ';' })[0]; {
	case want.status == http.StatusInternalServerError && got.status == http.StatusBadRequest && strings.Contains(got.body, `"error_code":400`):
		return "what is wrong with a request is the client's mistake: 400, not 500"
	case want.status == http.StatusBadRequest && got.status == http.StatusBadRequest && !strings.HasPrefix(want.body, "{"):
		return "every error has a body of JSON, also where Kafka Connect's web server answers for it"
	case q.method == http.MethodGet && want.status == got.status && slices.Contains([]string{"/connectors", "/connector-plugins", "/admin/loggers"}, path.Clean(p)):
		return "lists hold what the worker has"
	case strings.Contains(q.header.Get("Accept"), "utf-16"):
		return "the body is UTF-8, whatever charset is asked for"
	}
	return ""
}

// oddRequests makes them: paths with methods, then each kind of oddness on the paths that it can matter for.
func oddRequests() []oddRequest {
	var all []oddRequest
	add := func(method, path, body string, header ...string) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h[header[i]] = []string{header[i+1]}
		}
		all = append(all, oddRequest{method, path, body, h})
	}
	asJSON := func(method, path, body string) { add(method, path, body, "Content-Type", "application/json") }

	const plugin = "/connector-plugins/FileStreamSink/config"
	routes := strings.FieldsSeq(`/ /health /connectors /connectors/none /connectors/none/config /connectors/none/status /connectors/none/restart
		/connectors/none/pause /connectors/none/resume /connectors/none/stop /connectors/none/tasks /connectors/none/tasks-config
		/connectors/none/tasks/0 /connectors/none/tasks/0/status /connectors/none/tasks/0/restart /connectors/none/topics
		/connectors/none/topics/reset /connectors/none/offsets /connectors/none/fence /connector-plugins /connector-plugins/none
		/connector-plugins/none/config /connector-plugins/none/config/validate /admin /admin/loggers /admin/loggers/none /nope`)
	for route := range routes {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
			add(method, route, "")
		}
		for _, method := range []string{"GET", "PUT"} {
			add(method, route, "", "Content-Type", "text/plain")
			add(method, route, "", "Content-Type", "nonsense")
			add(method, route, "", "Accept", "text/html")
		}
	}
	for _, accept := range []string{
		"*/*", "*", "", "application/*", "application/json;q=0", "application/json; charset=UTF-8", "application/json;charset=utf-16",
		"application/json;indent=2", "text/html, application/json;q=0.5", "application/vnd.kafka.v2+json, application/json", "application/xml;q=0.9,*/*;q=0.8",
	} {
		for _, path := range []string{"/", "/connectors/none", "/connectors/NAME", "/nope"} {
			add("GET", path, "", "Accept", accept)
		}
		add("OPTIONS", "/connectors", "", "Accept", accept)
	}
	for _, contentType := range []string{"application/json;charset=utf-8", "APPLICATION/JSON", "application/xml", "*/*", "application/*", "application/vnd.x+json", "", "a, b"} {
		for _, path := range []string{"/connectors", "/connectors/NAME/config", plugin + "/validate", "/connectors/NAME/fence", "/admin/loggers/NAME", "/connectors/NAME/restart"} {
			method := "PUT"
			if path == "/connectors" || strings.HasSuffix(path, "restart") {
				method = "POST"
			}
			add(method, path, "{}", "Content-Type", contentType)
		}
	}
	for _, body := range []string{`{}`, ` `, `null`, `[]`, `[1]`, `{`, `"x"`, `1`, `{"a":{"b":1}}`, `{"a":[1]}`, `{}x`, `{"a":NaN}`, `{'a':1}`} {
		asJSON("POST", "/connectors", body)
		asJSON("PUT", "/connectors/none/config", body)
		asJSON("PATCH", "/connectors/none/config", body)
		asJSON("PATCH", "/connectors/NAME/offsets", body)
		asJSON("PUT", plugin+"/validate", body)
		asJSON("PUT", "/admin/loggers/NAME", body)
		asJSON("POST", "/connectors/none/tasks", body)
		asJSON("POST", "/connectors/none/restart", body)
	}
	for _, body := range []string{
		`"config":null`, `"config":[]`, `"config":"x"`, `"config":{SINK,"a":null}`, `"config":{SINK,"a":{}}`, `"config":{SINK,"":"x"}`, `"config":{SINK,"a":1.50}`,
		`"config":{SINK,"a":1e3}`, `"config":{SINK,"a":123456789012345678901234567890}`, `"config":{SINK,"a":"x","a":"y"}`, `"config":{SINK},"x":1`, `"config":{SINK},"initial_state":"paused"`,
		`"config":{SINK},"initial_state":""`, `"config":{SINK},"initial_state":1`, `"config":{SINK},"initial_state":"STARTED"`, `"config":{SINK},"initial_state":null`, `"config":{SINK,"name":""}`,
		`"config":{SINK,"name":null}`, `"config":{SINK,"name":"other"}`, `"config":{SINK,"tasks.max":"0"}`, `"config":{SINK,"topics":""}`, `"config":{SINK,"topics":"a,,b"}`, `"config":{SINK,"topics":"a,a"}`,
		`"config":{SINK,"topics.regex":"a"}`, `"config":{SINK,"key.converter":""}`, `"config":{SINK,"key.converter":"nope"}`, `"config":{SINK,"consumer.override.max.poll.records":"x"}`,
		`"config":{SINK,"consumer.override.fetch.min.bytes":"99999999999"}`, `"config":{SINK,"key.converter.plugin.version":"[1"}`, `"config":{SINK,"connector.plugin.version":"[1"}`,
	} {
		asJSON("POST", "/connectors", `{"name":"NAME-x",`+body+`}`)
	}
	asJSON("POST", "/connectors", "\ufeff"+`{"name":"NAME-x","config":{SINK},"initial_state":"STOPPED"}`)
	for _, name := range []string{"a b", "a.b", "ä", "😀", "a?b", "a;b", "a+b", "a:b", "a,b'()*!", `a\"b`, "a<b|^", "日本", `a\tb`, " padded ", strings.Repeat("a", 300)} {
		asJSON("POST", "/connectors", `{"name":"`+name+`","config":{SINK},"initial_state":"STOPPED"}`)
	}
	for _, name := range []string{"a b", "a.b", "a%b", "a/b", `a\b`, "..", ".", "a;b", "a+b", "a?b", "ä", "😀", "a\tb", "\x7f", "a:b", "a=b", "a,b", "a'b", `a"b`, "a<b", "a{b}", "~", "%", "%41", " ", strings.Repeat("a", 300), "\u0085"} {
		at := "/connectors/" + url.PathEscape(name)
		add("GET", at, "")
		add("GET", at+"/topics", "")
		add("PUT", at+"/pause", "")
		add("DELETE", at, "")
		add("GET", "/connector-plugins/"+url.PathEscape(name)+"/config", "")
		add("GET", "/admin/loggers/"+url.PathEscape(name), "")
	}
	for _, path := range []string{
		"/connectors/", "/connectors/NAME/", "/connectors;x=y", "/connectors/NAME;x=y/status", "/connectors/%", "/connectors/%zz", "/connectors/%ff", "/connectors/%00", "/connectors/x/..",
		"/Connectors", "/connectors/NAME/tasks/-1/status", "/connectors/NAME/tasks/00/status", "/connectors/NAME/tasks/1.0/status", "/connectors/NAME/tasks/99999999999/status", "/connectors/NAME/tasks/a/status",
		"/connectors?expand", "/connectors?expand=", "/connectors?expand=%zz", "/connectors?expand=status;x", "/connectors/none?forward=true", "/index.html", "/admin/loggers/", "/connector-plugins?connectorsOnly=",
	} {
		add("GET", path, "")
	}
	for _, query := range []string{"includeTasks=TRUE", "includeTasks=1", "includeTasks", "onlyFailed=yes", "includeTasks=false&includeTasks=true", "INCLUDETASKS=true"} {
		add("POST", "/connectors/none/restart?"+query, "")
	}
	for _, version := range []string{"", "[1", "a b", "[2,1]", "[1,1)", "]", "LATEST", "9.9.9", "[,]", "latest", "[1,3],[2,4]"} {
		add("GET", plugin+"?version="+url.QueryEscape(version), "")
		add("GET", "/connector-plugins/none/config?version="+url.QueryEscape(version), "")
	}
	for _, path := range []string{"JsonConverter/config?version=4.3.1", "JsonConverter/config?version=9", "FileStreamSink/config?version=%5B4.0,5.0%29", "Simple/config"} {
		add("GET", "/connector-plugins/"+path, "")
	}
	for _, keys := range []string{
		`"topics":"a"`, `"topics":","`, `"tasks.max":null`, `"topics":null`, `"errors.tolerance":null`, `"config.action.reload":null`,
		`"value.converter":"org.apache.kafka.connect.json.JsonConverter"`, `"value.converter":"JsonConverter","value.converter.schemas.enable":"x"`,
		`"key.converter":"org.apache.kafka.connect.json.JsonConverter","key.converter.plugin.version":"9.9.9"`, `"header.converter":"Json","header.converter.plugin.version":""`,
		`"value.converter":"org.apache.kafka.connect.storage.SimpleHeaderConverter"`, `"key.converter":"org.apache.kafka.connect.file.FileStreamSinkConnector"`, `"header.converter":"nope"`,
		`"file":null`, `"unknown":null`, `"consumer.override.max.poll.records":" 7 "`, `"consumer.override.nonsense":"1"`,
		`"errors.deadletterqueue.topic.name":"d","admin.override.retries":"3","producer.override.acks":"1","consumer.override.security.protocol":"PLAINTEXT"`,
		`"errors.deadletterqueue.topic.name":"d","admin.override.retries":"x"`, `"producer.override.linger.ms":"x"`, `"consumer.override.isolation.level":"read_committed"`,
	} {
		asJSON("PUT", plugin+"/validate", `{SINK,"name":"NAME",`+keys+`}`)
	}
	for _, pattern := range []string{"[", "a[b", "(", "a)", "*", "a**", "{", "a{", "x{a}", "a{1", "a{2,1}", `a\\`, "(?<x", "(?z)", "[]", "[^]", "[["} {
		asJSON("PUT", plugin+"/validate", `{SINK,"name":"NAME","topics":"","topics.regex":"`+pattern+`"}`)
	}
	add("GET", "/admin/loggers/ROOT", "")
	for _, level := range []string{"info", " INFO", "LOUD", "", "0", "FATAL", "ALL", "OFF", "WARNING"} {
		asJSON("PUT", "/admin/loggers/NAME", `{"level":"`+level+`"}`)
		asJSON("PUT", "/admin/loggers/everywhere-NAME?scope=cluster", `{"level":"`+level+`"}`)
	}
	asJSON("PUT", "/admin/loggers/NAME?scope=x", `{"level":"warn"}`)
	const partition = `"partition":{"kafka_topic":"NAME","kafka_partition":0}`
	for _, offset := range []string{
		``, `"x":1`, partition, partition + `,"offset":null`, partition + `,"offset":1`, partition + `,"offset":{}`, partition + `,"offset":{"kafka_offset":null}`, partition + `,"offset":{"kafka_offset":"x"}`,
		partition + `,"offset":{"kafka_offset":-1}`, partition + `,"offset":{"kafka_offset":true}`, partition + `,"offset":{"kafka_offset":" 1"}`, partition + `,"offset":{"kafka_offset":1.0}`, partition + `,"offset":{"kafka_offset":"1"}`,
		partition + `,"offset":{"kafka_offset":1,"x":2}`, `"partition":null,"offset":null`, `"partition":[],"offset":null`, `"partition":{"kafka_topic":"NAME","kafka_partition":-1},"offset":null`,
		`"partition":{"kafka_topic":"NAME","kafka_partition":7},"offset":{"kafka_offset":1}`, `"partition":{"kafka_topic":"none","kafka_partition":0},"offset":{"kafka_offset":1}`, `"partition":{"kafka_topic":null,"kafka_partition":0},"offset":null`,
	} {
		asJSON("PATCH", "/connectors/NAME/offsets", `{"offsets":[{`+partition+`,"offset":{"kafka_offset":1}}]}`) // so that there is one
		asJSON("PATCH", "/connectors/NAME/offsets", `{"offsets":[{`+offset+`}]}`)
		add("GET", "/connectors/NAME/offsets", "")
	}
	add("PUT", "/connectors/none/fence", "", "X-Connect-Authorization", "eA==", "X-Connect-Request-Signature-Algorithm", "HmacSHA256")
	add("PUT", "/connectors/none/fence", "", "X-Connect-Authorization", "eA==", "X-Connect-Request-Signature-Algorithm", "nope")
	add("PUT", "/connectors/none/fence", "", "X-Connect-Authorization", "###", "X-Connect-Request-Signature-Algorithm", "HmacSHA256")
	return all
}
