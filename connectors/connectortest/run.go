package connectortest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// Run tests a sink, each case as a subtest.
func Run(t *testing.T, s Subject) {
	t.Helper()
	s, err := s.complete()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range casesOf(s) {
		t.Run(c.name, func(t *testing.T) {
			if err := runCase(t, s, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// testCase is one case. It says what is wrong as an error, so that the suite itself can be tested with broken sinks.
type testCase struct {
	name   string
	values connectors.Payload
	run    func(b *bench) error
}

// casesOf gives the cases that apply to a subject.
func casesOf(s Subject) []testCase {
	main := s.Values[0]
	cases := []testCase{
		{"declaration", main, declaration},
		{"configuration", main, configuration},
		{"wrong values are named", main, wrongValues},
		{"garbage is survived", main, garbage},
		{"idle task stops", main, idle},
		{"fresh target resumes nowhere", main, fresh},
	}
	for _, v := range s.Values {
		cases = append(cases, testCase{"all of it arrives as " + v.String(), v, arrival})
		if v != connectors.PayloadJSON {
			cases = append(cases, testCase{"empty values as " + v.String(), v, emptyValues})
		}
	}
	cases = append(
		cases,
		testCase{"null values", main, nullValues},
		testCase{"headers", main, headers},
		testCase{"gaps between offsets", main, gaps},
		testCase{"large record", main, large},
		testCase{"durable is stored", main, durable},
		testCase{"flush", main, flushes},
		testCase{"batch memory", main, memory},
		testCase{"many partitions", main, manyPartitions},
		testCase{"close and open again", main, reopening},
		testCase{"crash", main, crash},
		testCase{"late predecessor", main, latePredecessor},
		testCase{"ended contexts", main, endedContexts},
	)
	if s.Away != nil {
		cases = append(cases, testCase{"service away", main, away})
	}
	return cases
}

// runCase runs a case at a target of its own and looks behind it: what the sink reported, and what it left running
// (invariant 10).
func runCase(tb testing.TB, s Subject, c testCase) error {
	tb.Helper()
	b := &bench{subject: s, values: c.values, target: s.Target(tb, c.values), ledger: newLedger(c.values)}
	b.target.Topic = cmp.Or(b.target.Topic, defaultTopic)
	if s.Away != nil {
		b.away = s.Away(tb)
	}
	before := goroutines()
	errs := []error{c.run(b), b.end()}
	for _, n := range b.sessions {
		errs = append(errs, n.acks.problem())
	}
	return errors.Join(append(errs, leftBehind(before, s.EndWithin))...)
}

// bench is where one case works.
type bench struct {
	subject  Subject
	values   connectors.Payload
	target   Target
	away     map[string]string
	ledger   *ledger
	tasks    []connectors.Task // that were not stopped
	sessions []*session        // all that there were
}

// start starts a task.
func (b *bench) start(config map[string]string) (connectors.Task, error) {
	cfg, err := b.subject.Sink.Spec().Config.Parse(config)
	if err != nil {
		return nil, fmt.Errorf("the subject's configuration is refused: %w", err)
	}
	var task connectors.Task
	err = b.call("Start", func(ctx context.Context) (err error) {
		task, err = b.subject.Sink.Start(ctx, cfg, runtime{connectors.Format{Key: b.subject.keys(), Value: b.values}})
		return err
	})
	if err != nil {
		return nil, err
	}
	if task == nil {
		return nil, errors.New("Start gave neither a task nor an error")
	}
	b.tasks = append(b.tasks, task)
	return task, nil
}

// stop stops a task.
func (b *bench) stop(task connectors.Task) error {
	b.forget(task)
	return b.call("Stop", task.Stop)
}

func (b *bench) forget(task connectors.Task) {
	for i, t := range b.tasks {
		if t == task {
			b.tasks = append(b.tasks[:i:i], b.tasks[i+1:]...)
			return
		}
	}
}

// end closes what a case left open: the writers of those that were taken for dead, and all after a failure.
func (b *bench) end() error {
	var errs []error
	for _, n := range b.sessions {
		if err := n.abandon(); errors.Is(err, errStuck) {
			errs = append(errs, err)
		}
	}
	for len(b.tasks) > 0 {
		errs = append(errs, b.stop(b.tasks[0]))
	}
	return errors.Join(errs...)
}

// part gives a partition of the topic that most cases write from.
func (b *bench) part(id int32) connectors.Partition {
	return connectors.Partition{Topic: b.target.Topic, ID: id}
}

// call makes a call of the sink that is expected to succeed in time.
func (b *bench) call(op string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), b.subject.Patience)
	defer cancel()
	return bounded(ctx, b.subject.EndWithin, op, f)
}
