package file

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/sluice-connect/sluice/connectors"
)

// Version is that of the Kafka Connect whose FileStreamSink this is, so that configurations that ask for it find it.
const Version = "4.3.1"

var path = connectors.String("file", "File to append to. Without it values go to standard output, which is the worker's log.",
	connectors.WithImportance(connectors.High), connectors.WithWidth(connectors.WidthNone))

// Sink writes values to a file.
type Sink struct{}

var _ connectors.Sink = Sink{}

// New makes the sink.
func New() Sink { return Sink{} }

// Spec describes the sink.
func (Sink) Spec() connectors.Spec {
	return connectors.Spec{
		Name:    "file",
		Version: Version,
		Summary: "Appends record values to a local file, one to a line.",
		Classes: []connectors.Class{{
			Name: "org.apache.kafka.connect.file.FileStreamSinkConnector",
			Task: "org.apache.kafka.connect.file.FileStreamSinkTask",
		}},
		Config: connectors.Define(path),
	}
}

// Start opens the file.
func (Sink) Start(_ context.Context, cfg connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	t := &task{
		name: path.Get(cfg), out: stdout{}, json: rt.Records().Value == connectors.PayloadJSON,
		written: rt.Metrics().Counter("bytes_total", "Bytes written."),
	}
	if t.name != "" {
		f, err := open(t.name)
		if err != nil {
			return nil, failure("opening "+t.name, err)
		}
		t.out = f
	}
	return t, nil
}

// output is where lines go. append writes whole lines, all of them or with an error.
type output interface {
	append(ctx context.Context, lines []byte) error
	Sync() error
	Close() error
}

type stdout struct{}

func (stdout) append(_ context.Context, lines []byte) error {
	_, err := os.Stdout.Write(lines)
	return err
}
func (stdout) Sync() error  { return nil }
func (stdout) Close() error { return nil }

type task struct {
	name    string
	json    bool
	out     output
	written connectors.Counter
}

// Open takes charge of a partition; the file has no memory of offsets, so the commit decides where to begin.
func (t *task) Open(_ context.Context, _ connectors.Partition, _ int64, ack connectors.Ack) (connectors.Writer, error) {
	return &writer{task: t, ack: ack}, nil
}

// Stop closes the file.
func (t *task) Stop(context.Context) error {
	if err := t.out.Close(); err != nil {
		return failure("closing "+t.name, err)
	}
	return nil
}

type writer struct {
	task *task
	ack  connectors.Ack
	buf  []byte
}

func (w *writer) Resume() int64 { return -1 }

// keep is the largest buffer that a writer holds on to between batches.
const keep = 4 << 20

// Write appends a batch with one call (invariant 1).
func (w *writer) Write(ctx context.Context, b *connectors.Batch) error {
	buf := w.buf[:0]
	for i := range b.Len() {
		v := b.Value(i)
		if v == nil {
			v = null
		}
		start := len(buf)
		buf = append(buf, v...)
		if w.task.json && bytes.IndexByte(v, '\n') >= 0 {
			blank(buf[start:])
		}
		buf = append(buf, '\n')
	}
	if cap(buf) <= keep {
		w.buf = buf
	}
	if err := w.task.out.append(ctx, buf); err != nil {
		return connectors.AsError("", failure("writing to "+w.task.name, err)).At(b.Partition(), b.First())
	}
	w.task.written.Add(int64(len(buf)))
	w.ack.Durable(b.Last() + 1)
	return nil
}

// blank makes one line of a JSON document: a line feed can only stand between its tokens, where a blank means the same.
func blank(doc []byte) {
	for i := range doc {
		if doc[i] == '\n' {
			doc[i] = ' '
		}
	}
}

// null is what a null value looks like in the file, as in Kafka Connect.
var null = []byte("null")

func (w *writer) Flush(context.Context) error {
	// A pipe has no disk to wait for and says so with EINVAL.
	if err := w.task.out.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return failure("flushing "+w.task.name, err)
	}
	return nil
}

func (w *writer) Close(ctx context.Context) error { return w.Flush(ctx) }

func failure(op string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return connectors.Retriable(op, err, "")
	case errors.Is(err, fs.ErrPermission):
		return connectors.Unauthorized(op, err, "give the user of the worker the right to write there")
	case errors.Is(err, fs.ErrNotExist):
		return connectors.Retriable(op, err, "make the folder, or change the key file")
	case errors.Is(err, syscall.ENXIO):
		return connectors.Retriable(op, err, "nobody reads from the pipe")
	default:
		return connectors.Retriable(op, err, "look at the disk: it may be full or gone")
	}
}
