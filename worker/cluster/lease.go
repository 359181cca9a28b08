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
// client's age when they were made. A heartbeat that was not counted the last time and has been answered this time was sent in
// between. Times are of this process only: clocks that differ do no harm.
type lease struct {
	session time.Duration
	created time.Time // before the client was made

	mu    sync.Mutex
	last  time.Time // of the statistics before
	then  traffic
	until time.Time
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

// answeredSince tells whether a heartbeat was sent since then, or a request that counts as one, and nothing that was sent is
// without an answer; a connection that broke takes with it what was not answered.
func (t traffic) answeredSince(then traffic) bool {
	beats := t.Requests.Heartbeat + t.Requests.SyncGroup - then.Requests.Heartbeat - then.Requests.SyncGroup
	return beats > 0 && t.Waiting == 0 && t.Received-then.Received == then.Waiting+t.Sent-then.Sent
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
	c := s.Brokers[coordinator]
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Group.State == "steady" && !l.last.IsZero() && c.answeredSince(l.then) {
		l.extend(l.last)
	}
	l.last, l.then = l.created.Add(time.Duration(s.Age)*time.Microsecond), c
	return s.Group.State == "wait-join" || s.Group.State == "wait-sync", nil
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
