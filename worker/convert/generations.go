package convert

// generations keeps values by their keys, up to a limit: when the younger half is full it becomes the older one, which is
// forgotten. What is used stays.
type generations[K comparable, V any] struct {
	half       int // entries of a generation; 0: nothing is kept
	young, old map[K]V
}

func newGenerations[K comparable, V any](limit int) generations[K, V] {
	if limit <= 0 {
		return generations[K, V]{}
	}
	return generations[K, V]{half: (limit + 1) / 2}
}

func (g *generations[K, V]) get(k K) (V, bool) {
	if v, ok := g.young[k]; ok {
		return v, true
	}
	v, ok := g.old[k]
	if ok {
		g.put(k, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(k K, v V) {
	if g.half == 0 {
		return
	}
	if len(g.young) >= g.half {
		g.old, g.young = g.young, nil
	}
	if g.young == nil {
		g.young = make(map[K]V, min(g.half, 16))
	}
	g.young[k] = v
}
