package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/sluice-connect/sluice/plugins"
)

const (
	lifelineFD    = 3
	maxHandshake  = 8 << 10               // the line by which a plugin says where it listens; with a certificate it has about 1 KiB
	renewWithin   = 10 * time.Millisecond // a pipe with room takes no time
	drainWithin   = time.Second           // for output of what a dead plugin had started and left running
	handshakeKept = 200                   // bytes of a line that is no handshake, for the message
)

// processRunner is a plugin process as go-plugin sees it. It is ours and not go-plugin's own, so that the process is
// started by a thread that stays, its output is read within bounds, and its end is seen at once.
type processRunner struct {
	path    string
	env     []string
	starter *starter

	logged  *lines // what it prints on standard error: its log
	printed *lines // what it prints on standard output
	hello   *handshake

	cmd      *exec.Cmd
	lifeline *os.File // our end of the pipe; closed, it tells the plugin to end
	closing  sync.Once
	rejected atomic.Bool // go-plugin has it killed, because it did not start as a plugin does
	pid      int
	signals  target
	state    string        // how it ended
	exited   chan struct{} // closed when it has ended and its output is read
}

var _ runner.Runner = (*processRunner)(nil)

func newProcessRunner(path string, log *slog.Logger, s *starter) *processRunner {
	r := &processRunner{
		path: path, starter: s, exited: make(chan struct{}),
		logged: newLines(log, slog.LevelInfo), printed: newLines(log.With("stream", "stdout"), slog.LevelInfo),
	}
	r.hello = &handshake{lines: make(chan []byte, 1), rest: r.printed}
	return r
}

// Start implements runner.Runner.
func (r *processRunner) Start(context.Context) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		close(r.exited)
		return fmt.Errorf("making a pipe: %w", err)
	}
	r.lifeline = ours
	r.cmd = &exec.Cmd{
		Path: r.path, Args: []string{r.path}, Dir: "/",
		Env:    append(r.env, plugins.LifelineKey+"="+strconv.Itoa(lifelineFD)),
		Stdout: r.hello, Stderr: r.logged, ExtraFiles: []*os.File{theirs},
		SysProcAttr: procAttr(), WaitDelay: drainWithin,
	}
	err = r.starter.start(r.cmd)
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		close(r.exited)
		return err
	}
	r.pid = r.cmd.Process.Pid
	r.signals.begin(r.pid)
	go r.reap()
	return nil
}

func (r *processRunner) reap() {
	err := r.cmd.Wait()
	r.signals.end()
	r.closeLifeline()
	r.logged.finish()
	r.hello.finish()
	r.state = "exit status 0"
	if s := r.cmd.ProcessState; s != nil {
		r.state = s.String()
	} else if err != nil {
		r.state = err.Error()
	}
	close(r.exited)
}

func (r *processRunner) closeLifeline() { r.closing.Do(func() { _ = r.lifeline.Close() }) }

// renew tells the process until when it may go on. One that does not read, as those of other kits may not, is not waited for.
func (r *processRunner) renew(until time.Time) {
	_ = r.lifeline.SetWriteDeadline(time.Now().Add(renewWithin))
	_, _ = r.lifeline.Write(plugins.Lease(until))
}

// ask tells the process to end: plugins of our kit by the pipe, others by SIGTERM, which those of our kit ignore.
func (r *processRunner) ask() {
	r.closeLifeline()
	r.signals.signal(syscall.SIGTERM)
}

func (r *processRunner) kill() { r.signals.signal(syscall.SIGKILL) }

// story tells what a process did instead of saying where it listens.
func (r *processRunner) story() string {
	var parts []string
	if line := r.hello.first(); line != "" {
		parts = append(parts, fmt.Sprintf("it printed %q", line))
	}
	if r.state != "" && !strings.Contains(r.state, "killed") {
		parts = append(parts, "it ended with "+r.state)
	}
	if tail := r.logged.end(); tail != "" {
		parts = append(parts, "its log ends with:\n"+tail)
	}
	return strings.Join(parts, "; ")
}

// Wait implements runner.Runner.
func (r *processRunner) Wait(context.Context) error { <-r.exited; return nil }

// Kill implements runner.Runner. go-plugin kills what does not start as it should, also what somebody has just killed: a
// moment tells these apart.
func (r *processRunner) Kill(context.Context) error {
	if r.cmd == nil || r.endsWithin(explainWithin) {
		return nil
	}
	r.rejected.Store(true)
	r.kill()
	return nil
}

// endsWithin waits for the end of the process.
func (r *processRunner) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.exited:
		return true
	case <-timer.C:
		return false
	}
}

// Stdout implements runner.Runner: the handshake and nothing more.
func (r *processRunner) Stdout() io.ReadCloser { return r.hello }

// Stderr implements runner.Runner: nothing, we read it ourselves.
func (r *processRunner) Stderr() io.ReadCloser { return io.NopCloser(bytes.NewReader(nil)) }

// Name implements runner.Runner.
func (r *processRunner) Name() string { return r.path }

// ID implements runner.Runner.
func (r *processRunner) ID() string { return strconv.Itoa(r.pid) }

// Diagnose implements runner.Runner.
func (r *processRunner) Diagnose(context.Context) string { return "" }

var errNotUnix = errors.New("a plugin listens on a unix socket")

// PluginToHost implements runner.Runner.
func (r *processRunner) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" {
		return "", "", fmt.Errorf("%w, not on %.100q", errNotUnix, network+" "+address)
	}
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (r *processRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// handshake passes the first line of standard output to go-plugin, and all that follows to the log.
type handshake struct {
	lines chan []byte // the one line; closed afterwards
	rest  *lines

	mu   sync.Mutex
	buf  []byte
	over bool

	unread []byte // by the reader
}

// Write implements io.Writer for the process's output.
func (h *handshake) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(p)
	if !h.over {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i+1]
		}
		h.buf = append(h.buf, part[:min(len(part), maxHandshake-len(h.buf))]...)
		p = p[len(part):]
		if i >= 0 || len(h.buf) == maxHandshake {
			h.pass()
		}
	}
	if len(p) > 0 {
		_, _ = h.rest.Write(p) // never fails
	}
	return n, nil
}

func (h *handshake) pass() {
	h.over = true
	h.lines <- bytes.Clone(h.buf)
	close(h.lines)
}

func (h *handshake) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.pass()
	}
	h.rest.finish()
}

// first is the beginning of the first line.
func (h *handshake) first() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := bytes.TrimSpace(h.buf)
	return strings.ToValidUTF8(string(line[:min(len(line), handshakeKept)]), "\uFFFD")
}

// Read implements io.Reader for go-plugin.
func (h *handshake) Read(p []byte) (int, error) {
	if len(h.unread) == 0 {
		line, ok := <-h.lines
		if !ok || len(line) == 0 {
			return 0, io.EOF
		}
		h.unread = line
	}
	n := copy(p, h.unread)
	h.unread = h.unread[n:]
	return n, nil
}

// Close implements io.Closer.
func (h *handshake) Close() error { return nil }

// killed says whether the process has ended by a signal that asks for that, of somebody else. It is asked before this worker kills it,
// and waits a moment for a death that is not seen yet.
func (r *processRunner) killed(within time.Duration) bool {
	if r.cmd == nil || r.rejected.Load() || !r.endsWithin(within) {
		return false
	}
	return strings.Contains(r.state, "signal: killed") || strings.Contains(r.state, "signal: terminated")
}
