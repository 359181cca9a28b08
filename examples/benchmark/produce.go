package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// topic is named after the time, so that runs can share a Kafka.
var topic = fmt.Sprintf("benchmark-%d", time.Now().Unix())

// produce writes numbered JSON records of equal size, spread evenly over the partitions.
func produce(ctx context.Context, bootstrap string, o options) error {
	p, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": bootstrap, "linger.ms": 20, "batch.size": 1 << 18, "acks": "all",
		"go.delivery.report.fields": "none", "queue.buffering.max.messages": 200_000,
	})
	if err != nil {
		return err
	}
	defer p.Close()
	admin, err := kafka.NewAdminClientFromProducer(p)
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: topic, NumPartitions: o.partitions, ReplicationFactor: 1}}); err != nil {
		return err
	}
	delivered := make(chan error, 1)
	go func() { delivered <- drain(ctx, p, o.records) }()
	name := topic
	for n := range o.records {
		m := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &name, Partition: int32(n % o.partitions)},
			Value:          record(n, o.size),
		}
		for {
			err := p.Produce(m, nil)
			var ke kafka.Error
			if errors.As(err, &ke) && ke.Code() == kafka.ErrQueueFull {
				p.Flush(50)
				continue
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return <-delivered
}

func drain(ctx context.Context, p *kafka.Producer, want int) error {
	for n := 0; n < want; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-p.Events():
			switch m := e.(type) {
			case *kafka.Message:
				if m.TopicPartition.Error != nil {
					return m.TopicPartition.Error
				}
				n++
			case kafka.Error:
				if m.IsFatal() {
					return m
				}
			}
		}
	}
	return nil
}

// record is an event like those of the web page, padded to the wanted size.
func record(n, size int) []byte {
	b := fmt.Appendf(nil, `{"n":%d,"timestamp":"2026-11-23T04:41:52.123+0000","userAgent":"Mozilla/5.0 (X11; Linux x86_64)","colorName":"blue","userName":"`, n)
	for len(b) < size-2 {
		b = append(b, 'a'+byte(len(b)%26))
	}
	return append(b, `"}`...)
}
