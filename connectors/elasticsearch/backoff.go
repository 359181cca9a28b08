package elasticsearch

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxBackoff bounds the wait between two repetitions.
const maxBackoff = 30 * time.Second

// backoff gives the wait before the n-th repetition, from 1: it doubles from base, and half of it is random, so that
// partitions and tasks do not come back all at once.
func backoff(base time.Duration, n int) time.Duration {
	d := base
	for i := 1; i < n && d < maxBackoff; i++ {
		d *= 2
	}
	d = min(d, maxBackoff)
	if d < 2 {
		return d
	}
	return d/2 + rand.N(d/2)
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
