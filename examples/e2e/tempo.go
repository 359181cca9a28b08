package e2e

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// tempo measures, all through a test, how long the machine takes for a little work that is always the same: computing, and storing a file
// durably. An operation of which the same is done at rest and on a machine that does much else is held against that (invariant 5).
type tempo struct {
	mu      sync.Mutex
	samples []sample
}

type sample struct {
	began         time.Time
	compute, sync time.Duration
}

const (
	tempoEvery = 100 * time.Millisecond
	tempoWork  = 8 << 20 // bytes to hash: some milliseconds, longer than the scheduler lets anybody run while others wait
)

func startTempo(t testing.TB) *tempo {
	t.Helper()
	p := &tempo{}
	path := filepath.Join(t.TempDir(), "tempo")
	ctx, cancel := context.WithCancel(context.Background())
	var measuring sync.WaitGroup
	measuring.Go(func() {
		block := make([]byte, tempoWork)
		for ctx.Err() == nil {
			s := sample{began: time.Now()}
			_ = sha256.Sum256(block)
			s.compute = time.Since(s.began)
			if err := storeDurably(path, block[:4096]); err != nil {
				t.Errorf("measuring the tempo: %v", err)
				return
			}
			s.sync = time.Since(s.began) - s.compute
			p.mu.Lock()
			p.samples = append(p.samples, s)
			p.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(tempoEvery):
			}
		}
	})
	t.Cleanup(func() { cancel(); measuring.Wait() })
	return p
}

func storeDurably(path string, text []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// allows is how long something may take, here and in the time since it began, that is to take no longer than aim on a machine at rest:
// twice that, as often as the machine was slower than at its best, and what some files that are stored one after the other cost beside.
func (p *tempo) allows(aim time.Duration, began time.Time) time.Duration {
	const files = 10
	p.mu.Lock()
	defer p.mu.Unlock()
	var best, sum, worst time.Duration
	n := 0
	for _, s := range p.samples {
		if best == 0 || s.compute < best {
			best = s.compute
		}
		if s.began.Add(s.compute + s.sync).After(began) {
			sum, n, worst = sum+s.compute, n+1, max(worst, s.sync)
		}
	}
	slower := 1.0
	if n > 0 {
		slower = max(1, float64(sum)/float64(n)/float64(best))
	}
	return time.Duration(2*slower*float64(aim)) + files*worst
}
