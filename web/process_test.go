package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// process is sluice-web as a process of its own.
type process struct {
	cmd  *exec.Cmd
	url  string
	read sync.WaitGroup
	mu   sync.Mutex
	log  strings.Builder
}

func program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	p := &process{cmd: program(ctx, append([]string{"--listen=127.0.0.1:0"}, args...)...)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	address := make(chan string, 1)
	serving := regexp.MustCompile(`msg=serving address=(\S+)`)
	p.read.Go(func() {
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if m := serving.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	})
	var ok bool
	if p.url, ok = <-address; !ok {
		t.Fatalf("the process did not serve:\n%s", p.output())
	}
	return p
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (p *process) wait() error {
	p.read.Wait()
	return p.cmd.Wait()
}

func (p *process) pick(t *testing.T, n int) {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("%s/api/select?color=red&user=%d", p.url, n))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("pick %d: status %d", n, resp.StatusCode)
	}
}

func TestStopDeliversWhatIsBuffered(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	port := freePort(t)
	p := startProcess(t, "--bootstrap-servers="+local(port), "--shutdown-timeout="+patience.String(), "--producer-property=reconnect.backoff.max.ms=300")
	for n := range 200 {
		p.pick(t, n)
	}
	p.signal(t)
	waitFor(t, "the stop to begin", func() bool { return strings.Contains(p.output(), "msg=stopping") })
	waitFor(t, "the listener to be closed", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	startBroker(t, kfake.Ports(port)) // only now there is somebody to take the events
	if err := p.wait(); err != nil {
		t.Fatalf("%v\n%s", err, p.output())
	}
	if got := readEvents(t, local(port), 200); len(got) != 200 {
		t.Errorf("%d events, want 200", len(got))
	}
	if want := `msg="stopped, nothing left in the buffer" accepted=200 delivered=200 failed=0 dropped=0`; !strings.Contains(p.output(), want) {
		t.Errorf("the log lacks %q:\n%s", want, p.output())
	}
}

func TestStopCountsWhatItGivesUp(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := startProcess(t, "--bootstrap-servers="+local(freePort(t)), "--shutdown-timeout=300ms")
	for n := range 7 {
		p.pick(t, n)
	}
	p.signal(t)
	if err := p.wait(); err != nil { // exit 0: it stopped as it was told
		t.Fatalf("%v\n%s", err, p.output())
	}
	if want := `msg="stopped before all events were delivered" undelivered=7 accepted=7 delivered=0 failed=7`; !strings.Contains(p.output(), want) {
		t.Errorf("the log lacks %q:\n%s", want, p.output())
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := startProcess(t, "--bootstrap-servers="+local(freePort(t)), "--shutdown-timeout=10m")
	p.pick(t, 1)
	p.signal(t)
	waitFor(t, "the stop to begin", func() bool { return strings.Contains(p.output(), "msg=stopping") })
	begun := time.Now()
	p.signal(t)
	err := p.wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(begun); took > patience/4 {
		t.Errorf("took %v", took)
	}
}

func TestBadStartsSayWhyInOneLine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{
			"busy port",
			[]string{"--listen=" + busy.Addr().String()},
			"sluice-web: cannot listen on " + busy.Addr().String() + ", set by --listen (SLUICE_WEB_LISTEN): address already in use\n",
		},
		{"unknown flag", []string{"--nope"}, "sluice-web: unknown flag: --nope\n"},
		{"argument", []string{"serve"}, "sluice-web: unknown command \"serve\" for \"sluice-web\"\n"},
		{
			"bad setting",
			[]string{"--buffer-events=0"},
			"sluice-web: --buffer-events (SLUICE_WEB_BUFFER_EVENTS): must be 1 to 10000000\n",
		},
		{
			"unknown property",
			[]string{"--listen=127.0.0.1:0", "--producer-property=sasl.pasword=hunter2"},
			"sluice-web: configure the Kafka producer: No such configuration property: \"sasl.pasword\"\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			out, err := program(ctx, tt.args...).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("ended with %v", err)
			}
			if string(out) != tt.want {
				t.Errorf("said %q\nwant %q", out, tt.want)
			}
		})
	}
}
