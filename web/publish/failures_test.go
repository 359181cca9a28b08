package publish

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/go-cmp/cmp"
)

// logBuffer may be written and emptied by different goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines returns what was written since the last call.
func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := strings.TrimSpace(b.buf.String())
	b.buf.Reset()
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// plainLogger writes lines without time and level, to be compared as they are.
func plainLogger(out io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// A burst of 1000 failures is two lines, and the numbers on them add up.
func TestFailureLogAggregates(t *testing.T) {
	var out logBuffer
	f := newFailureLog(plainLogger(&out), slog.LevelError, "events not delivered")
	for range 1000 {
		f.add("refused")
	}
	want := []string{`msg="events not delivered" reason=refused events=1`}
	if diff := cmp.Diff(want, out.lines()); diff != "" {
		t.Fatalf("first failure (-want +got):\n%s", diff)
	}
	f.add("too large")
	f.flush()
	want = []string{
		`msg="events not delivered" reason="too large" events=1`,
		`msg="events not delivered" reason=refused events=999`,
	}
	if diff := cmp.Diff(want, out.lines()); diff != "" {
		t.Fatalf("end of the window (-want +got):\n%s", diff)
	}
	f.flush()
	if got := out.lines(); got != nil || len(f.kinds) != 0 {
		t.Fatalf("a quiet window logged %q and remembers %v", got, f.kinds)
	}
	f.add("refused")
	if got := out.lines(); len(got) != 1 {
		t.Fatalf("after a quiet window the next failure logged %q", got)
	}
}

// The reports loop closes windows by the clock and, at the end, by itself.
func TestReportsCloseFailureWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logBuffer
		p := newPublisher(Config{Topic: "t", BufferEvents: 10, BufferBytes: 100, Logger: plainLogger(&out)}, nil, nil)
		events := make(chan kafka.Event)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.reports(events)
		}()
		refuse := func() {
			if err := p.ledger.admit(3); err != nil {
				t.Fatal(err)
			}
			m := &kafka.Message{Value: []byte("abc")}
			m.TopicPartition.Error = kafka.NewError(kafka.ErrMsgSizeTooLarge, "too large", false)
			events <- m
		}
		refuse()
		refuse()
		synctest.Wait()
		if got := out.lines(); len(got) != 1 {
			t.Fatalf("before the window ends: %q", got)
		}
		time.Sleep(failureWindow) // the bubble's clock
		synctest.Wait()
		if got := out.lines(); len(got) != 1 || !strings.Contains(got[0], "events=1") {
			t.Fatalf("when the window ends: %q", got)
		}
		refuse()
		close(events)
		<-done
		if got := out.lines(); len(got) != 1 || !strings.Contains(got[0], "events=1") {
			t.Fatalf("when reports end: %q", got)
		}
		if c := p.Counts(); c.Failed != 3 || c.Buffered != 0 {
			t.Fatalf("counts %+v", c)
		}
		p.stop()
	})
}
