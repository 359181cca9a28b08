package hdfs

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

func TestPause(t *testing.T) {
	for _, tc := range []struct {
		longest time.Duration
		n       int
		full    time.Duration
	}{
		{5 * time.Second, 1, 200 * time.Millisecond},
		{5 * time.Second, 2, 400 * time.Millisecond},
		{5 * time.Second, 5, 3200 * time.Millisecond},
		{5 * time.Second, 6, 5 * time.Second},
		{5 * time.Second, 1000, 5 * time.Second},
		{time.Millisecond, 1, time.Millisecond},
		{24 * time.Hour, 100, 200 * time.Millisecond << 16},
		{1, 1, 1},
	} {
		for range 50 {
			if d := pause(tc.longest, tc.n); d < tc.full/2 || d > tc.full {
				t.Fatalf("pause %d of at most %v is %v, want %v to %v", tc.n, tc.longest, d, tc.full/2, tc.full)
			}
		}
	}
}

// away refuses calls that begin with a prefix, for a time from now.
func away(prefix string, d time.Duration, err error) func(string) error {
	until := time.Now().Add(d)
	return func(call string) error {
		if strings.HasPrefix(call, prefix) && time.Now().Before(until) {
			return err
		}
		return nil
	}
}

// While HDFS is away the writer tries again with growing pauses, shows why at once, and shows that it is over.
func TestOutage(t *testing.T) {
	for _, tc := range []struct{ name, mode, call string }{
		{"create", modeFlush, "create"},
		{"write", modeFlush, "write"},
		{"close", modeFlush, "close"},
		{"verify", modeFlush, "size"},
		{"rename", modeFlush, "rename"},
		{"everything", modeFlush, ""},
		{"open to append", modeAppend, "append"},
		{"rename the progress file", modeAppend, "rename"},
		{"everything in append mode", modeAppend, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := map[string]string{"flush.size": "5", "sluice.write.mode": tc.mode}
			inBubble(t, set, func(t *testing.T, b *bench, w *writer, a *acks) {
				t.Helper()
				b.write(t, w, 0, 4)
				outage := 10 * time.Minute
				b.refuse(away(tc.call, outage, errors.New("no available namenodes: connection refused")))
				began := time.Now()
				done := make(chan error)
				go func() { done <- written(t.Context(), w, batch(5, 11, decimal)) }()
				pass(time.Millisecond)
				durable, _, _, trouble := a.state()
				var e *connectors.Error
				if !errors.As(trouble, &e) || e.Code != connectors.CodeRetriable || e.Partition != part || e.Offset != 5 ||
					!strings.Contains(trouble.Error(), "connection refused") || e.Hint == "" {
					t.Errorf("after a moment the trouble is %v", trouble)
				}
				if durable != 5 {
					t.Errorf("durable %d meanwhile", durable)
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < outage || took > outage+5*time.Second {
					t.Errorf("it went on after %v", took)
				}
				synctest.Wait()
				durable, _, troubles, trouble := a.state()
				if durable != 10 || trouble != nil {
					t.Errorf("afterwards durable is %d, trouble %v", durable, trouble)
				}
				// five short pauses, and then one of 2.5 to 5 s after the other
				if lo, hi := int(outage/(5*time.Second)), int(outage/(2500*time.Millisecond))+10; troubles < lo || troubles > hi {
					t.Errorf("%d attempts, want %d to %d", troubles, lo, hi)
				}
				if n := b.retries.get(); n != int64(troubles) {
					t.Errorf("%d retries counted, %d shown", n, troubles)
				}
				if err := w.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := b.stored(t); len(got) != 12 {
					t.Errorf("stored are %v", got)
				}
			})
		})
	}
}

// The rename that commits took place, and its answer is lost: the writer finds out, and goes on without beginning anew.
func TestLostAnswer(t *testing.T) {
	for _, tc := range []struct {
		name  string
		set   map[string]string
		value func(int64) string
	}{
		{"flush", nil, decimal},
		{"append", map[string]string{"sluice.write.mode": modeAppend}, decimal},
		{"streamed", map[string]string{"sluice.buffer.bytes": "65536"}, big},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := map[string]string{"flush.size": "100", "retry.backoff.ms": "1"}
			maps.Copy(set, tc.set)
			run := func(lose int) (*bench, *acks) {
				b, a := overModel(t, set), newAcks()
				if lose > 0 {
					b.m.fault[lose] = failAfter
				}
				w := openAt(t, b.task, -1, a)
				if err := written(t.Context(), w, batch(0, 199, tc.value)); err != nil {
					t.Errorf("with the answer to call %d lost: %v", lose, err)
				}
				shut(t, w)
				return b, a
			}
			healthy, _ := run(0)
			last := 0 // the last rename commits
			for i, call := range healthy.m.calls {
				if strings.HasPrefix(call, "rename") {
					last = i + 1
				}
			}
			b, a := run(last)
			if durable, _, troubles, trouble := a.state(); durable != 200 || trouble != nil || troubles != 1 {
				t.Errorf("durable %d, trouble %v, %d troubles", durable, trouble, troubles)
			}
			if !slices.Equal(b.committed(), healthy.committed()) {
				t.Errorf("committed are %v, want %v", b.committed(), healthy.committed())
			}
			for _, name := range healthy.committed() {
				name = path.Join(b.set.names.dir(part), name)
				if string(b.m.files[name]) != string(healthy.m.files[name]) {
					t.Errorf("%s differs", name)
				}
			}
		})
	}
}

func TestOutageAtOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := overModel(t, nil), newAcks()
		b.refuse(away("", time.Minute, errors.New("no available namenodes: connection refused")))
		var w *writer
		opened := make(chan struct{})
		go func() { w = openAt(t, b.task, 3, a); close(opened) }()
		pass(time.Millisecond)
		if _, _, _, trouble := a.state(); trouble == nil || !strings.Contains(trouble.Error(), "check store.url, hadoop.conf.dir if it names a nameservice, and the service") {
			t.Errorf("trouble %v", trouble)
		}
		<-opened
		if _, _, _, trouble := a.state(); trouble != nil || w.Resume() != 3 {
			t.Errorf("resumes at %d, trouble %v", w.Resume(), trouble)
		}
		shut(t, w)
	})
}

// The clock's commit keeps trying alone, although nobody calls.
func TestOutageOfTheClocksCommit(t *testing.T) {
	inBubble(t, map[string]string{"rotate.interval.ms": "1000"}, func(t *testing.T, b *bench, w *writer, a *acks) {
		t.Helper()
		b.write(t, w, 0, 2)
		b.refuse(away("", time.Hour, errors.New("connection refused")))
		pass(time.Minute)
		if durable, _, _, trouble := a.state(); durable != -1 || trouble == nil {
			t.Errorf("durable %d, trouble %v", durable, trouble)
		}
		pass(time.Hour)
		if durable, _, _, trouble := a.state(); durable != 3 || trouble != nil {
			t.Errorf("afterwards durable %d, trouble %v", durable, trouble)
		}
	})
}

// What no retry mends ends the writer at once, with the code that says what kind it is.
func TestNoRetryMends(t *testing.T) {
	refused := &fs.PathError{Op: "create", Path: "/d", Err: fs.ErrPermission}
	for _, byClock := range []bool{false, true} {
		t.Run(map[bool]string{false: "in a call", true: "by the clock"}[byClock], func(t *testing.T) {
			inBubble(t, map[string]string{"rotate.interval.ms": "60000"}, func(t *testing.T, b *bench, w *writer, a *acks) {
				t.Helper()
				b.refuse(away("create", 48*time.Hour, refused))
				b.write(t, w, 0, 4)
				began := time.Now()
				if byClock {
					pass(2 * time.Minute)
					if _, _, _, trouble := a.state(); connectors.CodeOf(trouble) != connectors.CodeUnauthorized {
						t.Errorf("trouble %v", trouble)
					}
					began = time.Now()
				}
				for _, call := range []func() error{
					func() error { return w.Flush(t.Context()) },
					func() error { return written(t.Context(), w, batch(5, 6, decimal)) },
				} {
					err := call()
					var e *connectors.Error
					if !errors.As(err, &e) || e.Code != connectors.CodeUnauthorized || !strings.Contains(e.Hint, "sluice.hdfs.user") || !errors.Is(err, fs.ErrPermission) {
						t.Errorf("%v", err)
					}
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("it took %v to say so", took)
				}
				if durable, _, _, _ := a.state(); durable != -1 {
					t.Errorf("durable %d", durable)
				}
			})
		})
	}
}

// Calls that wait for HDFS end with their context, and so does Close, whatever the clock's commit is at.
func TestCancellation(t *testing.T) {
	refused := errors.New("connection refused")
	t.Run("open", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := overModel(t, nil)
			b.refuse(away("", time.Hour, refused))
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			began := time.Now()
			if _, err := b.Open(ctx, part, -1, newAcks()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 7*time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	})
	for _, mode := range []string{modeFlush, modeAppend} {
		t.Run("write and flush in mode "+mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := overModel(t, map[string]string{"flush.size": "5", "sluice.write.mode": mode})
				w := openAt(t, b.task, -1, newAcks())
				b.refuse(away("", time.Hour, refused))
				for _, call := range []func(context.Context) error{
					func(ctx context.Context) error { return w.Write(ctx, batch(0, 9, decimal)) },
					w.Flush,
				} {
					ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
					began := time.Now()
					if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 7*time.Second {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
					cancel()
				}
				began := time.Now()
				shut(t, w)
				if time.Since(began) > 0 || b.buffered.get() != 0 {
					t.Errorf("close took %v, %d bytes are held", time.Since(began), b.buffered.get())
				}
				b.expectFiles(t)
			})
		})
	}
	t.Run("close during the clock's commit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := overModel(t, map[string]string{"rotate.interval.ms": "1000"})
			a := newAcks()
			w := openAt(t, b.task, -1, a)
			b.write(t, w, 0, 2)
			b.refuse(away("", time.Hour, refused))
			pass(time.Minute)
			began := time.Now()
			shut(t, w)
			if time.Since(began) > 0 || b.buffered.get() != 0 {
				t.Errorf("close took %v, %d bytes are held", time.Since(began), b.buffered.get())
			}
			_, _, before, _ := a.state()
			pass(2 * time.Hour)
			if durable, _, after, _ := a.state(); durable != -1 || after != before {
				t.Errorf("after Close it reported durable %d and %d troubles more", durable, after-before)
			}
		})
	})
	t.Run("close without time", func(t *testing.T) {
		for range 20 { // what a select would take at random
			b := overModel(t, nil)
			fsys := &resets{filesystem: &view{m: b.m}}
			b.open = func() filesystem { return fsys }
			w := openAt(t, b.task, -1, newAcks())
			b.write(t, w, 0, 2)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = w.Close(ctx)
			if b.buffered.get() != 0 || fsys.n == 0 {
				t.Fatalf("%d bytes are held, %d resets", b.buffered.get(), fsys.n)
			}
		}
	})
}

// resets counts how often connections and open files were let go of.
type resets struct {
	filesystem
	n int
}

func (r *resets) Reset() { r.n++; r.filesystem.Reset() }

// Close drops what is not committed, and its temporary folder, and gives the memory back.
func TestCloseDrops(t *testing.T) {
	for _, mode := range []string{modeFlush, modeAppend} {
		t.Run(mode, func(t *testing.T) {
			b, a := overModel(t, map[string]string{"flush.size": "5", "sluice.write.mode": mode}), newAcks()
			w := openAt(t, b.task, -1, a)
			b.write(t, w, 0, 6)
			if len(b.temporary()) == 0 || b.buffered.get() == 0 {
				t.Fatal("the test sees nothing")
			}
			shut(t, w)
			if durable, _, _, _ := a.state(); durable != 5 || b.buffered.get() != 0 {
				t.Errorf("durable %d, %d bytes held", durable, b.buffered.get())
			}
			if got := b.stored(t); len(got) != 5 {
				t.Errorf("stored are %v", got)
			}
			if names := b.temporary(); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
			w = openAt(t, b.task, 5, newAcks())
			if w.Resume() != 5 {
				t.Errorf("resumes at %d", w.Resume())
			}
			shut(t, w)
		})
	}
}

// Two partitions share the gauge, and each gives back what is its own.
func TestBufferedOfAll(t *testing.T) {
	b := overModel(t, nil)
	w1 := openAt(t, b.task, -1, newAcks())
	cw2, err := b.Open(t.Context(), connectors.Partition{Topic: part.Topic, ID: 2}, -1, newAcks())
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, w1, 0, 9)
	b.write(t, cw2.(*writer), 0, 4)
	for _, step := range []struct {
		do   func(context.Context) error
		want int64
	}{{nil, 30}, {w1.Flush, 10}, {w1.Close, 10}, {cw2.Close, 0}} {
		if step.do != nil {
			if err := step.do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.buffered.get(); n != step.want {
			t.Errorf("%d bytes held, want %d", n, step.want)
		}
	}
}
