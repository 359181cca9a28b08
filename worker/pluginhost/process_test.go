package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
)

func startTask(t testing.TB, proc *Process) *plugins.Task {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	task, err := proc.Client().StartTask(ctx, plugins.TaskSpec{
		Connector: "test", Config: map[string]string{}, CreditBytes: 1 << 20,
		Records: connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadString},
	})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// send opens a partition and sends one record.
func send(t testing.TB, task *plugins.Task, value string) {
	t.Helper()
	if err := task.Open(1, connectors.Partition{Topic: "events", ID: 0}, -1); err != nil {
		t.Fatal(err)
	}
	var b connectors.Builder
	b.Append(0, 0, nil, []byte(value))
	if err := task.Send(1, b.Columns(), int64(b.Size()), func() {}); err != nil {
		t.Fatal(err)
	}
}

// until reads what the plugin says until something that ok accepts, within a time.
func until(t testing.TB, task *plugins.Task, ok func(plugins.Event, error) bool) {
	t.Helper()
	events := make(chan struct{})
	go func() {
		defer close(events)
		for {
			e, err := task.Recv()
			if ok(e, err) || err != nil {
				if err != nil && !ok(e, err) {
					t.Errorf("the stream ended with %v", err)
				}
				return
			}
		}
	}()
	select {
	case <-events:
	case <-time.After(patience):
		t.Error("the plugin does not say it")
	}
}

// one makes a host with one plugin of a role, and starts it.
func one(t testing.TB, role string, change func(*Config)) (*Process, *Host, *capture) {
	t.Helper()
	dir := t.TempDir()
	drop(t, dir, "testing", role)
	h, log := newHost(t, change, dir)
	return launch(t, h, "testing"), h, log
}

func TestHostileOutput(t *testing.T) {
	for role, c := range map[string]struct {
		says  []string
		lines int // at most
	}{
		"message":  {[]string{"after the hostile lines"}, 100},
		"longline": {[]string{"after the long line", "left_out_bytes"}, 100},
		"flood":    {[]string{"line 0", "plugin logs too much; lines were left out"}, lineBurst + 60*linesPerSecond},
		"print":    {[]string{"printed with fmt", "printed to standard error", "printed by the runtime"}, 100},
	} {
		t.Run(role, func(t *testing.T) {
			proc, _, log := one(t, role, nil)
			task := startTask(t, proc)
			send(t, task, "x")
			until(t, task, func(e plugins.Event, _ error) bool { d, ok := e.(plugins.Durable); return ok && d.Next == 1 })
			if err := task.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if err := proc.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			for _, text := range c.says {
				if !log.has(text) {
					t.Errorf("%q is not in the log: %.2000v", text, log.all())
				}
			}
			if n := len(log.all()); n > c.lines {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
}

func TestDeaths(t *testing.T) {
	for role, c := range map[string]struct{ state, tail string }{
		"die":       {"exit status 7", "about to give up: the disk smells"},
		"goroutine": {"exit status 2", "in a goroutine of the sink"},
	} {
		t.Run(role, func(t *testing.T) {
			proc, _, _ := one(t, role, nil)
			_, err := proc.Client().StartTask(t.Context(), plugins.TaskSpec{Connector: "test", Config: map[string]string{}})
			if connectors.CodeOf(err) != connectors.CodeRetriable {
				t.Errorf("starting a task: %v", err)
			}
			<-proc.Done()
			var died *DiedError
			if !errors.As(proc.Err(), &died) || died.State != c.state || !strings.Contains(died.Tail, c.tail) || !strings.Contains(died.Error(), c.tail) {
				t.Errorf("died of %+v", died)
			}
		})
	}
	t.Run("killed", func(t *testing.T) {
		proc, h, log := one(t, "good", nil)
		task := startTask(t, proc)
		if err := syscall.Kill(proc.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, task, func(_ plugins.Event, err error) bool { return connectors.CodeOf(err) == connectors.CodeRetriable })
		<-proc.Done()
		if err := proc.Err(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
			t.Error(err)
		}
		_ = task.Stop(t.Context()) // the process is gone
		eventually(t, "the log", func() bool { return log.has("plugin process died") })
		if p := launch(t, h, "testing"); p.PID() == proc.PID() {
			t.Error("the same process")
		}
	})
}

// TestKilledWhileStarting tells a plugin that somebody kills from one that is none: it is worth another try.
func TestKilledWhileStarting(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(t.TempDir(), "die")
	dropText(t, dir, "testing", fmt.Sprintf("#!/bin/sh\n[ -e '%s' ] && kill -9 $$\n%s=good exec '%s'\n", marker, roleKey, self))
	h, _ := newHost(t, nil, dir)
	p, err := h.FindCurrent(t.Context(), "testing", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Launch(t.Context(), p, "test"); connectors.CodeOf(err) != connectors.CodeRetriable || !strings.Contains(err.Error(), "somebody killed it") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	launch(t, h, "testing")
}

func TestPanicEndsTheTaskAlone(t *testing.T) {
	proc, _, log := one(t, "panicwrite", nil)
	task := startTask(t, proc)
	send(t, task, "x")
	until(t, task, func(e plugins.Event, _ error) bool {
		f, ok := e.(plugins.Failed)
		return ok && f.Err.Code == connectors.CodeFatal && strings.Contains(f.Err.Error(), "no writing today")
	})
	if err := task.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := proc.Client().Describe(t.Context()); err != nil {
		t.Errorf("the process is gone: %v", err)
	}
	eventually(t, "the stack in the log", func() bool { return log.has("roles_test.go") })
}

func TestValidationThatMisbehaves(t *testing.T) {
	for role, c := range map[string]struct {
		within time.Duration
		code   connectors.Code
		want   string
	}{
		"hangvalidate":  {validateWithin * 3 / 4, connectors.CodeRetriable, "did not answer in time"},
		"panicvalidate": {patience, connectors.CodeFatal, "no validation today"},
		"exitvalidate":  {patience, connectors.CodeFatal, "giving up on validation"},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			drop(t, dir, "testing", role)
			h, _ := newHost(t, nil, dir)
			p, err := h.FindCurrent(t.Context(), "testing", "")
			if err != nil {
				t.Fatal(err, h.Rejected())
			}
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			defer cancel()
			began := time.Now()
			_, err = h.Validate(ctx, p, map[string]string{}, false)
			if err == nil || !strings.Contains(err.Error(), c.want) || connectors.CodeOf(err) != c.code {
				t.Errorf("%v (%v)", err, connectors.CodeOf(err))
			}
			if took := time.Since(began); took > soon {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestHungTaskIsCutOff(t *testing.T) {
	for _, role := range []string{"hangwrite", "hangclose", "hangstop"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			proc, _, log := one(t, role, nil)
			task := startTask(t, proc)
			send(t, task, "x")
			until(t, task, func(e plugins.Event, _ error) bool { _, ok := e.(plugins.Opened); return ok })
			if role == "hangwrite" {
				eventually(t, "the write", func() bool { return log.has("the write has begun") })
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := task.Stop(ctx)
			if connectors.CodeOf(err) != connectors.CodeRetriable || !strings.Contains(err.Error(), "did not answer in time") {
				t.Errorf("stopping gives %v", err)
			}
			if _, err := proc.Client().Describe(t.Context()); err != nil {
				t.Errorf("the process is gone: %v", err)
			}
			if err := proc.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("took %s", took)
			}
			if !ended(proc.PID()) {
				t.Error("the process still runs")
			}
		})
	}
}

func TestStopAndKill(t *testing.T) {
	t.Run("a plugin of the kit ends by itself", func(t *testing.T) {
		var state string
		for try := 0; try < 5 && state != "exit status 0"; try++ { // on a machine that is slow it may not have ended by itself in time
			proc, _, _ := one(t, "good", nil)
			if err := proc.Stop(t.Context()); err != nil || proc.Err() != nil {
				t.Fatal(err, proc.Err())
			}
			state = proc.run.state
		}
		if state != "exit status 0" {
			t.Errorf("ended with %s", state)
		}
	})
	t.Run("SIGTERM does not end it", func(t *testing.T) {
		proc, _, _ := one(t, "good", nil)
		task := startTask(t, proc)
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			if err := syscall.Kill(-proc.PID(), s); err != nil {
				t.Fatal(err)
			}
		}
		send(t, task, "x")
		until(t, task, func(e plugins.Event, _ error) bool { d, ok := e.(plugins.Durable); return ok && d.Next == 1 })
		if err := task.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a stopped process is killed", func(t *testing.T) {
		proc, _, _ := one(t, "good", nil)
		if err := syscall.Kill(proc.PID(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := proc.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > stopWithin+soon {
			t.Errorf("took %s", took)
		}
	})
	t.Run("what it started goes with it", func(t *testing.T) {
		proc, _, log := one(t, "child", nil)
		task := startTask(t, proc)
		child := 0
		eventually(t, "the child", func() bool {
			for _, l := range log.all() {
				if _, rest, ok := strings.Cut(l, "child "); ok {
					child, _ = strconv.Atoi(strings.Fields(rest)[0])
				}
			}
			return child > 0
		})
		_ = task.Stop(t.Context())
		proc.Kill()
		eventually(t, "the end of the child", func() bool { return ended(child) })
	})
	t.Run("the host ends all", func(t *testing.T) {
		dir := t.TempDir()
		drop(t, dir, "testing", "good")
		h, _ := newHost(t, nil, dir)
		procs := []*Process{launch(t, h, "testing"), launch(t, h, "testing"), launch(t, h, "testing")}
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range procs {
			if !ended(p.PID()) {
				t.Errorf("%d still runs", p.PID())
			}
		}
		p, err := h.Find("testing", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Launch(t.Context(), p, "x"); err == nil || !strings.Contains(err.Error(), "the worker is stopping") {
			t.Errorf("launching afterwards: %v", err)
		}
	})
}

func TestCloseWhileLaunching(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "testing", "good")
	drop(t, dir, "hangs", "hangdescribe") // it is there until the host closes, however seldom the test looks
	drop(t, dir, "silent", "silent")
	for range 5 {
		h, err := New(Config{Paths: []string{dir}, RunDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- h.Rescan(t.Context()) }()
		eventually(t, "a launch", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(h.live) > 0
		})
		began := time.Now()
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > soon {
			t.Errorf("took %s", took)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for plugins")
	t.Setenv("ALSO_THIS", "asked for")
	t.Setenv("ALSO_THIS_NOT", "not asked for")
	t.Setenv("LC_TIME", "C")
	proc, _, _ := one(t, "environment", func(c *Config) { c.Env = []string{"ALSO_THIS"} })
	d, err := proc.Client().Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.SplitSeq(d.Summary, "\n") {
		k, v, _ := strings.Cut(line, "=")
		got[k] = v
	}
	if got["ALSO_THIS"] != "asked for" || got["LC_TIME"] != "C" || got["PATH"] == "" {
		t.Errorf("missing: %v", got)
	}
	for k := range got {
		switch {
		case passes(k, []string{"ALSO_THIS"}):
		case strings.HasPrefix(k, "PLUGIN_"), strings.HasPrefix(k, "SLUICE_"), k == "PWD", k == "OLDPWD", k == "SHLVL", k == "_": // of go-plugin, of ours, of the shell
		default:
			t.Errorf("%s=%s is passed on", k, got[k])
		}
	}
}

// A descriptor that a library in C has opened is not passed on.
func TestDescriptorsStay(t *testing.T) {
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil { // without O_CLOEXEC
		t.Fatal(err)
	}
	defer syscall.Close(pipe[0])
	defer syscall.Close(pipe[1])
	proc, _, _ := one(t, "good", nil)
	theirs, err := os.ReadDir("/proc/" + strconv.Itoa(proc.PID()) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(pipe[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range theirs {
		if link, _ := os.Readlink("/proc/" + strconv.Itoa(proc.PID()) + "/fd/" + fd.Name()); link == own {
			t.Errorf("the plugin has %s as descriptor %s", link, fd.Name())
		}
	}
}

func TestTLSBetween(t *testing.T) {
	proc, _, _ := one(t, "good", func(c *Config) { c.MTLS = true })
	task := startTask(t, proc)
	send(t, task, "x")
	until(t, task, func(e plugins.Event, _ error) bool { d, ok := e.(plugins.Durable); return ok && d.Next == 1 })
	if err := task.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLargeMessages(t *testing.T) {
	proc, _, _ := one(t, "size", nil)
	for _, size := range []int{5 << 20, plugins.MaxMessage - 1<<10} {
		task := startTask(t, proc)
		send(t, task, strings.Repeat("x", size))
		until(t, task, func(e plugins.Event, _ error) bool {
			f, ok := e.(plugins.Failed)
			return ok && strings.Contains(f.Err.Error(), strconv.Itoa(size)+" bytes")
		})
		if err := task.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	task := startTask(t, proc)
	if err := task.Open(1, connectors.Partition{Topic: "events"}, -1); err != nil {
		t.Fatal(err)
	}
	var b connectors.Builder
	b.Append(0, 0, nil, make([]byte, plugins.MaxMessage))
	if err := task.Send(1, b.Columns(), int64(b.Size()), func() {}); connectors.CodeOf(err) != connectors.CodeFatal || !strings.Contains(err.Error(), "a message has at most") {
		t.Errorf("a message over the limit: %v", err)
	}
	_ = task.Stop(t.Context())
}

func TestSocketsArePrivate(t *testing.T) {
	_, h, _ := one(t, "good", nil)
	info, err := os.Stat(h.sockets.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	sockets := 0
	_ = filepath.Walk(h.sockets.path, func(_ string, info os.FileInfo, _ error) error {
		if info != nil && info.Mode()&os.ModeSocket != 0 {
			sockets++
		}
		return nil
	})
	if sockets != 1 {
		t.Errorf("%d sockets in it", sockets)
	}
}
