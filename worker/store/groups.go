package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// GroupOffset is the next offset that a consumer group reads of a partition.
type GroupOffset struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Groups reads and changes what consumer groups have committed. It keeps nothing.
type Groups struct{ client *Client }

// coordinatorTimeout is the request timeout of questions for the coordinator of a group, as long as it can be: the context is what ends
// the waiting. librdkafka ends the process with a failed assertion when such a question has timed out before its coordinator was found,
// and the coordinator is found afterwards (rd_kafka_admin_coord_request in 2.15 gives up a reference that its caller gives up again).
func coordinatorTimeout() kafka.AdminOptionRequestTimeout {
	return kafka.SetAdminRequestTimeout(time.Hour)
}

// DescribeGroup asks the coordinator of a group. What the coordinator has against the question is in the answer.
func DescribeGroup(ctx context.Context, a *kafka.AdminClient, group string) (kafka.ConsumerGroupDescription, error) {
	r, err := a.DescribeConsumerGroups(ctx, []string{group}, coordinatorTimeout())
	if err == nil && len(r.ConsumerGroupDescriptions) == 0 {
		err = context.DeadlineExceeded // the library does not say so
	}
	if err != nil {
		return kafka.ConsumerGroupDescription{}, err
	}
	return r.ConsumerGroupDescriptions[0], nil
}

// DescribeGroup is the function of that name with this client; without a deadline it waits DefaultTimeout.
func (c *Client) DescribeGroup(ctx context.Context, group string) (d kafka.ConsumerGroupDescription, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err = c.Admin(func(a *kafka.AdminClient) (err error) {
		d, err = DescribeGroup(ctx, a, group)
		return err
	})
	return d, err
}

// NewGroups makes a view of the consumer groups of a cluster.
func NewGroups(c *Client) *Groups { return &Groups{c} }

// Committed lists the offsets of a group; none where there is no such group.
func (g *Groups) Committed(ctx context.Context, group string) ([]GroupOffset, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var out []GroupOffset
	err := g.client.Admin(func(a *kafka.AdminClient) error {
		res, err := a.ListConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: group}}, coordinatorTimeout())
		if err != nil {
			return err
		}
		for _, c := range res.ConsumerGroupsTopicPartitions {
			for _, tp := range c.Partitions {
				if tp.Error != nil {
					return tp.Error
				}
				if tp.Topic != nil && tp.Offset >= 0 {
					out = append(out, GroupOffset{*tp.Topic, tp.Partition, int64(tp.Offset)})
				}
			}
		}
		return nil
	})
	if isCode(err, kafka.ErrGroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list offsets of consumer group %s: %w", group, g.client.explain(err))
	}
	return out, nil
}

// ErrNoPartition says that an offset is for a partition that the cluster does not have.
var ErrNoPartition = errors.New("the cluster has no such partition")

// Alter sets offsets of a group that has no members.
func (g *Groups) Alter(ctx context.Context, group string, offsets []GroupOffset) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	tps := make([]kafka.TopicPartition, len(offsets))
	for i, o := range offsets {
		tps[i] = kafka.TopicPartition{Topic: &offsets[i].Topic, Partition: o.Partition, Offset: kafka.Offset(o.Offset)}
	}
	err := g.client.Admin(func(a *kafka.AdminClient) error {
		res, err := a.AlterConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: group, Partitions: tps}})
		if err != nil {
			return err
		}
		var problems []error
		for _, c := range res.ConsumerGroupsTopicPartitions {
			for _, tp := range c.Partitions {
				switch {
				case isCode(tp.Error, kafka.ErrUnknownTopicOrPart):
					problems = append(problems, fmt.Errorf("%w: %s-%d", ErrNoPartition, *tp.Topic, tp.Partition))
				case tp.Error != nil:
					problems = append(problems, fmt.Errorf("partition %s-%d: %w", *tp.Topic, tp.Partition, tp.Error))
				}
			}
		}
		return errors.Join(problems...)
	})
	if err != nil {
		return fmt.Errorf("alter offsets of consumer group %s: %w", group, g.client.explain(err))
	}
	return nil
}

// Delete forgets a group that has no members, with all its offsets. A group that does not exist is forgotten already.
func (g *Groups) Delete(ctx context.Context, group string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := g.client.Admin(func(a *kafka.AdminClient) error {
		res, err := a.DeleteConsumerGroups(ctx, []string{group})
		if err != nil {
			return err
		}
		for _, r := range res.ConsumerGroupResults {
			if r.Error.Code() != kafka.ErrNoError {
				return r.Error
			}
		}
		return nil
	})
	if err != nil && !isCode(err, kafka.ErrGroupIDNotFound) {
		return fmt.Errorf("delete consumer group %s: %w", group, g.client.explain(err))
	}
	return nil
}

// Remove forgets the offsets of some partitions of a group that has no members. Kafka's client for Go has no call for
// it: the group is deleted and the other offsets are written again.
func (g *Groups) Remove(ctx context.Context, group string, partitions []GroupOffset) error {
	all, err := g.Committed(ctx, group)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(all, func(o GroupOffset) bool {
		return slices.ContainsFunc(partitions, func(p GroupOffset) bool { return p.Topic == o.Topic && p.Partition == o.Partition })
	})
	if err := g.Delete(ctx, group); err != nil || len(rest) == 0 {
		return err
	}
	return g.Alter(ctx, group, rest)
}

// Empty says whether a group has no members.
func (g *Groups) Empty(ctx context.Context, group string) (bool, error) {
	d, err := g.client.DescribeGroup(ctx, group)
	if err == nil && d.Error.Code() != kafka.ErrNoError && d.Error.Code() != kafka.ErrGroupIDNotFound {
		err = d.Error
	}
	if err != nil {
		return false, fmt.Errorf("describe consumer group %s: %w", group, g.client.explain(err))
	}
	return len(d.Members) == 0, nil
}

func isCode(err error, code kafka.ErrorCode) bool {
	var e kafka.Error
	return errors.As(err, &e) && e.Code() == code
}
