package hdfs

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// slowGauge is late with every value but nothing.
type slowGauge struct{ n atomic.Int64 }

func (g *slowGauge) Set(n int64) {
	if n > 0 {
		time.Sleep(100 * time.Microsecond) // the fault
	}
	g.n.Store(n)
}

// Partitions that empty their memory at once leave the gauge at nothing.
func TestBufferedOfPartitionsAtOnce(t *testing.T) {
	var g slowGauge
	m := &meters{buffered: &g}
	for range 100 {
		m.hold(10)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { m.hold(-5) })
		}
		all.Wait()
		if n := g.n.Load(); n != 0 {
			t.Fatalf("%d bytes are shown when nothing is held", n)
		}
	}
}
