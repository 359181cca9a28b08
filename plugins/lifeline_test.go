package plugins

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestLifeline(t *testing.T) {
	for _, c := range []struct {
		name string
		work func(w *io.PipeWriter) // of the worker
		ends time.Duration          // -1: does not
	}{
		{"no lease", func(*io.PipeWriter) {}, -1},
		{"the worker is gone", func(w *io.PipeWriter) { time.Sleep(time.Minute); w.Close() }, time.Minute},
		{"half a lease, and the worker is gone", func(w *io.PipeWriter) { _, _ = w.Write(make([]byte, 3)); w.Close() }, 0},
		{"a lease, and no other", func(w *io.PipeWriter) { _, _ = w.Write(Lease(time.Now().Add(10 * time.Second))) }, 10 * time.Second},
		{"a lease that is over", func(w *io.PipeWriter) { _, _ = w.Write(Lease(time.Time{})) }, 0},
		{"leases, until the worker is paused", func(w *io.PipeWriter) {
			for range 10 {
				_, _ = w.Write(Lease(time.Now().Add(10 * time.Second)))
				time.Sleep(5 * time.Second)
			}
		}, 55 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r, w := io.Pipe()
				ended := make(chan time.Duration, 2)
				go watchLifeline(r, func() { ended <- time.Since(began) })
				go c.work(w)
				got := time.Duration(-1)
				select {
				case got = <-ended:
				case <-time.After(time.Hour):
				}
				if got != c.ends {
					t.Errorf("ends after %s, not %s", got, c.ends)
				}
				_ = w.Close()
				synctest.Wait()
			})
		})
	}
}
