package herder

import (
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

func TestPolicy(t *testing.T) {
	type failure struct {
		code    connectors.Code
		crashed bool
		after   time.Duration // since the failure before
		lasted  time.Duration
		again   bool
		pause   time.Duration // give or take a quarter
	}
	crash := func(again bool, pause time.Duration) failure {
		return failure{connectors.CodeFatal, true, time.Second, time.Second, again, pause}
	}
	retriable := func(pause time.Duration) failure {
		return failure{connectors.CodeRetriable, false, time.Second, time.Second, true, pause}
	}
	all := Policy{Crash: true, Retriable: true, MaxPause: 4 * time.Second, CrashLimit: 3}
	for _, tc := range []struct {
		name     string
		policy   Policy
		failures []failure
	}{
		{"never again", all, []failure{
			{connectors.CodeFatal, false, 0, 0, false, 0}, {connectors.CodeMisconfigured, false, 0, 0, false, 0}, {connectors.CodeBadRecord, false, 0, 0, false, 0},
		}},
		{"growing pauses", all, []failure{
			retriable(0), retriable(500 * time.Millisecond), retriable(time.Second), retriable(2 * time.Second), retriable(4 * time.Second), retriable(4 * time.Second),
		}},
		{"unauthorized", all, []failure{{connectors.CodeUnauthorized, false, 0, 0, true, 0}}},
		{"a long life ends the series", all, []failure{
			retriable(0), retriable(500 * time.Millisecond), {connectors.CodeRetriable, false, 0, 5 * time.Second, true, 0}, retriable(500 * time.Millisecond),
		}},
		{"crash loop", all, []failure{crash(true, 0), crash(true, 500*time.Millisecond), crash(true, time.Second), crash(false, 0), crash(false, 0)}},
		{"crashes long ago", all, []failure{
			crash(true, 0), crash(true, 500*time.Millisecond), crash(true, time.Second),
			{connectors.CodeFatal, true, crashWindow, time.Hour, true, 0},
		}},
		{"a long life is no excuse for crashes", all, []failure{
			{connectors.CodeFatal, true, 0, time.Minute, true, 0},
			{connectors.CodeFatal, true, time.Minute, time.Minute, true, 0},
			{connectors.CodeFatal, true, time.Minute, time.Minute, true, 0},
			{connectors.CodeFatal, true, time.Minute, time.Minute, false, 0},
		}},
		{"crashes only", Policy{Crash: true, MaxPause: time.Second, CrashLimit: 3}, []failure{
			{connectors.CodeRetriable, false, 0, 0, false, 0}, {connectors.CodeUnauthorized, false, 0, 0, false, 0}, crash(true, 0),
		}},
		{"retriable only", Policy{Retriable: true, MaxPause: time.Second, CrashLimit: 3}, []failure{crash(false, 0), retriable(0)}},
		{"a crash by any code", Policy{Retriable: true, MaxPause: time.Second, CrashLimit: 3}, []failure{{connectors.CodeRetriable, true, 0, 0, false, 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := restarts{policy: tc.policy}
			now := time.Unix(0, 0)
			for i, f := range tc.failures {
				now = now.Add(f.after)
				pause, again := r.next(f.code, f.crashed, f.lasted, now)
				if again != f.again || pause < f.pause*3/4 || pause > f.pause*5/4 {
					t.Errorf("failure %d: again %t after %s, wanted %t after about %s", i, again, pause, f.again, f.pause)
				}
			}
			r.reset()
			if pause, again := r.next(connectors.CodeRetriable, false, 0, now); again != tc.policy.Retriable || pause != 0 {
				t.Errorf("after a reset: again %t after %s", again, pause)
			}
		})
	}
}
