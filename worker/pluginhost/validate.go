package pluginhost

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

const (
	validateWithin = 10 * time.Second
	spareFor       = time.Second // who makes many connectors asks again at once; it takes some 15 MB
	sparesMost     = 4           // of all plugins together
)

// Validate checks a configuration in a process in which nothing else happens meanwhile. To start one is most of what a validation
// costs: it is kept for a moment, for the next.
func (h *Host) Validate(ctx context.Context, p Plugin, raw map[string]string, probe bool) ([]connectors.ConfigValue, error) {
	ctx, cancel := context.WithTimeout(ctx, validateWithin)
	defer cancel()
	if proc := h.spares.take(p); proc != nil {
		values, err := h.validate(ctx, proc, p, raw, probe)
		if _, died := errors.AsType[*DiedError](err); !died {
			return values, err
		}
		// Perhaps of something before: a process of its own tells.
	}
	proc, err := h.Launch(ctx, p, "validate")
	if err != nil {
		return nil, err
	}
	return h.validate(ctx, proc, p, raw, probe)
}

func (h *Host) validate(ctx context.Context, proc *Process, p Plugin, raw map[string]string, probe bool) ([]connectors.ConfigValue, error) {
	values, err := proc.Client().Validate(ctx, raw, probe)
	if err != nil {
		err = proc.explain(err)
		proc.Kill()
		return nil, err
	}
	if !h.spares.put(p, proc) {
		proc.Kill()
	}
	return values, nil
}

// spares are the processes that have validated a configuration and wait for another. Each ends when nobody has asked for a while.
type spares struct {
	keep time.Duration

	mu     sync.Mutex
	idle   []*spare
	closed bool
	ending sync.WaitGroup
}

type spare struct {
	plugin Plugin
	proc   *Process
	end    *time.Timer
}

// take gives a process of this very file, or nil.
func (s *spares) take(p Plugin) *Process {
	if stampOf(p.Path) != p.stamp {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, sp := range slices.Backward(s.idle) { // the latest, so that those which are not needed end
		if sp.plugin.Path == p.Path && sp.plugin.stamp == p.stamp && sp.end.Stop() {
			s.idle = slices.Delete(s.idle, i, i+1)
			s.ending.Done()
			return sp.proc
		}
	}
	return nil
}

// put keeps a process. It is false where there are enough, or all is to end.
func (s *spares) put(p Plugin, proc *Process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= sparesMost {
		return false
	}
	sp := &spare{plugin: p, proc: proc}
	s.ending.Add(1)
	sp.end = time.AfterFunc(s.keep, func() {
		defer s.ending.Done()
		s.mu.Lock()
		s.idle = slices.DeleteFunc(s.idle, func(other *spare) bool { return other == sp })
		s.mu.Unlock()
		proc.Kill()
	})
	s.idle = append(s.idle, sp)
	return true
}

// close keeps none any more. The processes themselves are the host's to end.
func (s *spares) close() {
	s.mu.Lock()
	s.closed = true
	for _, sp := range s.idle {
		if sp.end.Stop() {
			s.ending.Done()
		}
	}
	s.mu.Unlock()
	s.ending.Wait()
}
