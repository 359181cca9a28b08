//go:build stack

package hdfs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// mortal is a process that writes records and kills itself on its way: this test's binary, told so by its environment.
type mortal struct {
	Set         map[string]string
	Payload     connectors.Payload
	Shape       string // of the values
	First, Last int64
	At          int // which call to HDFS, or report, it does not survive
}

const mortalEnv = "SLUICE_TEST_MORTAL"

func init() {
	text := os.Getenv(mortalEnv)
	if text == "" {
		return
	}
	var m mortal
	err := json.Unmarshal([]byte(text), &m)
	if err == nil {
		err = m.live(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// live opens the partition, writes and closes, and says on its standard output what it is about to do.
func (m *mortal) live(ctx context.Context) error {
	cfg, err := definition().Parse(m.Set)
	if err != nil {
		return err
	}
	started, err := New().Start(ctx, cfg, runtime{connectors.Format{Key: connectors.PayloadString, Value: m.Payload}})
	if err != nil {
		return err
	}
	tk := started.(*task)
	d := &dying{
		left: m.At,
		seen: func(call string) { _, _ = fmt.Fprintln(os.Stdout, call) },
		kill: func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} },
	}
	open := tk.open
	tk.open = func() filesystem { d.filesystem = open(); return d }
	w, err := tk.Open(ctx, part, -1, &mortalAcks{acks: newAcks(), d: d})
	if err != nil {
		return err
	}
	if err := w.Write(ctx, batch(m.First, m.Last, shapes[m.Shape])); err != nil {
		return err
	}
	return w.Close(ctx)
}

// mortalAcks may not survive the report of what is durable, whose offset would be committed then.
type mortalAcks struct {
	*acks
	d *dying
}

func (a *mortalAcks) Durable(next int64) {
	if a.d.dead("report " + strconv.FormatInt(next, 10)) {
		_ = a.d.end()
	}
	a.acks.Durable(next)
}

var shapes = map[string]func(int64) string{
	"decimal": decimal, "big": big, "document": func(o int64) string { return document(o, int(o%3)) },
}

// run gives what it was about to do, the last of which it did not survive where it was killed.
func (m *mortal) run(t *testing.T) (calls []string, killed bool) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), mortalEnv+"="+string(text))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		calls = append(calls, s.Text())
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return calls, true
	}
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return calls, false
}

// A process with the sink is killed with SIGKILL at each call to HDFS that changes something, one after the other: while it opens, while
// it writes a file, before it closes it, between Close and rename, between two renames of one commit, and between the last rename and the
// report of what is durable. Whoever opens the partition next finds each record once, and no temporary file is left.
func TestStackKilledAtEachStep(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	number := regexp.MustCompile(`\d+`)
	for _, tc := range []struct {
		name, shape string
		size        int64 // records of a commit
		set         map[string]string
		want        []string // points that must be among the steps
	}{
		{"one file a commit", "decimal", 10, nil, []string{`create .*\+tmp`, `write .*\+tmp`, `close .*\+tmp`, `rename to .*\+0+19\.txt`, `report 20`}},
		{"streamed", "big", 100, streaming, []string{`write .*\+tmp`, `close .*\+tmp`, `rename to .*\.txt`, `report 200`}},
		{
			"several files a commit", "document", 10,
			map[string]string{"format.class": "JsonFormat", "partitioner.class": "FieldPartitioner", "partition.field.name": "color"},
			[]string{`write .*commit-`, `rename to .*commit\.json`, `rename to .*color=c0/`, `rename to .*color=c2/`, `report 20`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newWebHDFS(t, s)
			var visited []string
			for step, alive := 0, false; !alive; step++ {
				root := uniqueRoot(t) + "/" + strconv.Itoa(step)
				set := map[string]string{"store.url": s.HDFSURL() + root, "sluice.hdfs.user": superuser(t), "format.class": "StringFormat", "flush.size": strconv.FormatInt(tc.size, 10), "retry.backoff.ms": "200"}
				maps.Copy(set, tc.set)
				payload := connectors.PayloadString
				if tc.shape == "document" {
					payload = connectors.PayloadJSON
				}
				m := mortal{Set: set, Payload: payload, Shape: tc.shape, First: 0, Last: tc.size - 1, At: 1 << 30}
				m.run(t) // something is there already
				m.First, m.Last, m.At = tc.size, 2*tc.size+1, step
				calls, killed := m.run(t)
				alive = !killed
				if killed {
					visited = append(visited, calls[len(calls)-1])
				}
				w := openAt(t, newTask(t, payload, set), -1, newAcks())
				next := w.Resume()
				if next != tc.size && next != 2*tc.size {
					t.Errorf("resumes at %d", next)
				}
				last := 4*tc.size - 1
				if err := written(t.Context(), w, batch(next, last, shapes[tc.shape])); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				shut(t, w)
				var got []int64
				for _, name := range h.tree(root) {
					switch {
					case strings.Contains(name, "/+tmp/"):
						t.Errorf("left behind: %s", name)
					case strings.HasPrefix(name, root+"/topics/"):
						text, _ := h.call("GET", name, "OPEN")
						for line := range strings.Lines(string(text)) {
							n, err := strconv.ParseInt(number.FindString(line), 10, 64)
							if err != nil || !strings.HasSuffix(line, "\n") {
								t.Fatalf("%s: torn line %.50q", path.Base(name), line)
							}
							got = append(got, n)
						}
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, sequence(0, last)) {
					t.Errorf("stored are %v, want 0 to %d", got, last)
				}
				if t.Failed() {
					t.Fatalf("it was killed at step %d, %q", step, visited[len(visited)-1:])
				}
			}
			t.Logf("killed at each of %d steps:\n%s", len(visited), strings.Join(visited, "\n"))
			for _, point := range tc.want {
				if !slices.ContainsFunc(visited, regexp.MustCompile(point).MatchString) {
					t.Errorf("no step was %q", point)
				}
			}
		})
	}
}
