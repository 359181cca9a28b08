package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
)

const (
	startWithin   = 15 * time.Second       // for a process to say where it listens
	explainWithin = 500 * time.Millisecond // for a process to be seen dead after its connection broke
)

// Process is a running plugin process.
type Process struct {
	host   *Host
	log    *slog.Logger
	name   string
	run    *processRunner
	rpc    *plugin.Client
	client *plugins.Client

	expected atomic.Bool   // Stop or Kill was called
	cleaned  chan struct{} // closed when nothing of it is left
}

// DiedError says how a plugin process ended that nobody had told to.
type DiedError struct {
	Plugin string
	PID    int
	State  string // "exit status 2", "signal: killed"
	Tail   string // the last lines that it printed
}

// Error gives the end of the process and its last words.
func (e *DiedError) Error() string {
	s := fmt.Sprintf("plugin %s (pid %d) died: %s", e.Plugin, e.PID, e.State)
	if e.Tail != "" {
		s += "; the last it printed was:\n" + e.Tail
	}
	return s
}

func startProcess(ctx context.Context, h *Host, path, name, connector string) (*Process, error) {
	log := h.log.With("plugin", name)
	if connector != "describe" && connector != "validate" {
		log = log.With("connector", connector)
	}
	p := &Process{host: h, log: log, name: name, cleaned: make(chan struct{})}
	p.run = newProcessRunner(path, log, h.starter)
	p.rpc = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugins.Handshake(),
		Plugins:          plugins.Set(nil),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         h.cfg.MTLS,
		SkipHostEnv:      true,
		StartTimeout:     startWithin,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: h.sockets.path},
		GRPCDialOptions:  plugins.DialOptions(),
		// What a plugin prints with the usual functions comes through these; what it prints past them is read by the runner.
		// go-plugin itself never reads a line: its parser for logs panics on hostile ones (invariant 3).
		SyncStdout: p.run.printed,
		SyncStderr: p.run.printed,
		Stderr:     io.Discard,
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			p.run.env = append(environment(os.Environ(), h.cfg.Env), spec.Env...)
			if log.Enabled(ctx, slog.LevelDebug) {
				p.run.env = append(p.run.env, plugins.LogLevelKey+"=debug")
			}
			return p.run, nil
		},
	})
	began := time.Now()
	cancelled := context.AfterFunc(ctx, p.run.kill)
	defer cancelled()
	client, err := p.connect()
	if err != nil || ctx.Err() != nil {
		killed := ctx.Err() == nil && p.run.killed(explainWithin)
		p.expected.Store(true)
		p.run.kill()
		p.rpc.Kill()
		if p.run.cmd != nil {
			<-p.run.exited
		}
		if killed {
			return nil, connectors.Retriable("starting plugin "+p.name, errors.New("somebody killed it while it started"), "")
		}
		return nil, p.startError(ctx, path, err)
	}
	p.client = client
	log.Debug("plugin process started", "pid", p.run.pid, "file", path, "took", time.Since(began))
	h.begun(p)
	go p.watch()
	return p, nil
}

func (p *Process) connect() (*plugins.Client, error) {
	conn, err := p.rpc.Client()
	if err != nil {
		return nil, err
	}
	raw, err := conn.Dispense(plugins.SinkName())
	if err != nil {
		return nil, err
	}
	return raw.(*plugins.Client), nil //nolint:forcetypeassert // what package plugins put into the set
}

// startError says in the user's words why a file could not be started as a plugin.
func (p *Process) startError(ctx context.Context, path string, err error) error {
	op := "starting plugin " + p.name
	var version int
	switch {
	case ctx.Err() != nil:
		return connectors.Retriable(op, errors.New("it was not ready in time"), "")
	case errors.Is(err, syscall.ENOEXEC):
		return connectors.Fatal(op, fmt.Errorf("%s is not a program for this system (%s/%s)", path, runtime.GOOS, runtime.GOARCH), "")
	case errors.Is(err, os.ErrPermission):
		return connectors.Fatal(op, err, "let the worker's user execute the file")
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ETXTBSY), errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		return connectors.Retriable(op, err, "")
	case scanVersion(err, &version):
		return connectors.Fatal(op, fmt.Errorf("it speaks version %d of the plugin protocol, this worker version %d", version, plugins.ProtocolVersion), "use a plugin and a worker that fit together")
	case errors.Is(err, errNotUnix):
		return connectors.Fatal(op, err, "")
	case strings.Contains(err.Error(), "timeout while waiting"):
		return connectors.Retriable(op, fmt.Errorf("it did not say within %s where it listens", startWithin), "")
	}
	cause := p.run.story()
	if cause == "" {
		cause, _, _ = strings.Cut(err.Error(), "\n")
	}
	return connectors.Fatal(op, errors.New("it does not behave like a plugin of this worker: "+cause), "")
}

func scanVersion(err error, version *int) bool {
	_, rest, ok := strings.Cut(err.Error(), "incompatible API version with plugin. Plugin version: ")
	if !ok {
		return false
	}
	n, serr := fmt.Sscanf(rest, "%d", version)
	return n == 1 && serr == nil
}

// watch cleans up behind the process, whenever it ends.
func (p *Process) watch() {
	defer close(p.cleaned)
	<-p.run.exited
	p.rpc.Kill() // closes the connection and removes the sockets
	p.host.gone(p)
	if err := p.Err(); err != nil {
		p.log.Warn("plugin process died", "pid", p.run.pid, "state", p.run.state)
	} else {
		p.log.Debug("plugin process ended", "pid", p.run.pid)
	}
}

// Client speaks to the process.
func (p *Process) Client() *plugins.Client { return p.client }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.run.exited }

// Err is nil while the process runs and when it ended because it was told to, else a *DiedError.
func (p *Process) Err() error {
	select {
	case <-p.run.exited:
	default:
		return nil
	}
	if p.expected.Load() {
		return nil
	}
	return &DiedError{Plugin: p.name, PID: p.run.pid, State: p.run.state, Tail: p.run.logged.end()}
}

// PID is the process id.
func (p *Process) PID() int { return p.run.pid }

// RSS is the resident memory in bytes, 0 where it is unknown.
func (p *Process) RSS() int64 { return rss(p.run.pid) }

// explain gives the death of the process for an error that came of it.
func (p *Process) explain(err error) error {
	if p.run.endsWithin(explainWithin) {
		if died := p.Err(); died != nil {
			return died
		}
	}
	return err
}

// Renew tells the process that it may go on until a time, in place of what it was told before. Once it has been told, it ends by itself
// when that time has come. See [plugins.Lease].
func (p *Process) Renew(until time.Time) { p.run.renew(until) }

// Stop asks the process to end and kills it if it has not after a while, at the latest when ctx ends. Tasks are to be
// stopped before.
func (p *Process) Stop(ctx context.Context) error {
	p.expected.Store(true)
	p.run.ask()
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.run.exited:
	case <-timer.C:
	case <-ctx.Done():
	}
	p.Kill()
	return nil
}

// Kill ends the process at once and waits until nothing of it is left.
func (p *Process) Kill() {
	p.expected.Store(true)
	p.run.kill()
	<-p.cleaned
}

// environment picks the variables that plugins get.
func environment(all, also []string) []string {
	var out []string
	for _, kv := range all {
		name, _, _ := strings.Cut(kv, "=")
		if passes(name, also) {
			out = append(out, kv)
		}
	}
	return out
}

func passes(name string, also []string) bool {
	switch name {
	case "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"HADOOP_CONF_DIR", "HADOOP_USER_NAME", "KRB5_CONFIG", "KRB5CCNAME", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK":
		return true
	}
	if strings.HasPrefix(name, "LC_") {
		return true
	}
	return slices.Contains(also, name)
}

// target is where signals go. It guards against signals to a process id that belongs to somebody else by now.
type target struct {
	mu    sync.Mutex
	pid   int // 0 before the start and after the end
	kills bool
}

func (t *target) begin(pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pid = pid
	if t.kills {
		t.send(syscall.SIGKILL)
	}
}

func (t *target) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pid = 0
}

func (t *target) signal(s syscall.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kills = t.kills || s == syscall.SIGKILL
	if t.pid != 0 {
		t.send(s)
	}
}

func (t *target) send(s syscall.Signal) {
	_ = syscall.Kill(-t.pid, s) // its group: what it started goes with it
	_ = syscall.Kill(t.pid, s)
}
