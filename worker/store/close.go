package store

import (
	"errors"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// CloseConsumer closes a consumer, or leaves it alone where it has met a fatal error, as a fenced one has: librdkafka refuses to close
// such a consumer, and the binding's Close then waits for ever.
//
// The binding does not tell of a consumer whether it has, and the error's own event may still be on its way. So it is asked to
// commit nothing, which it answers without its brokers: that there is nothing to commit, or that it cannot commit any more.
func CloseConsumer(c *kafka.Consumer) error {
	var e kafka.Error
	if _, err := c.CommitOffsets([]kafka.TopicPartition{}); errors.As(err, &e) && e.Code() == kafka.ErrFatal {
		return nil
	}
	return c.Close()
}
