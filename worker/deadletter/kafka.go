package deadletter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

// producerConfig gives the properties of the producer: defaults, then the user's, then what invariant 1 needs.
func (q *Queue) producerConfig() *kafka.ConfigMap {
	props := map[string]string{
		"linger.ms":                    "5",
		"partitioner":                  "murmur2_random", // Java's
		"message.max.bytes":            "67108864",       // above any record that the worker takes; the topic has its own limit
		"enable.metrics.push":          "false",
		"log.connection.close":         "false",
		"queue.buffering.max.messages": "10000",
	}
	_, a := q.cfg.Producer["delivery.timeout.ms"]
	_, b := q.cfg.Producer["message.timeout.ms"]
	if !a && !b {
		props["message.timeout.ms"] = "0" // without end: the task waits, and says so
	}
	maps.Copy(props, q.cfg.Producer)
	maps.Copy(props, map[string]string{"acks": "all", "enable.idempotence": "true"})
	delete(props, "max.in.flight.requests.per.connection") // idempotence decides
	delete(props, "retries")
	m := q.configMap(props)
	(*m)["go.produce.channel.size"], (*m)["go.events.channel.size"] = 0, 1000
	return m
}

func (q *Queue) configMap(props map[string]string) *kafka.ConfigMap {
	m := kafka.ConfigMap{"go.logs.channel.enable": true, "go.logs.channel": q.logs}
	for k, v := range props {
		if !strings.HasPrefix(k, "go.") {
			m[k] = v
		}
	}
	return &m
}

// adminTimeout bounds one try to look at the topic or to create it.
const adminTimeout = 10 * time.Second

// createTopic makes the topic where it is missing: one partition, as in Kafka Connect. It tries until Kafka answers.
func (q *Queue) createTopic(ctx context.Context) *connectors.Error {
	op := "creating the dead letter queue, topic " + q.cfg.Topic
	admin, err := kafka.NewAdminClient(q.configMap(q.cfg.Admin))
	if err != nil {
		return connectors.Misconfigured(op, err, "check admin.override.* and the worker's admin.* properties")
	}
	defer admin.Close()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := q.tryCreate(ctx, admin)
		if err == nil {
			return nil
		}
		k, _ := errors.AsType[kafka.Error](err)
		switch k.Code() {
		case kafka.ErrInvalidReplicationFactor:
			return connectors.Misconfigured(op, err, fmt.Sprintf("the cluster cannot hold %d replicas: set errors.deadletterqueue.topic.replication.factor to at most its number of brokers, or create the topic", q.cfg.Replication))
		case kafka.ErrTopicException:
			return connectors.Misconfigured(op, err, "give errors.deadletterqueue.topic.name a valid name")
		case kafka.ErrPolicyViolation, kafka.ErrInvalidConfig, kafka.ErrInvalidPartitions, kafka.ErrInvalidRequest:
			return connectors.Misconfigured(op, err, "create the topic by other means")
		case kafka.ErrTopicAuthorizationFailed, kafka.ErrClusterAuthorizationFailed, kafka.ErrSaslAuthenticationFailed, kafka.ErrAuthentication:
			return connectors.Unauthorized(op, err, "create the topic, or allow the worker's user to do so")
		}
		q.complain(err)
		q.cfg.Logger.Debug("dead letter queue is not there yet", "topic", q.cfg.Topic, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return connectors.Retriable(op, ctx.Err(), "")
		}
	}
}

func (q *Queue) tryCreate(ctx context.Context, admin *kafka.AdminClient) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	// All topics are asked for: a broker may create one that it is asked for by name, with as many partitions as it likes.
	type answer struct {
		meta *kafka.Metadata
		err  error
	}
	asked := make(chan answer, 1)
	q.wg.Go(func() {
		meta, err := admin.GetMetadata(nil, true, int(adminTimeout/2/time.Millisecond))
		asked <- answer{meta, err}
	})
	select {
	case a := <-asked:
		if a.err != nil {
			return a.err
		}
		if t, ok := a.meta.Topics[q.cfg.Topic]; ok && t.Error.Code() != kafka.ErrUnknownTopicOrPart {
			return nil
		}
	case <-ctx.Done():
		<-asked // the client is closed behind it
		return ctx.Err()
	}
	results, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: q.cfg.Topic, NumPartitions: 1, ReplicationFactor: q.cfg.Replication}})
	if err != nil {
		return err
	}
	for _, r := range results {
		switch r.Error.Code() {
		case kafka.ErrNoError:
			q.cfg.Logger.Info("created the dead letter queue", "topic", q.cfg.Topic, "replicas", q.cfg.Replication)
		case kafka.ErrTopicAlreadyExists:
		default:
			return r.Error
		}
	}
	return nil
}
