package pluginhost

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWorkerKilled kills a worker of its own with SIGKILL: its plugin must end, and what it left behind must be swept.
func TestWorkerKilled(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "signal to the group": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			dir, run := shortDir(t), shortDir(t)
			drop(t, dir, "testing", "good")
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), roleKey+"=worker", "DIR="+dir, "RUN="+run)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
			var log strings.Builder
			cmd.Stderr = &log
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			var pid int
			var sockets string
			if _, serr := fmt.Sscan(line, &pid, &sockets); err != nil || serr != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				t.Fatalf("the worker said %q, %v, %v; %s", line, err, serr, log.String())
			}
			if ended(pid) {
				t.Fatal("the plugin does not run")
			}
			began := time.Now()
			if err := syscall.Kill(-cmd.Process.Pid, signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			eventually(t, "the end of the plugin", func() bool { return ended(pid) })
			t.Logf("the plugin ended %s after its worker", time.Since(began).Round(time.Millisecond))

			if _, err := os.Stat(sockets); err != nil {
				t.Fatalf("nothing was left to sweep: %v", err)
			}
			next, err := newSocketDir(run)
			if err != nil {
				t.Fatal(err)
			}
			if left, _ := filepath.Glob(filepath.Join(run, socketPrefix+"*")); len(left) != 1 || left[0] != next.path {
				t.Errorf("after the next start there is %v", left)
			}
			if err := next.remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDeafPluginOfKilledWorker is about plugins that do not watch the pipe: the kernel ends them.
func TestDeafPluginOfKilledWorker(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(t.TempDir(), "pid")
	dropText(t, dir, "deaf", fmt.Sprintf("#!/bin/sh\ntrap '' TERM INT\necho $$ >'%s.tmp'\nmv '%[1]s.tmp' '%[1]s'\nexec sleep 600\n", pidFile))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleKey+"=worker", "DIR="+dir, "RUN="+shortDir(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	eventually(t, "the plugin", func() bool {
		text, err := os.ReadFile(pidFile)
		if err == nil {
			_, err = fmt.Sscan(string(text), &pid)
		}
		return err == nil && !ended(pid)
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	eventually(t, "the end of the plugin", func() bool { return ended(pid) })
}

func TestSocketDir(t *testing.T) {
	t.Run("the folder of a living worker stays", func(t *testing.T) {
		run := shortDir(t)
		a, err := newSocketDir(run)
		if err != nil {
			t.Fatal(err)
		}
		b, err := newSocketDir(run)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(a.path); err != nil || a.path == b.path {
			t.Errorf("%v; %s and %s", err, a.path, b.path)
		}
		for _, d := range []*socketDir{a, b} {
			if err := d.remove(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a folder without a lock goes when it is old", func(t *testing.T) {
		run := shortDir(t)
		old, young := filepath.Join(run, socketPrefix+"1"), filepath.Join(run, socketPrefix+"2")
		for _, d := range []string{old, young} {
			if err := os.Mkdir(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*settleTime)); err != nil {
			t.Fatal(err)
		}
		sweep(run)
		if _, err := os.Stat(old); err == nil {
			t.Error("the old one stays")
		}
		if _, err := os.Stat(young); err != nil {
			t.Error("the young one is gone")
		}
	})
	t.Run("a path too long for sockets", func(t *testing.T) {
		d, err := newSocketDir(filepath.Join(t.TempDir(), strings.Repeat("x", 100)))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.path) > maxSocketDir {
			t.Errorf("%s has %d bytes", d.path, len(d.path))
		}
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a folder that cannot be written to", func(t *testing.T) {
		if _, err := newSocketDir("/proc"); err == nil || !strings.Contains(err.Error(), "sluice.run.dir") {
			t.Errorf("%v", err)
		}
	})
}
