package publish

import (
	"context"
	"sync"
)

// gate holds the forwarder back while the topic does not exist (invariant 5). The zero gate is shut.
type gate struct {
	mu     sync.Mutex
	isOpen bool
	opened chan struct{} // closed by open; nil while nobody waits
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isOpen = true
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isOpen = false
}

// wait returns nil when the gate is open, or the error of ctx.
func (g *gate) wait(ctx context.Context) error {
	g.mu.Lock()
	if g.isOpen {
		g.mu.Unlock()
		return nil
	}
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	opened := g.opened
	g.mu.Unlock()

	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
