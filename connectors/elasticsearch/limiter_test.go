package elasticsearch

import (
	"context"
	"testing"

	"pgregory.net/rapid"
)

// However successes, failures and requests follow one another, never more requests than the window are let in, and when all
// have ended as many may enter as the window says.
func TestLimiter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 9).Draw(rt, "most")
		l := newLimiter(most, 0, 0)
		done, cancel := context.WithCancel(context.Background())
		cancel()
		enter := func() bool {
			select {
			case <-l.rights:
				return true
			default:
				return false
			}
		}
		flying := 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 60).Draw(rt, "steps") {
			switch step {
			case 0:
				if in := enter(); in != (flying < l.window) {
					rt.Fatalf("entered %v with %d of %d", in, flying, l.window)
				} else if in {
					flying++
				}
			case 1:
				if flying > 0 {
					flying--
					l.leave()
				}
			case 2:
				l.slower()
			case 3:
				l.faster()
			}
			if l.window < 1 || l.window > most || l.inFlight() != flying {
				rt.Fatalf("window %d of %d, %d in flight, want %d", l.window, most, l.inFlight(), flying)
			}
		}
		for range flying {
			l.leave()
		}
		for range most * most {
			l.faster()
		}
		for range most {
			if !enter() {
				rt.Fatalf("fewer than %d may enter in the end", most)
			}
		}
		if l.enter(done) == nil {
			rt.Fatal("one too many")
		}
	})
}
