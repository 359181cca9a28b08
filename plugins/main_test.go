package plugins

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSink is a sink whose steps a test writes. What is left nil does the least that is right.
type fakeSink struct {
	spec     func() connectors.Spec
	validate func(connectors.Config) []connectors.ConfigError
	probe    func(context.Context) error
	start    func(context.Context, connectors.Config, connectors.Runtime) error
	open     func(context.Context, connectors.Partition, int64, connectors.Ack) error
	write    func(context.Context, connectors.Ack, *connectors.Batch) error
	flush    func(context.Context, connectors.Ack) error
	shut     func(context.Context, connectors.Ack) error
	stop     func(context.Context) error
	nothing  string // "task" or "writer": gives nil without an error
	resume   int64
}

var text = connectors.String("text", "Some text.", connectors.Required())

func (f *fakeSink) Spec() connectors.Spec {
	if f.spec != nil {
		return f.spec()
	}
	return connectors.Spec{
		Name: "fake", Version: "1.2.3", Summary: "A sink for tests", Config: connectors.Define(text),
		Classes: []connectors.Class{{Name: "com.example.FakeSinkConnector", Task: "com.example.FakeSinkTask"}},
		Values:  []connectors.Payload{connectors.PayloadJSON}, Keys: []connectors.Payload{connectors.PayloadString, connectors.PayloadBytes},
	}
}

func (f *fakeSink) Validate(_ context.Context, c connectors.Config) []connectors.ConfigError {
	if f.validate == nil {
		return nil
	}
	return f.validate(c)
}

func (f *fakeSink) Probe(ctx context.Context, _ connectors.Config) error {
	if f.probe == nil {
		return nil
	}
	return f.probe(ctx)
}

func (f *fakeSink) Start(ctx context.Context, c connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	if f.start != nil {
		if err := f.start(ctx, c, rt); err != nil {
			return nil, err
		}
	}
	if f.nothing == "task" {
		return nil, nil
	}
	return fakeTask{f}, nil
}

type fakeTask struct{ f *fakeSink }

func (t fakeTask) Open(ctx context.Context, p connectors.Partition, committed int64, ack connectors.Ack) (connectors.Writer, error) {
	if t.f.open != nil {
		if err := t.f.open(ctx, p, committed, ack); err != nil {
			return nil, err
		}
	}
	if t.f.nothing == "writer" {
		return nil, nil
	}
	return fakeWriter{t.f, ack}, nil
}

func (t fakeTask) Stop(ctx context.Context) error {
	if t.f.stop == nil {
		return nil
	}
	return t.f.stop(ctx)
}

type fakeWriter struct {
	f   *fakeSink
	ack connectors.Ack
}

func (w fakeWriter) Resume() int64 { return w.f.resume }

func (w fakeWriter) Write(ctx context.Context, b *connectors.Batch) error {
	if w.f.write != nil {
		return w.f.write(ctx, w.ack, b)
	}
	w.ack.Durable(b.Last() + 1)
	return nil
}

func (w fakeWriter) Flush(ctx context.Context) error {
	if w.f.flush == nil {
		return nil
	}
	return w.f.flush(ctx, w.ack)
}

func (w fakeWriter) Close(ctx context.Context) error {
	if w.f.shut == nil {
		return nil
	}
	return w.f.shut(ctx, w.ack)
}

// serve puts a sink behind a wire of memory and gives the worker's end of it.
func serve(t testing.TB, s connectors.Sink) (*Client, *server) {
	t.Helper()
	wire := bufconn.Listen(1 << 20)
	impl := newServer(s, &logOptions{out: io.Discard})
	srv := grpc.NewServer(serverOptions()...)
	protocol.RegisterSinkServer(srv, impl)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(wire) }) // ends with the wire
	conn, err := grpc.NewClient("passthrough:wire", append(DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return wire.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		wg.Wait()
	})
	return NewClient(conn), impl
}

var config = map[string]string{"text": "x"}

// patience is for what must happen some time.
const patience = 2 * time.Minute

// events are what a task says, in order.
type events struct {
	t    testing.TB
	mu   sync.Mutex
	list []Event
	err  error
	news chan struct{}
}

// begin starts a task and listens to it. The task is stopped at the end of the test.
func begin(t testing.TB, c *Client, id int) (*Task, *events) {
	t.Helper()
	task, err := c.StartTask(t.Context(), TaskSpec{
		Connector: "c", Task: id, Config: config, CreditBytes: 1 << 20,
		Records: connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &events{t: t, news: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			ev, err := task.Recv()
			e.mu.Lock()
			if err != nil {
				e.err = err
			} else {
				e.list = append(e.list, ev)
			}
			e.mu.Unlock()
			select {
			case e.news <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = task.Stop(ctx) // again, where the test has done so
		wg.Wait()
	})
	return task, e
}

// until waits for an event that ok accepts, of all that came so far, and gives it.
func until[E Event](e *events, what string, ok func(E) bool) E {
	e.t.Helper()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		for _, ev := range e.list {
			if x, is := ev.(E); is && ok(x) {
				e.mu.Unlock()
				return x
			}
		}
		list, err := e.list, e.err
		e.mu.Unlock()
		select {
		case <-e.news:
		case <-deadline:
			e.t.Fatalf("waited too long for %s; got %+v, %v", what, list, err)
		}
	}
}

func any1[E Event](E) bool { return true }

func (e *events) all() []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Event(nil), e.list...)
}

var p0 = connectors.Partition{Topic: "events", ID: 0}

func open(t testing.TB, task *Task, id uint32, p connectors.Partition) {
	t.Helper()
	if err := task.Open(id, p, -1); err != nil {
		t.Fatal(err)
	}
}

// send passes on n records from an offset on and gives their size.
func send(t testing.TB, task *Task, id uint32, first int64, n int) int64 {
	t.Helper()
	var b connectors.Builder
	for i := range n {
		b.Append(first+int64(i), 0, nil, []byte("1"))
	}
	if err := task.Send(id, b.Columns(), int64(b.Size()), func() {}); err != nil {
		t.Fatal(err)
	}
	return int64(b.Size())
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
