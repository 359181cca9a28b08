package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test runs, kills and starts again.
type process struct {
	t    testing.TB
	path string
	args []string
	env  []string
	log  string
	told bool // what its log says at the end

	mu  sync.Mutex
	cmd *exec.Cmd
	end chan struct{}
}

func start(t testing.TB, log, path string, args ...string) *process {
	t.Helper()
	return startWith(t, nil, log, path, args...)
}

// startWith starts a process with variables of its own in its environment.
func startWith(t testing.TB, env []string, log, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, path: path, args: args, log: log, env: env}
	p.start()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() && !p.told {
			p.tell()
		}
	})
	return p
}

// tell puts the end of the process' log into that of the test.
func (p *process) tell() {
	p.told = true
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Log(err)
		return
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	p.t.Logf("last lines of %s:\n%s", filepath.Base(p.log), strings.Join(lines[max(0, len(lines)-200):], "\n"))
	if i := slices.IndexFunc(lines, isCrash); i >= 0 {
		p.t.Logf("it has crashed:\n%s", strings.Join(lines[i:min(len(lines), i+60)], "\n"))
	}
}

// isCrash tells whether a line of a log is the first that a Go program prints when it dies.
func isCrash(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "SIG")
}

func (p *process) start() {
	p.t.Helper()
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	end := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.end = cmd, end
	p.mu.Unlock()
	go func() {
		_ = cmd.Wait() // killed on purpose, mostly
		close(end)
	}()
}

// ended is closed when the process has ended.
func (p *process) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// kill ends the process with SIGKILL and waits until it is gone.
func (p *process) kill() {
	p.mu.Lock()
	cmd, end := p.cmd, p.end
	p.mu.Unlock()
	_ = cmd.Process.Kill()
	<-end
}

// stop ends the process in order, and after patience with force.
func (p *process) stop() {
	p.mu.Lock()
	cmd, end := p.cmd, p.end
	p.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-end:
	case <-time.After(patience):
		p.t.Errorf("%s did not stop within %s", p.path, patience)
		_ = cmd.Process.Kill()
		<-end
	}
}

// children are the processes that this one started, by the name of their binary.
func (p *process) children() map[string]int {
	out := map[string]int{}
	for _, pid := range p.family() {
		if name := binary(pid); name != "" {
			out[name] = pid
		}
	}
	return out
}

// child waits until this process has just one other with a binary of this name, and gives its id: one that has validated a configuration
// is kept for a moment beside those of connectors. It is never 0, which stands for the test itself where a signal is sent.
func (p *process) child(name string) int {
	p.t.Helper()
	return p.named(name, 1)[0]
}

// named waits until there are so many of a name.
func (p *process) named(name string, most int) (pids []int) {
	p.t.Helper()
	eventually(p.t, patience, fmt.Sprintf("%d processes of %s", most, name), func() error {
		pids = slices.DeleteFunc(p.family(), func(pid int) bool { return binary(pid) != name })
		if len(pids) != most {
			return fmt.Errorf("there are %v; children %v", pids, p.children())
		}
		return nil
	})
	return pids
}

// binary is the name of what a process runs; empty when it has ended.
func binary(pid int) string {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return filepath.Base(exe)
}

// killChild kills a process that this one started: that which is there when the signal is sent.
func (p *process) killChild(name string) {
	p.t.Helper()
	eventually(p.t, patience, "the kill of "+name, func() error { return syscall.Kill(p.child(name), syscall.SIGKILL) })
}

// family are all processes that this one started. Each says itself whose child it is: lists of children are by threads, and while
// these come and go a child can be on none.
func (p *process) family() (pids []int) {
	parent := strconv.Itoa(p.pid())
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range all {
		b, _ := os.ReadFile(f) // one that has just ended says nothing
		_, rest, _ := strings.Cut(string(b), ") ")
		if words := strings.Fields(rest); len(words) < 2 || words[1] != parent {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// freeze pauses a process, and returns when it stands still: one of its threads tells the others, and does so when it runs.
func freeze(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the process to stand still", func() error {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, f := range threads {
			b, _ := os.ReadFile(f) // one that has just ended says nothing
			if _, state, _ := strings.Cut(string(b), ") "); state != "" && state[0] != 'T' {
				return fmt.Errorf("a thread is in state %c", state[0])
			}
		}
		return nil
	})
}

// rss is the resident memory of a process in bytes.
func rss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	n, _ := strconv.ParseInt(f[1], 10, 64)
	return n * int64(os.Getpagesize())
}
