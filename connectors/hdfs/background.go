package hdfs

import (
	"context"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// flight is a commit in the background. The next one begins when it has ended, so that commits are durable in order.
type flight struct {
	done chan struct{} // closed at its end
	err  error         // read it after that
}

// commit has all that is open committed in the background, once the commit before has ended.
func (w *writer) commit(ctx context.Context) error {
	if err := w.idle(ctx); err != nil {
		return err
	}
	w.timer.Stop()
	w.due = time.Time{}
	t := w.cut()
	if len(t.files) == 0 {
		return nil
	}
	f := &flight{done: make(chan struct{})}
	w.mu.Lock()
	w.flight = f
	w.passed = t.next
	w.mu.Unlock()
	go w.fly(f, t)
	return nil
}

// fly makes a tranche durable.
func (w *writer) fly(f *flight, t *tranche) {
	defer close(f.done)
	// What was rejected among these records is not read again once they are committed.
	if f.err = w.ack.Settled(w.ctx); f.err == nil {
		f.err = w.retry(w.ctx, t.first(), func() error { return w.store.commit(w.ctx, t) })
	}
	bytes := int64(0)
	for _, o := range t.files {
		bytes += o.temp.size
		w.recycle(o)
	}
	if f.err != nil {
		if w.ctx.Err() == nil {
			w.ack.Trouble(f.err) // the next Write or Flush returns it
		}
		return
	}
	w.meters.files.Add(int64(len(t.files)))
	w.meters.bytes.Add(bytes)
	for told := int64(-1); ; {
		w.mu.Lock()
		next := w.passed
		if next == told {
			w.flight = nil
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		w.ack.Durable(next) // before anybody sees that the commit has ended
		told = next
	}
}

// idle waits until no commit is in the background. The file system is free then.
func (w *writer) idle(ctx context.Context) error {
	w.mu.Lock()
	f := w.flight
	w.mu.Unlock()
	if f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.open.flying = 0
	w.failed = w.landed()
	return w.failed
}

// flying tells whether a commit is in the background.
func (w *writer) flying() bool {
	w.mu.Lock()
	f := w.flight
	w.mu.Unlock()
	if f == nil {
		return false
	}
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}

// landed says why the last commit in the background failed, if it has ended.
func (w *writer) landed() error {
	w.mu.Lock()
	f := w.flight
	w.mu.Unlock()
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// pass says that all that came so far needs no more files than those in the background.
func (w *writer) pass() {
	w.mu.Lock()
	w.passed = w.next
	flying := w.flight != nil
	w.mu.Unlock()
	if !flying {
		w.ack.Durable(w.next)
	}
}

// finishContent gives what of a file is still in memory.
func (w *writer) finishContent(o *output) (encode.Bytes, error) {
	data, err := o.content.Finish()
	if err != nil {
		return nil, connectors.Fatal("finishing a file", err, "").At(w.partition, o.first)
	}
	return data, nil
}
