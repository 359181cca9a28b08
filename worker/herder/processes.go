package herder

import (
	"context"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/worker/pluginhost"
)

// processes shares plugin processes among the tasks that may share one. A process is started when the first task asks
// for it and stopped when the last one lets go. A task that asks for another edition (a replaced binary, a changed
// configuration, a restart of the connector) gets a new process; the older one ends with its last task.
type processes struct {
	launch func(ctx context.Context, p pluginhost.Plugin, connector string) (*pluginhost.Process, error)
	grace  time.Duration

	mu      sync.Mutex
	current map[string]*sharedProcess
	live    map[*sharedProcess]struct{} // all that have users or are ending
	ending  sync.WaitGroup
}

type sharedProcess struct {
	key     string
	edition string
	users   int
	ready   chan struct{} // closed when process or err is set
	*pluginhost.Process
	err error
}

func newProcesses(launch func(context.Context, pluginhost.Plugin, string) (*pluginhost.Process, error), grace time.Duration) *processes {
	return &processes{launch: launch, grace: grace, current: map[string]*sharedProcess{}, live: map[*sharedProcess]struct{}{}}
}

// acquire gives the process of this key and edition, starting it where there is none alive. Every success is paired with
// a release.
func (p *processes) acquire(ctx context.Context, key, edition string, plugin pluginhost.Plugin) (*sharedProcess, error) {
	p.mu.Lock()
	s := p.current[key]
	if s == nil || s.edition != edition || s.dead() {
		s = &sharedProcess{key: key, edition: edition, ready: make(chan struct{})}
		p.current[key], p.live[s] = s, struct{}{}
		s.users++
		p.mu.Unlock()
		s.Process, s.err = p.launch(ctx, plugin, key)
		close(s.ready)
	} else {
		s.users++
		p.mu.Unlock()
	}
	select {
	case <-s.ready:
	case <-ctx.Done():
		p.release(s)
		return nil, ctx.Err()
	}
	if s.err != nil {
		p.release(s)
		return nil, s.err
	}
	return s, nil
}

// dead says whether the process failed to start or has ended. A process that is still starting is alive.
func (s *sharedProcess) dead() bool {
	select {
	case <-s.ready:
	default:
		return false
	}
	if s.err != nil {
		return true
	}
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// release lets go of a process; with its last user it is stopped, in the background.
func (p *processes) release(s *sharedProcess) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	if s.users > 0 {
		return
	}
	if p.current[s.key] == s {
		delete(p.current, s.key)
	}
	p.ending.Go(func() {
		defer func() {
			p.mu.Lock()
			delete(p.live, s)
			p.mu.Unlock()
		}()
		<-s.ready // the launch that is under way has a deadline of its own
		if s.err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), p.grace)
		defer cancel()
		_ = s.Stop(ctx) // it is killed when it does not end by itself; how it ended is in its log
	})
}

// renew tells all processes that they may go on until a time.
func (p *processes) renew(until time.Time) {
	for _, s := range p.ready() {
		s.Renew(until)
	}
}

// ready are the processes that have started and not ended.
func (p *processes) ready() (all []*sharedProcess) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.live {
		select {
		case <-s.ready:
			if !s.dead() {
				all = append(all, s)
			}
		default:
		}
	}
	return all
}

// kill ends all processes at once, and tells how many there were. Those that are still starting end with the tasks that want them.
func (p *processes) kill() int {
	ready := p.ready()
	for _, s := range ready {
		p.ending.Go(s.Kill)
	}
	return len(ready)
}

// close waits for processes that are ending.
func (p *processes) close() { p.ending.Wait() }
