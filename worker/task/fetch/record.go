package fetch

import (
	"bytes"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

// Record is a record as it was read, or an error of its partition. A nil key, value or value of a header is null.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64 // milliseconds since 1970; -1: none
	Key       []byte
	Value     []byte
	Headers   []connectors.Header
	Err       error // what the client says of the partition; there is no record then
}

// Keep gives a record with memory of its own (invariant 2).
func (r *Record) Keep() *Record {
	kept := *r
	kept.Key, kept.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	kept.Headers = make([]connectors.Header, len(r.Headers))
	for i, h := range r.Headers {
		kept.Headers[i] = connectors.Header{Key: strings.Clone(h.Key), Value: bytes.Clone(h.Value)}
	}
	return &kept
}

// Message gives the record in the form of the binding, with memory of its own.
func (r *Record) Message() *kafka.Message {
	k := r.Keep()
	m := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &k.Topic, Partition: k.Partition, Offset: kafka.Offset(k.Offset)},
		Key:            k.Key, Value: k.Value,
	}
	if k.Timestamp != -1 {
		m.Timestamp, m.TimestampType = time.UnixMilli(k.Timestamp), kafka.TimestampCreateTime
	}
	for _, h := range k.Headers {
		m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return m
}
