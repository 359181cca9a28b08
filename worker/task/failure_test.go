package task

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestBadRecordsEndTheTask(t *testing.T) {
	for _, tc := range []struct {
		name     string
		format   connectors.Format
		bad      embeddedtest.Record
		wantOp   string
		wantText string
	}{
		{
			"value",
			connectors.Format{Key: connectors.PayloadBytes, Value: connectors.PayloadJSON},
			embeddedtest.Record{Topic: "events", Partition: 1, Value: []byte(`{"a":}`)},
			"converting record value with JsonConverter", "at byte 5",
		},
		{
			"key",
			connectors.Format{Key: connectors.PayloadJSON, Value: connectors.PayloadJSON},
			embeddedtest.Record{Topic: "events", Partition: 1, Key: []byte(`color`), Value: []byte(`1`)},
			"converting record key with JsonConverter", "at byte 0",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := embeddedtest.Start(t)
			embeddedtest.CreateTopic(t, b, "events", 2)
			embeddedtest.Produce(t, b, embeddedtest.Values("events", 1, `1`, `2`, `3`)...)
			embeddedtest.Produce(t, b, tc.bad)
			embeddedtest.Produce(t, b, embeddedtest.Values("events", 1, `5`)...)
			s := newStore()
			cfg := config(b, 0, "events")
			cfg.Records = tc.format
			r := start(t, cfg, newFakePlugin(t, s))
			err := r.wait()
			var e *connectors.Error
			if !errors.As(err, &e) || e.Code != connectors.CodeBadRecord || e.Partition != tp("events", 1) || e.Offset != 3 || e.Op != tc.wantOp ||
				!strings.Contains(e.Error(), tc.wantText) || e.Hint == "" {
				t.Errorf("error %v", err)
			}
			// What came before it is stored and committed, it is not.
			if c := embeddedtest.Committed(t, b, group)[tp("events", 1)]; c != 3 {
				t.Errorf("committed at %d", c)
			}
			if n, _ := s.total(); n != 3 {
				t.Errorf("%d records stored", n)
			}
		})
	}
}

func TestRejectedRecordEndsTheTask(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 10)...)
	s := newStore()
	f := newFakePlugin(t, s)
	f.onBatch = func(p connectors.Partition, b *connectors.Batch) plugins.Event {
		return plugins.Rejected{ID: f.lastID, Offset: 4, Err: connectors.BadRecord(connectors.Partition{}, -1, errors.New("mapper says no"))}
	}
	err := start(t, config(b, 0, "events"), f).wait()
	var e *connectors.Error
	if !errors.As(err, &e) || e.Code != connectors.CodeBadRecord || e.Partition != tp("events", 0) || e.Offset != 4 || !strings.Contains(e.Error(), "mapper says no") {
		t.Errorf("error %v", err)
	}
	if c := embeddedtest.Committed(t, b, group)[tp("events", 0)]; c > 4 {
		t.Errorf("committed at %d, beyond the rejected record", c)
	}
}

func TestPluginFailures(t *testing.T) {
	for _, tc := range []struct {
		name     string
		act      func(f *fakePlugin)
		wantCode connectors.Code
		wantText string
	}{
		{
			"failed in one partition",
			func(f *fakePlugin) {
				f.emit(plugins.Failed{ID: 1, Err: connectors.Retriable("renaming a file", errors.New("no namenode"), "start it")})
			},
			connectors.CodeRetriable, "renaming a file (events-0): no namenode; start it",
		},
		{
			"failed as a whole",
			func(f *fakePlugin) {
				f.emit(plugins.Failed{Err: connectors.Misconfigured("connecting", errors.New("no such user"), "")})
			},
			connectors.CodeMisconfigured, "connecting: no such user",
		},
		{"failed without a reason", func(f *fakePlugin) { f.emit(plugins.Failed{ID: 1}) }, connectors.CodeFatal, "gave no reason"},
		{"died", func(f *fakePlugin) { f.kill() }, connectors.CodeRetriable, "connection reset"},
		{"ended its stream", func(f *fakePlugin) { f.stop.Do(func() { close(f.stopped) }) }, connectors.CodeRetriable, io.EOF.Error()},
		{"lies about durability", func(f *fakePlugin) { f.emit(plugins.Durable{ID: 1, Next: 1_000_000}) }, connectors.CodeFatal, "this is a bug of the plugin"},
		{"gives back too much", func(f *fakePlugin) { f.emit(plugins.Taken{ID: 1, Size: 1_000_000}) }, connectors.CodeFatal, "this is a bug of the plugin"},
		{"gives back less than nothing", func(f *fakePlugin) { f.emit(plugins.Taken{ID: 1, Size: -1}) }, connectors.CodeFatal, "this is a bug of the plugin"},
		{"rejects what it does not have", func(f *fakePlugin) { f.emit(plugins.Rejected{ID: 1, Offset: 1_000_000}) }, connectors.CodeFatal, "this is a bug of the plugin"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := embeddedtest.Start(t)
			embeddedtest.CreateTopic(t, b, "events", 1)
			embeddedtest.Produce(t, b, documents("events", 1, 10)...)
			s := newStore()
			watchCommits(t, b, s)
			f := newFakePlugin(t, s)
			r := start(t, config(b, 0, "events"), f)
			eventually(t, "records", func() bool { n, _ := s.total(); return n == 10 }, r)
			f.emit(plugins.Durable{ID: 77, Next: 5})  // of an opening that never was: ignored
			f.emit(plugins.Opened{ID: 1, Resume: 99}) // a second time: ignored
			began := time.Now()
			tc.act(f)
			err := r.wait()
			if took := time.Since(began); took > soon {
				t.Errorf("it took %s to end", took)
			}
			var e *connectors.Error
			if !errors.As(err, &e) || e.Code != tc.wantCode || !strings.Contains(e.Error(), tc.wantText) {
				t.Errorf("error %v (%v)", err, connectors.CodeOf(err))
			}
			if c := embeddedtest.Committed(t, b, group)[tp("events", 0)]; c != 10 {
				t.Errorf("committed at %d: what was durable before the end", c)
			}
		})
	}
}

func TestHungPluginDoesNotHoldTheStopUp(t *testing.T) {
	for _, tc := range []struct {
		hangs   []string
		wantErr string
	}{
		{[]string{"open"}, "did not close events-0, events-1"},
		{[]string{"send"}, "did not close"},
		{[]string{"close"}, "did not close events-0, events-1"},
		{[]string{"stop"}, "stopping the plugin's task"},
		{[]string{"send", "stop"}, "did not close"},
	} {
		t.Run(strings.Join(tc.hangs, " and "), func(t *testing.T) {
			b := embeddedtest.Start(t)
			embeddedtest.CreateTopic(t, b, "events", 2)
			f := newFakePlugin(t, newStore())
			for _, h := range tc.hangs {
				f.hangs[h] = true
			}
			cfg := config(b, 0, "events")
			cfg.StopTimeout = time.Second
			cfg.CreditBytes = 64 << 10
			r := start(t, cfg, f)
			eventually(t, "assignment", func() bool { return len(r.partitions()) == 2 }, r)
			embeddedtest.Produce(t, b, documents("events", 2, 3000)...)
			// Into the middle of it. What is to hang at the end needs partitions that are open.
			eventually(t, "the hanging, or open partitions", func() bool {
				f.mu.Lock()
				defer f.mu.Unlock()
				return f.hanging.Load() || !f.hangs["open"] && !f.hangs["send"] && f.openings[1] != nil && f.openings[1].opened && f.openings[2] != nil && f.openings[2].opened
			}, r)
			time.AfterFunc(1500*time.Millisecond, f.kill) // as the host does when a task's plugin does not stop
			took, err := r.stop()
			if took > soon {
				t.Errorf("stopping took %s", took)
			}
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) || connectors.CodeOf(err) != connectors.CodeRetriable {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestPluginThatDoesNotOpen(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	f := newFakePlugin(t, newStore())
	f.slowOpen[tp("events", 0)] = make(chan struct{})
	cfg := config(b, 0, "events")
	cfg.OpenTimeout = 300 * time.Millisecond
	err := start(t, cfg, f).wait()
	if err == nil || !strings.Contains(err.Error(), "opening a partition (events-0): plugin did not answer within 300ms") || connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Errorf("error %v", err)
	}
}

func TestPluginThatDoesNotCloseWhenRevoked(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	s := newStore()
	f := newFakePlugin(t, s)
	f.hangs["close"] = true
	cfg := config(b, 0, "events")
	cfg.CloseTimeout = 500 * time.Millisecond
	cfg.Consumer["session.timeout.ms"] = shortSession // a task without its plugin leaves its place behind
	r0 := start(t, cfg, f)
	eventually(t, "assignment", func() bool { return len(r0.partitions()) == 2 }, r0)
	time.AfterFunc(5*time.Second, f.kill)
	r1 := start(t, config(b, 1, "events"), newFakePlugin(t, s))
	err := r0.wait()
	if err == nil || !strings.Contains(err.Error(), "did not close events-") || connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Errorf("error %v", err)
	}
	eventually(t, "the other task to have the partitions", func() bool { return len(r1.partitions()) == 2 }, r1)
}

func TestTroubleIsShownAndTaken(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 2)
	f := newFakePlugin(t, newStore())
	r := start(t, config(b, 0, "events"), f)
	eventually(t, "openings", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.lastID == 2 }, r)
	eventually(t, "both open", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.openings[1].opened && f.openings[2].opened
	}, r)
	busy := connectors.Retriable("sending bulk", errors.New("429"), "wait")
	f.emit(plugins.Trouble{ID: 1, Err: busy})
	f.emit(plugins.Trouble{ID: 1, Err: busy}) // again: not told again
	f.emit(plugins.Trouble{ID: 2, Err: busy})
	f.emit(plugins.Trouble{ID: 1})
	f.emit(plugins.Trouble{ID: 2})
	eventually(t, "the end of trouble", func() bool { e, any := r.lastTrouble(); return any && e == nil }, r)
	if len(r.troubles) != 4 || r.troubles[0].Partition.Topic != "events" || r.troubles[2] == nil {
		t.Errorf("told %v", r.troubles)
	}
}

func TestCommitFailures(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.RebalanceInProgress, kerr.RequestTimedOut} {
		t.Run(e.Message, func(t *testing.T) {
			b := embeddedtest.Start(t)
			embeddedtest.CreateTopic(t, b, "events", 1)
			embeddedtest.Produce(t, b, documents("events", 1, 10)...)
			var refused atomic.Int32
			refuseCommits(b, func() *kerr.Error {
				if refused.Add(1) <= 2 {
					return e
				}
				return nil
			})
			s := newStore()
			cfg := config(b, 0, "events")
			cfg.Consumer["session.timeout.ms"] = "60000" // the client may look for the coordinator for half a minute: its heartbeats drop the connection that it makes
			r := start(t, cfg, newFakePlugin(t, s))
			eventually(t, "the commit", func() bool { return embeddedtest.Committed(t, b, group)[tp("events", 0)] == 10 }, r)
			if refused.Load() < 3 {
				t.Errorf("%d commits", refused.Load())
			}
			if _, err := r.stop(); err != nil {
				t.Error(err)
			}
			if n := s.opened(tp("events", 0)); n != 1 {
				t.Errorf("opened %d times", n)
			}
		})
	}
	t.Run("retried when stopping", func(t *testing.T) {
		b := embeddedtest.Start(t)
		embeddedtest.CreateTopic(t, b, "events", 1)
		embeddedtest.Produce(t, b, documents("events", 1, 10)...)
		var refused atomic.Int32
		refuseCommits(b, func() *kerr.Error {
			if refused.Add(1) <= 3 {
				return kerr.CoordinatorLoadInProgress
			}
			return nil
		})
		s := newStore()
		cfg := config(b, 0, "events")
		cfg.CommitInterval = time.Hour
		r := start(t, cfg, newFakePlugin(t, s))
		eventually(t, "records", func() bool { n, _ := s.total(); return n == 10 }, r)
		if _, err := r.stop(); err != nil {
			t.Error(err)
		}
		if c := embeddedtest.Committed(t, b, group)[tp("events", 0)]; c != 10 {
			t.Errorf("committed at %d", c)
		}
	})
	t.Run("never answered", func(t *testing.T) {
		b := embeddedtest.Start(t)
		embeddedtest.CreateTopic(t, b, "events", 1)
		embeddedtest.Produce(t, b, documents("events", 1, 10)...)
		var over atomic.Bool
		b.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			b.Cluster().KeepControl()
			return nil, nil, !over.Load()
		})
		cfg := config(b, 0, "events")
		cfg.CommitTimeout, cfg.StopTimeout = 100*time.Millisecond, 2*time.Second // it stops without an answer, too
		cfg.Consumer["socket.timeout.ms"] = "5000"                               // for as long the client waits in vain
		r := start(t, cfg, newFakePlugin(t, newStore()))
		err := r.wait()
		if connectors.CodeOf(err) != connectors.CodeRetriable || !strings.Contains(err.Error(), "committing offsets: no answer since") {
			t.Errorf("error %v", err)
		}
		if len(r.troubles) == 0 || r.troubles[0] == nil || !strings.Contains(r.troubles[0].Error(), "committing offsets") {
			t.Errorf("told %v", r.troubles)
		}
		over.Store(true) // the client that was left alone ends
	})
	t.Run("never granted", func(t *testing.T) {
		b := embeddedtest.Start(t)
		embeddedtest.CreateTopic(t, b, "events", 1)
		embeddedtest.Produce(t, b, documents("events", 1, 10)...)
		refuseCommits(b, func() *kerr.Error { return kerr.GroupAuthorizationFailed })
		cfg := config(b, 0, "events")
		cfg.Consumer["session.timeout.ms"] = shortSession
		r := start(t, cfg, newFakePlugin(t, newStore()))
		if err := r.wait(); connectors.CodeOf(err) != connectors.CodeUnauthorized {
			t.Errorf("error %v", err)
		}
	})
}

func TestBrokerGoesAndComesBack(t *testing.T) {
	dir := t.TempDir()
	b := embeddedtest.Start(t, embeddedtest.InDir(dir))
	embeddedtest.CreateTopic(t, b, "events", 2)
	embeddedtest.Produce(t, b, documents("events", 2, 100)...)
	s := newStore()
	cfg := config(b, 0, "events")
	cfg.Consumer["reconnect.backoff.max.ms"] = "500"
	r := start(t, cfg, newFakePlugin(t, s))
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 200 }, r)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "trouble", func() bool { e, _ := r.lastTrouble(); return e != nil && e.Code == connectors.CodeRetriable }, r)
	b = embeddedtest.Start(t, embeddedtest.InDir(dir), embeddedtest.On(b.Bootstrap()))
	embeddedtest.Produce(t, b, documents("events", 2, 100)...)
	eventually(t, "records after that", func() bool { n, _ := s.total(); return n == 400 }, r)
	eventually(t, "the end of trouble", func() bool { e, any := r.lastTrouble(); return any && e == nil }, r)
	eventually(t, "commits", func() bool { return embeddedtest.Committed(t, b, group)[tp("events", 0)] == 200 }, r)
	if _, err := r.stop(); err != nil { // before this broker ends
		t.Error(err)
	}
	untilClientsEnd(t)
}

func TestStopWhileBrokerIsAway(t *testing.T) {
	dir := t.TempDir()
	b := embeddedtest.Start(t, embeddedtest.InDir(dir))
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 100)...)
	s := newStore()
	cfg := config(b, 0, "events")
	cfg.CommitInterval, cfg.StopTimeout = time.Hour, 2*time.Second
	cfg.Consumer["reconnect.backoff.max.ms"], cfg.Consumer["session.timeout.ms"] = "500", shortSession
	r := start(t, cfg, newFakePlugin(t, s))
	eventually(t, "records", func() bool { n, _ := s.total(); return n == 100 }, r)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if took, _ := r.stop(); took > soon {
		t.Errorf("stopping took %s", took)
	}
	// The client that was left alone ends when its broker is back.
	embeddedtest.Start(t, embeddedtest.InDir(dir), embeddedtest.On(b.Bootstrap()))
	untilClientsEnd(t)
}

func TestTopicMadeAnewIsNoticed(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 100)...)
	s := newStore()
	r := start(t, config(b, 0, "events"), newFakePlugin(t, s))
	eventually(t, "commits", func() bool { return embeddedtest.Committed(t, b, group)[tp("events", 0)] == 100 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := b.Cluster().DeleteTopic("events"); err != nil {
		t.Fatal(err)
	}
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, documents("events", 1, 10)...)
	f := newFakePlugin(t, s)
	f.resume = func(connectors.Partition, int64) int64 { return 100 } // the sink has the old records
	err := start(t, config(b, 0, "events"), f).wait()
	if err == nil || !strings.Contains(err.Error(), "offset went back from 100 to 0") || connectors.CodeOf(err) != connectors.CodeFatal {
		t.Errorf("error %v", err)
	}
}

func TestConfigurationErrors(t *testing.T) {
	good := map[string]string{"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no topics", Config{Consumer: good}, "either topics or topics.regex"},
		{"both", Config{Consumer: good, Topics: []string{"a"}, TopicsRegex: "a"}, "either topics or topics.regex"},
		{"topic that is a pattern", Config{Consumer: good, Topics: []string{"^a"}}, "for a pattern use topics.regex"},
		{"bad pattern", Config{Consumer: good, TopicsRegex: "a("}, "topics.regex"},
		{"no broker", Config{Topics: []string{"a"}, Consumer: map[string]string{"group.id": "g"}}, "bootstrap.servers is missing"},
		{"no group", Config{Topics: []string{"a"}, Consumer: map[string]string{"bootstrap.servers": "x:1"}}, "group.id is missing"},
		{"large batches", Config{Topics: []string{"a"}, Consumer: good, BatchBytes: 2 << 20}, "a batch has at most"},
		{"negative time", Config{Topics: []string{"a"}, Consumer: good, Linger: -1}, "negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) || connectors.CodeOf(err) != connectors.CodeMisconfigured {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("unknown consumer property", func(t *testing.T) {
		props := map[string]string{"no.such.property": "1"}
		maps.Copy(props, good)
		err := start(t, Config{Connector: "test", Topics: []string{"a"}, Consumer: props}, newFakePlugin(t, newStore())).wait()
		if err == nil || !strings.Contains(err.Error(), "no.such.property") || connectors.CodeOf(err) != connectors.CodeMisconfigured {
			t.Errorf("error %v", err)
		}
	})
	t.Run("run twice", func(t *testing.T) {
		b := embeddedtest.Start(t)
		embeddedtest.CreateTopic(t, b, "events", 1)
		r := start(t, config(b, 0, "events"), newFakePlugin(t, newStore()))
		if _, err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if err := r.task.Run(t.Context(), newFakePlugin(t, newStore())); err == nil {
			t.Error("it ran again")
		}
	})
}

func TestClientLogGoesToOurs(t *testing.T) {
	var text strings.Builder
	var lines atomic.Int32
	h := slog.NewTextHandler(writer(func(p []byte) (int, error) { lines.Add(1); return text.Write(p) }), &slog.HandlerOptions{Level: slog.LevelDebug})
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	cfg := config(b, 0, "events")
	cfg.Logger = slog.New(h)
	cfg.Consumer["debug"] = "cgrp"
	r := start(t, cfg, newFakePlugin(t, newStore()))
	eventually(t, "log lines", func() bool { return lines.Load() > 5 }, r)
	if _, err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "level=DEBUG") || !strings.Contains(text.String(), "tag=CGRP") {
		t.Errorf("log: %.500s", text.String())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// Who has lost its place in the group to another consumer of the same task takes it back when it is started again: the other may be one
// that was paused, and knows late that it is not to run the task any more. Nobody gives up for good.
func TestTakesItsPlaceBack(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 1)
	var before *running
	for round := range 3 {
		s := newStore()
		r := start(t, config(b, 0, "events"), newFakePlugin(t, s))
		if before != nil {
			var e *connectors.Error
			if err := before.wait(); !errors.As(err, &e) || e.Code != connectors.CodeRetriable || !strings.Contains(e.Error(), "takes it back") {
				t.Fatalf("round %d: error %v", round, err)
			}
		}
		embeddedtest.Produce(t, b, documents("events", 1, 10)...)
		eventually(t, "the records of this round", func() bool { n, _ := s.total(); return n >= 10 }, r)
		before = r
	}
	if _, err := before.stop(); err != nil {
		t.Error(err)
	}
}
