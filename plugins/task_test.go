package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

func TestOrderOfEvents(t *testing.T) {
	f := &fakeSink{resume: 7}
	f.write = func(_ context.Context, ack connectors.Ack, b *connectors.Batch) error {
		for _, r := range b.All() {
			if r.Offset%10 == 3 {
				ack.Reject(r.Offset, connectors.BadRecord(b.Partition(), r.Offset, errors.New("three")))
			}
		}
		ack.Durable(b.Last() + 1)
		return nil
	}
	c, _ := serve(t, f)
	task, e := begin(t, c, 0)
	open(t, task, 1, p0)
	if o := until(e, "opened", any1[Opened]); o.ID != 1 || o.Resume != 7 {
		t.Errorf("%+v", o)
	}
	var sent int64
	for i := range int64(100) {
		sent += send(t, task, 1, i*10, 10)
	}
	if err := task.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := task.Close(1); err != nil {
		t.Fatal(err)
	}
	until(e, "closed", any1[Closed])
	var taken, next int64
	var rejected []int64
	all := e.all()
	for _, ev := range all {
		switch ev := ev.(type) {
		case Taken:
			taken += ev.Size
		case Durable:
			if ev.Next <= next {
				t.Errorf("durable went from %d to %d", next, ev.Next)
			}
			next = ev.Next
		case Rejected:
			if ev.Offset < next {
				t.Errorf("%d is rejected after %d was durable", ev.Offset, next)
			}
			if ev.Err.Code != connectors.CodeBadRecord || ev.Err.Partition != p0 {
				t.Errorf("rejected with %+v", ev.Err)
			}
			rejected = append(rejected, ev.Offset)
		}
	}
	if _, last := all[len(all)-1].(Closed); !last {
		t.Errorf("the last event is %T", all[len(all)-1])
	}
	if taken != sent || next != 1000 || len(rejected) != 100 {
		t.Errorf("%d of %d bytes taken, durable below %d, %d rejected", taken, sent, next, len(rejected))
	}
	if err := task.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// What was rejected is waited for until the worker says that it is settled; a worker that never does so is not.
func TestSettled(t *testing.T) {
	f := &fakeSink{write: func(ctx context.Context, ack connectors.Ack, b *connectors.Batch) error {
		if err := ack.Settled(ctx); err != nil { // nothing was rejected, or all is settled
			return err
		}
		ack.Reject(b.Last(), connectors.BadRecord(b.Partition(), b.Last(), errors.New("last")))
		if err := ack.Settled(ctx); err != nil {
			return err
		}
		ack.Durable(b.Last() + 1)
		return nil
	}}
	c, impl := serve(t, f)
	task, e := begin(t, c, 0)
	open(t, task, 1, p0)
	for _, step := range []struct{ first, early, settled int64 }{{0, 9, 10}, {10, 15, 25}} {
		send(t, task, 1, step.first, 10)
		until(e, "rejected", func(r Rejected) bool { return r.Offset == step.first+9 })
		if err := task.Settle(1, step.early); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the worker's word", func() bool {
			o := impl.task(0).opening(1)
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.settled == step.early
		})
		for _, ev := range e.all() {
			if d, is := ev.(Durable); is && d.Next > step.first {
				t.Errorf("%+v before it is settled", d)
			}
		}
		if err := task.Settle(1, step.settled); err != nil {
			t.Fatal(err)
		}
		until(e, "durable", func(d Durable) bool { return d.Next == step.first+10 })
	}
	t.Run("by a worker that does not say it", func(t *testing.T) {
		o := newOpening(newServerTask(impl, &protocol.StartTaskRequest{}), &protocol.Open{})
		defer o.cancel()
		o.Reject(3, errors.New("no"))
		if err := o.Settled(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("until the writer is closed", func(t *testing.T) {
		o := newOpening(newServerTask(impl, &protocol.StartTaskRequest{Settles: true}), &protocol.Open{})
		o.Reject(3, errors.New("no"))
		o.cancel()
		if err := o.Settled(o.ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestSlowPartitionDelaysNoOther(t *testing.T) {
	gate := make(chan struct{})
	f := &fakeSink{write: func(ctx context.Context, ack connectors.Ack, b *connectors.Batch) error {
		if b.Partition().ID == 0 {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ack.Durable(b.Last() + 1)
		return nil
	}}
	c, _ := serve(t, f)
	task, e := begin(t, c, 0)
	open(t, task, 1, p0)
	open(t, task, 2, connectors.Partition{Topic: "events", ID: 1})
	for i := range int64(50) {
		send(t, task, 1, i, 1)
		send(t, task, 2, i, 1)
	}
	until(e, "the other partition", func(d Durable) bool { return d.ID == 2 && d.Next == 50 })
	for _, ev := range e.all() {
		if d, ok := ev.(Durable); ok && d.ID == 1 {
			t.Errorf("%+v", d)
		}
	}
	close(gate)
	until(e, "the slow one", func(d Durable) bool { return d.ID == 1 && d.Next == 50 })
}

func TestCloseWhileBlocked(t *testing.T) {
	for name, f := range map[string]*fakeSink{
		"in open": {open: func(ctx context.Context, _ connectors.Partition, _ int64, _ connectors.Ack) error {
			<-ctx.Done()
			return ctx.Err()
		}},
		"in write": {write: func(ctx context.Context, _ connectors.Ack, _ *connectors.Batch) error { <-ctx.Done(); return ctx.Err() }},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, f)
			task, e := begin(t, c, 0)
			open(t, task, 1, p0)
			send(t, task, 1, 0, 1)
			send(t, task, 1, 1, 1)
			began := time.Now()
			if err := task.Close(1); err != nil {
				t.Fatal(err)
			}
			if closed := until(e, "closed", any1[Closed]); closed.Err != nil {
				t.Error(closed.Err)
			}
			if took := time.Since(began); took > closeGrace+patience/4 {
				t.Errorf("took %s", took)
			}
			for _, ev := range e.all() {
				if _, failed := ev.(Failed); failed {
					t.Errorf("what was only told to end is reported as %+v", ev)
				}
			}
		})
	}
}

func TestLateReportsAreIgnored(t *testing.T) {
	acks := make(chan connectors.Ack, 1)
	f := &fakeSink{write: func(_ context.Context, ack connectors.Ack, _ *connectors.Batch) error { acks <- ack; return nil }}
	c, _ := serve(t, f)
	task, e := begin(t, c, 0)
	open(t, task, 1, p0)
	send(t, task, 1, 0, 1)
	late := <-acks
	if err := task.Close(1); err != nil {
		t.Fatal(err)
	}
	until(e, "closed", any1[Closed])
	late.Durable(1)
	late.Reject(0, errors.New("too late"))
	late.Trouble(errors.New("too late"))
	open(t, task, 2, p0) // its answer would come behind those
	until(e, "the next opening", func(o Opened) bool { return o.ID == 2 })
	for _, ev := range e.all() {
		switch ev.(type) {
		case Durable, Rejected, Trouble:
			t.Errorf("%+v", ev)
		}
	}
}

func TestFailures(t *testing.T) {
	broken := connectors.Unauthorized("opening the safe", errors.New("wrong key"), "bring another").At(p0, 5)
	panics := func() { panic("no luck") }
	isBroken := func(e *connectors.Error) bool {
		return e != nil && e.Code == connectors.CodeUnauthorized && e.Partition == p0 && e.Offset == 5 &&
			e.Error() == "opening the safe (events-0 offset 5): wrong key; bring another"
	}
	isPanic := func(e *connectors.Error) bool {
		return e != nil && e.Code == connectors.CodeFatal && strings.Contains(e.Error(), "panic: no luck") && strings.Contains(e.Error(), "bug of the plugin")
	}
	isNothing := func(e *connectors.Error) bool {
		return e != nil && e.Code == connectors.CodeFatal && strings.Contains(e.Error(), "neither")
	}
	for name, c := range map[string]struct {
		sink   *fakeSink
		where  string // failed, flush, closed, stop
		expect func(*connectors.Error) bool
	}{
		"open fails":       {&fakeSink{open: func(context.Context, connectors.Partition, int64, connectors.Ack) error { return broken }}, "failed", isBroken},
		"open panics":      {&fakeSink{open: func(context.Context, connectors.Partition, int64, connectors.Ack) error { panics(); return nil }}, "failed", isPanic},
		"open gives none":  {&fakeSink{nothing: "writer"}, "failed", isNothing},
		"write fails":      {&fakeSink{write: func(context.Context, connectors.Ack, *connectors.Batch) error { return broken }}, "failed", isBroken},
		"write panics":     {&fakeSink{write: func(context.Context, connectors.Ack, *connectors.Batch) error { panics(); return nil }}, "failed", isPanic},
		"flush fails":      {&fakeSink{flush: func(context.Context, connectors.Ack) error { return broken }}, "flush", isBroken},
		"flush panics":     {&fakeSink{flush: func(context.Context, connectors.Ack) error { panics(); return nil }}, "flush", isPanic},
		"close fails":      {&fakeSink{shut: func(context.Context, connectors.Ack) error { return broken }}, "closed", isBroken},
		"close panics":     {&fakeSink{shut: func(context.Context, connectors.Ack) error { panics(); return nil }}, "closed", isPanic},
		"stop fails":       {&fakeSink{stop: func(context.Context) error { return broken }}, "stop", isBroken},
		"stop panics":      {&fakeSink{stop: func(context.Context) error { panics(); return nil }}, "stop", isPanic},
		"any error at all": {&fakeSink{write: func(context.Context, connectors.Ack, *connectors.Batch) error { return errors.New("odd") }}, "failed", func(e *connectors.Error) bool { return e != nil && e.Code == connectors.CodeFatal && e.Partition == p0 }},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := serve(t, c.sink)
			task, e := begin(t, client, 0)
			open(t, task, 1, p0)
			var got *connectors.Error
			switch c.where {
			case "failed":
				send(t, task, 1, 0, 1)
				got = until(e, "failed", func(f Failed) bool { return f.ID == 1 }).Err
			case "flush":
				until(e, "opened", any1[Opened])
				errors.As(task.Flush(t.Context()), &got)
			case "closed":
				if err := task.Close(1); err != nil {
					t.Fatal(err)
				}
				got = until(e, "closed", any1[Closed]).Err
			case "stop":
				errors.As(task.Stop(t.Context()), &got)
			}
			if !c.expect(got) {
				t.Errorf("got %+v", got)
			}
			// The process goes on, and so does the task until the worker ends it.
			if c.where == "failed" {
				if err := task.Close(1); err != nil {
					t.Fatal(err)
				}
				until(e, "closed", any1[Closed])
			}
			if _, err := client.Describe(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStartFailures(t *testing.T) {
	for name, c := range map[string]struct {
		sink *fakeSink
		code connectors.Code
		want string
	}{
		"fails": {&fakeSink{start: func(context.Context, connectors.Config, connectors.Runtime) error {
			return connectors.Retriable("connecting", errors.New("away"), "wait")
		}}, connectors.CodeRetriable, "connecting: away; wait"},
		"panics":     {&fakeSink{start: func(context.Context, connectors.Config, connectors.Runtime) error { panic("no luck") }}, connectors.CodeFatal, "panic: no luck"},
		"gives none": {&fakeSink{nothing: "task"}, connectors.CodeFatal, "neither a task nor an error"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := serve(t, c.sink)
			for range 2 { // a task that did not start can be started again
				_, err := client.StartTask(t.Context(), TaskSpec{Connector: "c", Config: config})
				if connectors.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v (%v)", err, connectors.CodeOf(err))
				}
			}
		})
	}
	t.Run("configuration", func(t *testing.T) {
		client, _ := serve(t, &fakeSink{})
		_, err := client.StartTask(t.Context(), TaskSpec{Connector: "c"})
		if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), `"text"`) {
			t.Error(err)
		}
	})
}

func TestSeveralTasks(t *testing.T) {
	client, _ := serve(t, &fakeSink{})
	a, ea := begin(t, client, 0)
	b, eb := begin(t, client, 1)
	_, err := client.StartTask(t.Context(), TaskSpec{Connector: "c", Config: config})
	if connectors.CodeOf(err) != connectors.CodeRetriable || !strings.Contains(err.Error(), "the one before it has not ended") {
		t.Errorf("the same task twice: %v", err)
	}
	open(t, a, 1, p0)
	open(t, b, 1, p0)
	send(t, a, 1, 0, 10)
	send(t, b, 1, 0, 20)
	until(ea, "the one", func(d Durable) bool { return d.Next == 10 })
	until(eb, "the other", func(d Durable) bool { return d.Next == 20 })
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, b, 1, 20, 1)
	until(eb, "the one that goes on", func(d Durable) bool { return d.Next == 21 })
	if again, _ := begin(t, client, 0); again == nil {
		t.Error("it cannot be started again")
	}
}

func TestIDInUse(t *testing.T) {
	client, _ := serve(t, &fakeSink{})
	task, e := begin(t, client, 0)
	open(t, task, 1, p0)
	open(t, task, 1, p0)
	if f := until(e, "failed", any1[Failed]); f.Err.Code != connectors.CodeFatal {
		t.Error(f.Err)
	}
}

func TestMalformedBatch(t *testing.T) {
	client, _ := serve(t, &fakeSink{})
	task, e := begin(t, client, 0)
	open(t, task, 1, p0)
	if err := task.Send(1, connectors.Columns{Records: 3, ValueLengths: []int32{1, 1, 1}, Arena: []byte("12")}, 2, func() {}); err != nil {
		t.Fatal(err)
	}
	if f := until(e, "failed", any1[Failed]); f.Err.Code != connectors.CodeFatal || !strings.Contains(f.Err.Error(), "malformed batch") {
		t.Error(f.Err)
	}
}

func TestStopAtItsDeadline(t *testing.T) {
	began, free, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f := &fakeSink{write: func(context.Context, connectors.Ack, *connectors.Batch) error { // does not heed its context
		close(began)
		<-free
		close(ended)
		return nil
	}}
	client, _ := serve(t, f)
	task, e := begin(t, client, 0)
	open(t, task, 1, p0)
	send(t, task, 1, 0, 1)
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	since := time.Now()
	if err := task.Stop(ctx); connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Error(err)
	}
	if took := time.Since(since); took > patience/4 {
		t.Errorf("took %s", took)
	}
	eventually(t, "the end of the stream", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return e.err != nil })
	close(free)
	<-ended
}

func TestWorkerThatGoesAway(t *testing.T) {
	t.Run("with a task running", func(t *testing.T) {
		var stopped atomic.Int32
		client, impl := serve(t, &fakeSink{stop: func(context.Context) error { stopped.Add(1); return nil }})
		task, e := begin(t, client, 0)
		open(t, task, 1, p0)
		until(e, "opened", any1[Opened])
		task.end() // as when the connection breaks
		eventually(t, "the end of the task", func() bool { return stopped.Load() == 1 && impl.task(0) == nil })
	})
	t.Run("before the stream is opened", func(t *testing.T) {
		var stopped atomic.Int32
		client, impl := serve(t, &fakeSink{stop: func(context.Context) error { stopped.Add(1); return nil }})
		if _, err := client.rpc.StartTask(t.Context(), &protocol.StartTaskRequest{Connector: "c", Config: config}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end of the task", func() bool { return stopped.Load() == 1 && impl.task(0) == nil })
	})
	t.Run("while a task starts", func(t *testing.T) {
		var stopped atomic.Int32
		begun, free := make(chan struct{}), make(chan struct{})
		client, impl := serve(t, &fakeSink{
			start: func(context.Context, connectors.Config, connectors.Runtime) error { close(begun); <-free; return nil },
			stop:  func(context.Context) error { stopped.Add(1); return nil },
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-begun
			cancel()
		}()
		if _, err := client.StartTask(ctx, TaskSpec{Connector: "c", Config: config}); connectors.CodeOf(err) != connectors.CodeRetriable {
			t.Error(err)
		}
		close(free)
		eventually(t, "the end of the task", func() bool { return stopped.Load() == 1 && impl.task(0) == nil })
	})
}

func TestTroubleAndMetrics(t *testing.T) {
	var rt connectors.Runtime
	f := &fakeSink{
		start: func(_ context.Context, _ connectors.Config, r connectors.Runtime) error { rt = r; return nil },
		write: func(_ context.Context, ack connectors.Ack, b *connectors.Batch) error {
			if b.First() == 0 {
				ack.Trouble(connectors.Retriable("asking", errors.New("busy"), ""))
			} else {
				ack.Trouble(nil)
			}
			return nil
		},
	}
	client, _ := serve(t, f)
	task, e := begin(t, client, 3)
	if rt.Connector() != "c" || rt.Task() != 3 || rt.Records() != (connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON}) {
		t.Errorf("%s %d %v", rt.Connector(), rt.Task(), rt.Records())
	}
	rt.Metrics().Counter("things_total", "Things.").Add(2)
	rt.Metrics().Counter("things_total", "Things.").Add(3) // the same instrument
	rt.Metrics().Gauge("depth", "Depth.").Set(-4)
	open(t, task, 1, p0)
	send(t, task, 1, 0, 1)
	if tr := until(e, "trouble", any1[Trouble]); tr.Err == nil || tr.Err.Error() != "asking: busy" {
		t.Errorf("%+v", tr)
	}
	send(t, task, 1, 1, 1)
	until(e, "its end", func(tr Trouble) bool { return tr.Err == nil })
	until(e, "metrics", func(m Metrics) bool { // the first may have come between two changes
		return fmt.Sprint(m.Values) == "[{things_total Things. true 5} {depth Depth. false -4}]"
	})
}

func TestFlushWaitsForAll(t *testing.T) {
	var flushed atomic.Int32
	f := &fakeSink{flush: func(context.Context, connectors.Ack) error { flushed.Add(1); return nil }}
	client, _ := serve(t, f)
	task, e := begin(t, client, 0)
	for id := range uint32(20) {
		open(t, task, id+1, connectors.Partition{Topic: "events", ID: int32(id)})
	}
	until(e, "the last", func(o Opened) bool { return o.ID == 20 })
	eventually(t, "all", func() bool { return len(e.all()) == 20 })
	if err := task.Flush(t.Context()); err != nil || flushed.Load() != 20 {
		t.Errorf("%d flushed, %v", flushed.Load(), err)
	}
}
