//go:build stack

package stack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// One life of a stack with all services, in the order of a story: what is written survives whatever happens to a service.
func TestFaults(t *testing.T) {
	ctx := t.Context()
	s := Own(t, Options{}, Kafka, Connect, HDFS, Elasticsearch)
	clients := []struct {
		service Service
		client  client
	}{
		{Kafka, kafkaClient{s.KafkaBootstrap()}},
		{Connect, connectClient{s.ConnectURL()}},
		{HDFS, hdfsClient{strings.TrimPrefix(s.HDFSURL(), "hdfs://")}},
		{Elasticsearch, elasticsearchClient{s.ElasticsearchURL()}},
	}
	for _, c := range clients {
		if err := c.client.write(ctx, "before"); err != nil {
			t.Fatalf("%s: write: %v", c.service, err)
		}
	}

	for _, c := range clients {
		t.Run(string(c.service), func(t *testing.T) {
			check := func(want string) {
				t.Helper()
				got, err := c.client.read(ctx)
				if err != nil || got != want {
					t.Errorf("read %q, %v; want %q", got, err, want)
				}
			}
			must(t, s.Kill(ctx, c.service))
			if err := within(ctx, 3*time.Second, c.client.ping); err == nil {
				t.Error("answers after Kill")
			}
			if err := s.Kill(ctx, c.service); err == nil || !strings.Contains(err.Error(), "not running") {
				t.Errorf("second Kill: %v; want not running", err)
			}
			must(t, s.Start(ctx, c.service))
			check("before")

			must(t, s.Pause(ctx, c.service))
			if err := within(ctx, time.Second, c.client.ping); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("ping while paused: %v; want no answer in time", err)
			}
			must(t, s.Resume(ctx, c.service))
			check("before")

			must(t, c.client.write(ctx, "after"))
			must(t, s.Restart(ctx, c.service))
			check("after")
		})
	}

	t.Run("safe mode", func(t *testing.T) {
		h := clients[2].client
		must(t, s.SafeMode(ctx, true))
		if err := h.write(ctx, "never"); err == nil || !strings.Contains(err.Error(), "SafeModeException") {
			t.Errorf("write in safe mode: %v", err)
		}
		must(t, s.SafeMode(ctx, false))
		must(t, h.write(ctx, "again"))
	})

	t.Run("parts of HDFS", func(t *testing.T) {
		h := clients[2].client
		// two copies of each block: any one datanode may be away
		for _, part := range []Service{DataNode1, DataNode2, DataNode3} {
			must(t, s.Kill(ctx, part))
			if got, err := h.read(ctx); err != nil || got != "again" {
				t.Errorf("without %s: read %q, %v", part, got, err)
			}
			must(t, s.Start(ctx, part))
		}
		must(t, s.Kill(ctx, NameNode))
		if err := within(ctx, 3*time.Second, h.ping); err == nil {
			t.Error("HDFS answers without its namenode")
		}
		must(t, s.Start(ctx, NameNode))
		if got, err := h.read(ctx); err != nil || got != "again" {
			t.Errorf("with a new namenode: read %q, %v", got, err)
		}
	})

	t.Run("stop one", func(t *testing.T) {
		must(t, s.Stop(ctx, Elasticsearch))
		if err := within(ctx, 3*time.Second, clients[3].client.ping); err == nil {
			t.Error("Elasticsearch answers after Stop")
		}
		must(t, clients[0].client.ping(ctx))
	})

	t.Run("down and wipe", func(t *testing.T) {
		must(t, s.Down(ctx, false))
		if left := processes(t, s.Dir()); len(left) > 0 {
			t.Errorf("processes after Down: %v", left)
		}
		if _, err := os.Stat(filepath.Join(s.Dir(), "kafka", "meta.properties")); err != nil {
			t.Errorf("data after Down: %v", err)
		}
		must(t, s.Down(ctx, true))
		if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("folder after Down with wipe: %v", err)
		}
	})
}

func TestSideBySide(t *testing.T) {
	ctx := t.Context()
	var stacks [2]*Stack
	var starts errgroup.Group
	for i := range stacks {
		dir := filepath.Join(t.TempDir(), "stack")
		starts.Go(func() (err error) {
			stacks[i], err = Start(ctx, dir, Options{Wipe: true}, Kafka)
			return err
		})
	}
	err := starts.Wait()
	for _, s := range stacks {
		if s != nil {
			t.Cleanup(func() { must(t, s.Down(context.Background(), true)) })
		}
	}
	must(t, err)

	a, b := kafkaClient{stacks[0].KafkaBootstrap()}, kafkaClient{stacks[1].KafkaBootstrap()}
	must(t, a.write(ctx, "a"))
	must(t, b.write(ctx, "b"))
	for want, c := range map[string]kafkaClient{"a": a, "b": b} {
		if got, err := c.read(ctx); err != nil || got != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	must(t, stacks[0].Kill(ctx, Kafka))
	must(t, b.ping(ctx))

	// somebody else's stack, by its folder
	t.Setenv(SharedDir, stacks[1].Dir())
	shared := Shared(t, Kafka)
	if shared.KafkaBootstrap() != stacks[1].KafkaBootstrap() {
		t.Errorf("Shared has %s, its stack %s", shared.KafkaBootstrap(), stacks[1].KafkaBootstrap())
	}
}

func TestAttachNeedsAStack(t *testing.T) {
	_, err := Attach(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "start it with") {
		t.Errorf("Attach to an empty folder: %v", err)
	}
}

func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	dir := filepath.Join(t.TempDir(), "stack")
	_, err = Start(t.Context(), dir, Options{Wipe: true, Env: map[string]string{"STACK_ES_PORT": port}}, Elasticsearch)
	want := "port " + port + " is in use, elasticsearch cannot start: set STACK_ES_PORT"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestServiceThatDies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	env := map[string]string{"STACK_ES_SETTINGS": "no.such.setting=1"}
	_, err := Start(t.Context(), dir, Options{Wipe: true, Env: env}, Elasticsearch)
	if err == nil || !strings.Contains(err.Error(), "elasticsearch ended before it was ready") || !strings.Contains(err.Error(), "unknown setting [no.such.setting]") {
		t.Errorf("got %v, want the end of the log", err)
	}
	if left := processes(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A test run that is killed takes its stack with it (6).
func TestOwnerKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerDir+"="+dir)
	out, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("owner said %q, %v", line, err)
	}
	if len(processes(t, dir)) != 1 {
		t.Fatalf("processes of the owner's stack: %v; want Kafka", processes(t, dir))
	}
	must(t, owner.Process.Kill())
	_ = owner.Wait()
	eventually(t, 2*time.Minute, "the stack to end with its owner", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist) && len(processes(t, dir)) == 0
	})
}

func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for %s", d, what)
		}
	}
}

// processes returns the parts of the stack in dir that run, by the mark in their command lines.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	var parts []string
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended meanwhile
		}
		for arg := range bytes.SplitSeq(line, []byte{0}) {
			if part, ok := bytes.CutPrefix(arg, []byte("-Dstack.part="+dir+"/")); ok {
				parts = append(parts, string(part))
			}
		}
	}
	return parts
}
