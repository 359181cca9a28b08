package herder_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// A worker that has just joined does not lead yet, and neither refuses nor hangs.
func TestCreateWhileJoining(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.join(), newBook(t)
	s.create(w, "d", b.connector("days"))
	s.arrive(b, "days", 0, `1`)
	s.settled(w)
}

// Who does not lead says who does.
func TestWhoDoesNotLeadSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	leader, b := s.start(), newBook(t)
	s.create(leader, "d", b.connector("days"))
	w := s.start("rest.advertised.port", "8084")
	for what, f := range map[string]func(ctx context.Context) error{
		"create": func(ctx context.Context) error {
			_, err := w.Create(ctx, api.CreateRequest{Name: "e", Config: b.connector("days")})
			return err
		},
		"put":    func(ctx context.Context) error { _, _, err := w.PutConfig(ctx, "d", b.connector("days")); return err },
		"patch":  func(ctx context.Context) error { _, err := w.PatchConfig(ctx, "d", nil); return err },
		"delete": func(ctx context.Context) error { return w.Delete(ctx, "d") },
		"stop":   func(ctx context.Context) error { return w.SetState(ctx, "d", api.Stopped) },
		"alter":  func(ctx context.Context) error { _, err := w.AlterOffsets(ctx, "d", nil); return err },
		"reset":  func(ctx context.Context) error { _, err := w.ResetOffsets(ctx, "d"); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		err := f(ctx)
		cancel()
		if other, ok := errors.AsType[*api.Elsewhere](err); !ok || other.URL != leader.member.LeaderURL() {
			t.Errorf("%s: %v", what, err)
		}
	}
	for url, want := range map[string]bool{leader.member.LeaderURL(): false, "http://127.0.0.1:9": true, "://": false} {
		if got := w.Lost(t.Context(), url); got != want {
			t.Errorf("%s is lost: %v, want %v", url, got, want)
		}
	}
	// What needs no leader works everywhere.
	if err := w.SetState(t.Context(), "d", api.Paused); err != nil {
		t.Fatal(err)
	}
	s.states(w, "d", "PAUSED", "PAUSED", 1)
	if err := w.SetState(t.Context(), "d", api.Started); err != nil {
		t.Fatal(err)
	}
	s.running(leader, "d", 1)
	if _, err := w.Restart(t.Context(), "d", api.RestartOptions{IncludeTasks: true}); err != nil {
		t.Fatal(err)
	}
	b.started("d-0", 2)
	s.running(w, "d", 1)
}

// The second worker is there before there is work: one that takes tasks from a living worker fences their consumers, and the client
// for Go cannot be closed when that happens in the moment in which it is closed.
func TestWorkersShareTheWork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 4)
	first, second, b := s.start(), s.start("rest.advertised.port", "8084"), newBook(t)
	s.create(first, "d", b.connector("days", "tasks.max", "4"))
	holders := func() map[string]int {
		n := map[string]int{}
		st, err := first.Status(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range st.Tasks {
			if task.State == "RUNNING" {
				n[task.WorkerID]++
			}
		}
		return n
	}
	eventually(t, "two tasks each", func() bool { n := holders(); return n["127.0.0.1:8083"] == 2 && n["127.0.0.1:8084"] == 2 })
	for p := range int32(4) {
		s.arrive(b, "days", p, `1`)
	}

	// A change reaches both workers, and none of the tasks goes on in a process of the time before.
	old := map[int]bool{}
	for n := range 4 {
		_, last := b.starts(fmt.Sprintf("d-%d", n))
		old[last.pid] = true
	}
	if _, _, err := first.PutConfig(t.Context(), "d", b.connector("days", "tasks.max", "4", "diary.pages", "20")); err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		eventually(t, fmt.Sprintf("task %d with the change in a new process", n), func() bool {
			_, last := b.starts(fmt.Sprintf("d-%d", n))
			return last.pages == "20" && !old[last.pid]
		})
	}
	s.running(second, "d", 4)

	s.close(second)
	eventually(t, "all tasks where they began", func() bool { return holders()["127.0.0.1:8083"] == 4 })
	for p := range int32(4) {
		s.arrive(b, "days", p, `2`)
	}
	moved := 0
	for n := range 4 {
		if slices.ContainsFunc(s.history(fmt.Sprintf("status-task-d-%d", n)), func(v string) bool {
			return strings.Contains(v, `"state":"UNASSIGNED"`) && strings.Contains(v, "127.0.0.1:8084")
		}) {
			moved++
		}
	}
	if moved != 2 {
		t.Errorf("%d tasks were UNASSIGNED when their worker left, wanted 2", moved)
	}
}

// An idle worker asks Kafka for next to nothing.
func TestIdleWorkerIsQuiet(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	_, since := w.Stage()
	requests := s.countRequests()
	eventually(t, "the worker to come to rest", func() bool {
		_, now := w.Stage()
		quiet := now.Equal(since) && time.Since(now) > time.Second
		since = now
		return quiet
	})
	if n := requests(); n > 200 {
		t.Errorf("an idle worker has sent %d requests", n)
	}
}
