package hdfs

import (
	"context"
	"sync"

	"github.com/sluice-connect/sluice/connectors"
)

// Version is that of the sink.
const Version = "1.0.0"

// Sink writes records to files in HDFS.
type Sink struct{ def connectors.ConfigDef }

var (
	_ connectors.Sink      = Sink{}
	_ connectors.Validator = Sink{}
	_ connectors.Prober    = Sink{}
)

// New makes the sink.
func New() Sink { return Sink{definition()} }

// Spec describes the sink.
func (s Sink) Spec() connectors.Spec {
	return connectors.Spec{
		Name:    "hdfs",
		Version: Version,
		Summary: "Writes record values to files in HDFS, each record exactly once.",
		Classes: []connectors.Class{
			{Name: "io.confluent.connect.hdfs.HdfsSinkConnector", Task: "io.confluent.connect.hdfs.HdfsSinkTask"},
			{Name: "io.confluent.connect.hdfs3.Hdfs3SinkConnector", Task: "io.confluent.connect.hdfs3.Hdfs3SinkTask"},
		},
		Config: s.def,
	}
}

// Validate checks what several keys say together.
func (Sink) Validate(_ context.Context, cfg connectors.Config) []connectors.ConfigError {
	return check(cfg)
}

// Start makes a task. It connects when the first partition is opened.
func (Sink) Start(_ context.Context, cfg connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	set, err := newSettings(cfg, rt.Records())
	if err != nil {
		return nil, err
	}
	m := rt.Metrics()
	t := &task{set: set, rt: rt, open: set.open, meters: &meters{
		files:    m.Counter("files_total", "Files committed."),
		bytes:    m.Counter("bytes_total", "Bytes committed."),
		retries:  m.Counter("retries_total", "Failed attempts to commit a file."),
		buffered: m.Gauge("buffered_bytes", "Bytes in files that are not committed."),
	}}
	if set.compaction.After > 0 {
		t.merger = newCompactor(&t.set, set.openTree(), rt.Logger(), rt.Now, m.Counter("merged_files_total", "Small files that were merged into larger ones."))
	}
	if set.hive != nil {
		t.tables = &tables{set: set.hive, log: rt.Logger(), said: map[string]bool{}}
	}
	return t, nil
}

// open gives a filesystem for one writer.
func (s *settings) open() filesystem { return s.openTree() }

func (s *settings) openTree() tree {
	if s.where.local {
		return newLocalFS()
	}
	return newRemoteFS(s)
}

type task struct {
	set    settings
	rt     connectors.Runtime
	open   func() filesystem
	meters *meters
	merger *compactor // nil: small files stay
	tables *tables    // nil: nobody wants any
}

// Open takes charge of a partition.
func (t *task) Open(ctx context.Context, p connectors.Partition, committed int64, ack connectors.Ack) (connectors.Writer, error) {
	var cl *claim
	if t.merger != nil {
		cl = &claim{}
		ack = acked{ack, &cl.durable}
	}
	w, err := openWriter(ctx, t, p, committed, ack)
	if err != nil {
		return nil, err
	}
	var out connectors.Writer = w
	if cl != nil {
		out = t.merger.watch(w, cl)
	}
	if t.tables != nil {
		out = &described{out, t.tables}
	}
	return out, nil
}

// Stop lets go of what the writers shared.
func (t *task) Stop(context.Context) error {
	if t.merger != nil {
		t.merger.stop()
	}
	t.set.cluster.close()
	return nil
}

// meters are the instruments of the task.
type meters struct {
	files, bytes, retries connectors.Counter
	buffered              connectors.Gauge

	mu   sync.Mutex // of two that change it at once the later one would else be lost
	held int64
}

func (m *meters) hold(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held += int64(n)
	m.buffered.Set(m.held)
}
