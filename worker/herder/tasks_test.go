package herder_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestTasksMaxChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 4)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days"))
	for i, n := range []int{4, 2, 3, 1} {
		if _, _, err := w.PutConfig(t.Context(), "d", b.connector("days", "tasks.max", strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
		s.running(w, "d", n)
		for p := range int32(4) {
			s.arrive(b, "days", p, strconv.Itoa(i))
		}
		if info, err := w.Connector(t.Context(), "d"); err != nil || len(info.Tasks) != n {
			t.Errorf("%d tasks wanted: %+v, %v", n, info, err)
		}
	}
	for n := 1; n < 4; n++ {
		if value := s.lastRecords(w.config.StatusTopic)["status-task-d-"+strconv.Itoa(n)]; value != "" {
			t.Errorf("task %d is gone, its state is not: %s", n, value)
		}
	}
	if got := b.lines("days-3"); len(slices.Compact(slices.Clone(got))) != 4 {
		t.Errorf("wrote %v", got)
	}
}

func TestMoreTasksThanPartitions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days", "tasks.max", "3"))
	s.arrive(b, "days", 0, `1`)
	embeddedtest.AddPartitions(t, s.broker, "days", 3)
	for p := range int32(3) {
		s.arrive(b, "days", p, `2`)
	}
	s.running(w, "d", 3)
}

func TestTopicComesLater(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w, named, regex := s.start(), newBook(t), newBook(t)
	for name, cfg := range map[string]map[string]string{
		"named": named.connector("days", "tasks.max", "3"),
		"regex": regex.connector("", "topics", "", "topics.regex", "d.ys", "tasks.max", "3"),
	} {
		if _, err := w.Create(t.Context(), api.CreateRequest{Name: name, Config: cfg}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		s.task(w, "named", n, "RUNNING", "create the topic or change topics")
		s.task(w, "regex", n, "RUNNING", "")
	}
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	s.arrive(named, "days", 0, `1`)
	s.arrived(regex, "days", 0, `1`)
	s.running(w, "named", 3) // the two without a partition have no trouble any more
	s.running(w, "regex", 3)
}
