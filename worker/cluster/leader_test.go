package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scene is a leader and what it sees, which tests change.
type scene struct {
	*leader
	view
}

func newScene(delay time.Duration, want map[string]int) *scene {
	return &scene{newLeader(delay, time.Minute), view{now: time.Unix(1000, 0), self: "a", url: "http://a", want: tasks(want), told: map[string]Member{}}}
}

// step makes a placement for these members and takes it to be the latest.
func (s *scene) step(members ...string) (Placement, time.Time) {
	s.members = members
	next, again := s.plan(s.view)
	s.prev = next
	return next, again
}

// tell says something of a worker.
func (s *scene) tell(id string, m Member) { s.told[id] = m }

func TestLeaderWaitsForTheDeparted(t *testing.T) {
	s := newScene(time.Minute, map[string]int{"x": 4})
	p1, again := s.step("a", "b")
	if p1.Generation != 1 || len(p1.Workers["b"].Tasks) != 2 || !again.IsZero() {
		t.Fatalf("%+v, %v", p1, again)
	}
	// b is gone: its tasks wait.
	p2, again := s.step("a")
	if p2.Generation != 1 || !again.Equal(s.now.Add(time.Minute)) || !same(p1, p2) {
		t.Fatalf("%+v, %v", p2, again)
	}
	// b is back in time.
	s.now = s.now.Add(30 * time.Second)
	if p, again := s.step("a", "b"); p.Generation != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p, again)
	}
	// Gone again, and not back: a minute later a has it all.
	s.step("a")
	s.now = s.now.Add(time.Minute)
	p3, again := s.step("a")
	if p3.Generation != 2 || len(p3.Workers["a"].Tasks) != 4 || len(p3.Workers) != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p3, again)
	}
	// It comes late and gets its share, when a has let go.
	s.step("a", "b")
	s.tell("a", Member{Released: s.prev.Generation})
	p4, _ := s.step("a", "b")
	if len(p4.Workers["b"].Tasks) != 2 {
		t.Fatalf("%+v", p4)
	}
	// Nobody waits for one that said good-bye, though the group still lists it.
	s.tell("b", Member{Leaving: true})
	p5, again := s.step("a", "b")
	if len(p5.Workers) != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p5, again)
	}
	// Nor for one that this leader never saw.
	other := newScene(time.Minute, map[string]int{"x": 4})
	other.prev = p4
	p6, again := other.step("a")
	if len(p6.Workers) != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p6, again)
	}
	// A new leader says so, by a higher generation than any that it has read.
	other.self, other.url = "c", "http://c"
	p7, _ := other.step("a")
	if p7.Leader != "c" || p7.Generation != p6.Generation+1 {
		t.Fatalf("%+v", p7)
	}
	other.prev.Generation, other.prev.Leader = 1, "a"
	if p8, _ := other.step("a"); p8.Generation <= p7.Generation {
		t.Fatalf("generation %d after %d", p8.Generation, p7.Generation)
	}
}

// What moves from one living worker to another is with nobody until the first has let go.
func TestLeaderHandsOver(t *testing.T) {
	ref := func(n int) TaskRef { return TaskRef{Connector: "x", Task: n} }
	s := newScene(0, map[string]int{"x": 4})
	s.step("a")
	p, again := s.step("a", "b")
	want := Placement{
		Generation: 2, Leader: "a", LeaderURL: "http://a",
		Workers: map[string]Work{"a": {Connectors: []string{"x"}, Tasks: []TaskRef{ref(0), ref(1)}}, "b": {}},
		Revoked: map[string]Revoked{"a": {Generation: 2, Tasks: []TaskRef{ref(2), ref(3)}}},
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Fatal(d)
	}
	if !again.Equal(s.now.Add(time.Minute)) && !again.IsZero() {
		t.Errorf("look again at %s", again)
	}
	// Nothing changes, whatever else happens, until a says so.
	if q, _ := s.step("a", "b"); !cmp.Equal(p, q) {
		t.Fatalf("%+v", q)
	}
	s.want["y"] = Wanted{Tasks: 1}
	q, again := s.step("a", "b")
	if q.Revoked["a"].Generation != 2 || len(q.Workers["a"].Tasks) != 3 || len(q.Workers["b"].Tasks) != 0 || !again.Equal(s.now.Add(time.Minute)) {
		t.Fatalf("%+v, %v", q, again)
	}
	s.tell("a", Member{Released: 2})
	q, again = s.step("a", "b")
	if len(q.Revoked) != 0 || len(q.Workers["a"].Tasks)+len(q.Workers["b"].Tasks) != 5 || !again.IsZero() {
		t.Fatalf("%+v, %v", q, again)
	}

	// A worker that does not answer is waited for, for a minute; one that goes is not.
	for _, end := range []struct {
		name    string
		members []string
		after   time.Duration
	}{{"no answer", []string{"a", "b"}, time.Minute}, {"gone", []string{"b"}, 0}} {
		t.Run(end.name, func(t *testing.T) {
			s := newScene(0, map[string]int{"x": 4})
			s.step("a")
			s.step("a", "b")
			s.step("a", "b")
			s.now = s.now.Add(end.after)
			if p, _ := s.step(end.members...); len(p.Revoked) != 0 || len(p.Workers["b"].Tasks) < 2 {
				t.Fatalf("%+v", p)
			}
		})
	}

	// A task whose worker was to let go gets it back when there is nobody else to have it.
	s = newScene(0, map[string]int{"x": 2})
	s.step("a")
	s.step("a", "b")
	if p, _ := s.step("a"); len(p.Workers["a"].Tasks) != 2 || len(p.Revoked) != 0 {
		t.Fatalf("%+v", p)
	}
}

// The next leader does not give away what is not yet released.
func TestNewLeaderKeepsHandingOver(t *testing.T) {
	s := newScene(0, map[string]int{"x": 4})
	s.step("a")
	p, _ := s.step("a", "b")
	next := newScene(0, map[string]int{"x": 4})
	next.prev, next.self, next.url = p, "b", "http://b"
	q, _ := next.step("a", "b")
	if q.Leader != "b" || len(q.Workers["b"].Tasks) != 0 || !cmp.Equal(q.Revoked, p.Revoked) {
		t.Fatalf("%+v", q)
	}
	next.tell("a", Member{Released: p.Generation})
	if q, _ := next.step("a", "b"); len(q.Workers["b"].Tasks) != 2 || len(q.Revoked) != 0 {
		t.Fatalf("%+v", q)
	}
}

// A leader whose placement was overwritten by one of before, or that follows on another kind of worker, writes anew.
func TestLeaderWritesAboveWhatIsThere(t *testing.T) {
	s := newScene(0, map[string]int{"x": 1})
	p, _ := s.step("a")
	s.behind = true
	if q, _ := s.step("a"); q.Generation != p.Generation+1 {
		t.Errorf("generation %d", q.Generation)
	}
	s.behind = false
	s.highest = 40
	if q, _ := s.step("a"); q.Generation != 41 {
		t.Errorf("generation %d", q.Generation)
	}
}

// What workers have told that were never seen by this leader is forgotten in the end: they have gone before its time, or have another address.
func TestLeaderForgetsStrangers(t *testing.T) {
	s := newScene(time.Minute, map[string]int{"x": 1})
	for _, id := range []string{"a", "late", "never"} {
		s.tell(id, Member{})
	}
	s.step("a")
	s.now = s.now.Add(time.Minute)
	s.step("a", "late")
	s.now = s.now.Add(time.Minute - time.Second)
	if s.step("a"); len(s.gone) != 0 {
		t.Fatalf("forgotten already: %q", s.gone)
	}
	s.now = s.now.Add(time.Second)
	if s.step("a"); len(s.gone) != 1 || s.gone[0] != "never" {
		t.Fatalf("forgotten are %q", s.gone)
	}
}
