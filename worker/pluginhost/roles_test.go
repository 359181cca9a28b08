package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
)

// play is the main function of this binary in a role: a plugin that behaves in some way, or a worker.
func play(role string) {
	name, arg, _ := strings.Cut(role, ":")
	switch name {
	case "worker":
		playWorker()
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot find libmagic.so.7")
		os.Exit(3)
	case "silent":
		select {}
	case "deaf": // says nothing and does not hear either
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		select {}
	case "garbage":
		forever(os.Stdout, "\x00\xff\xfe garbage | without | an | end \x1b[31m")
	case "hello":
		fmt.Println(arg) // a handshake line as given
		select {}
	case "helloend":
		fmt.Println(arg)
	case "unread": // says that it listens where nobody does
		fmt.Printf("1|%d|unix|%s/nowhere|grpc\n", plugins.ProtocolVersion, os.TempDir())
		select {}
	default:
		plugins.Serve(sink{role: name, arg: arg})
	}
}

// playWorker is a worker that starts one plugin, tells where it is and then waits to be killed.
func playWorker() {
	h, err := New(Config{Paths: []string{os.Getenv("DIR")}, RunDir: os.Getenv("RUN"), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := h.FindCurrent(ctx, "testing", "")
	if err != nil {
		panic(fmt.Sprint(err, h.Rejected()))
	}
	proc, err := h.Launch(ctx, p, "test")
	if err != nil {
		panic(err)
	}
	fmt.Println(proc.PID(), h.sockets.path)
	select {}
}

// sink is a sink whose behaviour its role decides. Its name is "testing" unless the role says otherwise.
type sink struct{ role, arg string }

var (
	_ connectors.Sink      = sink{}
	_ connectors.Validator = sink{}
)

func (s sink) Spec() connectors.Spec {
	spec := connectors.Spec{
		Name: "testing", Version: "1.0.0", Summary: "Behaves as " + s.role + ".",
		Classes: []connectors.Class{{Name: "com.example.TestingSinkConnector", Task: "com.example.TestingSinkTask"}},
		Config:  connectors.Define(connectors.String("text", "Some text.", connectors.Default(""))),
	}
	switch s.role {
	case "named":
		spec.Name, spec.Version, _ = strings.Cut(s.arg, "@")
	case "hangdescribe":
		select {}
	case "panicdescribe":
		panic("no spec today")
	case "environment":
		spec.Summary = strings.Join(os.Environ(), "\n")
	}
	return spec
}

func (s sink) Validate(context.Context, connectors.Config) []connectors.ConfigError {
	switch s.role {
	case "hangvalidate":
		select {}
	case "panicvalidate":
		panic("no validation today")
	case "exitvalidate":
		fmt.Fprintln(os.Stderr, "giving up on validation")
		os.Exit(4)
	}
	return nil
}

func (s sink) Start(_ context.Context, _ connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	switch s.role {
	case "message": // what makes go-plugin's own log parser panic, in all its forms
		for _, line := range []string{`{"@message":1}`, `{"@message":null,"@level":7}`, `{"@timestamp":[],"@message":{}}`, `{`, `[]`, "\xff\xfe", `{"msg":{"a":1}}`} {
			fmt.Fprintln(os.Stderr, line)
		}
		rt.Logger().Info("after the hostile lines")
	case "longline":
		chunk := strings.Repeat("x", 1<<20)
		for range 100 {
			io.WriteString(os.Stderr, chunk) //nolint:errcheck // whoever does not read it learns nothing
		}
		fmt.Fprintln(os.Stderr, "\nafter the long line")
	case "flood":
		for i := range 200_000 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
	case "print":
		fmt.Println("printed with fmt")
		fmt.Fprintln(os.Stderr, "printed to standard error")
		println("printed by the runtime")
	case "child":
		cmd := exec.Command("/bin/sh", "-c", "echo child $$; exec sleep 600")
		cmd.Stdout = os.Stderr
		if err := cmd.Start(); err != nil {
			return nil, err
		}
	case "die":
		fmt.Fprintln(os.Stderr, "about to give up: the disk smells")
		os.Exit(7)
	case "goroutine":
		go func() { panic("in a goroutine of the sink") }()
		select {}
	}
	return task{s}, nil
}

type task struct{ sink }

func (t task) Open(_ context.Context, _ connectors.Partition, _ int64, ack connectors.Ack) (connectors.Writer, error) {
	return writer{t, ack}, nil
}

func (t task) Stop(context.Context) error {
	if t.role == "hangstop" {
		select {}
	}
	return nil
}

type writer struct {
	task
	ack connectors.Ack
}

func (writer) Resume() int64 { return -1 }

func (w writer) Write(_ context.Context, b *connectors.Batch) error {
	switch w.role {
	case "panicwrite":
		panic("no writing today")
	case "hangwrite":
		fmt.Fprintln(os.Stderr, "the write has begun")
		select {}
	case "size": // reports how large the value was
		return connectors.Fatal("writing", errors.New(strconv.Itoa(len(b.Value(0)))+" bytes"), "")
	}
	w.ack.Durable(b.Last() + 1)
	return nil
}

func (w writer) Flush(context.Context) error { return nil }

func (w writer) Close(context.Context) error {
	if w.role == "hangclose" {
		select {}
	}
	return nil
}
