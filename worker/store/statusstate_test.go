package store

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatusRecordsAreConnects(t *testing.T) {
	for _, c := range []struct{ line, key, value string }{
		{
			`status-connector-r1 => {"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:29381","generation":5,"version":"4.3.1"}`,
			connectorID("r1").key(),
			string(encode(ConnectorStatus{Name: "r1", State: StateRunning, WorkerID: "127.0.0.1:29381", Generation: 5, Version: "4.3.1"}.status())),
		},
		{
			`status-task-r1-0 => {"state":"FAILED","trace":"no <space>","worker_id":"127.0.0.1:29381","generation":6,"version":null}`,
			taskStatusID("r1", 0).key(),
			string(encode(TaskStatus{Connector: "r1", State: StateFailed, Trace: "no <space>", WorkerID: "127.0.0.1:29381", Generation: 6}.status())),
		},
		{
			`status-topic-r-in:connector-r1 => {"topic":{"name":"r-in","connector":"r1","task":0,"discoverTimestamp":1795410897315}}`,
			topicStatusID("r1", "r-in").key(),
			string(TopicStatus{Topic: "r-in", Connector: "r1", DiscoverTimestamp: 1795410897315}.value()),
		},
	} {
		if got := c.key + " => " + c.value; got != c.line {
			t.Errorf("\n got %s\nwant %s", got, c.line)
		}
	}
}

func TestParseStatusKey(t *testing.T) {
	for _, c := range []struct {
		key   string
		want  id
		known bool
		bad   bool
	}{
		{key: "status-connector-a-b", want: connectorID("a-b"), known: true},
		{key: "status-task-a-b-12", want: taskStatusID("a-b", 12), known: true},
		{key: "status-topic-t:connector-c:connector-d", want: topicStatusID("c:connector-d", "t"), known: true},
		{key: "status-connector-", known: true, bad: true},
		{key: "status-task-1", known: true, bad: true},
		{key: "status-task-a-x", known: true, bad: true},
		{key: "status-topic-:connector-a", known: true, bad: true},
		{key: "status-topic-t", known: true, bad: true},
		{key: "status-topic-t:connector-", known: true, bad: true},
		{key: "placement"},
		{key: ""},
	} {
		got, known, err := parseStatusKey(c.key)
		if got != c.want || known != c.known || (err != nil) != c.bad {
			t.Errorf("%q: %+v, %t, %v", c.key, got, known, err)
		}
	}
}

// reader is a store without Kafka, which only reads.
func reader() *StatusStore {
	return &StatusStore{log: slog.New(slog.DiscardHandler), all: map[string]*connectorEntries{}, unsent: map[id]bool{}}
}

func (s *StatusStore) replay(log ...rec) {
	for i, r := range log {
		s.apply(record{offset: int64(i), key: r.key, value: r.bytes()})
	}
}

func statusOf(state, worker string, generation string) string {
	return `{"state":"` + state + `","trace":null,"worker_id":"` + worker + `","generation":` + generation + `,"version":"1"}`
}

func TestStatusRead(t *testing.T) {
	s := reader()
	s.replay(
		rec{"status-connector-a", statusOf("RUNNING", "w1", "1")},
		rec{"status-task-a-0", statusOf("RUNNING", "w1", "5")},
		rec{"status-task-a-0", statusOf("UNASSIGNED", "w2", "5")}, // stale: passed over
		rec{"status-task-a-0", statusOf("FAILED", "w2", "4")},     // so is this
		rec{"status-task-a-1", statusOf("RUNNING", "w1", "5")},
		rec{"status-task-a-1", statusOf("UNASSIGNED", "w1", "6")},
		rec{"status-task-a-2", `{"state":"FAILED","trace":"why","worker_id":"w1","generation":5}`}, // Kafka before 4.1
		rec{"status-topic-t:connector-a", `{"topic":{"name":"t","connector":"a","task":1,"discoverTimestamp":7}}`},
		rec{"status-connector-b", statusOf("RUNNING", "w1", "1")},
		rec{"status-task-b-0", statusOf("RUNNING", "w1", "1")},
		rec{"status-connector-b", ""},
		rec{"status-connector-a", statusOf("SLEEPING", "w1", "9")},
		rec{"status-connector-a", `{"state":"RUNNING"}`},
		rec{"status-connector-a", `x`},
		rec{"status-topic-t:connector-a", `{"topic":[]}`},
	)
	if got, _ := s.Connector("a"); got != (ConnectorStatus{Name: "a", State: "RUNNING", WorkerID: "w1", Generation: 1, Version: "1"}) {
		t.Errorf("connector: %+v", got)
	}
	want := []TaskStatus{
		{Connector: "a", Task: 0, State: "RUNNING", WorkerID: "w1", Generation: 5, Version: "1"},
		{Connector: "a", Task: 1, State: "UNASSIGNED", WorkerID: "w1", Generation: 6, Version: "1"},
		{Connector: "a", Task: 2, State: "FAILED", Trace: "why", WorkerID: "w1", Generation: 5},
	}
	if d := cmp.Diff(want, s.Tasks("a")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]TopicStatus{{Topic: "t", Connector: "a", Task: 1, DiscoverTimestamp: 7}}, s.Topics("a")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a"}, s.Connectors()); d != "" {
		t.Error(d)
	}
	if _, ok := s.Connector("b"); ok || len(s.Tasks("b")) != 0 {
		t.Error("b is still there")
	}
}

func FuzzStatus(f *testing.F) {
	f.Add("status-connector-a", []byte(statusOf("RUNNING", "w1", "1")))
	f.Add("status-task-a-0", []byte(statusOf("UNASSIGNED", "w1", "1")))
	f.Add("status-topic-t:connector-a", []byte(`{"topic":{"name":"t","connector":"a","task":1,"discoverTimestamp":7}}`))
	f.Add("status-task--1", []byte(nil))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := reader()
		s.replay(rec{"status-connector-a", statusOf("RUNNING", "w1", "1")}, rec{"status-task-a-0", statusOf("RUNNING", "w1", "1")})
		s.apply(record{offset: 2, key: key, value: value})
		for _, name := range s.Connectors() {
			s.Connector(name)
			s.Tasks(name)
			s.Topics(name)
		}
	})
}

func FuzzPlacement(f *testing.F) {
	f.Add([]byte(`{"generation":3,"leader":"a:1","leader_url":"http://a:1","workers":{"a:1":{"connectors":["x"],"tasks":{"x":[0,1]}}}}`))
	f.Add([]byte(`{"generation":-1}`))
	f.Add([]byte(`{"generation":1,"workers":{"":{"tasks":{"x":[]}}}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s := &AssignmentStore{log: slog.New(slog.DiscardHandler), members: map[string]Member{}, changed: make(chan struct{}, 1)}
		s.apply(record{key: placementKey, value: value})
		p := s.Placement()
		if p.Generation == 0 {
			return // passed over
		}
		again := AssignmentStore{log: s.log, members: map[string]Member{}, changed: make(chan struct{}, 1)}
		again.apply(record{key: placementKey, value: encode(p)})
		if d := cmp.Diff(p, again.Placement()); d != "" {
			t.Error(d)
		}
	})
}
