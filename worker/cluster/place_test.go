package cluster

import (
	"fmt"
	"slices"
	"testing"

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
		"a": {Connectors: []string{"x"}, Tasks: slices.Concat(refs("x", 0), refs("y", 0))},
		"b": {Connectors: []string{"y"}, Tasks: slices.Concat(refs("x", 1), refs("y", 1))},
	}}
	want := tasks(map[string]int{"x": 2, "y": 2})
	for _, c := range []struct {
		name    string
		prev    Placement
		members []string
		want    map[string]Wanted
		to      Placement
	}{
		{"the first worker gets all", Placement{}, []string{"a"}, want, Placement{Generation: 1, Workers: one.Workers}},
		{"nothing changes", one, []string{"a"}, want, one},
		{"a second worker gets half", one, []string{"a", "b"}, want, two},
		{"the first leaves", two, []string{"b"}, want, Placement{Generation: 6, Leader: "a", Workers: map[string]Work{"b": one.Workers["a"]}}},
		{
			"tasks of a new connector are spread", two,
			[]string{"a", "b"},
			tasks(map[string]int{"x": 2, "y": 2, "z": 2}),
			Placement{Generation: 6, Leader: "a", Workers: map[string]Work{
				"a": {Connectors: []string{"x", "z"}, Tasks: slices.Concat(refs("x", 0), refs("y", 0), refs("z", 0))},
				"b": {Connectors: []string{"y"}, Tasks: slices.Concat(refs("x", 1), refs("y", 1), refs("z", 1))},
			}},
		},
		{"a removed connector", one, []string{"a"}, tasks(map[string]int{"y": 2}), Placement{Generation: 5, Leader: "a", Workers: map[string]Work{"a": {Connectors: []string{"y"}, Tasks: refs("y", 0, 1)}}}},
		{"nobody is there", one, nil, want, Placement{Generation: 5, Leader: "a", Workers: map[string]Work{}}},
		{"nothing to do", Placement{}, []string{"b", "a", "b"}, nil, Placement{Generation: 1, Workers: map[string]Work{"a": {}, "b": {}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.to, Place(c.prev, candidates(c.members), c.want)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Not only are workers as loaded as each other: the tasks of each connector are spread, so that the end of a worker is a part of the end of
// many and of none the whole.
func TestPlaceSpreadsEachConnector(t *testing.T) {
	want := tasks(map[string]int{"x": 6, "y": 6, "z": 6})
	members := []string{"a", "b", "c"}
	p := Placement{}
	for n := range members {
		p = Place(p, candidates(members[:n+1]), want)
		for id, w := range p.Workers {
			has := map[string]int{}
			for _, task := range w.Tasks {
				has[task.Connector]++
			}
			for name := range want {
				if even := 6 / (n + 1); has[name] != even {
					t.Errorf("of %d workers, %s has %d tasks of %s, not %d", n+1, id, has[name], name, even)
				}
			}
		}
	}
}

// So are those that are on their way to a worker that has come, and those of a connector that is made meanwhile.
func TestPlaceSpreadsWhatIsHandedOverAndWhatIsNew(t *testing.T) {
	prev := Place(Placement{}, candidates([]string{"b"}), tasks(map[string]int{"y": 6}))
	b := prev.Workers["b"]
	b.Tasks = b.Tasks[:3] // the others have been revoked
	prev.Workers = map[string]Work{"b": b}
	p := Place(prev, candidates([]string{"a", "b"}), tasks(map[string]int{"x": 6, "y": 6}))
	for id, w := range p.Workers {
		has := map[string]int{}
		for _, task := range w.Tasks {
			has[task.Connector]++
		}
		if has["x"] != 3 || has["y"] != 3 {
			t.Errorf("%s has %v", id, has)
		}
	}
}

// tasks wants so many tasks of each connector.
func tasks(want map[string]int) map[string]Wanted {
	out := map[string]Wanted{}
	for name, n := range want {
		out[name] = Wanted{Tasks: n}
	}
	return out
}

// candidates are workers that have all plugins.
func candidates(ids []string) (all []Candidate) {
	for _, id := range ids {
		all = append(all, Candidate{ID: id})
	}
	return all
}

func drawWant(t *rapid.T, label string) map[string]int {
	return rapid.MapOfN(rapid.SampledFrom([]string{"u", "v", "w", "x", "y", "z"}), rapid.IntRange(0, 7), 0, 6).Draw(t, label)
}

func drawMembers(t *rapid.T, label string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 1, 5, rapid.ID[string]).Draw(t, label)
}

func TestPlaceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev := Place(Placement{}, candidates(drawMembers(t, "first")), tasks(drawWant(t, "wanted first")))
		prev = Place(prev, candidates(drawMembers(t, "second")), tasks(drawWant(t, "wanted second")))
		members, want := drawMembers(t, "members"), drawWant(t, "want")
		next := Place(prev, candidates(members), tasks(want))

		if again := Place(prev, candidates(slices.Sorted(slices.Values(members))), tasks(want)); !cmp.Equal(next, again) {
			t.Fatalf("not the same for the same: %v and %v", next, again)
		}
		if twice := Place(next, candidates(members), tasks(want)); !cmp.Equal(next, twice) {
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
		prev := Place(Placement{}, candidates([]string{"a", "b", "c", "gone"}), tasks(want))
		wanted := drawWant(t, "wanted now")
		next := place(prev, candidates([]string{"a", "b"}), []string{"c", "gone"}, tasks(wanted))
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

func BenchmarkPlace(b *testing.B) {
	want := map[string]Wanted{}
	for i := range 10_000 {
		want[fmt.Sprintf("connector-%d", i)] = Wanted{Tasks: 10}
	}
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("10.0.%d.%d:8083", i/250, i%250))
	}
	members := candidates(ids)
	prev := Place(Placement{}, members, want)
	half := Place(Placement{}, members[:500], want)
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
	b.Run("twice as many", func(b *testing.B) {
		for b.Loop() {
			Place(half, members, want)
		}
	})
}

// Weights and plugins: whatever they are, everything is placed once, where its plugin is if that is anywhere; placing again moves
// nothing; and no single move would make the larger of two loads smaller.
func TestPlaceByWeightAndPlugin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		classes := []string{"p", "q", "r", ""}
		has := map[string]map[string]bool{}
		able := func(ids []string) (all []Candidate) {
			for _, id := range ids {
				if has[id] == nil {
					has[id] = map[string]bool{}
					for _, class := range classes {
						has[id][class] = rapid.Bool().Draw(t, id+" has "+class)
					}
				}
				all = append(all, Candidate{ID: id, Can: func(class, _ string) bool { return has[id][class] }})
			}
			return all
		}
		draw := func(label string) map[string]Wanted {
			want := map[string]Wanted{}
			for name, n := range drawWant(t, label) {
				want[name] = Wanted{Tasks: n, Weight: rapid.IntRange(0, 5).Draw(t, "weight of "+name), Class: rapid.SampledFrom(classes).Draw(t, "class of "+name)}
			}
			return want
		}
		prev := Place(Placement{}, able(drawMembers(t, "first")), draw("wanted first"))
		ids, want := drawMembers(t, "members"), draw("want")
		members := able(ids)
		next := Place(prev, members, want)
		if twice := Place(next, members, want); !cmp.Equal(next, twice) {
			t.Fatalf("placing again moves work: %v and %v", next, twice)
		}
		can := func(id, class string) bool {
			nobody := !slices.ContainsFunc(ids, func(id string) bool { return has[id][class] })
			return class == "" || nobody || has[id][class]
		}
		load := map[string]int{}
		placed := map[TaskRef]bool{}
		for id, w := range next.Workers {
			for _, task := range w.Tasks {
				if placed[task] || !can(id, want[task.Connector].Class) {
					t.Fatalf("%v is with %s (placed before: %t)", task, id, placed[task])
				}
				placed[task] = true
				load[id] += max(want[task.Connector].Weight, 1)
			}
		}
		for name, w := range want {
			for n := range w.Tasks {
				if !placed[TaskRef{Connector: name, Task: n}] {
					t.Fatalf("%s-%d is not placed", name, n)
				}
			}
		}
		for from, w := range next.Workers {
			for _, task := range w.Tasks {
				weight := max(want[task.Connector].Weight, 1)
				for _, to := range ids {
					if can(to, want[task.Connector].Class) && load[to]+weight < load[from] {
						t.Fatalf("%v of weight %d is with %s, which has %d, and %s has %d", task, weight, from, load[from], to, load[to])
					}
				}
			}
		}
	})
}
