package task

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

func TestStatusTellsLongWaits(t *testing.T) {
	long := tellAfter + time.Second
	for _, tc := range []struct {
		name  string
		state state
		since time.Duration
		want  string // part of the message; "": nothing to tell
	}{
		{"a partition that is open", open, long, ""},
		{"looking up for long", lookingUp, long, "looking up the committed offset"},
		{"looking up", lookingUp, time.Second, ""},
		{"opening for long", opening, long, "opening a partition"},
		{"opening", opening, time.Second, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Now()
			var told *connectors.Error
			r := &run{now: now, troubles: troubles{tell: func(e *connectors.Error) { told = e }}}
			p := &partition{Partition: tp("events", 1), state: tc.state, since: now.Add(-tc.since)}
			r.partitions = map[connectors.Partition]*partition{p.Partition: p}
			r.tellWaits()
			switch {
			case tc.want == "" && told != nil:
				t.Errorf("tells %v", told)
			case tc.want != "" && (told == nil || !strings.Contains(told.Error(), tc.want)):
				t.Errorf("tells %v, wanted %q", told, tc.want)
			}
			p.state = open
			r.tellWaits()
			if told != nil {
				t.Errorf("still tells %v", told)
			}
		})
	}
}

// A group that does not come to rest is told of; one that rests on an assignment of everything is not looked at any more.
func TestVigil(t *testing.T) {
	var told *connectors.Error
	began := time.Now()
	r := &run{now: began, cfg: &Config{Consumer: map[string]string{"group.id": "connect-test", "group.instance.id": "a"}}, troubles: troubles{tell: func(e *connectors.Error) { told = e }}}
	r.beginVigil()
	r.judge(view{state: "PreparingRebalance", members: 2})
	if told != nil {
		t.Errorf("tells at once: %v", told)
	}
	r.now = began.Add(tellAfter)
	r.judge(view{state: "Dead"})
	r.now = began.Add(tellAfter + time.Second)
	r.judge(view{state: "PreparingRebalance", members: 2})
	if told != nil {
		t.Errorf("tells, before anybody could have joined: %v", told)
	}
	r.now = began.Add(2*tellAfter + time.Second)
	r.judge(view{state: "PreparingRebalance", members: 2})
	if told == nil || !strings.Contains(told.Error(), "PreparingRebalance") {
		t.Errorf("tells %v", told)
	}
	r.judge(view{stable: true, orphans: []connectors.Partition{tp("events", 1)}, rank: 5})
	if r.vigil.since.IsZero() || r.vigil.over {
		t.Error("an orphan was not noticed")
	}
	r.judge(view{state: "CompletingRebalance"})
	if !r.vigil.since.IsZero() {
		t.Error("the time of an orphan goes on although the group moves")
	}
	r.judge(view{stable: true})
	if !r.vigil.over || told != nil {
		t.Errorf("the looks go on (%v), or the trouble does: %v", !r.vigil.over, told)
	}
}
