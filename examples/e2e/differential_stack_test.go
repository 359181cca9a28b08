//go:build stack

package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
)

// A real Kafka Connect and sluice, on one Kafka, get the same requests one after the other and give the same answers, but for those
// differences that differentialCases has a reason for. Each has a connector and a topic of its own: connectors of one name share a
// consumer group, in which members of the one can outlive it and be in the way of the other.
func TestSameAnswersAsKafkaConnect(t *testing.T) {
	s := stack.Shared(t, stack.Kafka, stack.Connect)
	name := fmt.Sprintf("diff-%d", stack.Seed(t).Uint32())
	connect := &differ{t: t, url: s.ConnectURL(), name: name + "-connect", dir: t.TempDir()}
	sluice := &differ{t: t, url: startPipeline(t, s.KafkaBootstrap(), "").rest, name: name + "-sluice", dir: connect.dir}
	fill(t, s.KafkaBootstrap(), connect.name)
	fill(t, s.KafkaBootstrap(), sluice.name)
	want, got := connect.run(), sluice.run()
	for i, c := range differentialCases {
		why := want[i].difference(got[i])
		switch {
		case why != "" && c.differs == "":
			t.Errorf("%s %s %s: %s", c.method, c.path, c.body, why)
		case why == "" && c.differs != "":
			t.Errorf("%s %s %s is answered as by Kafka Connect: take away the reason why it is not", c.method, c.path, c.body)
		}
	}
}

// fill makes a topic of three partitions with a record in each.
func fill(t *testing.T, bootstrap, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		r := &kgo.Record{Topic: topic, Partition: p, Value: []byte(`{"n":1}`)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// stateWithin is how long a connector may take for a change of its state.
const stateWithin = time.Minute

// differ sends the cases to one worker.
type differ struct {
	t              *testing.T
	url, name, dir string
}

func (d *differ) run() []reply {
	d.t.Helper()
	d.t.Cleanup(func() { d.send("DELETE", "/connectors/NAME", "", "") }) // for a run that broke off
	replies := make([]reply, len(differentialCases))
	for i, c := range differentialCases {
		if c.until == "" {
			replies[i] = d.send(c.method, c.path, c.body, c.contentType)
			continue
		}
		eventually(d.t, stateWithin, c.method+" "+c.path+" of "+d.url, func() error {
			replies[i] = d.send(c.method, c.path, c.body, c.contentType)
			for text := range strings.SplitSeq(c.until, " and ") {
				if !strings.Contains(replies[i].body, text) {
					return fmt.Errorf("answered %s, which lacks %s", replies[i].body, text)
				}
			}
			return nil
		})
	}
	return replies
}

// reply is an answer, without what must differ.
type reply struct {
	status                int
	contentType, location string
	allow                 string
	body                  string
}

// send sends a body as JSON, unless it has another type.
func (d *differ) send(method, path, body, contentType string) reply {
	d.t.Helper()
	header := http.Header{}
	if body != "" || contentType != "" {
		header.Set("Content-Type", cmp.Or(contentType, "application/json"))
	}
	return d.ask(method, path, body, header)
}

// ask sends a request until the worker can answer it.
func (d *differ) ask(method, path, body string, header http.Header) (r reply) {
	d.t.Helper()
	eventually(d.t, stateWithin, method+" "+path+" of "+d.url, func() error {
		if r = d.exchange(method, path, body, header); unsettled.MatchString(r.body) {
			return fmt.Errorf("answered %d %s", r.status, r.body)
		}
		return nil
	})
	return r
}

// unsettled is in the answer of a worker that was asked in a moment when it is about to place its work again, or before its consumers
// have left their group, and did nothing; every client asks again.
var unsettled = regexp.MustCompile("because a rebalance is expected|haven't stopped completely yet")

// SINK stands for a configuration in bodies, NAME for the connector's name, and the topic's. The path is sent as it is.
func (d *differ) exchange(method, path, body string, header http.Header) reply {
	d.t.Helper()
	config := fmt.Sprintf(`"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","topics":"NAME","file":%q,`+
		`"key.converter":"org.apache.kafka.connect.storage.StringConverter","value.converter":"org.apache.kafka.connect.storage.StringConverter"`,
		filepath.Join(d.dir, "out.txt"))
	fill := strings.NewReplacer("NAME", d.name)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, d.url, strings.NewReader(fill.Replace(strings.ReplaceAll(body, "SINK", config))))
	if err != nil {
		d.t.Fatal(err)
	}
	req.URL.Opaque, req.Header = fill.Replace(path), header
	req.Close = true // a server may close a connection after an odd request, while the next one is on its way
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	unfill := strings.NewReplacer(d.name, "NAME")
	location := unfill.Replace(strings.TrimPrefix(resp.Header.Get("Location"), d.url))
	return reply{resp.StatusCode, resp.Header.Get("Content-Type"), location, resp.Header.Get("Allow"), unfill.Replace(string(b))}
}

// difference says in which way another answer is another one; empty: in none. What is no JSON may be in other words.
func (r reply) difference(o reply) string {
	var a, b any
	isJSON := json.Unmarshal([]byte(r.body), &a) == nil
	switch {
	case r.status != o.status:
		return fmt.Sprintf("answered %d %s, Kafka Connect says %d %s", o.status, o.body, r.status, r.body)
	case r.location != o.location:
		return fmt.Sprintf("Location %s, Kafka Connect says %s", o.location, r.location)
	case r.allow != o.allow:
		return fmt.Sprintf("Allow %s, Kafka Connect says %s", o.allow, r.allow)
	case !isJSON && (r.status < 300) && r.body != o.body:
		return fmt.Sprintf("answered %s, Kafka Connect says %s", o.body, r.body)
	case !isJSON:
		return ""
	case r.contentType != o.contentType:
		return fmt.Sprintf("Content-Type %s, Kafka Connect says %s", o.contentType, r.contentType)
	}
	if err := json.Unmarshal([]byte(o.body), &b); err != nil {
		return fmt.Sprintf("answered %s: %v", o.body, err)
	}
	if a, b = comparable("", a), comparable("", b); !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("answered\n%v\nKafka Connect says\n%v", b, a)
	}
	return ""
}

var (
	address  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	versions = regexp.MustCompile(`available versions: \[.*\]`)
)

// comparable is JSON without what is each worker's own: its address, versions and ids, and the texts of documentation.
func comparable(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		if name, _ := v["name"].(string); strings.HasSuffix(name, ".plugin.version") || strings.HasSuffix(name, ".converter") {
			delete(v, "default_value") // a worker's setting
		}
		for k, e := range v {
			if !slices.Contains([]string{"order", "last_modified", "documentation"}, k) {
				out[k] = comparable(k, e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = comparable("", e)
		}
		if key == "tasks" || key == "offsets" { // in any order, and in one that the topic's name decides
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case string:
		if slices.Contains([]string{"worker_id", "version", "commit"}, key) {
			return "its own"
		}
		return versions.ReplaceAllString(address.ReplaceAllString(v, "worker"), "")
	}
	return v
}
