package publish

import (
	"log/slog"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What Kafka refuses for good is counted as failed, exactly, and told in a few lines; what comes after that arrives.
func TestRefusedEventsAreCountedAsFailed(t *testing.T) {
	c := startBroker(t, kfake.NumBrokers(1))
	var out logBuffer
	p := startPublisher(t, c.ListenAddrs()[0], func(cfg *Config) { cfg.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	refusal := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord, Count: -1})
	publishAll(t, p, 0, 500)
	waitFor(t, "the refusal of all", func() bool { return p.Counts().Failed == 500 })
	refusal.Remove()
	want := publishAll(t, p, 500, 600)
	waitFor(t, "the delivery of the rest", func() bool { return p.Counts().Delivered == 100 })
	if left := p.Close(t.Context()); left != 0 {
		t.Errorf("%d events were given up", left)
	}
	if got, want := p.Counts(), (Counts{Accepted: 600, Delivered: 100, Failed: 500}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, readTopic(t, c.ListenAddrs()[0], "select-color")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	told := 0
	for _, line := range out.lines() {
		if strings.Contains(line, "not delivered") {
			told++
		}
		if strings.Contains(line, `"n"`) {
			t.Errorf("the log tells the content of an event: %s", line)
		}
	}
	if told < 2 || told > 5 { // the first, and the number of the others, where the machine is slow some more than once
		t.Errorf("%d log lines about 500 failures", told)
	}
}

// What Kafka refuses for now is sent again until it is taken.
func TestTemporaryRefusalsAreOvercome(t *testing.T) {
	for _, refusal := range []*kerr.Error{kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed} {
		t.Run(refusal.Message, func(t *testing.T) {
			c := startBroker(t, kfake.NumBrokers(1))
			p := startPublisher(t, c.ListenAddrs()[0])
			fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: refusal, Count: 3})
			want := publishAll(t, p, 0, 300)
			closeFully(t, p)
			if fault.Hits() != 3 {
				t.Errorf("Kafka refused %d times", fault.Hits())
			}
			sort.Strings(want)
			got, _ := distinct(readTopic(t, c.ListenAddrs()[0], "select-color"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

// While Kafka does not let the service create its topic, events wait; once it does they arrive.
func TestDeniedTopicIsAskedForAgain(t *testing.T) {
	c := startBroker(t, kfake.NumBrokers(1))
	denial := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	p := startPublisher(t, c.ListenAddrs()[0])
	want := publishAll(t, p, 0, 100)
	waitFor(t, "the denial", func() bool { return strings.Contains(p.Status().Problem, "create topic select-color") })
	if s, counts := p.Status(), p.Counts(); !s.Reachable || s.Topic || counts.Buffered != 100 {
		t.Errorf("status %+v, counts %+v", s, counts)
	}
	denial.Remove()
	closeFully(t, p)
	sort.Strings(want)
	if diff := cmp.Diff(want, readTopic(t, c.ListenAddrs()[0], "select-color")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
