package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/worker/store"
)

// group is what Kafka's coordinator says of the cluster's group.
type group struct {
	stable  bool
	members []string // ids of the workers, in order
	foreign string   // a client that is no worker
	topic   string   // another topic that a member has partitions of
	err     error    // it is no consumer group
}

// notDescribedError is the coordinator's refusal to describe a group.
type notDescribedError struct {
	group string
	cause kafka.Error
}

func (e *notDescribedError) Unwrap() error { return e.cause }

func (e *notDescribedError) Error() string {
	text := e.cause.Error()
	if strings.HasSuffix(text, ": ") { // a broker that answers without a text
		text += e.cause.Code().String()
	}
	if !e.passes() {
		text += ": grant DESCRIBE and READ on the group"
	}
	return fmt.Sprintf("describe group %s: %s", e.group, text)
}

// passes tells whether another try may succeed: a coordinator that has just started loads its groups first, and says so in several ways.
func (e *notDescribedError) passes() bool {
	return e.cause.Code() != kafka.ErrGroupAuthorizationFailed && e.cause.Code() != kafka.ErrClusterAuthorizationFailed
}

// describeWithin bounds the time for which a coordinator that does not know yet is asked again, and describeAgain is the pause between.
const (
	describeWithin = 30 * time.Second
	describeAgain  = 100 * time.Millisecond
)

// described asks for a group until the coordinator knows.
func described(ctx context.Context, client *store.Client, groupID, topic string) (group, error) {
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	for {
		g, err := describe(ctx, client, groupID, topic)
		if e, ok := errors.AsType[*notDescribedError](err); !ok || !e.passes() {
			return g, err
		}
		select {
		case <-ctx.Done():
			return g, err
		case <-time.After(describeAgain):
		}
	}
}

func (m *Membership) describe(ctx context.Context) (group, error) {
	return describe(ctx, m.cfg.Client, m.cfg.GroupID, m.cfg.Store.Topic())
}

// Inspect looks at a group without joining it. It is an error that explains itself when the group is in use by consumers.
func Inspect(ctx context.Context, client *store.Client, groupID, topic string) (Inspection, error) {
	g, err := described(ctx, client, groupID, topic)
	switch {
	case err != nil:
		return Inspection{}, err
	case g.err != nil:
		return Inspection{Foreign: true}, nil //nolint:nilerr // that is what there is to see
	}
	return Inspection{Workers: g.members}, g.fit(groupID, topic)
}

func describe(ctx context.Context, client *store.Client, groupID, topic string) (group, error) {
	d, err := client.DescribeGroup(ctx, groupID)
	if err != nil {
		return group{}, fmt.Errorf("describe group %s: %w", groupID, err)
	}
	g := group{stable: d.State == kafka.ConsumerGroupStateStable}
	switch d.Error.Code() {
	case kafka.ErrNoError:
	case kafka.ErrInvalidArg: // the library's own verdict on a group of another protocol
		g.err = d.Error
		return g, nil
	case kafka.ErrGroupIDNotFound: // it is there with its first member
		return g, nil
	default:
		return group{}, &notDescribedError{groupID, d.Error}
	}
	for _, member := range d.Members {
		for _, tp := range member.Assignment.TopicPartitions {
			if *tp.Topic != topic {
				g.topic = *tp.Topic
			}
		}
		id, ok := workerID(member.ClientID)
		if !ok {
			g.foreign = member.ClientID
			continue
		}
		g.members = append(g.members, id)
	}
	slices.Sort(g.members)
	return g, nil
}

// succeed looks whether a group that is of another kind is one that has been left, and takes its place. Kafka does not show the members
// of such a group, but it only deletes groups that have none; and one that is not of consumers has no offsets that could be lost.
func (m *Membership) succeed(ctx context.Context, g group) (group, error) {
	err := store.NewGroups(m.cfg.Client).Delete(ctx, m.cfg.GroupID)
	if e, ok := errors.AsType[kafka.Error](err); ok && e.Code() == kafka.ErrNonEmptyGroup {
		return g, nil
	}
	if err != nil {
		return group{}, err
	}
	m.log.Info("the group was another kind of workers', who have left it")
	return described(ctx, m.cfg.Client, m.cfg.GroupID, m.cfg.Store.Topic())
}

// sole refuses an assignment topic that workers of another group use: each of the two leaders would place all the work over and over.
func (m *Membership) sole(ctx context.Context) error {
	others := map[string][]string{}
	for id, other := range m.cfg.Store.Members() {
		if other.Group != "" && other.Group != m.cfg.GroupID {
			others[other.Group] = append(others[other.Group], id)
		}
	}
	for id, workers := range others {
		g, err := describe(ctx, m.cfg.Client, id, m.cfg.Store.Topic())
		if err != nil {
			m.log.Warn("workers of another group have used the assignment topic, and whether they still do cannot be seen", "other", id, "error", err)
			continue
		}
		for _, worker := range workers {
			if slices.Contains(g.members, worker) {
				return fmt.Errorf("topic %s is in use by workers of group %s, %s among them, and this one is of group %s: give all workers of a cluster the same group.id, or clusters topics of their own (config.storage.topic, status.storage.topic, assignment.storage.topic)",
					m.cfg.Store.Topic(), id, worker, m.cfg.GroupID)
			}
		}
	}
	return nil
}

// Inspection is what can be seen of a group without joining it.
type Inspection struct {
	Workers []string // of sluice
	// Foreign tells that the group is of another kind, as that of Kafka Connect's workers. Whether they are still in it shows when a
	// worker starts, which it does not while they are.
	Foreign bool
}

// fit tells why a group cannot be joined.
func (g group) fit(id, topic string) error {
	const remedy = "stop its members and wait until their sessions have ended, or set another group.id"
	switch {
	case g.err != nil:
		return fmt.Errorf("group %s is not one of sluice workers: %w: if Kafka Connect workers are in it, %s", id, g.err, remedy)
	case g.topic != "":
		return fmt.Errorf("group %s is in use by consumers of topic %s, and not of %s: %s", id, g.topic, topic, remedy)
	case g.foreign != "":
		return fmt.Errorf("group %s is in use by a client that is no worker, %q: %s", id, g.foreign, remedy)
	}
	return nil
}
