package herder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// Environment of the diary; the script that stands for its binary sets it.
const (
	diaryVersion = "HERDER_TEST_DIARY_VERSION"
	diaryName    = "HERDER_TEST_DIARY_NAME"
)

const diaryClass = "org.example.DiarySinkConnector"

// diary is a sink that writes values into files of a folder, one for each partition, and notes what it does in the file events
// beside them. It does what the file mood in that folder says: die, fail, hang.
type diary struct{}

var (
	folder = connectors.String("diary.folder", "Where the diary is kept.", connectors.Required())
	pages  = connectors.Int("diary.pages", "How thick it is.", connectors.Default("10"), connectors.Between(1, 100))
	lock   = connectors.Secret("diary.lock", "What opens it.", connectors.Default(""))
)

func (diary) Spec() connectors.Spec {
	name := os.Getenv(diaryName)
	class := diaryClass
	if name != "diary" {
		class = "org.example." + strings.ToUpper(name[:1]) + name[1:] + "SinkConnector"
	}
	return connectors.Spec{
		Name: name, Version: os.Getenv(diaryVersion), Summary: "a diary",
		Classes: []connectors.Class{{Name: class, Task: strings.Replace(class, "Connector", "Task", 1)}},
		Config:  connectors.Define(folder, pages, lock),
		Values:  []connectors.Payload{connectors.PayloadJSON, connectors.PayloadString},
	}
}

func (diary) Start(ctx context.Context, cfg connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	t := &diaryTask{dir: folder.Get(cfg), name: fmt.Sprintf("%s-%d", rt.Connector(), rt.Task())}
	if err := t.feel(ctx, "start"); err != nil {
		return nil, err
	}
	return t, t.note("start", strconv.Itoa(os.Getpid()), os.Getenv(diaryVersion), strconv.Itoa(pages.Get(cfg)), lock.Get(cfg).Reveal())
}

type diaryTask struct{ dir, name string }

// feel does what the mood says of this moment.
func (t *diaryTask) feel(ctx context.Context, moment string) error {
	b, err := os.ReadFile(filepath.Join(t.dir, "mood"))
	if err != nil {
		return nil //nolint:nilerr // without the file all is well
	}
	what, when, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if when != moment {
		return nil
	}
	op := "writing the diary"
	switch what {
	case "die":
		fmt.Fprintln(os.Stderr, "the pen has burst")
		os.Exit(3)
	case "hang":
		if err := t.note("hang", strconv.Itoa(os.Getpid())); err != nil {
			return err
		}
		select {} // whatever becomes of ctx
	case "fatal":
		return connectors.Fatal(op, errors.New("the diary is full"), "buy another one")
	case "retriable":
		return connectors.Retriable(op, errors.New("the diary is lent out"), "wait until it is back")
	case "unauthorized":
		return connectors.Unauthorized(op, errors.New("the diary is locked"), "give diary.lock")
	case "misconfigured":
		return connectors.Misconfigured(op, errors.New("the folder is no diary"), "change diary.folder")
	}
	return ctx.Err()
}

func (t *diaryTask) note(words ...string) error {
	return appendTo(filepath.Join(t.dir, "events"), t.name+" "+strings.Join(words, " "))
}

func appendTo(path string, lines ...string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

func (t *diaryTask) Open(ctx context.Context, p connectors.Partition, _ int64, ack connectors.Ack) (connectors.Writer, error) {
	return &diaryWriter{t, p, ack}, t.feel(ctx, "open")
}

func (t *diaryTask) Stop(ctx context.Context) error {
	if err := t.feel(ctx, "stop"); err != nil {
		return err
	}
	return t.note("stop", strconv.Itoa(os.Getpid()))
}

type diaryWriter struct {
	*diaryTask
	p   connectors.Partition
	ack connectors.Ack
}

func (w *diaryWriter) Resume() int64 { return -1 }

func (w *diaryWriter) Write(ctx context.Context, b *connectors.Batch) error {
	for {
		err := w.feel(ctx, "write")
		if err == nil {
			break
		}
		if mood, _ := os.ReadFile(filepath.Join(w.dir, "mood")); !strings.HasPrefix(string(mood), "unauthorized") {
			return err
		}
		w.ack.Trouble(err) // a sink that keeps trying by itself
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.ack.Trouble(nil)
	var lines []string
	for _, r := range b.All() {
		lines = append(lines, string(r.Value))
	}
	if err := appendTo(filepath.Join(w.dir, w.p.String()), lines...); err != nil {
		return err
	}
	w.ack.Durable(b.Last() + 1)
	return nil
}

func (w *diaryWriter) Flush(context.Context) error { return nil }
func (w *diaryWriter) Close(context.Context) error { return nil }

// book is a diary as the tests see it.
type book struct {
	t   testing.TB
	dir string
}

func newBook(t testing.TB) book {
	t.Helper()
	return book{t, t.TempDir()}
}

// mood tells the plugin what to do when; an empty one, to be good.
func (b book) mood(m string) {
	b.t.Helper()
	path := filepath.Join(b.dir, "mood")
	if err := os.WriteFile(path+"~", []byte(m), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		b.t.Fatal(err)
	}
}

// lines are those of a file, without the last where it is not complete.
func (b book) lines(file string) []string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, file))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	all := strings.Split(string(text), "\n")
	return all[:len(all)-1]
}

// values are the different ones that were written of a partition, in order.
func (b book) values(topic string, partition int32) []string {
	all := b.lines(connectors.Partition{Topic: topic, ID: partition}.String())
	slices.Sort(all)
	return slices.Compact(all)
}

// entry is an event of a task.
type entry struct {
	what    string // start, stop or hang
	pid     int
	version string
	pages   string
	lock    string
}

// entries are the events of a task, in order.
func (b book) entries(task string) []entry {
	b.t.Helper()
	var all []entry
	for _, line := range b.lines("events") {
		f := strings.Split(line, " ")
		if f[0] != task {
			continue
		}
		f = append(f, "", "", "")
		pid, err := strconv.Atoi(f[2])
		if err != nil {
			b.t.Fatalf("event %q", line)
		}
		all = append(all, entry{f[1], pid, f[3], f[4], f[5]})
	}
	return all
}

// starts tells how often a task was started, and the last start.
func (b book) starts(task string) (n int, last entry) {
	b.t.Helper()
	for _, e := range b.entries(task) {
		if e.what == "start" {
			n, last = n+1, e
		}
	}
	return n, last
}
