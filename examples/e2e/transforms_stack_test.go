//go:build stack

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/examples/stack"
)

// transformConfigs are validated by Kafka Connect and by sluice: keys and values of what follows the connector's own, a line each.
var transformConfigs = []string{
	`"transforms":"a","transforms.a.type":"Filter"`,
	`"transforms":"a,b,a","transforms.a.type":"@Cast$Value","transforms.a.predicate":"nope","transforms.b.type":"Filter","predicates":"p,q","predicates.p.type":"RecordIsTombstone","predicates.q.type":"TopicNameMatches","predicates.q.pattern":"("`,
	`"transforms":"a,b,c,d","transforms.a.type":"Unknown","transforms.b.negate":"true","transforms.c.type":"HoistField$Value","transforms.c.negate":"x","transforms.d.type":"@HoistField"`,
	`"transforms":"a,b","transforms.b.type":"@predicates.RecordIsTombstone","predicates":"p,,p","predicates.p.type":"Filter","predicates..type":"RecordIsTombstone","transforms.a.type":"@InsertField$Value","transforms.a.predicate":"p","transforms.a.negate":"maybe","transforms.a.foo":"1"`,
	`"transforms":"a, ,b","transforms.a.type":"Filter"`,
	`"transforms":"","transforms.a.type":"Nope"`,
	`"transforms":" "`,
	`"predicates":"p"`,
	`"transforms":"a","transforms.a.type":"@predicates"`,
	`"transforms":"a","transforms.a.type":""`,
	`"transforms":"a","transforms.a.type":"org.apache.kafka.connect.json.JsonConverter"`,
	`"transforms":"a","transforms.a.type":"Filter","transforms.a.plugin.version":"9"`,
	`"transforms":"a","transforms.a.type":"Filter","transforms.a.plugin.version":"[4.0,5.0)"`,
	`"transforms":"a","transforms.a.type":"Filter","transforms.a.plugin.version":""`,
	`"transforms":"a","transforms.a.type":"Filter","transforms.a.plugin.version":"latest"`,
	`"transforms":"a","transforms.a.type":"Nope","transforms.a.plugin.version":"1"`,
	`"transforms":"a","transforms.a.type":"Filter","transforms.a.negate":"true","transforms.a.predicate":"p"`,
	`"transforms":"a","transforms.a.type":"DropHeaders","transforms.a.headers":"x,,y"`,
	`"transforms":"a","transforms.a.type":"DropHeaders","transforms.a.headers":"x,x"`,
	`"transforms":"a","transforms.a.type":"DropHeaders","transforms.a.headers":" "`,
	`"transforms":"a","transforms.a.type":"DropHeaders"`,
	`"transforms":"a","transforms.a.type":"InsertHeader","transforms.a.header":" h "`,
	`"transforms":"a","transforms.a.type":"RegexRouter"`,
	`"transforms":"a","transforms.a.type":"TimestampRouter","transforms.a.topic.format":" x "`,
	`"transforms":"a","transforms.a.type":"ValueToKey","transforms.a.fields":"x, y","transforms.a.replace.null.with.default":" TRUE "`,
	`"transforms":"a","transforms.a.type":"@Cast$Key","transforms.a.spec":"a:int8,b:nope"`,
	`"transforms":"a","transforms.a.type":"@Cast$Key","transforms.a.spec":"a:int8,int16"`,
	`"transforms":"a","transforms.a.type":"@ExtractField$Key","transforms.a.field.syntax.version":"V9"`,
	`"transforms":"a","transforms.a.type":"@Flatten$Value","transforms.a.delimiter":""`,
	`"transforms":"a","transforms.a.type":"@HeaderFrom$Value"`,
	`"transforms":"a","transforms.a.type":"@HeaderFrom$Value","transforms.a.fields":"a,b","transforms.a.headers":"a","transforms.a.operation":"Copy"`,
	`"transforms":"a","transforms.a.type":"@MaskField$Value","transforms.a.fields":"a","transforms.a.replacement":""`,
	`"transforms":"a","transforms.a.type":"@ReplaceField$Value","transforms.a.renames":"a:b,c","transforms.a.include":"x,x"`,
	`"transforms":"a","transforms.a.type":"@SetSchemaMetadata$Value","transforms.a.schema.version":"one"`,
	`"transforms":"a","transforms.a.type":"@TimestampConverter$Value","transforms.a.target.type":"date","transforms.a.unix.precision":"s"`,
	`"transforms":"a","transforms.a.type":"@TimestampConverter$Value"`,
	`"predicates":"p,q,r","predicates.p.type":"HasHeaderKey","predicates.p.name":"","predicates.q.type":"TopicNameMatches","predicates.r.type":"@predicates.TopicNameMatches","predicates.r.pattern":""`,
	`"transforms":"ä b.c","transforms.ä b.c.type":"Filter"`,
}

// TestTransformationsAreListedAsByKafkaConnect compares the classes, their keys, and what validation says of configurations.
func TestTransformationsAreListedAsByKafkaConnect(t *testing.T) {
	s := stack.Shared(t, stack.Kafka, stack.Connect)
	connect := &differ{t: t, url: s.ConnectURL(), name: "none", dir: t.TempDir()}
	sluice := &differ{t: t, url: startPipeline(t, s.KafkaBootstrap(), "").rest, name: "none", dir: connect.dir}

	both := func(method, path, body string, get func(reply) any) {
		t.Helper()
		want, got := get(connect.send(method, path, body, "")), get(sluice.send(method, path, body, ""))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s %s: -Kafka Connect +sluice\n%s", method, path, body, diff)
		}
	}
	var classes []string
	both("GET", "/connector-plugins?connectorsOnly=false", "", func(r reply) any {
		var all, ours []struct{ Class, Type, Version string }
		decode(t, r, &all)
		for _, p := range all {
			if p.Type == "transformation" || p.Type == "predicate" {
				ours = append(ours, p)
			}
		}
		classes = classes[:0]
		for _, p := range ours {
			classes = append(classes, p.Class)
		}
		return ours
	})
	if len(classes) != 29 {
		t.Errorf("%d classes", len(classes))
	}
	for _, class := range append(classes, "Filter", "HasHeaderKey", "Cast$Value", "Value") {
		both("GET", "/connector-plugins/"+url.PathEscape(class)+"/config", "", keysOf(t))
	}
	both("GET", "/connector-plugins/Filter/config?version=1", "", keysOf(t))
	both("GET", "/connector-plugins/Filter/config?version=4.3.1", "", keysOf(t))
	for _, config := range transformConfigs {
		config = strings.ReplaceAll(config, "@", "org.apache.kafka.connect.transforms.")
		both("PUT", "/connector-plugins/org.apache.kafka.connect.file.FileStreamSinkConnector/config/validate", `{"name":"x",SINK,`+config+`}`, validated(t))
	}
}

func decode(t *testing.T, r reply, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
}

// keysOf are the keys of a class without their documentation.
func keysOf(t *testing.T) func(reply) any {
	t.Helper()
	return func(r reply) any {
		if r.status != http.StatusOK {
			return fmt.Sprint(r.status, r.body)
		}
		var keys []map[string]any
		decode(t, r, &keys)
		for _, k := range keys {
			delete(k, "documentation")
			delete(k, "order") // sluice's own
		}
		return keys
	}
}

// validated is what an answer says of transformations and predicates, and the groups that they make.
func validated(t *testing.T) func(reply) any {
	t.Helper()
	return func(r reply) any {
		if r.status != http.StatusOK {
			return fmt.Sprint(r.status, r.body)
		}
		var answer struct {
			Groups  []string
			Configs []struct{ Definition, Value map[string]any }
		}
		decode(t, r, &answer)
		out := []any{slices.DeleteFunc(answer.Groups, func(g string) bool { return !strings.HasPrefix(g, "Transforms") && !strings.HasPrefix(g, "Predicates") })}
		for _, c := range answer.Configs {
			name, _ := c.Definition["name"].(string)
			if !strings.HasPrefix(name, "transforms") && !strings.HasPrefix(name, "predicates") {
				continue
			}
			delete(c.Definition, "documentation")
			delete(c.Definition, "order")
			out = append(out, c.Definition, c.Value)
		}
		return out
	}
}
