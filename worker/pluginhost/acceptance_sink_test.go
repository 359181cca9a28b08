package pluginhost_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/pluginhost"
)

// remoteSink is a sink whose tasks run in processes of a plugin, one process for each task. What it says of itself, it
// has from the library that the plugin was made of.
type remoteSink struct {
	connectors.Sink
	host   *pluginhost.Host
	plugin pluginhost.Plugin
}

var _ connectors.Validator = (*remoteSink)(nil)

func newRemoteSink(tb testing.TB, host *pluginhost.Host, library connectors.Sink) *remoteSink {
	tb.Helper()
	plugin, err := host.FindCurrent(tb.Context(), library.Spec().Classes[0].Name, "")
	if err != nil {
		tb.Fatal(err)
	}
	return &remoteSink{Sink: library, host: host, plugin: plugin}
}

// Validate asks a process.
func (s *remoteSink) Validate(ctx context.Context, cfg connectors.Config) []connectors.ConfigError {
	raw := cfg.All()
	for _, v := range raw {
		if !utf8.ValidString(v) {
			return nil // a worker has its configurations out of JSON, where that cannot be
		}
	}
	values, err := s.host.Validate(ctx, s.plugin, raw, false)
	if err != nil {
		return []connectors.ConfigError{{Message: err.Error()}} // for no key, which the suite does not accept
	}
	var errs []connectors.ConfigError
	for _, v := range values {
		for _, message := range v.Errors {
			errs = append(errs, connectors.ConfigError{Key: v.Name, Message: message})
		}
	}
	return errs
}

// garbageRounds is less than usual: each has a process of its own.
const garbageRounds = 30

const creditBytes = 16 << 20

func (s *remoteSink) Start(ctx context.Context, cfg connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	proc, err := s.host.Launch(ctx, s.plugin, rt.Connector())
	if err != nil {
		return nil, err
	}
	task, err := proc.Client().StartTask(ctx, plugins.TaskSpec{
		Connector: rt.Connector(), Task: rt.Task(), Config: cfg.All(), Records: rt.Records(), CreditBytes: creditBytes,
	})
	if err != nil {
		proc.Kill()
		return nil, err
	}
	t := &remoteTask{proc: proc, task: task, writers: map[uint32]*remoteWriter{}, ended: make(chan struct{})}
	go t.receive()
	return t, nil
}

// remoteTask is a task in a process of its own.
type remoteTask struct {
	proc *pluginhost.Process
	task *plugins.Task

	sending sync.Mutex
	mu      sync.Mutex
	writers map[uint32]*remoteWriter // also those that were closed
	err     error                    // why the stream ended
	ended   chan struct{}            // closed when receive has ended
}

var _ connectortest.Crasher = (*remoteTask)(nil)

// Crash is kill -9.
func (t *remoteTask) Crash() {
	t.proc.Kill()
	<-t.ended
}

func (t *remoteTask) Stop(ctx context.Context) error {
	err := t.task.Stop(ctx)
	<-t.ended
	return errors.Join(err, t.proc.Stop(ctx))
}

// receive hands events to the writers that they are for.
func (t *remoteTask) receive() {
	defer close(t.ended)
	for {
		e, err := t.task.Recv()
		if err != nil {
			t.end(err)
			return
		}
		switch e := e.(type) {
		case plugins.Opened:
			t.tell(e.ID, func(w *remoteWriter) { w.opened, w.resume = true, e.Resume })
		case plugins.Taken:
			t.tell(e.ID, func(w *remoteWriter) { w.taken += e.Size })
		case plugins.Durable:
			t.tell(e.ID, func(w *remoteWriter) { w.durable = e.Next; w.ack.Durable(e.Next) })
		case plugins.Rejected:
			t.tell(e.ID, func(w *remoteWriter) { w.ack.Reject(e.Offset, e.Err) })
			_ = t.send(func() error { return t.task.Settle(e.ID, e.Offset+1) }) // Recv tells of an end of the stream
		case plugins.Trouble:
			t.tell(e.ID, func(w *remoteWriter) { w.ack.Trouble(orNil(e.Err)) })
		case plugins.Failed:
			t.tell(e.ID, func(w *remoteWriter) { w.err = e.Err })
		case plugins.Closed:
			t.tell(e.ID, func(w *remoteWriter) { w.closed, w.closeErr = true, orNil(e.Err) })
		}
	}
}

// orNil keeps a nil pointer from becoming an error.
func orNil(err *connectors.Error) error {
	if err == nil {
		return nil
	}
	return err
}

func (t *remoteTask) tell(id uint32, change func(w *remoteWriter)) {
	t.mu.Lock()
	w := t.writers[id]
	t.mu.Unlock()
	if w == nil {
		return
	}
	w.mu.Lock()
	change(w)
	w.mu.Unlock()
	w.signal()
}

// end lets all writers know that nothing more will come.
func (t *remoteTask) end(err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("the task was stopped")
	}
	t.mu.Lock()
	t.err = err
	writers := t.writers
	t.mu.Unlock()
	for _, w := range writers {
		w.mu.Lock()
		if w.err == nil {
			w.err = err
		}
		w.mu.Unlock()
		w.signal()
	}
}

func (t *remoteTask) send(f func() error) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	return f()
}

func (t *remoteTask) Open(ctx context.Context, p connectors.Partition, committed int64, ack connectors.Ack) (connectors.Writer, error) {
	w := &remoteWriter{task: t, ack: ack, changed: make(chan struct{}, 1)}
	t.mu.Lock()
	err := t.err
	w.id = uint32(len(t.writers)) + 1
	t.writers[w.id] = w
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := t.send(func() error { return t.task.Open(w.id, p, committed) }); err != nil {
		return nil, err
	}
	if err := w.until(ctx, func() bool { return w.opened }); err != nil {
		return nil, errors.Join(err, t.send(func() error { return t.task.Close(w.id) }))
	}
	return w, nil
}

// remoteWriter is a writer in the process. The fields below the lock are news of it.
type remoteWriter struct {
	task    *remoteTask
	id      uint32
	ack     connectors.Ack
	sent    int64 // bytes
	next    int64
	changed chan struct{}

	mu             sync.Mutex
	opened, closed bool
	resume         int64
	taken          int64 // bytes
	durable        int64
	err            error // why it can do no more
	closeErr       error
}

func (w *remoteWriter) signal() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// until waits until the news are as wanted, or so bad that they never will be.
func (w *remoteWriter) until(ctx context.Context, ok func() bool) error {
	for {
		w.mu.Lock()
		done, err := ok(), w.err
		w.mu.Unlock()
		if done {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *remoteWriter) Resume() int64 { return w.resume }

// Write returns when the writer in the process has taken everything; an error of its own comes with the next call.
func (w *remoteWriter) Write(ctx context.Context, b *connectors.Batch) error {
	var part connectors.Builder
	for i, r := range b.All() {
		var headers []connectors.Header
		for h := range b.Headers(i) {
			headers = append(headers, h)
		}
		if !part.Fits(r.Offset, len(r.Key)+len(r.Value), plugins.MaxBatch) {
			if err := w.pass(&part); err != nil {
				return err
			}
		}
		part.Append(r.Offset, r.Timestamp, r.Key, r.Value, headers...)
	}
	if err := w.pass(&part); err != nil {
		return err
	}
	return w.until(ctx, func() bool { return w.taken >= w.sent && w.err == nil })
}

func (w *remoteWriter) pass(part *connectors.Builder) error {
	c := part.Columns()
	size := int64(c.Size())
	w.sent, w.next = w.sent+size, part.Next()
	err := w.task.send(func() error { return w.task.task.Send(w.id, c, size, func() {}) })
	*part = connectors.Builder{} // its memory may still be under way
	return err
}

// Flush returns when the progress has arrived: it comes on another way than the answer.
func (w *remoteWriter) Flush(ctx context.Context) error {
	if err := w.task.task.Flush(ctx); err != nil {
		return err
	}
	return w.until(ctx, func() bool { return w.durable >= w.next && w.err == nil })
}

func (w *remoteWriter) Close(ctx context.Context) error {
	if err := w.task.send(func() error { return w.task.task.Close(w.id) }); err != nil {
		return err
	}
	err := w.until(ctx, func() bool { return w.closed })
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(err, w.closeErr)
}
