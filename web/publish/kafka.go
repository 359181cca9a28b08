package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	// describeTimeout is the patience with a slow broker, and bounds how long a look at Kafka can hold up the stop of the service.
	// Connecting may take longer: it goes on in the background between two looks.
	describeTimeout = 3 * time.Second
	createTimeout   = 10 * time.Second
)

// kafkaCluster asks a real cluster through the producer's own connections.
type kafkaCluster struct {
	producer *kafka.Producer
	admin    *kafka.AdminClient
	topic    string
}

var _ cluster = (*kafkaCluster)(nil)

func (c *kafkaCluster) describe() (int, bool, error) {
	// Beside the answer this refreshes what the client itself knows of the topic, without which it would go on denying a topic
	// that was made anew.
	md, err := c.producer.GetMetadata(&c.topic, false, int(describeTimeout.Milliseconds()))
	if err != nil {
		return 0, false, fmt.Errorf("ask Kafka for topic %s: %w", c.topic, err)
	}
	topic := md.Topics[c.topic]
	switch topic.Error.Code() {
	case kafka.ErrNoError:
		return len(md.Brokers), len(topic.Partitions) > 0, nil
	case kafka.ErrUnknownTopicOrPart:
		return len(md.Brokers), false, nil
	default:
		return len(md.Brokers), false, fmt.Errorf("ask Kafka for topic %s: %w", c.topic, topic.Error)
	}
}

func (c *kafkaCluster) create(ctx context.Context, partitions, replication int) error {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	results, err := c.admin.CreateTopics(ctx, []kafka.TopicSpecification{{
		Topic: c.topic, NumPartitions: partitions, ReplicationFactor: replication,
	}})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", c.topic, err)
	}
	for _, r := range results {
		if code := r.Error.Code(); code != kafka.ErrNoError && code != kafka.ErrTopicAlreadyExists {
			return fmt.Errorf("create topic %s: %w; create it by hand or allow this service to", c.topic, r.Error)
		}
	}
	return nil
}

// mayPass tells whether an event was refused for the sake of the topic or of the right to write to it, which somebody can put in
// order, and not for its own. ErrDestroy is what the client says of events that were on their way to a partition when it vanished with
// its topic; at the end of the client itself nobody asks any more.
func mayPass(err error) bool {
	switch codeOf(err) {
	case kafka.ErrUnknownTopic, kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownPartition,
		kafka.ErrDestroy,
		kafka.ErrTopicAuthorizationFailed, kafka.ErrClusterAuthorizationFailed:
		return true
	default:
		return false
	}
}

func codeOf(err error) kafka.ErrorCode {
	if kerr, ok := errors.AsType[kafka.Error](err); ok {
		return kerr.Code()
	}
	return kafka.ErrUnknown
}

// forwardLogs passes the client's log lines to logger until done is closed.
func forwardLogs(logs <-chan kafka.LogEvent, done <-chan struct{}, logger *slog.Logger) {
	for {
		select {
		case e := <-logs:
			logger.Log(context.Background(), slogLevel(e.Level), e.Message, "client", e.Name, "tag", e.Tag)
		case <-done:
			return
		}
	}
}

// slogLevel translates a syslog level. The client calls a lost connection an error; it reconnects by itself, so that is a
// warning here.
func slogLevel(syslog int) slog.Level {
	switch {
	case syslog <= 2:
		return slog.LevelError
	case syslog <= 4:
		return slog.LevelWarn
	case syslog <= 6:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
