package connectortest

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// subject is the memory sink with a fault.
func subject(t *testing.T, f fault) Subject {
	t.Helper()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	sink := &memorySink{fault: f, stores: map[string]*store{}, release: release}
	patience, end := 5*time.Second, time.Second
	if f == healthy { // which waits for none of that, but a slow machine may
		patience, end = 2*time.Minute, time.Minute
	}
	return Subject{
		Sink: sink, Guarantee: ExactlyOnce, Null: Rejected, Empty: Stored, Ordered: true,
		Patience: patience, EndWithin: end,
		Target: func(testing.TB, connectors.Payload) Target {
			s := newStore()
			sink.stores["a store"] = s
			return Target{Config: map[string]string{"store": "a store"}, Stored: s.read}
		},
		Away: func(testing.TB) map[string]string { return map[string]string{"store": "a store", "away": "true"} },
	}
}

func TestHealthySinkPasses(t *testing.T) { Run(t, subject(t, healthy)) }

// A suite is worth what it refuses: each fault is found by the case that is there for it, with words that say so.
func TestBrokenSinksFail(t *testing.T) {
	for f, want := range map[fault]struct{ name, says string }{
		acknowledgesEarly: {"durable is stored", "was reported durable, but these offsets are not stored"},
		goesBack:          {"all of it arrives as json", "durable went back from"},
		goesBeyond:        {"all of it arrives as json", "only the records below"},
		countsOffsets:     {"gaps between offsets", "after Flush"},
		emptyFlush:        {"flush", "after Flush"},
		losesLast:         {"all of it arrives as string", "are lost"},
		duplicates:        {"all of it arrives as bytes", "is stored 2 times"},
		reorders:          {"all of it arrives as json", "out of order"},
		retainsMemory:     {"batch memory", "damaged"},
		losesHeaders:      {"headers", "are lost"},
		truncates:         {"large record", "damaged"},
		swallowsNull:      {"null values", "0 were rejected"},
		swallowsEmpty:     {"empty values as bytes", "0 values stand for them"},
		rejectsBadly:      {"null values", `with the code "fatal"`},
		rejectsGood:       {"all of it arrives as json", "offset 33 was rejected"},
		resumesTooFar:     {"close and open again", "but these offsets are not stored"},
		forgets:           {"close and open again", "times"},
		sharesProgress:    {"many partitions", "are lost"},
		losesOnCrash:      {"crash", "are lost"},
		unfenced:          {"late predecessor", "times"},
		waitsForEver:      {"ended contexts", "does not return"},
		leaksGoroutine:    {"idle task stops", "goroutines are left"},
		undocumented:      {"declaration", "is not documented"},
		secretDefault:     {"declaration", "is a password with a default"},
		invalidDefault:    {"declaration", "the default is not valid"},
		badVersion:        {"declaration", "is no semantic version"},
		panicsOnGarbage:   {"garbage is survived", "panics"},
		namesNoKey:        {"garbage is survived", `for the key ""`},
		refusesValid:      {"configuration", "no such store"},
	} {
		t.Run(string(f), func(t *testing.T) {
			switch err := runNamed(t, subject(t, f), want.name); {
			case err == nil:
				t.Errorf("the case %q accepts it", want.name)
			case !strings.Contains(err.Error(), want.says):
				t.Errorf("the case %q does not say %q: %v", want.name, want.says, err)
			}
		})
	}
}

func TestWaitingForAServiceThatIsAway(t *testing.T) {
	if err := runNamed(t, subject(t, waitsForEver), "service away"); !errors.Is(err, errStuck) {
		t.Errorf("got %v", err)
	}
}

// What ExactlyOnce refuses, AtLeastOnce allows: repetitions, but no loss.
func TestAtLeastOnceAllowsRepetitions(t *testing.T) {
	for f, accepted := range map[fault]bool{duplicates: true, forgets: true, losesLast: false, resumesTooFar: false} {
		t.Run(string(f), func(t *testing.T) {
			s := subject(t, f)
			s.Guarantee = AtLeastOnce
			if err := runNamed(t, s, "close and open again"); (err == nil) != accepted {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestIncompleteSubjects(t *testing.T) {
	for what, damage := range map[string]func(*Subject){
		"sink":      func(s *Subject) { s.Sink = nil },
		"target":    func(s *Subject) { s.Target = nil },
		"guarantee": func(s *Subject) { s.Guarantee = 0 },
		"null":      func(s *Subject) { s.Null = 0 },
		"empty":     func(s *Subject) { s.Empty = 0 },
	} {
		s := subject(t, healthy)
		damage(&s)
		if _, err := s.complete(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// The cases of a subject depend on what it says of itself.
func TestCasesFollowTheSubject(t *testing.T) {
	names := func(change func(*Subject)) map[string]bool {
		s := subject(t, healthy)
		change(&s)
		s, err := s.complete()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for _, c := range casesOf(s) {
			out[c.name] = true
		}
		return out
	}
	all := names(func(*Subject) {})
	few := names(func(s *Subject) { s.Away, s.Values = nil, []connectors.Payload{connectors.PayloadJSON} })
	maps.DeleteFunc(all, func(name string, _ bool) bool { return few[name] })
	for _, name := range []string{"service away", "all of it arrives as string", "all of it arrives as bytes", "empty values as string", "empty values as bytes"} {
		if !all[name] {
			t.Errorf("%q does not depend on the subject", name)
		}
		delete(all, name)
	}
	if len(all) > 0 {
		t.Errorf("these cases depend on the subject, too: %v", all)
	}
}

func runNamed(t *testing.T, s Subject, name string) error {
	t.Helper()
	s, err := s.complete()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range casesOf(s) {
		if c.name == name {
			return runCase(t, s, c)
		}
	}
	t.Fatalf("there is no case %q", name)
	return nil
}
