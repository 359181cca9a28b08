package herder

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// gate lets few tasks start at a time, so that a worker with many has processor time left for its membership and for those that run.
// Who takes longer than patience waits for something other than this machine, and makes way.
type gate struct {
	slots    chan struct{}
	patience time.Duration
}

// startPatience is how long a task that starts may keep others waiting.
const startPatience = time.Second

func newGate() *gate {
	return &gate{slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), patience: startPatience}
}

// enter waits for a place, and gives the function that leaves it.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	free := sync.OnceFunc(func() { <-g.slots })
	timer := time.AfterFunc(g.patience, free)
	return func() {
		timer.Stop()
		free()
	}, nil
}
