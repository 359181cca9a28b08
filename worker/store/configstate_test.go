package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The lines are records that Kafka Connect 4.3.1 wrote, as key => value; properties are given in alphabetical order, in which Java's
// maps have none.
func TestConfigRecordsAreConnects(t *testing.T) {
	target := func(state string) write {
		w, err := targetWrite("r1", state)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for _, c := range []struct {
		line string
		got  write
	}{
		{
			`session-key => {"key":"JggIEqc=","algorithm":"HmacSHA256","creation-timestamp":1795410819698}`,
			sessionKeyWrite(SessionKey{Key: []byte{38, 8, 8, 18, 167}, Algorithm: "HmacSHA256", Created: time.UnixMilli(1795410819698)}),
		},
		{
			`connector-r1 => {"properties":{"connector.class":"FileStreamSink","name":"r1","tasks.max":"2"}}`,
			connectorWrite("r1", map[string]string{"connector.class": "FileStreamSink", "tasks.max": "2", "name": "r1"}),
		},
		{
			`task-r1-0 => {"properties":{"task.class":"org.apache.kafka.connect.file.FileStreamSinkTask"}}`,
			taskWrite("r1", 0, map[string]string{"task.class": "org.apache.kafka.connect.file.FileStreamSinkTask"}),
		},
		{`task-r1-1 => {"properties":{}}`, taskWrite("r1", 1, nil)},
		{`commit-r1 => {"tasks":2}`, commitWrite("r1", 2)},
		{`commit-r1 => {"tasks":0}`, commitWrite("r1", 0)},
		{`target-state-r1 => {"state":"STARTED","state.v2":"STARTED"}`, target(Started)},
		{`target-state-r1 => {"state":"PAUSED","state.v2":"PAUSED"}`, target(Paused)},
		{`target-state-r1 => {"state":"PAUSED","state.v2":"STOPPED"}`, target(Stopped)},
		{
			`restart-connector-s1 => {"include-tasks":true,"only-failed":false}`,
			restartWrite(RestartRequest{Connector: "s1", IncludeTasks: true}),
		},
		{
			`logger-cluster-org.apache.kafka.connect.runtime => {"level":"DEBUG"}`,
			loggerWrite("org.apache.kafka.connect.runtime", "DEBUG"),
		},
		{`connector-h => {"properties":{"a":"<&>\"é\\\n"}}`, connectorWrite("h", map[string]string{"a": "<&>\"é\\\n"})},
	} {
		if got := c.got.key + " => " + string(c.got.value); got != c.line {
			t.Errorf("\n got %s\nwant %s", got, c.line)
		}
	}
}

// rec is a record of a test's log; an empty value is a tombstone.
type rec struct{ key, value string }

func (r rec) bytes() []byte {
	if r.value == "" {
		return nil
	}
	return []byte(r.value)
}

func props(kv string) string { return `{"properties":{"v":"` + kv + `"}}` }

func conf(v string) map[string]string { return map[string]string{"v": v} }

func TestConfigState(t *testing.T) {
	for _, c := range []struct {
		name string
		log  []rec
		want map[string]ConnectorRecord
		bad  int // records passed over
	}{
		{
			name: "tasks wait for their commit",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("t0")}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Started}},
		},
		{
			name: "the commit applies them",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("t0")}, {"task-a-1", props("t1")}, {"commit-a", `{"tasks":2}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Tasks: []map[string]string{conf("t0"), conf("t1")}, Target: Started, TasksOf: conf("1")}},
		},
		{
			name: "a later configuration leaves the tasks as they are",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":1}`}, {"connector-a", props("2")}},
			want: map[string]ConnectorRecord{"a": {Config: conf("2"), Tasks: []map[string]string{conf("t0")}, Target: Started, TasksOf: conf("1")}},
		},
		{
			name: "an incomplete commit is inconsistent",
			log:  []rec{{"connector-a", props("1")}, {"task-a-1", props("t1")}, {"commit-a", `{"tasks":2}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Started, Inconsistent: true}},
		},
		{
			name: "a task that waited for an incomplete commit does not wait for the next",
			log:  []rec{{"connector-a", props("1")}, {"task-a-1", props("t1")}, {"commit-a", `{"tasks":2}`}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":2}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Started, Inconsistent: true}},
		},
		{
			name: "a complete commit mends it",
			log:  []rec{{"connector-a", props("1")}, {"commit-a", `{"tasks":1}`}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":1}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Tasks: []map[string]string{conf("t0")}, Target: Started, TasksOf: conf("1")}},
		},
		{
			name: "tasks beyond the count are left over by compaction",
			log:  []rec{{"connector-a", props("1")}, {"task-a-1", props("old")}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":1}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Tasks: []map[string]string{conf("t0")}, Target: Started, TasksOf: conf("1")}},
		},
		{
			name: "stop commits no tasks",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":1}`}, {"target-state-a", `{"state":"PAUSED","state.v2":"STOPPED"}`}, {"commit-a", `{"tasks":0}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Tasks: []map[string]string{}, Target: Stopped, TasksOf: conf("1")}},
		},
		{
			name: "deleted",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":1}`}, {"connector-a", ""}, {"target-state-a", ""}},
			want: map[string]ConnectorRecord{},
		},
		{
			name: "created again without the tasks of its former life",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("t0")}, {"commit-a", `{"tasks":1}`}, {"connector-a", ""}, {"target-state-a", ""}, {"connector-a", props("2")}},
			want: map[string]ConnectorRecord{"a": {Config: conf("2"), Target: Started}},
		},
		{
			name: "a task that waited when the connector was deleted is gone",
			log:  []rec{{"connector-a", props("1")}, {"task-a-0", props("old")}, {"connector-a", ""}, {"connector-a", props("2")}, {"commit-a", `{"tasks":1}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("2"), Target: Started, Inconsistent: true}},
		},
		{
			name: "compaction took the deleted connector and its tombstone",
			log:  []rec{{"task-a-0", props("old")}, {"commit-a", `{"tasks":1}`}, {"connector-a", props("2")}},
			want: map[string]ConnectorRecord{"a": {Config: conf("2"), Target: Started}},
		},
		{
			name: "target state before the connector",
			log:  []rec{{"target-state-a", `{"state":"PAUSED","state.v2":"PAUSED"}`}, {"connector-a", props("1")}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Paused}},
		},
		{
			name: "target state removed from a connector that stays",
			log:  []rec{{"connector-a", props("1")}, {"target-state-a", `{"state":"PAUSED"}`}, {"target-state-a", ""}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Started}},
		},
		{
			name: "target state of an old worker, or with a second field of another type",
			log:  []rec{{"connector-a", props("1")}, {"connector-b", props("1")}, {"target-state-a", `{"state":"PAUSED"}`}, {"target-state-b", `{"state":"PAUSED","state.v2":7}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Paused}, "b": {Config: conf("1"), Target: Paused}},
		},
		{
			name: "names with dashes and prefixes",
			log:  []rec{{"connector-task-1", props("1")}, {"task-task-1-0", props("t")}, {"commit-task-1", `{"tasks":1}`}},
			want: map[string]ConnectorRecord{"task-1": {Config: conf("1"), Tasks: []map[string]string{conf("t")}, Target: Started, TasksOf: conf("1")}},
		},
		{
			name: "a null in a configuration is no value",
			log:  []rec{{"connector-a", `{"properties":{"v":"1","w":null}}`}},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Started}},
		},
		{
			name: "records of another shape are passed over",
			log: []rec{
				{"connector-a", props("1")},
				{"connector-a", `{"properties":7}`},
				{"connector-a", `nonsense`},
				{"connector-a", `null`},
				{"connector-a", `{"Properties":{}}`},
				{"connector-a", `{"properties":{"v":1}}`},
				{"task-a", props("x")},
				{"task-a-x", props("x")},
				{"task-a-0", ""},
				{"commit-a", ""},
				{"commit-a", `{"tasks":-1}`},
				{"commit-a", `{"tasks":1.5}`},
				{"commit-a", `{"tasks":"2"}`},
				{"target-state-a", `{"state":"RUNNING"}`},
				{"target-state-a", `[]`},
				{"session-key", `{"key":"?"}`},
				{"restart-connector-a", ``},
				{"logger-cluster-x", `{"level":5}`},
			},
			want: map[string]ConnectorRecord{"a": {Config: conf("1"), Target: Started}},
			bad:  17,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, bad := replay(c.log)
			if d := cmp.Diff(c.want, s.connectorRecords()); d != "" {
				t.Error(d)
			}
			if bad != c.bad {
				t.Errorf("%d records passed over, want %d", bad, c.bad)
			}
		})
	}
}

func replay(log []rec) (s *configState, bad int) {
	s = newConfigState()
	for _, r := range log {
		if _, err := s.apply(r.key, r.bytes()); err != nil {
			bad++
		}
	}
	return s, bad
}

// model says what a log means, by looking back from its end instead of applying it from its beginning.
func model(log []rec, name string) (r ConnectorRecord, exists bool) {
	existsAt := func(end int) bool {
		for i := end - 1; i >= 0; i-- {
			if log[i].key == "connector-"+name {
				return log[i].value != ""
			}
		}
		return false
	}
	configAt := func(end int) map[string]string {
		for i := end - 1; ; i-- {
			if log[i].key == "connector-"+name && log[i].value != "" {
				return value(log[i])
			}
		}
	}
	if !existsAt(len(log)) {
		return r, false
	}
	r.Config, r.Target = configAt(len(log)), Started
	for _, l := range slices.Backward(log) {
		if l.key == "target-state-"+name {
			if l.value != "" {
				r.Target = target(l)
			}
			break
		}
	}
	lastCommit, lastComplete := true, true // of no commits, nothing is incomplete
	for i := len(log) - 1; i >= 0 && lastCommit; i-- {
		if log[i].key != "commit-"+name || !existsAt(i) {
			continue
		}
		lastCommit = false
		_, lastComplete = tasksAt(log, name, i, existsAt)
	}
	r.Inconsistent = !lastComplete
	for i := len(log) - 1; i >= 0 && !r.Inconsistent; i-- {
		if log[i].key == "connector-"+name && log[i].value == "" {
			break // commits before it belong to a former life
		}
		if log[i].key == "commit-"+name && existsAt(i) {
			if tasks, ok := tasksAt(log, name, i, existsAt); ok {
				r.Tasks, r.TasksOf = tasks, configAt(i)
				break
			}
		}
	}
	if r.Inconsistent { // what the last complete commit of this life was made from is still told
		for i := len(log) - 1; i >= 0 && (log[i].key != "connector-"+name || log[i].value != ""); i-- {
			if log[i].key == "commit-"+name && existsAt(i) {
				if _, ok := tasksAt(log, name, i, existsAt); ok {
					r.TasksOf = configAt(i)
					break
				}
			}
		}
	}
	return r, true
}

// tasksAt collects what the commit at an index commits.
func tasksAt(log []rec, name string, commit int, existsAt func(int) bool) (tasks []map[string]string, complete bool) {
	var o struct{ Tasks int }
	if err := json.Unmarshal([]byte(log[commit].value), &o); err != nil {
		panic(err)
	}
	found := map[int]map[string]string{}
	for i := commit - 1; i >= 0; i-- {
		r := log[i]
		if r.key == "commit-"+name || r.key == "connector-"+name && r.value == "" {
			break
		}
		for n := range 4 {
			if r.key == fmt.Sprintf("task-%s-%d", name, n) && found[n] == nil {
				found[n] = value(r)
			}
		}
	}
	tasks = []map[string]string{}
	for n := range o.Tasks {
		if found[n] == nil {
			return nil, false
		}
		tasks = append(tasks, found[n])
	}
	return tasks, true
}

func value(r rec) map[string]string {
	var o struct{ Properties map[string]string }
	if err := json.Unmarshal([]byte(r.value), &o); err != nil {
		panic(err)
	}
	return o.Properties
}

func target(r rec) string {
	var o map[string]string
	if err := json.Unmarshal([]byte(r.value), &o); err != nil {
		panic(err)
	}
	return o["state.v2"]
}

func drawLog(t *rapid.T) []rec {
	name := rapid.SampledFrom([]string{"a", "b-1"})
	version := 0
	op := rapid.Custom(func(t *rapid.T) rec {
		n := name.Draw(t, "name")
		version++
		v := props(strconv.Itoa(version))
		switch rapid.IntRange(0, 9).Draw(t, "op") {
		case 0, 1:
			return rec{"connector-" + n, v}
		case 2:
			return rec{"connector-" + n, ""}
		case 3, 4, 5:
			return rec{fmt.Sprintf("task-%s-%d", n, rapid.IntRange(0, 2).Draw(t, "task")), v}
		case 6, 7:
			return rec{"commit-" + n, fmt.Sprintf(`{"tasks":%d}`, rapid.IntRange(0, 3).Draw(t, "tasks"))}
		case 8:
			s := rapid.SampledFrom([]string{Started, Paused, Stopped}).Draw(t, "state")
			return rec{"target-state-" + n, `{"state":"PAUSED","state.v2":"` + s + `"}`}
		default:
			return rec{"target-state-" + n, ""}
		}
	})
	return rapid.SliceOfN(op, 10, 80).Draw(t, "log")
}

func TestConfigStateMeansWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		s, bad := replay(log)
		if bad != 0 {
			t.Fatalf("%d records passed over", bad)
		}
		want := map[string]ConnectorRecord{}
		for _, name := range []string{"a", "b-1"} {
			if r, ok := model(log, name); ok {
				want[name] = r
			}
		}
		if d := cmp.Diff(want, s.connectorRecords()); d != "" {
			t.Fatal(d)
		}
	})
}

// compact keeps, of a prefix of a log, the last record of every key, and of its tombstones perhaps none.
func compact(log []rec, until int, tombstones bool) []rec {
	var out []rec
	for i, r := range log {
		later := slices.ContainsFunc(log[min(i+1, until):until], func(o rec) bool { return o.key == r.key })
		if i < until && (later || r.value == "" && !tombstones) {
			continue
		}
		out = append(out, r)
	}
	return out
}

// drawWrites draws a log as the leader writes it: a commit follows all of its tasks, unless the leader dies on the way.
func drawWrites(t *rapid.T) []rec {
	var log []rec
	add := func(w write) { log = append(log, rec{w.key, string(w.value)}) }
	for version := range rapid.IntRange(5, 40).Draw(t, "writes") {
		name := rapid.SampledFrom([]string{"a", "b-1"}).Draw(t, "name")
		v := map[string]string{"v": strconv.Itoa(version)}
		switch rapid.IntRange(0, 5).Draw(t, "write") {
		case 0, 1:
			add(connectorWrite(name, v))
		case 2:
			add(write{key: connectorPrefix + name})
			add(write{key: targetStatePrefix + name})
		case 3:
			w, err := targetWrite(name, rapid.SampledFrom([]string{Started, Paused, Stopped}).Draw(t, "state"))
			if err != nil {
				t.Fatal(err)
			}
			add(w)
		default:
			tasks := rapid.IntRange(0, 3).Draw(t, "tasks")
			for n := range tasks {
				add(taskWrite(name, n, v))
			}
			if rapid.IntRange(0, 4).Draw(t, "dies") > 0 {
				add(commitWrite(name, tasks))
			}
		}
	}
	return log
}

// Compaction may lose what a connector's tasks were, never what is wanted of it, and never bring back others.
func TestConfigStateSurvivesCompaction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawWrites(t)
		full, _ := replay(log)
		short, _ := replay(compact(log, rapid.IntRange(0, len(log)).Draw(t, "until"), rapid.Bool().Draw(t, "tombstones")))
		want, got := full.connectorRecords(), short.connectorRecords()
		for name, w := range want {
			g := got[name]
			if len(g.Tasks) > 0 && !cmp.Equal(g.Tasks, w.Tasks) {
				t.Fatalf("tasks of %s: %v, were %v", name, g.Tasks, w.Tasks)
			}
			w.Tasks, w.TasksOf, w.Inconsistent = nil, nil, false
			g.Tasks, g.TasksOf, g.Inconsistent = nil, nil, false
			if d := cmp.Diff(w, g); d != "" {
				t.Fatal(d)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%v, was %v", got, want)
		}
	})
}

func TestRestartThatRestartsMost(t *testing.T) {
	order := []RestartRequest{{OnlyFailed: true}, {OnlyFailed: true, IncludeTasks: true}, {}, {IncludeTasks: true}}
	if !slices.IsSortedFunc(order, func(a, b RestartRequest) int { return a.rank() - b.rank() }) {
		t.Error("wrong order")
	}
}

func FuzzConfigState(f *testing.F) {
	for _, line := range []rec{
		{"connector-a", props("1")},
		{"task-a-0", props("1")},
		{"commit-a", `{"tasks":1}`},
		{"target-state-a", `{"state":"PAUSED","state.v2":"STOPPED"}`},
		{"session-key", `{"key":"JggIEqc=","algorithm":"HmacSHA256","creation-timestamp":1795410819698}`},
		{"restart-connector-a", `{"include-tasks":true}`},
		{"logger-cluster-x", `{"level":"DEBUG"}`},
		{"tasks-fencing-a", `{"task-count":2}`},
		{"", ""},
		{"commit-a", `{"tasks":99999999999}`},
		{"task--9", props("")},
	} {
		f.Add(line.key, line.bytes())
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s, _ := replay([]rec{{"connector-a", props("1")}, {"task-a-0", props("t")}, {"commit-a", `{"tasks":1}`}})
		before := s.connectorRecords()
		if _, err := s.apply(key, value); err != nil && !cmp.Equal(before, s.connectorRecords()) {
			t.Errorf("a record that was passed over changed the state: %v", err)
		}
		for name, c := range s.connectorRecords() {
			if c.Target == "" || c.Config == nil || c.Inconsistent && c.Tasks != nil {
				t.Errorf("%s: %+v", name, c)
			}
		}
	})
}
