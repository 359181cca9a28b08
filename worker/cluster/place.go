package cluster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sluice-connect/sluice/worker/store"
)

// The placement and its parts are records of the assignment topic.
type (
	Placement = store.Placement
	Work      = store.Work
	TaskRef   = store.TaskRef
	Revoked   = store.Revoked
	Member    = store.Member
)

// Wanted is what there is to place of a connector.
type Wanted struct {
	Tasks   int
	Weight  int    // of each task; what is below 1 counts as 1
	Class   string // the plugin that a worker must have; empty: any worker will do
	Version string // the versions of it that will do
}

// Candidate is a worker that can be given work.
type Candidate struct {
	ID string
	// Can tells whether the worker has the plugin of a connector; nil: it has all.
	Can func(class, version string) bool
}

// Place gives every wanted connector and task to one of the candidates that can run it or, where none can, to any: there it is
// seen to fail. It keeps what it can where prev has it, and moves as much as it takes for the weights of the tasks, and the numbers
// of the connectors, to be as even as moving single ones from a worker to another can make them: of equal weight, no worker has
// two more than another. The result depends on nothing but the arguments. Its generation is that of prev when no work
// moves, and one more otherwise. Without candidates nothing is placed.
//
// It is a greedy balancing: what nobody has goes, the heaviest first, to the worker with the least; then the one with the most gives
// to the one with the least for as long as that makes their larger load smaller: a task of the connector of which it has the most more.
func Place(prev Placement, candidates []Candidate, want map[string]Wanted) Placement {
	return place(prev, candidates, nil, want)
}

// place is Place with absent workers, who keep what they have and get nothing more.
func place(prev Placement, candidates []Candidate, absent []string, want map[string]Wanted) Placement {
	candidates = slices.Clone(candidates)
	slices.SortFunc(candidates, func(a, b Candidate) int { return cmp.Compare(a.ID, b.ID) })
	candidates = slices.CompactFunc(candidates, func(a, b Candidate) bool { return a.ID == b.ID })
	workers := make([]string, 0, len(candidates)+len(absent))
	for _, c := range candidates {
		workers = append(workers, c.ID)
	}
	workers = append(workers, absent...)

	connectors := make([]item[string], 0, len(want))
	var tasks []item[TaskRef]
	able := abilities{candidates: candidates, known: map[[2]string]*ability{}}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w := want[name]
		who := able.of(w.Class, w.Version)
		connectors = append(connectors, item[string]{name, 1, who, 0})
		for n := range w.Tasks {
			tasks = append(tasks, item[TaskRef]{TaskRef{Connector: name, Task: n}, max(w.Weight, 1), who, len(connectors)})
		}
	}
	placedConnectors := spread(connectors, func(w Work) []string { return w.Connectors }, prev, workers, len(candidates))
	placedTasks := spread(tasks, func(w Work) []TaskRef { return w.Tasks }, prev, workers, len(candidates))

	next := Placement{Generation: prev.Generation, Leader: prev.Leader, LeaderURL: prev.LeaderURL, Workers: make(map[string]Work, len(workers))}
	for i, id := range workers {
		w := Work{Connectors: placedConnectors[i], Tasks: placedTasks[i]}
		if i < len(candidates) || len(w.Connectors)+len(w.Tasks) > 0 {
			next.Workers[id] = w
		}
	}
	if !same(prev, next) {
		next.Generation++
	}
	return next
}

// item is something to be placed.
type item[T comparable] struct {
	ref    T
	weight int
	who    *ability
	group  int // of those that had better be apart: the tasks of a connector; 0: none
}

// ability is who of the candidates can run something.
type ability struct {
	order int // among all, the most choosy first; equal only to itself
	can   []bool
	count int
}

type abilities struct {
	candidates []Candidate
	known      map[[2]string]*ability
	distinct   []*ability
}

// of gives the same ability for the same set of candidates.
func (a *abilities) of(class, version string) *ability {
	key := [2]string{class, version}
	if known := a.known[key]; known != nil {
		return known
	}
	who := &ability{can: make([]bool, len(a.candidates))}
	for i, c := range a.candidates {
		if class == "" || c.Can == nil || c.Can(class, version) {
			who.can[i] = true
			who.count++
		}
	}
	if who.count == 0 {
		for i := range who.can {
			who.can[i] = true
		}
		who.count = len(who.can)
	}
	for _, other := range a.distinct {
		if slices.Equal(other.can, who.can) {
			a.known[key] = other
			return other
		}
	}
	a.known[key] = who
	who.order = len(a.distinct)
	a.distinct = append(a.distinct, who)
	return who
}

// kind is what makes items alike: one can move in place of another.
type kind struct {
	who    *ability
	weight int
}

const nobody = -1

// spread gives each of the items, which are in order, to one worker, and lists each worker's in that order. Only the first
// candidates of the workers can be given anything.
func spread[T comparable](items []item[T], of func(Work) []T, prev Placement, workers []string, candidates int) [][]T {
	index := make(map[T]int, len(items))
	for i, it := range items {
		index[it.ref] = i
	}
	holder := make([]int, len(items)) // index into workers
	for i := range holder {
		holder[i] = nobody
	}
	for w, id := range workers {
		for _, ref := range of(prev.Workers[id]) {
			if i, ok := index[ref]; ok && holder[i] == nobody && (w >= candidates || items[i].who.can[w]) {
				holder[i] = w
			}
		}
	}
	if candidates > 0 {
		b := balance[T]{items: items, holder: holder, load: make([]int, candidates), has: make([]map[kind][]int, candidates), together: map[share]int{}}
		b.fill()
		b.level()
	}
	out := make([][]T, len(workers))
	for i, w := range holder {
		if w != nobody {
			out[w] = append(out[w], items[i].ref)
		}
	}
	return out
}

// balance is the state of one balancing.
type balance[T comparable] struct {
	items  []item[T]
	holder []int
	load   []int            // weight that each candidate has
	has    []map[kind][]int // and of what kinds

	together map[share]int // how much of a group a candidate has
}

// share is what a candidate has of a group.
type share struct{ candidate, group int }

func (b *balance[T]) give(i, to int) {
	it := b.items[i]
	b.holder[i] = to
	b.load[to] += it.weight
	if it.group > 0 {
		b.together[share{to, it.group}]++
	}
	if b.has[to] == nil {
		b.has[to] = map[kind][]int{}
	}
	k := kind{it.who, it.weight}
	b.has[to][k] = append(b.has[to][k], i)
}

// fill gives away what nobody has: first what few can run, and of that the heaviest. What is handed over comes before what is new, so
// that a connector which is made meanwhile does not take its place, and both end up spread.
func (b *balance[T]) fill() {
	var free []int
	for i, w := range b.holder {
		switch {
		case w == nobody:
			free = append(free, i)
		case w < len(b.load):
			b.give(i, w)
		}
	}
	held := map[int]bool{} // groups of which somebody has something
	for share := range b.together {
		held[share.group] = true
	}
	begun := func(it item[T]) int {
		if held[it.group] {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(free, func(x, y int) int {
		i, j := b.items[x], b.items[y]
		return cmp.Or(cmp.Compare(i.who.count, j.who.count), cmp.Compare(j.weight, i.weight), cmp.Compare(begun(j), begun(i)))
	})
	for _, i := range free {
		b.give(i, b.least(b.items[i].who))
	}
}

// least is the candidate with the least load of those who can.
func (b *balance[T]) least(who *ability) int {
	best := nobody
	for w, load := range b.load {
		if who.can[w] && (best == nobody || load < b.load[best]) {
			best = w
		}
	}
	return best
}

// level moves single items for as long as that makes the larger of two loads smaller. It ends, because every move makes the sum of
// the squares of the loads smaller.
func (b *balance[T]) level() {
	for moved := true; moved; {
		moved = false
		done := make([]bool, len(b.load))
		for {
			from := nobody
			for w, load := range b.load {
				if !done[w] && (from == nobody || load > b.load[from]) {
					from = w
				}
			}
			if from == nobody {
				break
			}
			if k, to := b.bestMove(from); to != nobody {
				b.move(k, from, to)
				moved = true
			} else {
				done[from] = true
			}
		}
	}
}

// bestMove finds the kind of item that a candidate had best give away, and to whom.
func (b *balance[T]) bestMove(from int) (best kind, to int) {
	to = nobody
	lowest := b.load[from]
	for k, items := range b.has[from] {
		if len(items) == 0 {
			continue
		}
		w := b.least(k.who)
		larger := max(b.load[from]-k.weight, b.load[w]+k.weight)
		// Ties are decided by something that does not change from call to call, as the order of a map does.
		if larger < lowest || to != nobody && larger == lowest && cmp.Or(cmp.Compare(k.weight, best.weight), cmp.Compare(k.who.order, best.who.order)) > 0 {
			best, to, lowest = k, w, larger
		}
	}
	return best, to
}

// lookedAt bounds how many items are looked at to find the best one to move: with ten thousands of tasks that one matters little.
const lookedAt = 24

// move moves an item of a kind: of the group of which the one has the most more than the other.
func (b *balance[T]) move(k kind, from, to int) {
	items := b.has[from][k]
	best, most := 0, 0
	for n := len(items) - 1; n >= max(len(items)-lookedAt, 0); n-- {
		group := b.items[items[n]].group
		if more := b.together[share{from, group}] - b.together[share{to, group}]; n == len(items)-1 || more > most {
			best, most = n, more
		}
	}
	i := items[best]
	b.has[from][k] = slices.Delete(items, best, best+1)
	b.load[from] -= k.weight
	if group := b.items[i].group; group > 0 {
		b.together[share{from, group}]--
	}
	b.give(i, to)
}

// same tells whether two placements give the same work to the same workers.
func same(a, b Placement) bool {
	return maps.EqualFunc(a.Workers, b.Workers, func(a, b Work) bool {
		return slices.Equal(a.Connectors, b.Connectors) && slices.Equal(a.Tasks, b.Tasks)
	}) && maps.EqualFunc(a.Revoked, b.Revoked, func(a, b Revoked) bool {
		return a.Generation == b.Generation && slices.Equal(a.Tasks, b.Tasks)
	})
}
