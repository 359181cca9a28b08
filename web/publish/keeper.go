package publish

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The topic's shape when this service has to create it. Two replicas keep clicks through the loss of a broker; a cluster of
// one broker gets what it has.
const (
	topicPartitions  = 3
	topicReplication = 2
)

const (
	// lookEvery is how often a topic in good order is looked at again; it is also how old the answer of Status can be.
	lookEvery = 5 * time.Second
	// retryFirst and retryMost bound the pause before another attempt while Kafka is away or refuses.
	retryFirst = 200 * time.Millisecond
	retryMost  = 5 * time.Second
)

// justCreated is the problem of a topic that the brokers do not know yet. It passes by itself.
const justCreated = "the topic has just been created"

// Status is what the keeper saw when it last looked.
type Status struct {
	Reachable bool   // a broker answered
	Topic     bool   // the topic exists
	Problem   string // what is wrong, for a person; empty when nothing is
}

// cluster is what the keeper needs to know of Kafka.
type cluster interface {
	// describe returns how many brokers the cluster has and whether the topic exists.
	describe() (brokers int, exists bool, err error)
	// create makes the topic; a topic that exists by now is no error.
	create(ctx context.Context, partitions, replication int) error
}

// keeper makes sure that the topic exists and opens the gate when it does. It is the only one who opens it.
type keeper struct {
	cluster cluster
	gate    *gate
	logger  *slog.Logger
	status  atomic.Pointer[Status]
	kicked  chan struct{} // Kafka refused an event for the topic's sake
}

func newKeeper(c cluster, g *gate, logger *slog.Logger) *keeper {
	k := &keeper{cluster: c, gate: g, logger: logger, kicked: make(chan struct{}, 1)}
	k.status.Store(&Status{Problem: "not asked yet"})
	return k
}

// refused tells the keeper that Kafka took no event for the topic's sake; nothing is forwarded until the keeper has looked, after a
// pause that grows when it happens again and again.
func (k *keeper) refused() {
	k.gate.shut()
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

// run looks after the topic until ctx ends.
func (k *keeper) run(ctx context.Context) {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: retryFirst, MaxInterval: retryMost, Multiplier: 2, RandomizationFactor: 0.2,
	}
	pause.Reset()
	for {
		before, now := *k.status.Load(), k.look(ctx)
		k.report(now)
		if now.Reachable != before.Reachable {
			pause.Reset() // pauses grow only while the same trouble lasts
		}
		wait := lookEvery
		if !now.Topic {
			wait = pause.NextBackOff()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			if now.Topic {
				pause.Reset() // all went well for a while
			}
		case <-k.kicked:
			timer.Reset(pause.NextBackOff())
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
		}
	}
}

// look asks Kafka once, creates the topic if it is missing, and moves the gate. A topic just created is not reported as
// existing before the cluster itself says so, since its brokers learn of it one by one.
func (k *keeper) look(ctx context.Context) Status {
	brokers, exists, err := k.cluster.describe()
	if err != nil {
		// The gate stays as it is: while Kafka is away the client keeps what it has been given.
		return Status{Problem: err.Error()}
	}
	if exists {
		k.gate.open()
		return Status{Reachable: true, Topic: true}
	}
	k.gate.shut()
	replication := min(topicReplication, brokers)
	if err := k.cluster.create(ctx, topicPartitions, replication); err != nil {
		return Status{Reachable: true, Problem: err.Error()}
	}
	k.logger.Info("created the topic", "partitions", topicPartitions, "replication", replication)
	return Status{Reachable: true, Problem: justCreated}
}

// report stores what was seen and logs it when it differs from the last time.
func (k *keeper) report(now Status) {
	before := k.status.Swap(&now)
	if *before == now {
		return
	}
	switch {
	case now.Topic:
		k.logger.Info("Kafka is reachable and the topic exists")
	case now.Problem != justCreated:
		k.logger.Warn("events wait in the buffer", "reachable", now.Reachable, "problem", now.Problem)
	}
}
