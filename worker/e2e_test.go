package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/api"
)

const patience = 2 * time.Minute

// dev is a running `sluice dev` with the plugin of the file sink.
type dev struct {
	t     *testing.T
	url   string
	kafka string
}

// startDev starts one that is gone when the test ends.
func startDev(t *testing.T) *dev {
	t.Helper()
	dir := t.TempDir()
	plugins := filepath.Join(dir, "plugins")
	if err := os.Mkdir(plugins, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=file exec %q\n", actAs, self)
	if err := os.WriteFile(filepath.Join(plugins, "file"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	props := filepath.Join(dir, "worker.properties")
	quick := "session.timeout.ms=20000\nsluice.restart.on=\nconsumer.session.timeout.ms=20000\nconsumer.topic.metadata.refresh.interval.ms=200\noffset.flush.interval.ms=50\n"
	if err := os.WriteFile(props, []byte(quick), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := sluice(t.Context(), "", "dev", "--data", filepath.Join(dir, "data"), "--kafka", "127.0.0.1:0", "--listen", "http://127.0.0.1:0", "--plugins", plugins, "--properties", props)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // when the test ends
	cmd.WaitDelay = patience
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &dev{t: t}
	up := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		address := regexp.MustCompile(`msg="worker is up".* rest=(\S+) .* kafka=(\S+) `)
		lines := bufio.NewScanner(logs)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fmt.Fprintln(t.Output(), lines.Text())
			if m := address.FindStringSubmatch(lines.Text()); m != nil {
				d.url, d.kafka = m[1], m[2]
				close(up)
			}
		}
	}()
	t.Cleanup(func() {
		<-ended
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("sluice dev: %v", err)
		}
	})
	select {
	case <-up:
	case <-ended:
		t.Fatal("sluice dev ended before it was up")
	case <-time.After(patience):
		t.Fatal("sluice dev is not up in time")
	}
	return d
}

// sluice is a process of the program.
func sluice(ctx context.Context, url string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), actAs+"=sluice", "SLUICE_URL="+url, "SLUICE_USER=", "SLUICE_PASSWORD=")
	return cmd
}

// run runs a command to its end.
func (d *dev) run(stdin string, args ...string) (out, errs string, code int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	cmd := sluice(ctx, d.url, args...)
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// expect runs a command that has to say something, on either output, and to end with a code.
func (d *dev) expect(code int, says, command string) string {
	d.t.Helper()
	out, errs, got := d.run("", strings.Fields(command)...)
	if got != code || !strings.Contains(out+errs, says) {
		d.t.Fatalf("sluice %s: exit %d, want %d and %q\n%s%s", command, got, code, says, out, errs)
	}
	return out
}

// until runs a command until it says something. It is asked again and again because the worker works on by itself.
func (d *dev) until(says, command string) string {
	d.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		out, errs, _ := d.run("", strings.Fields(command)...)
		if strings.Contains(out, says) {
			return out
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("sluice %s does not say %q:\n%s%s", command, says, out, errs)
		}
	}
}

// produce sends values to a topic of one partition.
func (d *dev) produce(topic string, values ...string) {
	d.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		d.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	_, err = kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		d.t.Fatal(err)
	}
	for _, value := range values {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			d.t.Fatal(err)
		}
	}
}

// written waits for a file that has a text.
func (d *dev) written(path, want string) {
	d.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		text, err := os.ReadFile(path)
		if err == nil && string(text) == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("%s holds %q, want %q (%v)", path, text, want, err)
		}
	}
}

// write puts a connector into a file.
func (d *dev) write(path string, content map[string]any) {
	d.t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// TestCommands leads a connector through its life, by commands alone, against a worker of its own.
func TestCommands(t *testing.T) {
	d := startDev(t)
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.txt"), filepath.Join(dir, "second.txt")
	file := filepath.Join(dir, "colours.json")
	config := map[string]any{
		"connector.class": "FileStreamSink", "tasks.max": 1, "topics": "select-color", "file": first,
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
	d.produce("select-color", "red", "green")
	d.expect(0, "no connectors", "connector list")
	d.expect(0, "org.apache.kafka.connect.file.FileStreamSinkConnector", "plugin list")
	d.expect(0, "File to append to", "plugin describe file")
	d.expect(exitNotFound, "colours", "connector status colours")

	d.write(file, map[string]any{"name": "colours", "config": config})
	d.expect(0, "colours is valid", "plugin validate -f "+file)
	d.expect(0, "created colours", "connector create -f "+file)
	d.expect(exitError, "exists already", "connector create -f "+file)
	d.until("1/1", "connector list")
	d.expect(0, "RUNNING", "connector status colours")
	d.written(first, "red\ngreen\n")
	d.until(" 2\n", "connector offsets colours")
	d.until("select-color", "connector topics colours")

	d.expect(0, "unchanged colours", "connector apply -f "+dir)
	config["file"] = second
	config["name"] = "colours"
	d.write(file, config) // the other form
	d.expect(0, first+" → "+second, "connector apply -f "+dir+" --dry-run")
	d.expect(0, first, "connector config colours")
	d.expect(0, "updated colours", "connector apply -f "+dir)
	d.expect(0, second, "connector config colours")
	d.written(second, "") // the task has begun anew
	d.produce("select-color", "blue")
	d.written(second, "blue\n")
	d.expect(0, "patched", "connector patch colours errors.log.enable=true")
	d.expect(0, "- errors.log.enable = true", "connector apply -f "+dir)

	d.expect(0, "paused colours", "connector pause colours")
	d.until("task 0   PAUSED", "connector status colours")
	d.expect(0, "resumed colours", "connector resume colours")
	d.until("task 0   RUNNING", "connector status colours")
	d.expect(0, "restarted colours", "connector restart colours")
	d.expect(0, "RESTARTING", "connector restart colours --include-tasks")
	d.until("task 0   RUNNING", "connector status colours")
	d.expect(0, "restarted a task", "connector restart colours --task 0")
	d.until("task 0   RUNNING", "connector status colours")
	d.expect(exitNotFound, "Unknown task", "connector restart colours --task 7")

	d.until(" 3\n", "connector offsets colours")
	d.expect(exitError, "sluice connector stop colours", "connector offsets colours --reset")
	d.expect(0, "stopped colours", "connector stop colours")
	d.expect(0, "altered", "connector offsets colours --set select-color:0=1")
	d.expect(0, " 1\n", "connector offsets colours")
	d.expect(0, "resumed", "connector resume colours")
	d.written(second, "blue\ngreen\nblue\n")

	if out, _, _ := d.run("", "__complete", "connector", "delete", "co"); !strings.Contains(out, "colours\n") {
		t.Errorf("completion of names says %s", out)
	}
	d.expect(0, "__start_sluice", "completion bash")
	d.expect(0, "set sluice to DEBUG", "logger set sluice debug")
	d.expect(0, "DEBUG", "logger get sluice")
	d.expect(exitUsage, "unknown command", "connector lits")

	d.expect(0, "deleted colours", "connector delete colours")
	d.expect(exitNotFound, "not found", "connector delete colours")
}

// TestFailedTask tells by its exit code that a task has failed, and watches it.
func TestFailedTask(t *testing.T) {
	d := startDev(t)
	d.produce("events", "a")
	missing := filepath.Join(t.TempDir(), "none", "out.txt") // its folder does not exist
	ctx, interrupt := context.WithTimeout(t.Context(), patience)
	defer interrupt()
	watch := sluice(ctx, d.url, "connector", "watch", "--interval", "50ms", "-o", "json")
	watch.Cancel = func() error { return watch.Process.Signal(os.Interrupt) }
	watch.WaitDelay = patience
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	d.expect(0, "created", "connector create broken connector.class=file topics=events value.converter=org.apache.kafka.connect.storage.StringConverter file="+missing)
	events := json.NewDecoder(out)
	for {
		var e struct {
			Connector string
			Task      *int
			To, Trace string
		}
		if err := events.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Connector == "broken" && e.Task != nil && e.To == failed && strings.Contains(e.Trace, "none") {
			break
		}
	}
	interrupt()
	_, _ = io.Copy(io.Discard, out)
	_ = watch.Wait() // says that the context ended
	if code := watch.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("watch ends with %d, want %d", code, exitFailed)
	}
	d.expect(exitFailed, "1 of 1 tasks of connector broken failed", "connector status broken")
	d.expect(0, "1 failed", "connector list")
	var status api.ConnectorStatus
	text := d.expect(exitFailed, failed, "connector status broken -o json")
	if err := json.Unmarshal([]byte(text), &status); err != nil || status.Name != "broken" {
		t.Errorf("status %v, %v", status, err)
	}
}
