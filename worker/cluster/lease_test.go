package cluster

import (
	"fmt"
	"testing"
	"time"
)

// The lease is as long as the last heartbeat that is known to have been answered allows, counted from before it was sent.
func TestLeaseFromStatistics(t *testing.T) {
	created := time.Unix(1000, 0)
	second := func(n int) time.Time { return created.Add(time.Duration(n) * time.Second) }
	type look struct {
		age, sent, received, waiting, beats int
		state                               string
		until                               time.Time // of the lease afterwards
	}
	for _, c := range []struct {
		name    string
		samples []look
	}{
		{"a heartbeat that was answered counts from the statistics before it", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 6, 0, 2, "steady", second(11)},
			{3, 6, 6, 0, 2, "steady", second(11)},
			{4, 7, 7, 0, 3, "steady", second(13)},
		}},
		{"one without an answer does not", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 5, 1, 2, "steady", time.Time{}},
		}},
		{"until the answer comes, from a slow broker", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 5, 1, 2, "steady", time.Time{}},
			{3, 6, 5, 1, 2, "steady", time.Time{}},
			{4, 6, 6, 0, 2, "steady", second(11)},
			{5, 7, 6, 1, 3, "steady", second(11)},
			{6, 7, 7, 0, 3, "steady", second(14)},
		}},
		{"an answer that comes when the next heartbeat is on its way", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 5, 1, 2, "steady", time.Time{}},
			{3, 7, 6, 1, 3, "steady", second(11)},
			{4, 8, 7, 1, 4, "steady", second(11)},
			{5, 9, 8, 1, 5, "steady", second(13)},
		}},
		{"a slow answer that never comes", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 5, 1, 2, "steady", time.Time{}},
			{3, 6, 5, 0, 2, "steady", time.Time{}},
			{4, 7, 6, 0, 2, "steady", time.Time{}},
			{5, 8, 7, 0, 3, "steady", second(14)},
		}},
		{"nor does one whose connection has broken", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 5, 0, 2, "steady", time.Time{}},
			{3, 7, 6, 0, 2, "steady", time.Time{}}, // the new connection asks for versions
			{4, 8, 7, 0, 3, "steady", second(13)},
		}},
		{"after a pause the time of the pause is lost", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{60, 6, 6, 0, 2, "steady", second(11)},
		}},
		{"while the group changes there is nothing to count on", []look{
			{1, 5, 5, 0, 1, "steady", time.Time{}},
			{2, 6, 6, 0, 2, "wait-join", time.Time{}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lease{session: 10 * time.Second, created: created}
			for _, s := range c.samples {
				text := fmt.Sprintf(`{"age":%d,"brokers":{"GroupCoordinator":{"tx":%d,"rx":%d,"waitresp_cnt":%d,"req":{"Heartbeat":%d,"SyncGroup":1}}},"cgrp":{"join_state":%q}}`,
					s.age*1e6, s.sent, s.received, s.waiting, s.beats, s.state)
				joining, err := l.read(text)
				if err != nil || joining != (s.state == "wait-join") {
					t.Fatalf("joining %t, %v", joining, err)
				}
				if !l.expires().Equal(s.until) {
					t.Errorf("after %d s the lease ends at %s, not %s", s.age, l.expires().Sub(created), s.until.Sub(created))
				}
			}
		})
	}
}
