package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"pgregory.net/rapid"
)

// fickleProducer takes, refuses and returns events as it is told; no real broker fails in a chosen order.
type fickleProducer struct {
	outcomes func() outcome
	events   chan kafka.Event
	stored   map[string]int
}

type outcome int

const (
	stored outcome = iota
	refusedAtOnce
	refusedLater
	queueFull
	missingAtOnce
	missingLater
	deniedLater
	vanishedLater
	outcomes // how many there are
)

func (p *fickleProducer) Produce(m *kafka.Message, _ chan kafka.Event) error {
	report := *m
	switch p.outcomes() {
	case refusedAtOnce:
		return kafka.NewError(kafka.ErrMsgSizeTooLarge, "too large", false)
	case queueFull:
		return kafka.NewError(kafka.ErrQueueFull, "full", false)
	case missingAtOnce:
		return kafka.NewError(kafka.ErrUnknownTopic, "no topic", false)
	case missingLater:
		report.TopicPartition.Error = kafka.NewError(kafka.ErrUnknownTopicOrPart, "no topic", false)
	case vanishedLater:
		report.TopicPartition.Error = kafka.NewError(kafka.ErrDestroy, "partition gone", false)
	case deniedLater:
		report.TopicPartition.Error = kafka.NewError(kafka.ErrTopicAuthorizationFailed, "not allowed", false)
	case refusedLater:
		report.TopicPartition.Error = kafka.NewError(kafka.ErrInvalidRecord, "no", false)
	case stored:
		p.stored[string(m.Value)]++
	default:
		panic("no such outcome")
	}
	p.events <- &report
	return nil
}

// Whatever the client does with the events, each is settled exactly once, and none that was refused for good is called delivered.
func TestPublisherSettlesEveryEventOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "events")
		room := rapid.IntRange(1, 40).Draw(rt, "room")
		script := rapid.SliceOfN(rapid.IntRange(0, int(outcomes)-1), 0, 120).Draw(rt, "outcomes")
		synctest.Test(t, func(t *testing.T) {
			i := 0
			fickle := &fickleProducer{
				events: make(chan kafka.Event, 1),
				stored: map[string]int{},
				outcomes: func() outcome {
					if i == len(script) {
						return stored
					}
					i++
					return outcome(script[i-1])
				},
			}
			cfg := Config{Topic: "t", BufferEvents: room, BufferBytes: 1 << 20, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
			p := newPublisher(cfg, fickle, &scriptedCluster{brokers: 1})
			p.start()
			reported := make(chan struct{})
			go func() {
				defer close(reported)
				p.reports(fickle.events)
			}()
			accepted, dropped := 0, 0
			for i := range n {
				switch err := p.Publish(fmt.Appendf(nil, "event %d", i), time.Now()); {
				case err == nil:
					accepted++
				case errors.Is(err, ErrFull):
					dropped++
				default:
					rt.Fatalf("Publish: %v", err)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if left := p.Close(ctx); left != 0 {
				rt.Fatalf("%d events were given up", left)
			}
			close(fickle.events)
			<-reported

			c := p.Counts()
			checkBalance(rt, p.ledger)
			if c.Accepted != int64(accepted) || c.Dropped != int64(dropped) || c.Buffered != 0 || c.BufferedBytes != 0 {
				rt.Fatalf("accepted %d, dropped %d, counts %+v", accepted, dropped, c)
			}
			if c.Delivered != int64(len(fickle.stored)) {
				rt.Fatalf("%d stored, counts %+v", len(fickle.stored), c)
			}
			for value, times := range fickle.stored {
				if times != 1 {
					rt.Fatalf("%s was stored %d times", value, times)
				}
			}
			if err := p.Publish([]byte("late"), time.Now()); !errors.Is(err, ErrStopping) {
				rt.Fatalf("Publish after Close: %v", err)
			}
		})
	})
}

// With Kafka away from the start nothing reaches the client; the buffer fills to its bound, and Close counts what it gives up.
func TestPublisherGivesUpAtDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := &fickleProducer{outcomes: func() outcome { panic("an event was handed over before the topic exists") }}
		p := newPublisher(Config{Topic: "t", BufferEvents: 5, BufferBytes: 1000, Logger: testLogger(t)}, never, &scriptedCluster{})
		p.start()
		for i := range 7 {
			err := p.Publish([]byte("0123456789"), time.Now())
			if full := errors.Is(err, ErrFull); full != (i >= 5) {
				t.Errorf("event %d: %v", i, err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		begun := time.Now()
		if left := p.Close(ctx); left != 5 {
			t.Errorf("Close gave up %d events, want 5", left)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("Close took %v of a minute", took)
		}
		want := Counts{Accepted: 5, Failed: 5, Dropped: 2}
		if got := p.Counts(); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
	})
}
