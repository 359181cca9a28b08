package transform

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/worker/data"
)

func config(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestChainRunsInOrder(t *testing.T) {
	c, err := New(config(
		"transforms", "hoist, insert,route",
		"transforms.hoist.type", javaPackage+"HoistField$Value", "transforms.hoist.field", "line",
		"transforms.insert.type", javaPackage+"InsertField$Value", "transforms.insert.topic.field", "from",
		"transforms.route.type", "RegexRouter", "transforms.route.regex", "(.*)", "transforms.route.replacement", "new-$1",
	))
	if err != nil {
		t.Fatal(err)
	}
	r := &data.Record{Topic: "t", Timestamp: -1, Value: "x"}
	keep, err := c.Apply(r)
	if !keep || err != nil {
		t.Fatal(keep, err)
	}
	if got := r.Topic + " " + render(r.Value); got != `new-t {"from":"t","line":"x"}` {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(c.Describe(), ", "); !strings.HasPrefix(got, "hoist org.apache") || !strings.HasSuffix(got, "RegexRouter") {
		t.Errorf("described as %s", got)
	}
}

func TestChainKeepsToPredicates(t *testing.T) {
	for _, negate := range []string{"false", "true"} {
		c, err := New(config(
			"transforms", "drop",
			"transforms.drop.type", "Filter", "transforms.drop.predicate", "dead", "transforms.drop.negate", negate,
			"predicates", "dead", "predicates.dead.type", "RecordIsTombstone",
		))
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []any{nil, "x"} {
			keep, err := c.Apply(&data.Record{Value: value})
			if want := (value == nil) == (negate == "true"); keep != want || err != nil {
				t.Errorf("negate %s, value %v: kept %v, %v", negate, value, keep, err)
			}
		}
	}
}

func TestChainNamesTheStep(t *testing.T) {
	c, err := New(config("transforms", "a", "transforms.a.type", javaPackage+"Cast$Value", "transforms.a.spec", "int8"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Apply(&data.Record{Value: "many"})
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Alias != "a" || failed.Class != javaPackage+"Cast$Value" {
		t.Fatalf("got %#v", err)
	}
	if cause, ok := errors.AsType[*data.Error](err); !ok || cause.Class != data.DataException {
		t.Errorf("cause: %#v", cause)
	}
	if want := "transformation a (" + javaPackage + "Cast$Value): Value (many) was out of range for requested data type"; err.Error() != want {
		t.Errorf("got %s", err)
	}
}

func TestNoChain(t *testing.T) {
	for _, text := range []string{"", " "} {
		if c, err := New(config("transforms", text)); c != nil || err != nil {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
}

func TestChainMisconfigured(t *testing.T) {
	filter := []string{"transforms", "a", "transforms.a.type", "Filter"}
	for _, tc := range []struct {
		name   string
		config map[string]string
		want   string
	}{
		{"no type", config("transforms", "a"), `configuration transforms.a.type: transformation "" is not known`},
		{"unknown type", config("transforms", "a", "transforms.a.type", "Value"), `"Value" is not known`},
		{"key missing", config("transforms", "a", "transforms.a.type", "RegexRouter"), `Missing required configuration "regex"`},
		{"configured wrongly", config("transforms", "a", "transforms.a.type", javaPackage+"InsertField$Key"), "configuration transforms.a.*: No field insertion configured"},
		{"predicate not declared", config(append(filter, "transforms.a.predicate", "p", "predicates", "q")...), `predicate "p", which is not declared; add it to predicates`},
		{"predicate without type", config(append(filter, "transforms.a.predicate", "p", "predicates", "p")...), "predicates.p.type"},
		{"predicate configured wrongly", config(append(filter, "transforms.a.predicate", "p", "predicates", "p", "predicates.p.type", "HasHeaderKey")...), `Missing required configuration "name"`},
		{"nothing to negate", config(append(filter, "transforms.a.negate", "true")...), "no predicate to negate"},
		{"negated oddly", config(append(filter, "transforms.a.negate", "maybe")...), "must be true or false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := New(tc.config); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRecordsShareNothing changes what a chain made of one record and looks at the next one (invariant 2).
func TestRecordsShareNothing(t *testing.T) {
	c, err := New(config("transforms", "a", "transforms.a.type", javaPackage+"InsertField$Value", "transforms.a.static.field", "s", "transforms.a.static.value", "v"))
	if err != nil {
		t.Fatal(err)
	}
	schema := &data.Schema{Type: data.StructType, Fields: []data.Field{{Name: "n", Schema: data.OptionalOf(data.Int64)}}}
	var before *data.Struct
	for i := range 3 {
		s := data.NewStruct(schema)
		if err := s.Set(0, int64(i)); err != nil {
			t.Fatal(err)
		}
		r := &data.Record{ValueSchema: schema, Value: s}
		if _, err := c.Apply(r); err != nil {
			t.Fatal(err)
		}
		if before != nil {
			if err := before.Set(0, nil); err != nil {
				t.Fatal(err)
			}
		}
		if before = r.Value.(*data.Struct); render(before) != "<n:"+string(rune('0'+i))+"l,s:\"v\">" {
			t.Errorf("record %d: %s", i, render(before))
		}
		if i > 0 && r.ValueSchema != before.Schema() {
			t.Error("schema and value do not belong together")
		}
	}
}

func TestMatchesEnd(t *testing.T) {
	c, err := New(config("transforms", "a", "transforms.a.type", "RegexRouter", "transforms.a.regex", "(a|a?)+$", "transforms.a.replacement", "x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Apply(&data.Record{Topic: strings.Repeat("a", 60) + "!"})
	if err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("got %v", err)
	}
}
