package herder_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// seed gives the seed of a test, which is printed and can be given.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("SLUICE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SLUICE_SEED: %v", err)
		}
	}
	t.Logf("seed: SLUICE_SEED=%d", n)
	return n
}

func TestOneOfManyCreates(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w := s.start()
	for round := range 3 {
		name := fmt.Sprintf("d%d", round)
		const rivals = 8
		books := make([]book, rivals)
		errs := make([]error, rivals)
		var wg sync.WaitGroup
		for i := range rivals {
			books[i] = newBook(t)
			wg.Go(func() {
				_, errs[i] = w.Create(t.Context(), api.CreateRequest{Name: name, Config: books[i].connector("days")})
			})
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won >= 0:
				t.Errorf("%s was created by %d and by %d", name, won, i)
			case err == nil:
				won = i
			case status(err) != http.StatusConflict:
				t.Errorf("rival %d: %v", i, err)
			}
		}
		if won < 0 {
			t.Fatal("nobody has created it")
		}
		s.running(w, name, 1)
		if info, err := w.Connector(t.Context(), name); err != nil || info.Config["diary.folder"] != books[won].dir {
			t.Errorf("the connector is not that of the one who was told so: %+v, %v", info, err)
		}
	}
}

// Changes of different keys at once are all kept.
func TestConcurrentPatches(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: b.connector("days"), InitialState: api.Stopped}); err != nil {
		t.Fatal(err)
	}
	const patches = 8
	var wg sync.WaitGroup
	for i := range patches {
		value := strconv.Itoa(i)
		wg.Go(func() {
			if _, err := w.PatchConfig(t.Context(), "d", map[string]*string{"consumer.override.client.rack" + value: &value}); err != nil {
				t.Errorf("patch %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	info, err := w.Connector(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	for i := range patches {
		if got := info.Config["consumer.override.client.rack"+strconv.Itoa(i)]; got != strconv.Itoa(i) {
			t.Errorf("patch %d is lost", i)
		}
	}
}

// Whatever is asked at once, in the end what runs is what is wanted.
func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w, b := s.start(), newBook(t)
	from := seed(t)
	names := []string{"a", "b", "c", "d"}
	const clients, requests = 5, 30
	var wg sync.WaitGroup
	for i := range clients {
		r := rand.New(rand.NewPCG(from, uint64(i)))
		wg.Go(func() {
			for range requests {
				s.request(w, b, r, names[r.IntN(len(names))])
			}
		})
	}
	wg.Wait()
	s.create(w, "last", newBook(t).connector("days")) // the worker is still well

	known, err := w.Connectors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live := map[int]bool{}
	for _, name := range names {
		if slices.Contains(known, name) {
			s.consistent(w, b, name, live)
			continue
		}
		eventually(t, "nothing to be left of "+name, func() bool { _, err := w.Status(t.Context(), name); return status(err) == http.StatusNotFound })
		for n := range mostTasks {
			s.ended(b, name, n)
		}
	}
	for _, name := range names {
		for n := range mostTasks {
			for _, e := range b.entries(fmt.Sprintf("%s-%d", name, n)) {
				if !live[e.pid] {
					eventually(t, fmt.Sprintf("the end of process %d of %s", e.pid, name), func() bool { return syscall.Kill(e.pid, 0) != nil })
				}
			}
		}
	}
	eventually(t, "states of those that exist only", func() bool { return slices.Equal(w.statuses.Connectors(), known) })
}

const mostTasks = 3

// request asks for something at random. Others may have been faster: that something exists or not is no failure.
func (s *site) request(w *worker, b book, r *rand.Rand, name string) {
	ctx := s.t.Context()
	cfg := b.connector("days", "tasks.max", strconv.Itoa(1+r.IntN(mostTasks)))
	var err error
	what := r.IntN(9)
	switch what {
	case 0, 1:
		state := []api.TargetState{"", api.Started, api.Paused, api.Stopped}[r.IntN(4)]
		_, err = w.Create(ctx, api.CreateRequest{Name: name, Config: cfg, InitialState: state})
	case 2:
		_, _, err = w.PutConfig(ctx, name, cfg)
	case 3:
		err = w.Delete(ctx, name)
	case 4:
		err = w.SetState(ctx, name, api.Paused)
	case 5:
		err = w.SetState(ctx, name, api.Stopped)
	case 6:
		err = w.SetState(ctx, name, api.Started)
	case 7:
		_, err = w.Restart(ctx, name, api.RestartOptions{IncludeTasks: r.IntN(2) == 0, OnlyFailed: r.IntN(2) == 0})
	case 8:
		err = w.RestartTask(ctx, api.TaskID{Connector: name, Task: r.IntN(mostTasks)})
	}
	if code := status(err); err != nil && code != http.StatusNotFound && code != http.StatusConflict {
		s.t.Errorf("request %d for %s: %v", what, name, err)
	}
}

// consistent checks that a connector is what the config topic wants, and notes the processes that it may have.
func (s *site) consistent(w *worker, b book, name string, live map[int]bool) {
	s.t.Helper()
	c := w.configs.Snapshot().Connectors[name]
	n, err := strconv.Atoi(c.Config["tasks.max"])
	if err != nil {
		s.t.Fatal(err)
	}
	switch c.Target {
	case "STARTED":
		s.running(w, name, n)
	case "PAUSED":
		n = len(c.Tasks) // as many as it had
		s.states(w, name, "PAUSED", "PAUSED", n)
	case "STOPPED":
		n = 0
		s.states(w, name, "STOPPED", "", 0)
	}
	for i := range mostTasks {
		if i < n {
			live[s.runs(b, name, i).pid] = true
		} else {
			s.ended(b, name, i)
		}
	}
}

// runs waits until a task that is wanted was started and not stopped, and gives its start.
func (s *site) runs(b book, name string, n int) (last entry) {
	s.t.Helper()
	task := fmt.Sprintf("%s-%d", name, n)
	eventually(s.t, task+" to run", func() bool {
		all := b.entries(task)
		if len(all) == 0 {
			return false
		}
		last = all[len(all)-1]
		return last.what == "start"
	})
	return last
}

// ended waits until a task that is not wanted was stopped, or its process is gone, as that of a task that was cancelled in its start.
func (s *site) ended(b book, name string, n int) {
	s.t.Helper()
	task := fmt.Sprintf("%s-%d", name, n)
	eventually(s.t, "the end of "+task, func() bool {
		all := b.entries(task)
		return len(all) == 0 || all[len(all)-1].what == "stop" || syscall.Kill(all[len(all)-1].pid, 0) != nil
	})
}
