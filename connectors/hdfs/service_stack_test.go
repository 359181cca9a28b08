//go:build stack

package hdfs

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// onStack starts a task below a root folder of a stack, as the superuser unless set says otherwise.
func onStack(t testing.TB, s *stack.Stack, root string, set map[string]string) *task {
	t.Helper()
	all := map[string]string{"sluice.hdfs.user": superuser(t)}
	maps.Copy(all, set)
	return toCluster(t, s.HDFSURL()+root, all)
}

func TestStackWritesAndResumes(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	for _, tc := range []struct {
		name  string
		set   map[string]string
		value func(int64) string
	}{
		{"flush", map[string]string{"flush.size": "100"}, decimal},
		{"append", map[string]string{"flush.size": "100", "sluice.write.mode": modeAppend}, decimal},
		{"streamed", map[string]string{"flush.size": "1000", "sluice.buffer.bytes": "65536"}, big},
		{"rotated by bytes", map[string]string{"flush.size": "1000000", "sluice.file.bytes": "1048576", "sluice.buffer.bytes": "262144"}, big},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, h := uniqueRoot(t), newWebHDFS(t, s)
			tk := onStack(t, s, root, tc.set)
			next := int64(0)
			for range 3 {
				a := newAcks()
				w := openAt(t, tk, -1, a)
				if next = max(w.Resume(), 0); next%100 > 0 && tc.name != "rotated by bytes" {
					t.Fatalf("resumes at %d", next)
				}
				for range 15 {
					if err := written(t.Context(), w, batch(next, next+99, tc.value)); err != nil {
						t.Fatal(err)
					}
					next += 100
				}
				if err := written(t.Context(), w, batch(next, next+49, tc.value)); err != nil {
					t.Fatal(err)
				}
				shut(t, w) // drops the last records
				durable, _, _, _ := a.state()
				h.expect(root, durable)
			}
			w := openAt(t, tk, -1, newAcks())
			next = w.Resume()
			if err := written(t.Context(), w, batch(next, 4999, tc.value)); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			shut(t, w)
			h.expect(root, 5000)
		})
	}
}

// Two writers of one partition: the one that opened later has it. The other can neither commit nor make a file, and the
// new one resumes behind what the old one has committed.
func TestStackFences(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	for _, tc := range []struct {
		name  string
		set   map[string]string
		value func(int64) string
	}{
		{"flush", map[string]string{"flush.size": "50"}, decimal},
		{"append", map[string]string{"flush.size": "50", "sluice.write.mode": modeAppend}, decimal},
		{"streamed", map[string]string{"flush.size": "200", "sluice.buffer.bytes": "65536"}, big},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, h := uniqueRoot(t), newWebHDFS(t, s)
			a := newAcks()
			old := openAt(t, onStack(t, s, root, tc.set), -1, a)
			if err := written(t.Context(), old, batch(0, 299, tc.value)); err != nil {
				t.Fatal(err)
			}
			if err := written(t.Context(), old, batch(300, 302, tc.value)); err != nil { // held, or streamed
				t.Fatal(err)
			}
			durable, _, _, _ := a.state()
			young := openAt(t, onStack(t, s, root, tc.set), -1, newAcks())
			if young.Resume() != durable || durable < 200 {
				t.Fatalf("resumes at %d, %d were durable", young.Resume(), durable)
			}
			if f, err := old.fs.Create(t.Context(), old.place.path("late"), 0); err == nil {
				t.Errorf("the old writer made a file: %v", f)
			}
			err := written(t.Context(), old, batch(303, 399, tc.value))
			if err == nil {
				err = old.Flush(t.Context())
			}
			if connectors.CodeOf(err) != connectors.CodeRetriable || tc.name != "streamed" && !errors.Is(err, errFenced) {
				t.Errorf("the old writer: %v", err)
			}
			h.expectStored(root, durable)
			next := young.Resume()
			if err := written(t.Context(), young, batch(next, 699, tc.value)); err != nil {
				t.Fatal(err)
			}
			shut(t, old)
			if err := written(t.Context(), young, batch(700, 799, tc.value)); err != nil {
				t.Fatal(err)
			}
			if err := young.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			shut(t, young)
			h.expect(root, 800)
		})
	}
}

// Without permission the writer does not try again by itself: it says so, and what to do.
func TestStackRefusesUser(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	unauthorized := func(t *testing.T, err error) {
		t.Helper()
		var e *connectors.Error
		if !errors.As(err, &e) || e.Code != connectors.CodeUnauthorized || !strings.Contains(e.Hint, "sluice.hdfs.user") {
			t.Errorf("%v, code %v", err, connectors.CodeOf(err))
		}
	}
	for _, mode := range bothModes {
		set := map[string]string{"sluice.hdfs.user": "stranger", "sluice.write.mode": mode}
		t.Run(mode+" at open", func(t *testing.T) {
			root, h := uniqueRoot(t), newWebHDFS(t, s)
			h.mkdir(root, "755")
			a := newAcks()
			_, err := onStack(t, s, root, set).Open(t.Context(), part, -1, a)
			unauthorized(t, err)
			if _, _, troubles, _ := a.state(); troubles > 0 {
				t.Errorf("it tried %d times more", troubles)
			}
			h.chmod(root, "777") // as the hint says
			w := openAt(t, onStack(t, s, root, set), -1, newAcks())
			send(t, w, 0, 4)
			shut(t, w)
			h.expect(root, 5)
			dir := root + "/topics/select-color/partition=1"
			for _, name := range h.list(dir) {
				if owner := h.owner(dir + "/" + name); owner != "stranger" {
					t.Errorf("%s is of %s", name, owner)
				}
			}
		})
		t.Run(mode+" at commit", func(t *testing.T) {
			root, h := uniqueRoot(t), newWebHDFS(t, s)
			h.mkdir(root, "777")
			w := openAt(t, onStack(t, s, root, set), -1, newAcks())
			send(t, w, 0, 4)
			h.chmod(w.place.dir, "555")
			unauthorized(t, written(t.Context(), w, batch(5, 9, decimal)))
			h.chmod(w.place.dir, "755")
			shut(t, w)
			h.expectStored(root, 5)
		})
	}
}

// What is wrong at the start is shown within seconds, and the writer goes on trying.
func TestStackWrongPort(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	web := strings.TrimPrefix(s.WebHDFSURL(), "http://")
	err := tryToOpen(t, toCluster(t, "hdfs://"+web, nil), soon, has("9870 is its web port"))
	if connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Errorf("%v", err)
	}
}

func TestStackProbe(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	probe := func(url string) error {
		cfg, err := definition().Parse(map[string]string{"store.url": url, "flush.size": "1"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return New().Probe(ctx, cfg)
	}
	if err := probe(s.HDFSURL()); err != nil {
		t.Error(err)
	}
	if err := probe(s.HDFSURL() + "/" + t.Name() + "-is-not-there"); err == nil || !strings.Contains(err.Error(), "is-not-there") {
		t.Errorf("%v", err)
	}
}
