package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/api"
)

func TestDefinition(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       definition
		err        string
	}{
		{
			name: "name and config", text: `{"name":"a","config":{"topics":"t","tasks.max":3,"on":true}}`,
			want: definition{name: "a", config: map[string]string{"name": "a", "topics": "t", "tasks.max": "3", "on": "true"}},
		},
		{name: "with a state", text: `{"name":"a","config":{},"initial_state":"stopped"}`, want: definition{name: "a", config: map[string]string{"name": "a"}, state: api.Stopped}},
		{name: "what GET answers", text: `{"name":"a","config":{"name":"a"},"tasks":[{"connector":"a","task":0}],"type":"sink"}`, want: definition{name: "a", config: map[string]string{"name": "a"}}},
		{name: "the name inside", text: `{"config":{"name":"a"}}`, want: definition{name: "a", config: map[string]string{"name": "a"}}},
		{name: "plain", text: `{"name":"a","topics":"t"}`, want: definition{name: "a", config: map[string]string{"name": "a", "topics": "t"}}},
		{name: "plain with a key config", text: `{"name":"a","config":"x"}`, want: definition{name: "a", config: map[string]string{"name": "a", "config": "x"}}},
		{name: "no name", text: `{"topics":"t"}`, err: `-: it has no name: add a key name to the configuration, or use the form {"name":…,"config":{…}}`},
		{name: "two names", text: `{"name":"a","config":{"name":"b"}}`, err: "-: it is called a, but key name of its configuration says b"},
		{name: "null", text: `{"name":"a","topics":null}`, err: "-: key topics is null: leave it out or give it a value"},
		{name: "nested", text: `{"name":"a","topics":["t"]}`, err: "-: key topics: expected a string, a number or a boolean"},
		{name: "unknown field", text: `{"name":"a","config":{},"state":"x"}`, err: `-: unknown field "state" beside config; known are name and initial_state`},
		{name: "wrong state", text: `{"name":"a","config":{},"initial_state":"x"}`, err: `-: field initial_state: "x" is no state to begin in: it is RUNNING, PAUSED or STOPPED`},
		{name: "wrong name", text: `{"name":1,"config":{}}`, err: "-: field name: expected a string"},
		{name: "not JSON", text: "{\n\"name\":\n}", err: "- is not JSON: invalid character '}' looking for beginning of value, in line 3"},
		{name: "nothing", text: "", err: "- is not JSON: unexpected end of JSON input, in line 1"},
		{name: "a list", text: "[]", err: "-: expected a JSON object with the configuration of a connector"},
		{name: "null alone", text: "null", err: "-: expected a JSON object with the configuration of a connector, found null"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readDefinition("-", strings.NewReader(test.text))
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got, cmp.AllowUnexported(definition{})); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

func TestDefinitions(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("some/one.json", `{"name":"one"}`)
	write("some/two.json", `{"name":"two"}`)
	write("some/notes.txt", `no connector`)
	again := write("again.json", `{"name":"one"}`)
	write("empty/notes.txt", "")
	some, empty := filepath.Join(dir, "some"), filepath.Join(dir, "empty")
	for _, test := range []struct {
		name  string
		paths []string
		want  string
		err   string
	}{
		{name: "a folder", paths: []string{some}, want: "one two"},
		{name: "a file", paths: []string{one}, want: "one"},
		{name: "twice", paths: []string{some, again}, err: "connector one is in " + one + " and in " + again + ": keep one of them"},
		{name: "an empty folder", paths: []string{empty}, err: "folder " + empty + " has no file that ends in .json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all, err := readDefinitions(test.paths, nil)
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			names := make([]string, len(all))
			for i, d := range all {
				names[i] = d.name
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	type m = map[string]string
	for _, test := range []struct {
		name           string
		stored, wanted m
		want           string
		notCompared    string
	}{
		{name: "none", stored: m{"a": "1"}, wanted: m{"a": "1"}},
		{name: "more, less and other", stored: m{"a": "1", "b": "2"}, wanted: m{"b": "3", "c": "4"}, want: "- a = 1, ~ b = 2 → 3, + c = 4"},
		{name: "a new connector", wanted: m{"a": "1"}, want: "+ a = 1"},
		{name: "a masked secret", stored: m{"pin": "********"}, wanted: m{"pin": "1"}, notCompared: "pin"},
		{name: "a masked secret on both sides", stored: m{"pin": "********"}, wanted: m{"pin": "********"}},
		{name: "a masked secret that goes", stored: m{"x": "********"}, wanted: m{}, want: "- x = ********"},
		{name: "a key that the plugin declares", stored: m{"pin": "1"}, wanted: m{"pin": "2"}, want: "~ pin = ******** → ********"},
		{name: "a key whose name says so", wanted: m{"db.password": "2"}, want: "+ db.password = ********"},
		{name: "a reference is no secret", stored: m{"pin": "${env:A}"}, wanted: m{"pin": "${env:B}"}, want: "~ pin = ${env:A} → ${env:B}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changes, notCompared := differences(test.stored, test.wanted, func(key string) bool { return key == "pin" })
			texts := make([]string, len(changes))
			for i, c := range changes {
				texts[i] = c.text()
			}
			if got := strings.Join(texts, ", "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if got := strings.Join(notCompared, ", "); got != test.notCompared {
				t.Errorf("not compared %s, want %s", got, test.notCompared)
			}
		})
	}
}
