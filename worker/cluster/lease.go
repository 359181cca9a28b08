package cluster

import (
	"encoding/json"
	"sync"
	"time"
)

// lease is how long this worker can be sure that Kafka counts it as a member: for the session timeout after it sent a request that
// the group's coordinator has answered. Whatever has happened to the process or to the network, Kafka has not given it up before.
//
// The client does not tell of its heartbeats, but its statistics count the requests that went to the coordinator, and they tell the
// client's age when they were made. Answers come in the order of requests, so when as many have come as had been sent with the first
// heartbeat after some statistics, that heartbeat has been answered, and was sent after those. Times are of this process only: clocks
// that differ do no harm.
type lease struct {
	session time.Duration
	created time.Time // before the client was made

	mu    sync.Mutex
	base  sample // the lease will count from these statistics,
	beat  sample // when all is answered that had been sent by these: the first with a heartbeat since; or none
	until time.Time
}

// sample is what the statistics of a moment say.
type sample struct {
	at time.Time
	traffic
}

// statistics is what is read of librdkafka's.
type statistics struct {
	Age     int64              `json:"age"` // of the client, in microseconds
	Brokers map[string]traffic `json:"brokers"`
	Group   struct {
		State string `json:"join_state"`
	} `json:"cgrp"`
}

// traffic is what went to a broker and came from it.
type traffic struct {
	Sent     int64 `json:"tx"`
	Received int64 `json:"rx"`
	Waiting  int64 `json:"waitresp_cnt"` // sent and not answered
	Requests struct {
		Heartbeat int64
		SyncGroup int64
	} `json:"req"`
}

// beatsSince counts the heartbeats that were sent since then, and requests that count as such.
func (t traffic) beatsSince(then traffic) int64 {
	return t.Requests.Heartbeat + t.Requests.SyncGroup - then.Requests.Heartbeat - then.Requests.SyncGroup
}

// answeredSince counts the answers that came since then. It is not ok when some can't come any more, because a connection broke.
func (t traffic) answeredSince(then traffic) (n int64, ok bool) {
	n = t.Received - then.Received
	return n, then.Waiting+t.Sent-then.Sent == n+t.Waiting
}

// coordinator is what librdkafka calls its connection to the coordinator of the group.
const coordinator = "GroupCoordinator"

// read takes statistics. It tells whether the group is changing and the client waits for its part in it: for as long as that takes
// there are no heartbeats, and Kafka asks for none.
func (l *lease) read(text string) (joining bool, err error) {
	var s statistics
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return false, err
	}
	now := sample{l.created.Add(time.Duration(s.Age) * time.Microsecond), s.Brokers[coordinator]}
	l.mu.Lock()
	defer l.mu.Unlock()
	answers, unbroken := now.answeredSince(l.base.traffic)
	if !unbroken || l.base.at.IsZero() || s.Group.State != "steady" {
		l.base, l.beat = now, sample{}
		return s.Group.State == "wait-join" || s.Group.State == "wait-sync", nil
	}
	if l.beat.at.IsZero() && now.beatsSince(l.base.traffic) > 0 {
		l.beat = now
	}
	switch {
	case l.beat.at.IsZero():
		l.base = now
	case answers >= l.base.Waiting+l.beat.Sent-l.base.Sent:
		l.extend(l.base.at)
		l.base, l.beat = now, sample{}
	}
	return false, nil
}

// extend notes that a request was sent after a time, and answered. The caller holds the lock.
func (l *lease) extend(sentAfter time.Time) {
	if until := sentAfter.Add(l.session); until.After(l.until) {
		l.until = until
	}
}

// seen notes that the coordinator has answered a question that was sent at a time, and knew the worker, which was joining.
func (l *lease) seen(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extend(at)
}

// begin begins a lease of a client that is made now.
func (l *lease) begin(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.created, l.base, l.beat, l.until = now, sample{}, sample{}, time.Time{}
}

// end gives the lease up.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
}

func (l *lease) expires() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}
