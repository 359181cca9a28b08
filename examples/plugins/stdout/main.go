// Command stdout is a sink plugin outside of sluice's own module: it prints what it gets, prefixed, to standard output,
// which the worker writes to its log. It is as small as a sink can be; copy it to begin your own.
package main

import (
	"bufio"
	"context"
	"os"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
)

func main() { plugins.Serve(sink{}) }

// A key is declared once. The worker shows it over REST, validates it and hands its value to Start.
var prefix = connectors.String("prefix", "Text before each value.", connectors.Default("> "))

type sink struct{}

func (sink) Spec() connectors.Spec {
	return connectors.Spec{
		Name:    "stdout",
		Version: "0.1.0",
		Summary: "Prints record values.",
		Classes: []connectors.Class{{Name: "com.example.StdoutSinkConnector", Task: "com.example.StdoutSinkTask"}},
		Config:  connectors.Define(prefix),
	}
}

func (sink) Start(_ context.Context, cfg connectors.Config, _ connectors.Runtime) (connectors.Task, error) {
	return task{prefix.Get(cfg)}, nil
}

type task struct{ prefix string }

// Open is called for each partition that the task gets. This sink has no memory, so it begins where the commit says.
func (t task) Open(_ context.Context, _ connectors.Partition, _ int64, ack connectors.Ack) (connectors.Writer, error) {
	return &writer{task: t, ack: ack}, nil
}

func (task) Stop(context.Context) error { return nil }

type writer struct {
	task
	ack connectors.Ack
}

func (w *writer) Resume() int64 { return -1 }

// Write gets the records in order. What it has reported durable is committed and will not come again.
func (w *writer) Write(_ context.Context, b *connectors.Batch) error {
	out := bufio.NewWriter(os.Stdout)
	for _, r := range b.All() {
		out.WriteString(w.prefix) //nolint:errcheck // bufio keeps the first error for Flush
		out.Write(r.Value)        //nolint:errcheck // as above
		out.WriteByte('\n')       //nolint:errcheck // as above
	}
	if err := out.Flush(); err != nil {
		return connectors.Retriable("printing", err, "look at where standard output goes").At(b.Partition(), b.First())
	}
	w.ack.Durable(b.Last() + 1)
	return nil
}

func (w *writer) Flush(context.Context) error { return nil }
func (w *writer) Close(context.Context) error { return nil }
