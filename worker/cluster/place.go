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
)

// Place gives every wanted connector and task (want: connector to number of tasks) to one of the members. It keeps what it can
// where prev has it: only work without a living holder moves, and as much as it takes for no member to have two connectors, or two
// tasks, more than another. The result depends on nothing but the arguments. Its generation is that of prev when no work
// moves, and one more otherwise. Without members nothing is placed.
func Place(prev Placement, members []string, want map[string]int) Placement {
	return place(prev, members, nil, want)
}

// place is Place with absent workers, who keep what they have and get nothing more.
func place(prev Placement, members, absent []string, want map[string]int) Placement {
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	names := slices.Sorted(maps.Keys(want))
	total := 0
	for _, n := range want {
		total += n
	}
	tasks := make([]TaskRef, 0, total)
	for _, name := range names {
		for n := range want[name] {
			tasks = append(tasks, TaskRef{Connector: name, Task: n})
		}
	}
	connectors := spread(names, func(w Work) []string { return w.Connectors }, prev, members, absent)
	spreadTasks := spread(tasks, func(w Work) []TaskRef { return w.Tasks }, prev, members, absent)

	next := Placement{Generation: prev.Generation, Leader: prev.Leader, LeaderURL: prev.LeaderURL, Workers: make(map[string]Work, len(members)+len(absent))}
	for _, id := range members {
		next.Workers[id] = Work{Connectors: connectors[id], Tasks: spreadTasks[id]}
	}
	for _, id := range absent {
		if w := (Work{Connectors: connectors[id], Tasks: spreadTasks[id]}); len(w.Connectors)+len(w.Tasks) > 0 {
			next.Workers[id] = w
		}
	}
	if !same(prev, next) {
		next.Generation++
	}
	return next
}

// spread gives each of the items, which are in order, to one worker, and lists each worker's in that order.
func spread[T comparable](items []T, of func(Work) []T, prev Placement, members, absent []string) map[string][]T {
	const nobody = -1
	index := make(map[T]int, len(items))
	for i, item := range items {
		index[item] = i
	}
	holder := make([]int, len(items)) // index into members, or behind them into absent
	for i := range holder {
		holder[i] = nobody
	}
	workers := slices.Concat(members, absent)
	held := make([]int, len(workers))
	for w, id := range workers {
		for _, item := range of(prev.Workers[id]) {
			if i, ok := index[item]; ok && holder[i] == nobody {
				holder[i] = w
				held[w]++
			}
		}
	}
	share := len(items)
	for w := len(members); w < len(workers); w++ {
		share -= held[w]
	}
	if len(members) > 0 {
		level(holder, quotas(members, held, share), nobody)
	}
	out := make(map[string][]T, len(workers))
	for i, w := range holder {
		if w != nobody {
			out[workers[w]] = append(out[workers[w]], items[i])
		}
	}
	return out
}

// quotas splits a number of items evenly. Those who hold most get the items that are over, so that fewer move.
func quotas(members []string, held []int, items int) []int {
	quota := make([]int, len(members))
	order := make([]int, len(members))
	for w := range members {
		quota[w], order[w] = items/len(members), w
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(held[b], held[a]) })
	for _, w := range order[:items%len(members)] {
		quota[w]++
	}
	return quota
}

// level takes from holders what is over their quota, and deals out what nobody holds, one each in turn, so that the tasks of one
// connector come to different workers.
func level(holder, quota []int, nobody int) {
	room := slices.Clone(quota)
	for i, w := range holder {
		switch {
		case w == nobody || w >= len(quota):
		case room[w] == 0:
			holder[i] = nobody
		default:
			room[w]--
		}
	}
	next := 0
	for i, w := range holder {
		if w != nobody {
			continue
		}
		for room[next%len(room)] == 0 {
			next++
		}
		holder[i] = next % len(room)
		room[next%len(room)]--
		next++
	}
}

// same tells whether two placements give the same work to the same workers.
func same(a, b Placement) bool {
	return maps.EqualFunc(a.Workers, b.Workers, func(a, b Work) bool {
		return slices.Equal(a.Connectors, b.Connectors) && slices.Equal(a.Tasks, b.Tasks)
	})
}
