package connectortest

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// Subject is a sink under test, and what can be expected of it.
type Subject struct {
	// Sink is what is tested.
	Sink connectors.Sink
	// Target makes a place that nothing has been written to, for values of a payload. It lasts as long as the test.
	Target func(tb testing.TB, values connectors.Payload) Target
	// Guarantee is what the sink promises about repetitions. It must be given.
	Guarantee Guarantee
	// Null is what becomes of a record without a value, in the targets' configuration. It must be given.
	Null Outcome
	// Empty is what becomes of a record with an empty value. It must be given where text or bytes are accepted: no JSON
	// document is empty.
	Empty Outcome

	// Values are the payloads to test with. Without them it is those that the sink declares.
	Values []connectors.Payload
	// Ordered says that Stored gives the values of a partition in the order in which they were written.
	Ordered bool
	// LargeRecord is the size of a large value in bytes; 2 MiB if it is 0.
	LargeRecord int
	// Garbage is how many random configurations are validated; 300 if it is 0.
	Garbage int
	// Away, where it is given, makes a configuration for a service that takes connections and never answers.
	Away func(tb testing.TB) map[string]string

	// Patience is the time for any one call; two minutes if it is 0.
	Patience time.Duration
	// EndWithin is how long a call may take to return after its context has ended; 30 s if it is 0.
	EndWithin time.Duration
}

// Target is a place to write to.
type Target struct {
	// Config is the sink's configuration for it.
	Config map[string]string
	// Topic is what the topics' names begin with, "acceptance" if it is empty: for sinks that name after their topics what
	// they write to.
	Topic string
	// Stored reads every value that is there for others to see, by other means than the sink's. It is called while
	// writers are at work.
	Stored func(ctx context.Context) ([][]byte, error)
}

// Guarantee is what a sink promises about repetitions; losing nothing goes without saying.
type Guarantee uint8

// The guarantees.
const (
	AtLeastOnce Guarantee = iota + 1
	ExactlyOnce           // also: effectively once, where the same record always gets the same id
)

// Outcome is what becomes of a record that not every sink can store.
type Outcome uint8

// The outcomes.
const (
	Stored   Outcome = iota + 1 // in some form: the reader finds a value for it
	Rejected                    // through Ack.Reject
	Omitted                     // passed over, because the configuration says so
)

// Crasher is an optional ability of a Task: it ends as by kill -9. Tasks without it are left alone instead, as if they
// had been paused, and wake up when their successor has finished.
type Crasher interface{ Crash() }

const (
	defaultPatience  = 2 * time.Minute
	defaultEndWithin = 30 * time.Second
	defaultLarge     = 2 << 20
	defaultGarbage   = 300
	defaultTopic     = "acceptance"
)

// complete checks a subject and puts the defaults in.
func (s Subject) complete() (Subject, error) {
	switch {
	case s.Sink == nil:
		return s, errors.New("the subject has no sink")
	case s.Target == nil:
		return s, errors.New("the subject has no target")
	case s.Guarantee == 0:
		return s, errors.New("the subject does not say what the sink guarantees")
	case s.Null == 0:
		return s, errors.New("the subject does not say what becomes of null values")
	}
	if len(s.Values) == 0 {
		s.Values = s.Sink.Spec().Values
	}
	if len(s.Values) == 0 {
		s.Values = []connectors.Payload{connectors.PayloadJSON, connectors.PayloadString, connectors.PayloadBytes}
	}
	for _, v := range s.Values {
		if v != connectors.PayloadJSON && s.Empty == 0 {
			return s, errors.New("the subject does not say what becomes of empty values")
		}
	}
	s.LargeRecord = cmp.Or(s.LargeRecord, defaultLarge)
	s.Garbage = cmp.Or(s.Garbage, defaultGarbage)
	s.Patience = cmp.Or(s.Patience, defaultPatience)
	s.EndWithin = cmp.Or(s.EndWithin, defaultEndWithin)
	return s, nil
}

// keys is the payload of the keys that the suite writes.
func (s Subject) keys() connectors.Payload {
	if accepted := s.Sink.Spec().Keys; len(accepted) > 0 {
		return accepted[0]
	}
	return connectors.PayloadString
}
