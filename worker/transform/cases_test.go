package transform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/worker/data"
)

type testCase struct {
	Define map[string]json.RawMessage
	Name   string
	Type   string
	Config map[string]string
	Record struct {
		Topic      string
		Timestamp  *int64
		Key, Value json.RawMessage
		Headers    [][2]json.RawMessage
	}
	Text   *string
	Answer map[string]any
}

// TestLikeKafkaConnect asks what testdata/TransformCases.java asked Kafka Connect.
func TestLikeKafkaConnect(t *testing.T) {
	f, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	defined := map[string]json.RawMessage{}
	count := 0
	for lines.Scan() {
		var c testCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Define != nil {
			defined = c.Define
			continue
		}
		count++
		if c.Text != nil {
			t.Run("text/"+*c.Text, func(t *testing.T) { compare(t, c.Answer, c.parse(t)) })
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			got := c.ask(t, defined)
			if why, ok := different[c.Name]; ok {
				if text := fmt.Sprint(got["invalid"]); !strings.Contains(text, strings.TrimSuffix(why, " not supported")) || !strings.Contains(text, "not supported by sluice") {
					t.Errorf("got %v, want: %s", got, why)
				}
				return
			}
			compare(t, c.Answer, got)
		})
	}
	if count < 1000 {
		t.Errorf("%d cases", count)
	}
}

// different are cases for which sluice has another answer on purpose.
var different = map[string]string{
	"regex router/15": "intersection of character classes is not supported",
	"regex router/16": "possessive quantifier is not supported",
	"regex router/32": "intersection of character classes is not supported",
	"topic matches/6": "intersection of character classes is not supported",
}

func compare(t *testing.T, want, got map[string]any) {
	t.Helper()
	// By way of JSON, so that numbers and nothing are the same kind on both sides.
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, back) {
		expected, _ := json.Marshal(want)
		t.Errorf("got  %s\nwant %s", text, expected)
	}
}

func (c *testCase) parse(t *testing.T) map[string]any {
	t.Helper()
	s, v := data.ParseText(*c.Text)
	answer := map[string]any{"value": render(v), "text": data.Text(v), "schema": schemaJSON(t, s)}
	if s == nil {
		answer["text"] = nil
	}
	return answer
}

func schemaJSON(t *testing.T, s *data.Schema) json.RawMessage {
	t.Helper()
	text, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (c *testCase) record(t *testing.T, defined map[string]json.RawMessage) *data.Record {
	t.Helper()
	lookUp := func(raw json.RawMessage) json.RawMessage {
		var name string
		if json.Unmarshal(raw, &name) == nil && name != "" {
			return defined[name]
		}
		return raw
	}
	r := &data.Record{Topic: c.Record.Topic, Partition: 3, Offset: 42, Timestamp: -1}
	if r.Topic == "" {
		r.Topic = "events"
	}
	if c.Record.Timestamp != nil {
		r.Timestamp = *c.Record.Timestamp
	}
	r.KeySchema, r.Key = envelope(t, lookUp(c.Record.Key))
	r.ValueSchema, r.Value = envelope(t, lookUp(c.Record.Value))
	for _, h := range c.Record.Headers {
		var name string
		if err := json.Unmarshal(h[0], &name); err != nil {
			t.Fatal(err)
		}
		s, v := envelope(t, h[1])
		r.Headers = append(r.Headers, data.Header{Key: name, Schema: s, Value: v})
	}
	return r
}

func (c *testCase) ask(t *testing.T, defined map[string]json.RawMessage) map[string]any {
	t.Helper()
	class, ok := Lookup(c.Type)
	if !ok {
		t.Fatalf("no class %s", c.Type)
	}
	var invalid []string
	for _, v := range class.Validate(c.Config) {
		for _, e := range v.Errors {
			invalid = append(invalid, v.Name+": "+e)
		}
	}
	if invalid != nil {
		return map[string]any{"invalid": sortedLike(invalid, c.Answer["invalid"])}
	}
	cfg, err := class.parse(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	r := c.record(t, defined)
	if class.Kind == PredicateKind {
		p, err := class.test(cfg)
		if err != nil {
			return map[string]any{"misconfigured": problem(err)}
		}
		holds, err := p.Test(r)
		if err != nil {
			return map[string]any{"error": problem(err)}
		}
		return map[string]any{"holds": holds}
	}
	step, err := class.step(cfg)
	if err != nil {
		return map[string]any{"misconfigured": problem(err)}
	}
	keep, err := step.Apply(r)
	switch {
	case err != nil:
		return map[string]any{"error": problem(err)}
	case !keep:
		return map[string]any{"dropped": true}
	}
	before := c.record(t, defined)
	schema := func(before, now *data.Schema) any {
		if before.Equal(now) {
			return "="
		}
		return schemaJSON(t, now)
	}
	value := func(before, now any) string {
		if text := render(now); text != render(before) {
			return text
		}
		return "="
	}
	answer := map[string]any{
		"topic":     "=",
		"keySchema": schema(before.KeySchema, r.KeySchema), "key": value(before.Key, r.Key),
		"valueSchema": schema(before.ValueSchema, r.ValueSchema), "value": value(before.Value, r.Value),
	}
	if r.Topic != before.Topic {
		answer["topic"] = r.Topic
	}
	if now := headers(t, r); !reflect.DeepEqual(headers(t, before), now) {
		answer["headers"] = now
	}
	return answer
}

func headers(t *testing.T, r *data.Record) [][]any {
	t.Helper()
	all := [][]any{}
	for _, h := range r.Headers {
		all = append(all, []any{h.Key, schemaJSON(t, h.Schema), render(h.Value)})
	}
	return all
}

// sortedLike puts messages in the order of the answer: Kafka lists keys in that of a hash table.
func sortedLike(messages []string, answer any) []string {
	want, _ := answer.([]any)
	place := func(m string) int { return slices.Index(want, any(m)) }
	slices.SortStableFunc(messages, func(a, b string) int { return place(a) - place(b) })
	return messages
}
