package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

// callWithin bounds unary calls whose context has no deadline.
const callWithin = 30 * time.Second

// Client is the worker's side of a plugin process.
type Client struct{ rpc protocol.SinkClient }

// NewClient speaks to a plugin over an open connection.
func NewClient(c grpc.ClientConnInterface) *Client { return &Client{rpc: protocol.NewSinkClient(c)} }

// Describe asks the plugin what it is.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	d, err := c.rpc.Describe(ctx, &protocol.DescribeRequest{})
	if err != nil {
		return Description{}, callError("describing plugin", err)
	}
	return fromDescription(d), nil
}

// Validate checks a configuration; with probe it also tries the connection.
func (c *Client) Validate(ctx context.Context, config map[string]string, probe bool) ([]connectors.ConfigValue, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	r, err := c.rpc.Validate(ctx, &protocol.ValidateRequest{Config: config, Probe: probe})
	if err != nil {
		return nil, callError("validating configuration", err)
	}
	return fromValues(r.GetValues()), nil
}

// StartTask begins a task and opens its stream. The task lives until Stop, whatever becomes of ctx.
func (c *Client) StartTask(ctx context.Context, spec TaskSpec) (*Task, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	r, err := c.rpc.StartTask(ctx, &protocol.StartTaskRequest{
		Connector: spec.Connector, Task: int32(spec.Task), Config: spec.Config,
		Keys: protocol.Payload(spec.Records.Key), Values: protocol.Payload(spec.Records.Value), CreditBytes: spec.CreditBytes, Settles: true,
	})
	if err == nil {
		err = errOf(r.GetError())
	}
	if err != nil {
		return nil, callError("starting task in the plugin", err)
	}
	sctx, end := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := c.rpc.Records(sctx)
	if err == nil {
		err = stream.Send(&protocol.ToPlugin{Message: &protocol.ToPlugin_Hello{Hello: &protocol.Hello{Task: int32(spec.Task)}}})
	}
	if err != nil {
		end()
		return nil, callError("opening the stream of a task", err)
	}
	return &Task{rpc: c.rpc, id: int32(spec.Task), stream: stream, end: end}, nil
}

// Task is a task in a plugin. Open, Send, Settle and Close are called by one goroutine, Recv by another one.
type Task struct {
	rpc    protocol.SinkClient
	id     int32
	stream grpc.BidiStreamingClient[protocol.ToPlugin, protocol.FromPlugin]
	end    context.CancelFunc
	batch  departure // used again for every batch

	stopped atomic.Bool
}

// Open asks for a writer of a partition; Opened or Failed is the answer. committed is -1 where the group has no offset.
func (t *Task) Open(id uint32, p connectors.Partition, committed int64) error {
	return t.send("opening partition "+p.String(), &protocol.ToPlugin{Message: &protocol.ToPlugin_Open{
		Open: &protocol.Open{Id: id, Topic: p.Topic, Partition: p.ID, Committed: committed},
	}})
}

// Send passes a batch on. Its memory is the caller's again when done is called, by whatever goroutine, during the call or later; where the
// stream ends, done may not be called.
func (t *Task) Send(id uint32, c connectors.Columns, size int64, done func()) error {
	d := &t.batch
	d.arena, d.done = c.Arena, done
	c.Arena = nil
	setBatch(&d.batch, id, &c, size)
	err := t.stream.SendMsg(d)
	setBatch(&d.batch, 0, &connectors.Columns{}, 0) // keep nothing of it alive
	d.arena, d.done = nil, nil
	return sendError("sending a batch", err)
}

// Close ends an opening; Closed is the answer.
func (t *Task) Close(id uint32) error {
	return t.send("closing a partition", &protocol.ToPlugin{Message: &protocol.ToPlugin_Close{Close: &protocol.Close{Id: id}}})
}

// Settle says that all records below next that were rejected are dealt with.
func (t *Task) Settle(id uint32, next int64) error {
	return t.send("settling rejected records", &protocol.ToPlugin{Message: &protocol.ToPlugin_Settled{Settled: &protocol.Settled{Id: id, Next: next}}})
}

func (t *Task) send(op string, m *protocol.ToPlugin) error { return sendError(op, t.stream.Send(m)) }

// sendError makes the end of a stream a reason to start again. Send itself only says io.EOF; Recv tells the rest.
func sendError(op string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return connectors.Retriable(op, errors.New("the plugin closed the stream"), "its log may say why")
	}
	return callError(op, err)
}

// Recv waits for the next event. It gives io.EOF after Stop.
func (t *Task) Recv() (Event, error) {
	for {
		m, err := t.stream.Recv()
		if err == io.EOF || err != nil && t.stopped.Load() { //nolint:errorlint // what a stream returns, unwrapped
			return nil, io.EOF
		}
		if err != nil {
			return nil, callError("reading from the plugin", err)
		}
		if e := fromEvent(m); e != nil {
			return e, nil
		}
	}
}

// Flush makes durable what was sent before.
func (t *Task) Flush(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	r, err := t.rpc.Flush(ctx, &protocol.FlushRequest{Task: t.id})
	if err == nil {
		err = errOf(r.GetError())
	}
	return callError("flushing", err)
}

// Stop ends the task. When it returns, so do all other methods: a plugin that does not obey is cut off at the deadline.
func (t *Task) Stop(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	defer t.end()
	t.stopped.Store(true)
	r, err := t.rpc.StopTask(ctx, &protocol.StopTaskRequest{Task: t.id})
	if err == nil {
		err = errOf(r.GetError())
	}
	return callError("stopping task in the plugin", err)
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callWithin)
}

// callError makes an error of the transport one of ours. A process that went away or did not answer in time can be
// started again; everything else is a bug of the plugin.
func callError(op string, err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return connectors.AsError(op, err)
	}
	cause := errors.New(s.Message())
	switch s.Code() {
	case codes.Unavailable, codes.Canceled:
		return connectors.Retriable(op, cause, "the plugin's process is gone or going")
	case codes.DeadlineExceeded:
		return connectors.Retriable(op, cause, "the plugin did not answer in time; its log may say what it waits for")
	case codes.Unimplemented:
		return connectors.Fatal(op, cause, "the plugin does not speak this version of the protocol; rebuild it with a current kit")
	case codes.ResourceExhausted:
		return connectors.Fatal(op, cause, fmt.Sprintf("a message has at most %d bytes", MaxMessage))
	default:
		return connectors.Fatal(op, cause, "this is a bug of the plugin")
	}
}
