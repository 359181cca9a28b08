package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

const (
	// lostWithin bounds the end of a task whose worker went away without stopping it.
	lostWithin = 10 * time.Second
	// attachWithin is how long a task that was started waits for its stream: a worker that gave up just when the answer was on its
	// way never opens it.
	attachWithin = 5 * time.Second
)

// server answers the worker's calls for one sink.
type server struct {
	protocol.UnimplementedSinkServer
	sink connectors.Sink
	log  *logOptions

	mu    sync.Mutex
	tasks map[int32]*serverTask
}

func newServer(s connectors.Sink, log *logOptions) *server {
	return &server{sink: s, log: log, tasks: map[int32]*serverTask{}}
}

func (s *server) Describe(ctx context.Context, _ *protocol.DescribeRequest) (*protocol.DescribeResponse, error) {
	var d *protocol.DescribeResponse
	err := within(ctx, func() error {
		_, probes := s.sink.(connectors.Prober)
		d = toDescription(s.sink.Spec(), probes)
		return nil
	})
	if err != nil {
		return nil, callStatus(err)
	}
	return d, nil
}

func (s *server) Validate(ctx context.Context, req *protocol.ValidateRequest) (*protocol.ValidateResponse, error) {
	var values []connectors.ConfigValue
	err := within(ctx, func() error {
		values = s.validate(ctx, req)
		return nil
	})
	if err != nil {
		return nil, callStatus(err)
	}
	return &protocol.ValidateResponse{Values: toValues(values)}, nil
}

// validate checks key by key, then what needs several keys, then the connection if asked and if all else is well.
func (s *server) validate(ctx context.Context, req *protocol.ValidateRequest) []connectors.ConfigValue {
	def := s.sink.Spec().Config
	values := def.Validate(req.GetConfig())
	cfg, err := def.Parse(req.GetConfig())
	if err != nil {
		return values // the values have the reasons
	}
	add := func(key, message string) {
		i := slices.IndexFunc(values, func(v connectors.ConfigValue) bool { return v.Name == key })
		if i < 0 {
			values = append(values, connectors.ConfigValue{Name: key, Visible: true})
			i = len(values) - 1
		}
		values[i].Errors = append(values[i].Errors, message)
	}
	if v, ok := s.sink.(connectors.Validator); ok {
		errs := v.Validate(ctx, cfg)
		for _, e := range errs {
			add(e.Key, e.Message)
		}
		if len(errs) > 0 {
			return values
		}
	}
	if p, ok := s.sink.(connectors.Prober); ok && req.GetProbe() {
		if err := p.Probe(ctx, cfg); err != nil {
			for _, key := range blamed(def, err) {
				add(key, err.Error())
			}
		}
	}
	return values
}

// blamed gives the keys that a failed probe is about.
func blamed(def connectors.ConfigDef, err error) []string {
	if e, ok := errors.AsType[*connectors.ProbeError](err); ok && len(e.Keys) > 0 {
		return e.Keys
	}
	keys := def.Keys()
	if i := slices.IndexFunc(keys, func(k connectors.KeyDef) bool { return k.Required }); i >= 0 {
		return []string{keys[i].Name}
	}
	return []string{keys[0].Name}
}

func (s *server) StartTask(ctx context.Context, req *protocol.StartTaskRequest) (*protocol.StartTaskResponse, error) {
	t := newServerTask(s, req)
	s.mu.Lock()
	if s.tasks[t.id] != nil {
		s.mu.Unlock()
		return &protocol.StartTaskResponse{Error: toError(connectors.Retriable("starting task "+strconv.Itoa(int(t.id)),
			errors.New("the one before it has not ended"), ""))}, nil
	}
	s.tasks[t.id] = t
	s.mu.Unlock()

	started := make(chan error, 1)
	go func() {
		task, err := t.start(ctx, s.sink, req)
		s.mu.Lock()
		t.sink = task
		s.mu.Unlock()
		if err != nil || ctx.Err() != nil { // when the worker has given up there is no one who would stop it
			t.abandon()
			s.remove(t)
		} else {
			time.AfterFunc(attachWithin, func() {
				if s.unattached(t) {
					t.abandon()
				}
			})
		}
		started <- err
	}()
	select {
	case err := <-started:
		return &protocol.StartTaskResponse{Error: toError(err)}, nil
	case <-ctx.Done():
		return nil, callStatus(ctx.Err())
	}
}

// Records is the stream of a task. It ends when the task is stopped, or takes the task with it when the worker ends it.
func (s *server) Records(stream grpc.BidiStreamingServer[protocol.ToPlugin, protocol.FromPlugin]) error {
	m, err := stream.Recv()
	if err != nil {
		return err
	}
	if m.GetHello() == nil {
		return status.Error(codes.InvalidArgument, "the first message on the stream must name the task")
	}
	t, err := s.attach(m.GetHello().GetTask())
	if err != nil {
		return err
	}
	go t.receive(stream) // ends with the stream, at the latest when this method returns
	var metrics sync.WaitGroup
	metrics.Go(t.reportMetrics)
	err = t.out.run(stream.Send, stream.Context().Done())
	if lost := stream.Context().Err(); err != nil || lost != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lostWithin)
		_ = t.stop(ctx) // the worker is gone; there is nobody to tell
		cancel()
		s.remove(t)
	}
	metrics.Wait()
	return err
}

func (s *server) attach(id int32) (*serverTask, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[id]
	if t == nil || t.sink == nil {
		return nil, status.Errorf(codes.NotFound, "task %d was not started", id)
	}
	if t.attached {
		return nil, status.Errorf(codes.AlreadyExists, "task %d has a stream already", id)
	}
	t.attached = true
	return t, nil
}

// unattached removes a task that has no stream, and tells whether it did.
func (s *server) unattached(t *serverTask) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.attached || s.tasks[t.id] != t {
		return false
	}
	delete(s.tasks, t.id)
	return true
}

func (s *server) Flush(ctx context.Context, req *protocol.FlushRequest) (*protocol.FlushResponse, error) {
	t := s.task(req.GetTask())
	if t == nil {
		return nil, status.Errorf(codes.NotFound, "task %d was not started", req.GetTask())
	}
	if err := t.flush(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, callStatus(ctx.Err())
		}
		return &protocol.FlushResponse{Error: toError(err)}, nil
	}
	return &protocol.FlushResponse{}, nil
}

func (s *server) StopTask(ctx context.Context, req *protocol.StopTaskRequest) (*protocol.StopTaskResponse, error) {
	t := s.task(req.GetTask())
	if t == nil {
		return &protocol.StopTaskResponse{}, nil
	}
	err := t.stop(ctx)
	if ctx.Err() != nil && err != nil {
		return nil, callStatus(ctx.Err()) // it stays in the list: its goroutines may still be at work
	}
	s.remove(t)
	return &protocol.StopTaskResponse{Error: toError(err)}, nil
}

func (s *server) task(id int32) *serverTask {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tasks[id]
}

func (s *server) remove(t *serverTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks[t.id] == t {
		delete(s.tasks, t.id)
	}
}

// serverTask is a task in this process.
type serverTask struct {
	id       int32
	settles  bool // the worker says what became of rejected records
	rt       *taskRuntime
	sink     connectors.Task // set once, under the server's lock
	out      *outbox
	ctx      context.Context
	cancel   context.CancelFunc
	attached bool // by the server, under its lock

	mu       sync.Mutex
	openings map[uint32]*opening
	stopping bool
	running  sync.WaitGroup // of openings

	arrivals sync.Pool // of *arrival: memory for batches
}

func newServerTask(s *server, req *protocol.StartTaskRequest) *serverTask {
	t := &serverTask{
		id: req.GetTask(), settles: req.GetSettles(), out: newOutbox(), openings: map[uint32]*opening{},
		rt: &taskRuntime{
			connector: req.GetConnector(), task: int(req.GetTask()),
			records: connectors.Format{Key: connectors.Payload(req.GetKeys()), Value: connectors.Payload(req.GetValues())},
			log:     s.log.logger().With("connector", req.GetConnector(), "task", req.GetTask()),
		},
	}
	t.arrivals.New = func() any { return new(arrival) }
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// reuse takes the memory of a batch that nobody reads any more.
func (t *serverTask) reuse(a *arrival) {
	a.release()
	t.arrivals.Put(a)
}

func (t *serverTask) start(ctx context.Context, s connectors.Sink, req *protocol.StartTaskRequest) (task connectors.Task, err error) {
	defer func() { err = t.recovered(recover(), "starting task", err) }()
	cfg, err := s.Spec().Config.Parse(req.GetConfig())
	if err != nil {
		return nil, err
	}
	task, err = s.Start(ctx, cfg, t.rt)
	if err == nil && task == nil {
		err = connectors.Fatal("starting task", errors.New("the sink gave neither a task nor an error"), "this is a bug of the plugin")
	}
	return task, err
}

// abandon ends a task that nobody knows of.
func (t *serverTask) abandon() {
	t.cancel()
	if t.sink == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lostWithin)
	defer cancel()
	if err := t.sink.Stop(ctx); err != nil {
		t.rt.log.Warn("stopping a task that started too late", "error", err)
	}
}

// receive hands on what the worker sends. It never waits for a writer: what is under way is bounded by the credit.
func (t *serverTask) receive(stream grpc.BidiStreamingServer[protocol.ToPlugin, protocol.FromPlugin]) {
	var next *arrival
	for {
		if next == nil {
			next = t.arrivals.Get().(*arrival) //nolint:forcetypeassert // nothing else is in it
		}
		m := message{batch: next}
		if err := stream.RecvMsg(&m); err != nil {
			if !errors.Is(err, io.EOF) {
				t.out.signal() // the sender looks whether the stream has ended
			}
			return
		}
		if m.isBatch {
			if o := t.opening(next.id); o != nil {
				o.put(command{batch: next})
			}
			next = nil
			continue
		}
		switch m := m.GetMessage().(type) {
		case *protocol.ToPlugin_Open:
			t.open(m.Open)
		case *protocol.ToPlugin_Close:
			if o := t.opening(m.Close.GetId()); o != nil {
				o.close()
			}
		case *protocol.ToPlugin_Settled:
			if o := t.opening(m.Settled.GetId()); o != nil {
				o.settle(m.Settled.GetNext())
			}
		}
	}
}

func (t *serverTask) open(m *protocol.Open) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopping {
		return
	}
	if t.openings[m.GetId()] != nil {
		t.out.failed(m.GetId(), connectors.Fatal("opening a partition", fmt.Errorf("id %d is in use", m.GetId()), "worker and plugin do not fit together"))
		return
	}
	o := newOpening(t, m)
	t.openings[o.id] = o
	t.running.Go(o.run)
}

func (t *serverTask) opening(id uint32) *opening {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.openings[id]
}

func (t *serverTask) forget(o *opening) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.openings, o.id)
}

func (t *serverTask) all() []*opening {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.openings))
}

// flush makes all partitions flush side by side and waits for all of them.
func (t *serverTask) flush(ctx context.Context) error {
	openings := t.all()
	done := make(chan error, len(openings))
	waiting := 0
	for _, o := range openings {
		if o.put(command{done: done}) {
			waiting++
		}
	}
	var first error
	for range waiting {
		select {
		case err := <-done:
			if first == nil {
				first = err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
	return first
}

// stop closes all partitions, then the task. At the deadline whatever still runs is cancelled.
func (t *serverTask) stop(ctx context.Context) error {
	defer t.out.close()
	defer t.cancel()
	t.mu.Lock()
	again := t.stopping
	t.stopping = true
	t.mu.Unlock()
	for _, o := range t.all() {
		o.close()
	}
	if err := within(ctx, func() error { t.running.Wait(); return nil }); err != nil {
		return connectors.Retriable("stopping task", err, "a partition did not close in time")
	}
	if again {
		return nil
	}
	return within(ctx, func() (err error) {
		defer func() { err = t.recovered(recover(), "stopping task", err) }()
		return t.sink.Stop(ctx)
	})
}

const metricsEvery = time.Second

// reportMetrics sends what changed, until the task ends.
func (t *serverTask) reportMetrics() {
	tick := time.NewTicker(metricsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if m := t.rt.metrics.changes(); m != nil {
				t.out.metrics(m)
			}
		case <-t.ctx.Done():
			return
		}
	}
}

// within waits for f, but no longer than ctx lives (invariant 6). What f left behind is not waited for. A panic of f is an
// error (invariant 4).
func within(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func callStatus(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the sink did not answer in time")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the worker has given up")
	default:
		return status.Error(codes.Internal, err.Error())
	}
}
