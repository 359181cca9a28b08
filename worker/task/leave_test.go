package task

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// A task that leaves is no member any more when it has ended, at whatever step of joining it is told to go. A place that it left
// behind would keep its partitions from the others until the session times out.
func TestLeaveAtAnyTime(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "events", 4)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	cfg := config(b, 0, "events")
	stays := start(t, cfg, newFakePlugin(t, newStore()))
	eventually(t, "the task that stays", func() bool { return len(stays.partitions()) == 4 }, stays)
	for round := range 20 {
		cfg := config(b, 1, "events")
		cfg.Consumer["group.instance.id"] = fmt.Sprintf("guest-%d", round)
		goes := start(t, cfg, newFakePlugin(t, newStore()))
		after := time.Duration(random.Int64N(int64(500 * time.Millisecond)))
		time.Sleep(after) // some moment is what is wanted
		goes.task.Leave()
		if _, err := goes.stop(); err != nil {
			t.Fatal(err)
		}
		if left, _ := embeddedtest.Members(t, b, group); len(left) != 1 {
			t.Errorf("round %d: left after %s, but its place is still there: %v", round, after, left)
		}
		eventually(t, "the other task to have all partitions", func() bool { return len(stays.partitions()) == 4 }, stays)
	}
}
