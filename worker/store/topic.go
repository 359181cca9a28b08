package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Options say where a store lives.
type Options struct {
	Client *Client
	Topic  string
	// ReplicationFactor and Partitions are those of a topic that has to be created; -1 or 0 leaves them to the broker. The config and
	// assignment topics have one partition whatever this says.
	ReplicationFactor, Partitions int
	// ReadOnly opens nothing that is not there: the error is then ErrNoTopic.
	ReadOnly bool
	Logger   *slog.Logger
}

// ErrNoTopic says that a topic does not exist, and was not to be created.
var ErrNoTopic = errors.New("there is no such topic")

// kind is what the worker's properties call a topic.
type kind struct {
	purpose             string // for messages: what is kept in it
	topicProperty       string
	replicationProperty string
	single              bool // one partition only
}

var (
	configKind     = kind{"connector configurations", "config.storage.topic", "config.storage.replication.factor", true}
	statusKind     = kind{"connector and task statuses", "status.storage.topic", "status.storage.replication.factor", false}
	assignmentKind = kind{"the placement of connectors and tasks", "assignment.storage.topic", "config.storage.replication.factor", true}
)

// errNoAnswer stands for what the library does not say: when time is over, a result can be empty without an error.
var errNoAnswer = fmt.Errorf("no answer from Kafka: %w", context.DeadlineExceeded)

// found is a topic as Kafka has it. Without partitions it is not there.
type found struct {
	partitions int
	id         string // another when it is deleted and created again
}

// ensureTopic creates the topic when it is missing, and refuses one that would lose state.
func ensureTopic(ctx context.Context, o Options, k kind) (found, error) {
	if strings.TrimSpace(o.Topic) == "" {
		return found{}, fmt.Errorf("open the topic of %s: no name; set %s", k.purpose, k.topicProperty)
	}
	there, err := find(ctx, o, k)
	if err != nil {
		return found{}, err
	}
	if there.partitions == 0 && o.ReadOnly {
		return found{}, fmt.Errorf("open topic %s (%s): %w", o.Topic, k.topicProperty, ErrNoTopic)
	}
	created := false
	if there.partitions == 0 {
		if created, err = createTopic(ctx, o, k); err != nil {
			return found{}, err
		}
		for there.partitions == 0 { // creation is acknowledged by the controller before every broker tells of it
			if there, err = find(ctx, o, k); err != nil {
				return found{}, err
			}
			if there.partitions == 0 {
				select {
				case <-ctx.Done():
					return found{}, fmt.Errorf("open topic %s (%s): created, but not seen within the deadline: %w", o.Topic, k.topicProperty, ctx.Err())
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
	}
	if k.single && there.partitions != 1 {
		return found{}, fmt.Errorf("topic %s, set as %s, must have a single partition, so that all workers see %s in one order, but it has %d: name another topic, or delete it and let the worker create it",
			o.Topic, k.topicProperty, k.purpose, there.partitions)
	}
	if !created {
		if err := checkCompacted(ctx, o, k); err != nil {
			return found{}, err
		}
	}
	return there, nil
}

// find asks for the topic.
func find(ctx context.Context, o Options, k kind) (found, error) {
	var r kafka.DescribeTopicsResult
	err := o.Client.Admin(func(a *kafka.AdminClient) (err error) {
		r, err = a.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{o.Topic}), requestTimeout(ctx))
		return err
	})
	if err == nil && len(r.TopicDescriptions) == 0 {
		err = errNoAnswer
	}
	if err == nil {
		d := r.TopicDescriptions[0]
		switch d.Error.Code() {
		case kafka.ErrNoError:
			return found{len(d.Partitions), d.TopicID.String()}, nil
		case kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic:
			return found{}, nil
		default:
			err = d.Error
		}
	}
	return found{}, fmt.Errorf("look up topic %s (%s): %w", o.Topic, k.topicProperty, o.Client.explain(err))
}

func createTopic(ctx context.Context, o Options, k kind) (created bool, err error) {
	spec := kafka.TopicSpecification{
		Topic: o.Topic, NumPartitions: o.Partitions, ReplicationFactor: o.ReplicationFactor,
		Config: map[string]string{"cleanup.policy": "compact"},
	}
	if spec.NumPartitions <= 0 {
		spec.NumPartitions = -1
	}
	if k.single {
		spec.NumPartitions = 1
	}
	if spec.ReplicationFactor <= 0 {
		spec.ReplicationFactor = -1
	}
	var r []kafka.TopicResult
	err = o.Client.Admin(func(a *kafka.AdminClient) (err error) {
		r, err = a.CreateTopics(ctx, []kafka.TopicSpecification{spec}, requestTimeout(ctx))
		return err
	})
	if err == nil && len(r) == 0 {
		err = errNoAnswer
	}
	if err == nil {
		switch e := r[0].Error; e.Code() {
		case kafka.ErrNoError:
			o.logger().Info("created a topic", "topic", o.Topic, "for", k.purpose)
			return true, nil
		case kafka.ErrTopicAlreadyExists: // another worker was quicker
			return false, nil
		case kafka.ErrInvalidReplicationFactor:
			return false, fmt.Errorf("create topic %s for %s with replication factor %d: the cluster has too few brokers (%w): set %s to a number of brokers that it has, or to -1 for the brokers' default",
				o.Topic, k.purpose, o.ReplicationFactor, e, k.replicationProperty)
		case kafka.ErrTopicAuthorizationFailed, kafka.ErrClusterAuthorizationFailed:
			return false, fmt.Errorf("create topic %s for %s: %w: allow the worker to create it, or create it with cleanup.policy=compact and name it as %s",
				o.Topic, k.purpose, e, k.topicProperty)
		default:
			err = e
		}
	}
	return false, fmt.Errorf("create topic %s (%s): %w", o.Topic, k.topicProperty, o.Client.explain(err))
}

// checkCompacted refuses a topic that is not compacted only: retention would delete what is still wanted.
func checkCompacted(ctx context.Context, o Options, k kind) error {
	var r []kafka.ConfigResourceResult
	err := o.Client.Admin(func(a *kafka.AdminClient) (err error) {
		r, err = a.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: o.Topic}}, requestTimeout(ctx))
		return err
	})
	if err == nil && len(r) == 0 {
		err = errNoAnswer
	}
	if err == nil && r[0].Error.Code() != kafka.ErrNoError {
		err = r[0].Error
	}
	var e kafka.Error
	switch {
	case errors.As(err, &e) && (e.Code() == kafka.ErrTopicAuthorizationFailed || e.Code() == kafka.ErrClusterAuthorizationFailed):
		o.logger().Info("cannot check that the topic is compacted: not allowed to describe it", "topic", o.Topic)
		return nil
	case err != nil:
		return fmt.Errorf("look up the configuration of topic %s (%s): %w", o.Topic, k.topicProperty, o.Client.explain(err))
	}
	policy := r[0].Config["cleanup.policy"].Value
	if policy == "compact" || policy == "" {
		return nil
	}
	return fmt.Errorf("topic %s, set as %s, must have cleanup.policy=compact, so that %s are not lost, but it has cleanup.policy=%s: alter the topic, or name another as %s",
		o.Topic, k.topicProperty, k.purpose, policy, k.topicProperty)
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// requestTimeout gives librdkafka the context's deadline: it goes on retrying after the context has ended otherwise.
func requestTimeout(ctx context.Context) kafka.AdminOptionRequestTimeout {
	d, ok := ctx.Deadline()
	if !ok {
		return kafka.SetAdminRequestTimeout(DefaultTimeout)
	}
	return kafka.SetAdminRequestTimeout(max(time.Until(d), time.Millisecond))
}
