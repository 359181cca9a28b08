package cluster

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// The topic is deleted under way: nothing moves, and the workers make it anew with what they know, so that a third that joins finds it.
func TestTopicIsDeleted(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 6}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	d := join(t, b.Bootstrap(), addressB, want)
	two := []*worker{a, d}
	shared := func(n int, all ...*worker) func() bool {
		return func() bool {
			for _, w := range all {
				for _, other := range all {
					if !w.Settled() || w.Lost() != nil || len(w.Placement().Workers[other.ID()].Tasks) != n || w.URL(other.ID()) == "" {
						return false
					}
				}
			}
			return true
		}
	}
	a.until(t, "a share for both", shared(3, two...))
	before := a.Placement()
	for range 2 {
		if err := b.Cluster().DeleteTopic("assignments"); err != nil {
			t.Fatal(err)
		}
		a.until(t, "the topic made anew, and a placement in it", func() bool {
			return shared(3, two...)() && a.Placement().Generation > before.Generation && a.Leading() != d.Leading() && !a.store.Behind() && !d.store.Behind() && a.store.Holds(d.ID()) && d.store.Holds(a.ID())
		})
		if diff := cmp.Diff(before.Workers, a.Placement().Workers); diff != "" || !a.Active() || !d.Active() {
			t.Errorf("work has moved: %s", diff)
		}
		before = a.Placement()
	}
	c := join(t, b.Bootstrap(), "127.0.0.1:8085", want)
	c.until(t, "a share for all three", shared(2, append(two, c)...))
	a.leave(t)
	c.until(t, "the share of the one that left", shared(3, d, c))
	for _, w := range []*worker{c, d} {
		if err := errors.Join(w.Err(), w.Lost()); err != nil {
			t.Error(err)
		}
	}
}
