package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func content(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		values connectors.Payload
		write  []byte
		want   string
	}{
		"text":                   {connectors.PayloadString, []byte("red"), "red\n"},
		"empty":                  {connectors.PayloadString, []byte{}, "\n"},
		"null":                   {connectors.PayloadString, nil, "null\n"},
		"null among documents":   {connectors.PayloadJSON, nil, "null\n"},
		"document in lines":      {connectors.PayloadJSON, []byte("{\n \"a\":\n [1]\r\n}"), "{  \"a\":  [1]\r }\n"},
		"escaped line feed":      {connectors.PayloadJSON, []byte(`"a\nb"`), `"a\nb"` + "\n"},
		"text is left as it is":  {connectors.PayloadString, []byte("a\nb"), "a\nb\n"},
		"bytes are left as such": {connectors.PayloadBytes, []byte{0, 255, '\n'}, "\x00\xff\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := newName(t)
			w, a := begin(t, file, c.values)
			var b connectors.Builder
			b.Append(7, 0, nil, c.write)
			write(t, w, b.Batch(part))
			if got := content(t, file); got != c.want {
				t.Errorf("the file holds %q, want %q", got, c.want)
			}
			if a.reported() != 8 {
				t.Errorf("durable %d, want 8", a.reported())
			}
		})
	}
}

// Invariant 1: what is there stays, and a line that somebody left unfinished is ended before the first of ours.
func TestAppends(t *testing.T) {
	for name, c := range map[string]struct{ before, want string }{
		"new file":         {"", "one\ntwo\n"},
		"whole lines":      {"a\nb\n", "a\nb\none\ntwo\n"},
		"torn line":        {"a\nb", "a\nb\none\ntwo\n"},
		"only a torn line": {"a", "a\none\ntwo\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := newName(t)
			if c.before != "" {
				if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w, _ := begin(t, file, connectors.PayloadString)
			write(t, w, batch(0, "one", "two"))
			if got := content(t, file); got != c.want {
				t.Errorf("the file holds %q, want %q", got, c.want)
			}
		})
	}
}

// A process that shares the file may be killed within a line at any time, not only before ours begins.
func TestLineThatIsTornWhileTheTaskRuns(t *testing.T) {
	file := newName(t)
	w, _ := begin(t, file, connectors.PayloadString)
	write(t, w, batch(0, "one"))
	other, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.WriteString("killed he"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, w, batch(1, "two"))
	if got, want := content(t, file), "one\nkilled he\ntwo\n"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

// Invariant 1: tasks and partitions that share a file tear no line of each other, and make no empty ones.
func TestManyShareAFile(t *testing.T) {
	file := newName(t)
	const tasks, partitions, batches = 3, 2, 40
	long := strings.Repeat("x", 20_000)
	var running sync.WaitGroup
	for n := range tasks {
		task, err := start(t, file, runtime{values: connectors.PayloadString})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := task.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		for p := range partitions {
			w, err := task.Open(t.Context(), part, -1, &acks{})
			if err != nil {
				t.Fatal(err)
			}
			running.Go(func() {
				for i := range batches {
					if err := w.Write(t.Context(), batch(int64(2*i), fmt.Sprintf("%d/%d/%d", n, p, i), long)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	running.Wait()
	seen := map[string]int{}
	for line := range strings.Lines(content(t, file)) {
		seen[strings.TrimSuffix(line, "\n")]++
	}
	if n := seen[long]; n != tasks*partitions*batches || len(seen) != n+1 {
		t.Errorf("%d long lines and %d others, want %d of both", n, len(seen)-1, tasks*partitions*batches)
	}
}

// Whoever waits for its turn at the file ends with its context, and gets its turn when the other one is done.
func TestWaitsForTheLock(t *testing.T) {
	file := newName(t)
	w, a := begin(t, file, connectors.PayloadString)
	other, err := os.Open(filepath.Clean(makeFile(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Write(ctx, batch(0, "one")); !errors.Is(err, context.Canceled) || connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Errorf("writing with an ended context: %v", err)
	}
	if a.reported() != 0 || content(t, file) != "" {
		t.Errorf("durable %d, the file holds %q", a.reported(), content(t, file))
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, w, batch(0, "one"))
	if got := content(t, file); got != "one\n" {
		t.Errorf("the file holds %q", got)
	}
}

func makeFile(tb testing.TB, name string) string {
	tb.Helper()
	f, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return name
}

func TestFileThatMayOnlyBeWritten(t *testing.T) {
	file := newName(t)
	if err := os.WriteFile(file, []byte("a\n"), 0o200); err != nil {
		t.Fatal(err)
	}
	w, _ := begin(t, file, connectors.PayloadString)
	write(t, w, batch(0, "one"))
	if err := errors.Join(w.Flush(t.Context()), w.Close(t.Context()), os.Chmod(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, file); got != "a\none\n" {
		t.Errorf("the file holds %q", got)
	}
}

// Without a file values go to standard output.
func TestStandardOutput(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	usual := os.Stdout
	os.Stdout = out
	defer func() { os.Stdout = usual }()
	w, a := begin(t, "", connectors.PayloadString)
	write(t, w, batch(0, "one", "two"))
	if err := errors.Join(w.Flush(t.Context()), w.Close(t.Context()), out.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if string(text) != "one\ntwo\n" || a.reported() != 2 {
		t.Errorf("got %q, durable %d", text, a.reported())
	}
}

func TestFolderIsMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none", "out")
	_, err := start(t, file, runtime{values: connectors.PayloadString})
	if connectors.CodeOf(err) != connectors.CodeRetriable || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"opening " + file, "make the folder"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// A full disk is retriable and says where it happened; nothing is reported durable.
func TestDiskIsFull(t *testing.T) {
	w, a := begin(t, "/dev/full", connectors.PayloadString)
	err := w.Write(t.Context(), batch(41, "one"))
	if connectors.CodeOf(err) != connectors.CodeRetriable || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"writing to /dev/full", "lines-2 offset 41", "the disk"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if a.reported() != 0 {
		t.Errorf("durable %d", a.reported())
	}
}

func TestFailures(t *testing.T) {
	for err, want := range map[error]connectors.Code{
		fs.ErrPermission:         connectors.CodeUnauthorized,
		fs.ErrNotExist:           connectors.CodeRetriable,
		syscall.ENXIO:            connectors.CodeRetriable,
		syscall.ENOSPC:           connectors.CodeRetriable,
		context.DeadlineExceeded: connectors.CodeRetriable,
	} {
		if got := connectors.CodeOf(failure("writing", err)); got != want {
			t.Errorf("%v: code %v, want %v", err, got, want)
		}
	}
}

// One large record does not keep its memory for ever.
func TestLargeBatchLeavesNoBuffer(t *testing.T) {
	w, _ := begin(t, newName(t), connectors.PayloadString)
	write(t, w, batch(0, strings.Repeat("x", 2*keep)))
	if n := cap(w.(*writer).buf); n > keep {
		t.Errorf("a buffer of %d bytes is kept", n)
	}
	write(t, w, batch(1, "y"))
	if n := cap(w.(*writer).buf); n == 0 {
		t.Error("no buffer is kept for the next batch")
	}
}

func TestCountsBytes(t *testing.T) {
	rt := runtime{values: connectors.PayloadString, bytes: &counter{}}
	task, err := start(t, newName(t), rt)
	if err != nil {
		t.Fatal(err)
	}
	w, err := task.Open(t.Context(), part, -1, &acks{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, batch(0, "one", "three"))
	if err := errors.Join(w.Close(t.Context()), task.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got, want := rt.bytes.n.Load(), int64(len("one\nthree\n")); got != want {
		t.Errorf("%d bytes counted, want %d", got, want)
	}
}

// The lines go to a pipe as they go to a file.
func TestPipe(t *testing.T) {
	name := newName(t)
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	w, a := begin(t, name, connectors.PayloadString)
	reader, err := os.Open(filepath.Clean(name))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	pipe := bufio.NewReader(reader)
	write(t, w, batch(0, "one"))
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if line := nextLine(t, pipe); line != "one" {
		t.Errorf("read %q", line)
	}
	if a.reported() != 1 {
		t.Errorf("durable %d", a.reported())
	}

	// Nobody reads: the pipe is full in the middle of a line, and writing ends with its context.
	ctx, cancel := context.WithCancel(t.Context())
	long := strings.Repeat("x", 1<<20)
	done := make(chan error, 1)
	go func() { done <- w.Write(ctx, batch(1, long)) }()
	if c, err := pipe.ReadByte(); err != nil || c != 'x' { // it is under way
		t.Fatalf("read %q, %v", c, err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Fatalf("got %v", err)
	}
	if a.reported() != 1 {
		t.Errorf("durable %d", a.reported())
	}

	// The next one begins on a line of its own.
	go func() { done <- w.Write(t.Context(), batch(1, "two")) }()
	if line := nextLine(t, pipe); strings.Trim(line, "x") != "" || len(line) >= len(long) {
		t.Errorf("the line that was cut off has %d bytes and ends with %.10q", len(line), line[max(0, len(line)-10):])
	}
	if line := nextLine(t, pipe); line != "two" {
		t.Errorf("read %.10q", line)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func nextLine(tb testing.TB, r *bufio.Reader) string {
	tb.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}
