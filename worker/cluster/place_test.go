package cluster

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPlace(t *testing.T) {
	refs := func(connector string, numbers ...int) (all []TaskRef) {
		for _, n := range numbers {
			all = append(all, TaskRef{Connector: connector, Task: n})
		}
		return all
	}
	one := Placement{Generation: 4, Leader: "a", Workers: map[string]Work{"a": {Connectors: []string{"x", "y"}, Tasks: slices.Concat(refs("x", 0, 1), refs("y", 0, 1))}}}
	two := Placement{Generation: 5, Leader: "a", Workers: map[string]Work{
		"a": {Connectors: []string{"x"}, Tasks: refs("x", 0, 1)},
		"b": {Connectors: []string{"y"}, Tasks: refs("y", 0, 1)},
	}}
	want := map[string]int{"x": 2, "y": 2}
	for _, c := range []struct {
		name    string
		prev    Placement
		members []string
		want    map[string]int
		to      Placement
	}{
		{"the first worker gets all", Placement{}, []string{"a"}, want, Placement{Generation: 1, Workers: one.Workers}},
		{"nothing changes", one, []string{"a"}, want, one},
		{"a second worker gets half", one, []string{"a", "b"}, want, two},
		{"the first leaves", two, []string{"b"}, want, Placement{Generation: 6, Leader: "a", Workers: map[string]Work{"b": one.Workers["a"]}}},
		{
			"tasks of a new connector are spread", two,
			[]string{"a", "b"},
			map[string]int{"x": 2, "y": 2, "z": 2},
			Placement{Generation: 6, Leader: "a", Workers: map[string]Work{
				"a": {Connectors: []string{"x", "z"}, Tasks: slices.Concat(refs("x", 0, 1), refs("z", 0))},
				"b": {Connectors: []string{"y"}, Tasks: slices.Concat(refs("y", 0, 1), refs("z", 1))},
			}},
		},
		{"a removed connector", one, []string{"a"}, map[string]int{"y": 2}, Placement{Generation: 5, Leader: "a", Workers: map[string]Work{"a": {Connectors: []string{"y"}, Tasks: refs("y", 0, 1)}}}},
		{"nobody is there", one, nil, want, Placement{Generation: 5, Leader: "a", Workers: map[string]Work{}}},
		{"nothing to do", Placement{}, []string{"b", "a", "b"}, nil, Placement{Generation: 1, Workers: map[string]Work{"a": {}, "b": {}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.to, Place(c.prev, c.members, c.want)); d != "" {
				t.Error(d)
			}
		})
	}
}

func drawWant(t *rapid.T, label string) map[string]int {
	return rapid.MapOfN(rapid.SampledFrom([]string{"u", "v", "w", "x", "y", "z"}), rapid.IntRange(0, 7), 0, 6).Draw(t, label)
}

func drawMembers(t *rapid.T, label string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 1, 5, rapid.ID[string]).Draw(t, label)
}

func TestPlaceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev := Place(Placement{}, drawMembers(t, "first"), drawWant(t, "wanted first"))
		prev = Place(prev, drawMembers(t, "second"), drawWant(t, "wanted second"))
		members, want := drawMembers(t, "members"), drawWant(t, "want")
		next := Place(prev, members, want)

		if again := Place(prev, slices.Sorted(slices.Values(members)), maps.Clone(want)); !cmp.Equal(next, again) {
			t.Fatalf("not the same for the same: %v and %v", next, again)
		}
		if twice := Place(next, members, want); !cmp.Equal(next, twice) {
			t.Fatalf("placing again moves work: %v and %v", next, twice)
		}
		if changed := !same(prev, next); changed != (next.Generation == prev.Generation+1) || !changed && next.Generation != prev.Generation {
			t.Fatalf("generation %d after %d", next.Generation, prev.Generation)
		}
		var items []TaskRef
		var names []string
		for name, n := range want {
			names = append(names, name)
			for i := range n {
				items = append(items, TaskRef{Connector: name, Task: i})
			}
		}
		checkSpread(t, items, members, prev, next, func(w Work) []TaskRef { return w.Tasks })
		checkSpread(t, names, members, prev, next, func(w Work) []string { return w.Connectors })
	})
}

// checkSpread holds a placement against: everything exactly once, evenly, and with no more movement than it takes.
func checkSpread[T comparable](t *rapid.T, items []T, members []string, prev, next Placement, of func(Work) []T) {
	holder := map[T]string{}
	for id, w := range next.Workers {
		if !slices.Contains(members, id) {
			t.Fatalf("%s is no member", id)
		}
		for _, item := range of(w) {
			if other, ok := holder[item]; ok {
				t.Fatalf("%v is with %s and %s", item, other, id)
			}
			holder[item] = id
		}
	}
	if len(next.Workers) != len(members) || len(holder) != len(items) {
		t.Fatalf("%d of %d members, %d of %d items", len(next.Workers), len(members), len(holder), len(items))
	}
	low, high := len(items), 0
	kept := make([]int, 0, len(members))
	stay := 0
	for _, id := range members {
		n := len(of(next.Workers[id]))
		low, high = min(low, n), max(high, n)
		k := 0
		for _, item := range of(prev.Workers[id]) {
			if slices.Contains(items, item) {
				k++
				if holder[item] == id {
					stay++
				}
			}
		}
		kept = append(kept, k)
	}
	if high-low > 1 {
		t.Fatalf("between %d and %d", low, high)
	}
	if most := mostThatCanStay(kept, len(items)/len(members), len(items)%len(members)); stay != most {
		t.Fatalf("%d stay, %d could", stay, most)
	}
}

// mostThatCanStay tries every choice of those who get one more than the share.
func mostThatCanStay(kept []int, share, over int) int {
	if len(kept) == 0 {
		if over > 0 {
			return -1 << 30
		}
		return 0
	}
	most := min(kept[0], share) + mostThatCanStay(kept[1:], share, over)
	if over > 0 {
		most = max(most, min(kept[0], share+1)+mostThatCanStay(kept[1:], share, over-1))
	}
	return most
}

// The absent keep what they have and nothing else.
func TestPlaceWithAbsent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawWant(t, "want")
		prev := Place(Placement{}, []string{"a", "b", "c", "gone"}, want)
		wanted := drawWant(t, "wanted now")
		next := place(prev, []string{"a", "b"}, []string{"c", "gone"}, wanted)
		placed := 0
		for id, w := range next.Workers {
			placed += len(w.Tasks)
			for _, task := range w.Tasks {
				absent := id == "c" || id == "gone"
				if absent && !slices.Contains(prev.Workers[id].Tasks, task) {
					t.Fatalf("%s got %v", id, task)
				}
				if !absent && (slices.Contains(prev.Workers["c"].Tasks, task) || slices.Contains(prev.Workers["gone"].Tasks, task)) {
					t.Fatalf("%s took %v", id, task)
				}
			}
		}
		total := 0
		for _, n := range wanted {
			total += n
		}
		if placed != total {
			t.Fatalf("%d of %d tasks", placed, total)
		}
	})
}

func TestLeaderWaitsForTheDeparted(t *testing.T) {
	now := time.Unix(1000, 0)
	want := map[string]int{"x": 4}
	l := newLeader(time.Minute)
	step := func(members []string, leaving ...string) func(prev Placement) (Placement, time.Time) {
		gone := map[string]bool{}
		for _, id := range leaving {
			gone[id] = true
		}
		return func(prev Placement) (Placement, time.Time) {
			return l.plan(now, "a", "http://a", prev, members, gone, want)
		}
	}
	p1, again := step([]string{"a", "b"})(Placement{})
	if p1.Generation != 1 || len(p1.Workers["b"].Tasks) != 2 || !again.IsZero() {
		t.Fatalf("%+v, %v", p1, again)
	}
	// b is gone: its tasks wait.
	p2, again := step([]string{"a"})(p1)
	if p2.Generation != 1 || !again.Equal(now.Add(time.Minute)) || !same(p1, p2) {
		t.Fatalf("%+v, %v", p2, again)
	}
	// b is back in time.
	now = now.Add(30 * time.Second)
	if p, again := step([]string{"a", "b"})(p2); p.Generation != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p, again)
	}
	// Gone again, and not back: a minute later a has it all.
	step([]string{"a"})(p2)
	now = now.Add(time.Minute)
	p3, again := step([]string{"a"})(p2)
	if p3.Generation != 2 || len(p3.Workers["a"].Tasks) != 4 || len(p3.Workers) != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p3, again)
	}
	// Nobody waits for one that said good-bye, though the group still lists it.
	p4, _ := step([]string{"a", "b"})(p3)
	p5, again := step([]string{"a", "b"}, "b")(p4)
	if len(p4.Workers["b"].Tasks) != 2 || len(p5.Workers) != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p5, again)
	}
	// Nor for one that this leader never saw.
	other := newLeader(time.Minute)
	p6, again := other.plan(now, "a", "http://a", p4, []string{"a"}, nil, want)
	if len(p6.Workers) != 1 || !again.IsZero() {
		t.Fatalf("%+v, %v", p6, again)
	}
	// A new leader says so, by a higher generation than any that it has read.
	p7, _ := other.plan(now, "c", "http://c", p6, []string{"a"}, nil, want)
	if p7.Leader != "c" || p7.Generation != p6.Generation+1 {
		t.Fatalf("%+v", p7)
	}
	stale := p7
	stale.Generation = 1
	stale.Leader = "a"
	if p8, _ := other.plan(now, "c", "http://c", stale, []string{"a"}, nil, want); p8.Generation <= p7.Generation {
		t.Fatalf("generation %d after %d", p8.Generation, p7.Generation)
	}
}

func BenchmarkPlace(b *testing.B) {
	want := map[string]int{}
	for i := range 10_000 {
		want[fmt.Sprintf("connector-%d", i)] = 10
	}
	var members []string
	for i := range 1000 {
		members = append(members, fmt.Sprintf("10.0.%d.%d:8083", i/250, i%250))
	}
	prev := Place(Placement{}, members, want)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			Place(Placement{}, members, want)
		}
	})
	b.Run("one worker less", func(b *testing.B) {
		for b.Loop() {
			Place(prev, members[1:], want)
		}
	})
}
