package herder_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func offset(topic string, partition int32, offset int64) api.PartitionOffset {
	o := api.PartitionOffset{Topic: topic, Partition: partition, Offset: &offset}
	if offset < 0 {
		o.Offset = nil
	}
	return o
}

func TestOffsets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 2)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days"))
	for p := range int32(2) {
		embeddedtest.Produce(t, s.broker, embeddedtest.Values("days", p, `1`, `2`, `3`)...)
		s.arrived(b, "days", p, `3`)
	}
	listed := func(want ...api.PartitionOffset) {
		t.Helper()
		var got []api.PartitionOffset
		eventually(t, "offsets", func() bool {
			var err error
			got, err = w.Offsets(t.Context(), "d")
			return err == nil && cmp.Equal(got, want) || err == nil && len(got)+len(want) == 0
		})
	}
	listed(offset("days", 0, 3), offset("days", 1, 3))

	for _, target := range []api.TargetState{api.Started, api.Paused} {
		if err := w.SetState(t.Context(), "d", target); err != nil {
			t.Fatal(err)
		}
		_, err := w.AlterOffsets(t.Context(), "d", []api.PartitionOffset{offset("days", 0, 1)})
		if status(err) != http.StatusBadRequest || !strings.Contains(err.Error(), "STOPPED state before their offsets can be modified") {
			t.Errorf("altering offsets when %s: %v", target, err)
		}
		if _, err := w.ResetOffsets(t.Context(), "d"); status(err) != http.StatusBadRequest || !strings.Contains(err.Error(), "can be modified") {
			t.Errorf("resetting offsets when %s: %v", target, err)
		}
	}
	stop := func() {
		t.Helper()
		if err := w.SetState(t.Context(), "d", api.Stopped); err != nil {
			t.Fatal(err)
		}
	}
	resume := func() {
		t.Helper()
		if err := w.SetState(t.Context(), "d", api.Started); err != nil {
			t.Fatal(err)
		}
		s.running(w, "d", 1)
	}

	stop()
	if message, err := w.AlterOffsets(t.Context(), "d", []api.PartitionOffset{offset("days", 0, 1), offset("days", 1, -1)}); err != nil || message != "The offsets for this connector have been altered successfully" {
		t.Fatalf("altering: %q, %v", message, err)
	}
	listed(offset("days", 0, 1))
	resume()
	eventually(t, "what is read again", func() bool {
		return slices.Equal(b.lines("days-0"), []string{"1", "2", "3", "2", "3"}) && slices.Equal(b.lines("days-1"), []string{"1", "2", "3", "1", "2", "3"})
	})

	stop()
	if message, err := w.ResetOffsets(t.Context(), "d"); err != nil || message != "The offsets for this connector have been reset successfully" {
		t.Fatalf("resetting: %q, %v", message, err)
	}
	listed()
	resume()
	eventually(t, "everything again", func() bool { return len(b.lines("days-0")) == 8 && len(b.lines("days-1")) == 9 })
	listed(offset("days", 0, 3), offset("days", 1, 3))
}

func TestTopicsInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	embeddedtest.CreateTopic(t, s.broker, "nights", 1)
	w, b := s.start(), newBook(t)
	s.create(w, "d", b.connector("days,nights"))
	used := func(want ...string) {
		t.Helper()
		eventually(t, "topics "+strings.Join(want, ","), func() bool {
			got, err := w.Topics(t.Context(), "d")
			return err == nil && slices.Equal(got, want)
		})
	}
	used()
	s.arrive(b, "nights", 0, `1`)
	used("nights")
	s.arrive(b, "days", 0, `1`)
	used("days", "nights")
	if err := w.ResetTopics(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	used()
	if got, err := w.Topics(t.Context(), "nobody"); err != nil || len(got) != 0 {
		t.Errorf("topics of nobody: %v, %v", got, err)
	}

	s.close(w)
	w = s.start("topic.tracking.allow.reset", "false")
	if err := w.ResetTopics(t.Context(), "d"); status(err) != http.StatusForbidden {
		t.Errorf("resetting when that is forbidden: %v", err)
	}
	s.close(w)
	w = s.start("topic.tracking.enable", "false")
	if _, err := w.Topics(t.Context(), "d"); status(err) != http.StatusForbidden {
		t.Errorf("topics when they are not tracked: %v", err)
	}
}
