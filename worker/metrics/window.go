package metrics

import (
	"sync"
	"time"
)

const windowStep = 30 * time.Second

// window keeps average and maximum over the present step and the one before.
type window struct {
	now func() time.Time
	mu  sync.Mutex
	cur sample
	old sample
}

type sample struct {
	start time.Time
	count int64
	sum   float64
	max   float64
}

func (w *window) add(v float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn()
	if w.cur.count == 0 || v > w.cur.max {
		w.cur.max = v
	}
	w.cur.count++
	w.cur.sum += v
}

// read gives average and maximum, 0 where nothing happened.
func (w *window) read() (avg, highest float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn()
	if n := w.cur.count + w.old.count; n > 0 {
		avg = (w.cur.sum + w.old.sum) / float64(n)
	}
	return avg, max(w.cur.max, w.old.max)
}

func (w *window) turn() {
	now := w.now()
	switch age := now.Sub(w.cur.start); {
	case age < windowStep:
	case age < 2*windowStep:
		w.old, w.cur = w.cur, sample{start: w.cur.start.Add(windowStep)}
	default:
		w.old, w.cur = sample{}, sample{start: now}
	}
}
