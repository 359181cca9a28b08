package elasticsearch

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
)

// However successes, failures and requests follow one another, never more requests than the window are let in, and when all
// have ended as many may enter as the window says. The gauges show what is under way.
func TestLimiter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 9).Draw(rt, "most")
		shown := newRuntime(connectors.PayloadString, connectors.PayloadJSON)
		l := newLimiter(most, 5, 50, newInstruments(shown))
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
		gauge := func(name string, want int) {
			if got := shown.metric(name).get(); got != int64(want) {
				rt.Fatalf("%s is %d, want %d", name, got, want)
			}
		}
		flying, held := 0, 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 60).Draw(rt, "steps") {
			switch step {
			case 0:
				if in := enter(); in != (flying < l.window) {
					rt.Fatalf("entered %v with %d of %d", in, flying, l.window)
				} else if in {
					flying++
					l.sending()
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
			case 4:
				if ok, _ := l.reserve(held == 0, 2, 20); ok != (held < 2) {
					rt.Fatalf("reserved %v with %d held", ok, held)
				} else if ok {
					held++
				}
			case 5:
				if held > 0 {
					held--
					l.release(2, 20)
				}
			}
			gauge("bulk_requests_in_flight", flying)
			gauge("buffered_records", 2*held)
			gauge("buffered_bytes", 20*held)
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
