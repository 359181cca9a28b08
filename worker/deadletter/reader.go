package deadletter

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	workerstore "github.com/sluice-connect/sluice/worker/store"
)

// reader reads single records again. Its client is made with the first one, and never joins the group.
type reader struct {
	q        *Queue
	consumer *kafka.Consumer
	at       connectors.Partition
	next     int64 // offset that the client gives next, at least
}

// ahead is how many records are rather read and dropped than looked for anew.
const ahead = 500

// endStays is how long a partition may end before a record that was read from it.
const endStays = 30 * time.Second

// read gives the record at an offset, or nil where it is not there any more.
func (r *reader) read(ctx context.Context, p connectors.Partition, offset int64) (*kafka.Message, *connectors.Error) {
	const op = "reading a rejected record again"
	if r.consumer == nil {
		c, err := kafka.NewConsumer(r.config())
		if err != nil {
			return nil, connectors.Misconfigured(op, err, "check the consumer's properties").At(p, offset)
		}
		r.consumer = c
	}
	if p != r.at || offset < r.next || offset > r.next+ahead {
		r.at, r.next = p, offset
		if err := r.consumer.Assign([]kafka.TopicPartition{{Topic: &p.Topic, Partition: p.ID, Offset: kafka.Offset(offset)}}); err != nil {
			r.at = connectors.Partition{}
			return nil, connectors.Retriable(op, err, "").At(p, offset)
		}
	}
	var ended time.Time
	for ctx.Err() == nil {
		if !ended.IsZero() && time.Since(ended) > endStays {
			r.at = connectors.Partition{}
			return nil, nil
		}
		switch e := r.consumer.Poll(100).(type) {
		case *kafka.Message:
			at := int64(e.TopicPartition.Offset)
			if e.TopicPartition.Error != nil || *e.TopicPartition.Topic != p.Topic || e.TopicPartition.Partition != p.ID || at < r.next {
				continue
			}
			r.next = at + 1
			if at == offset {
				return e, nil
			}
			if at > offset {
				r.at = connectors.Partition{} // that one is wanted later, perhaps
				return nil, nil
			}
		case kafka.PartitionEOF:
			if *e.Topic != p.Topic || e.Partition != p.ID {
				continue
			}
			// An end at or before the offset may be of earlier, or that of a new leader which has yet to learn how far it may
			// show; unless it stays, when the log was cut.
			if int64(e.Offset) <= offset && ended.IsZero() {
				ended = time.Now()
			}
			if int64(e.Offset) > offset {
				r.at = connectors.Partition{}
				return nil, nil
			}
		case kafka.Error:
			switch e.Code() {
			case kafka.ErrAutoOffsetReset, kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic, kafka.ErrUnknownPartition:
				r.at = connectors.Partition{}
				return nil, nil
			case kafka.ErrTopicAuthorizationFailed, kafka.ErrSaslAuthenticationFailed, kafka.ErrAuthentication:
				return nil, connectors.Unauthorized(op, e, "allow the worker's user to read the topic").At(p, offset)
			}
			if e.IsFatal() {
				return nil, connectors.Retriable(op, e, "the client is made anew").At(p, offset)
			}
			r.q.complain(e)
		}
	}
	return nil, connectors.Retriable(op, ctx.Err(), "").At(p, offset)
}

func (r *reader) config() *kafka.ConfigMap {
	props := map[string]string{
		"queued.max.messages.kbytes": "1024",
		"queued.min.messages":        "100",
		"fetch.queue.backoff.ms":     "10",
		"check.crcs":                 "true",
		"enable.metrics.push":        "false",
		"log.connection.close":       "false",
	}
	consumer := maps.Clone(r.q.cfg.Consumer)
	for _, k := range []string{"group.instance.id", "group.protocol", "session.timeout.ms", "heartbeat.interval.ms", "statistics.interval.ms", "queued.max.messages.kbytes", "queued.min.messages"} {
		delete(consumer, k)
	}
	maps.Copy(props, consumer)
	maps.Copy(props, map[string]string{
		"enable.auto.commit":       "false",
		"enable.auto.offset.store": "false",
		"enable.partition.eof":     "true",
		"auto.offset.reset":        "error",
		"isolation.level":          "read_uncommitted",
	})
	return r.q.configMap(props)
}

func (r *reader) close() error {
	if r.consumer == nil {
		return nil
	}
	if err := workerstore.CloseConsumer(r.consumer); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
