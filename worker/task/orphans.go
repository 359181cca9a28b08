package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	workerstore "github.com/sluice-connect/sluice/worker/store"
)

// Under the cooperative protocol a partition moves in two steps. The group first agrees on an assignment that gives it to
// nobody; whoever had it closes it and joins again, and the second assignment gives it to its new member. A static member that
// dies between the two, and comes back in its old place, has forgotten that it should join again, and the coordinator sees no
// reason either, because the member is the same: the group rests, and the partition stays with nobody until something else
// moves. Kafka Connect does not know this, its members are not static.
//
// So a task that has joined looks at the group until it rests on an assignment that covers all partitions. Where one is
// without a member for longer than a hand-over takes, a task gives up its place and joins anew, which makes the coordinator
// ask all others to join as well. It is the task with the fewest partitions, because it has to close and open them; the next
// one tries if nothing has changed a little later.

const (
	firstLook    = 500 * time.Millisecond // after the consumer was made, and between two looks at first
	laterLook    = 5 * time.Second        // between two looks in the end
	handoverTime = 2 * time.Second        // that a partition may be without a member
	rankStep     = 2 * time.Second        // that the next task waits longer
	leaveQuiet   = 100 * time.Millisecond // after which the request to leave is on its way
)

// vigil is the state of the looks.
type vigil struct {
	views  chan view
	over   bool
	asking bool
	looks  int
	due    time.Time
	began  time.Time // of the joining
	since  time.Time // an orphan was first seen at rest; zero: none is

	leaving time.Time // the place was given up; zero: it was not
}

// view is what one look has shown.
type view struct {
	state   string
	stable  bool
	members int
	rank    int // of this task among the members: with the fewest partitions first
	orphans []connectors.Partition
	err     error
}

func (r *run) beginVigil() {
	now := time.Now()
	r.vigil = vigil{
		views: make(chan view, 1), began: now, due: now.Add(firstLook),
		over: strings.EqualFold(r.cfg.Consumer["group.protocol"], "consumer") || r.cfg.Consumer["group.instance.id"] == "",
	}
}

// keepVigil looks at the group when that is due, and does what has come of it.
func (r *run) keepVigil() {
	v := &r.vigil
	if v.over {
		return
	}
	if !v.leaving.IsZero() {
		r.joinAgain()
		return
	}
	select {
	case seen := <-v.views:
		r.looked(seen)
	default:
	}
	if v.asking || v.over || r.now.Before(v.due) {
		return
	}
	v.asking = true
	c, views := r.consumer, v.views
	ctx, cancel := context.WithCancel(r.ctx)
	r.helpers.Go(func() {
		defer cancel()
		views <- r.cfg.look(ctx, c, r.subscription) // has room: one at a time
	})
	r.helpers.Go(func() {
		select {
		case <-ctx.Done():
		case <-r.quit:
			cancel()
		}
	})
}

// looked takes the outcome of a look.
func (r *run) looked(seen view) {
	v := &r.vigil
	if !v.leaving.IsZero() {
		return // it was of the place that is being given up
	}
	v.asking = false
	v.looks++
	v.due = r.now.Add(min(firstLook*time.Duration(v.looks), laterLook))
	r.judge(seen)
}

func (r *run) judge(seen view) {
	v := &r.vigil
	switch {
	case seen.err != nil:
		r.log.Debug("the consumer group cannot be looked at", "error", seen.err)
	case seen.stable && len(seen.orphans) == 0:
		v.over = true
		r.troubles.over(groupTrouble)
	case !seen.stable:
		v.since = time.Time{}
		if seen.members == 0 { // nobody joins while there is no topic, which is told elsewhere
			v.began = r.now
			r.troubles.over(groupTrouble)
			return
		}
		if waited := r.now.Sub(v.began); waited > tellAfter {
			r.troubles.set(groupTrouble, connectors.Retriable("joining group "+r.cfg.Consumer["group.id"],
				fmt.Errorf("it is in state %s with %d members, %s after this task has joined", seen.state, seen.members, waited.Round(time.Second)),
				"it waits for members that have not joined again; they have until max.poll.interval.ms"))
		}
	case v.since.IsZero():
		v.since = r.now
	case r.now.Sub(v.since) >= handoverTime+time.Duration(seen.rank)*rankStep:
		r.giveUpPlace(seen.orphans)
	}
}

// giveUpPlace leaves the group, for joining it again as somebody new.
func (r *run) giveUpPlace(orphans []connectors.Partition) {
	r.log.Warn("partitions belong to no task, because one that was to hand them over was ended meanwhile; this task joins its group again",
		"partitions", namesOf(orphans))
	if err := r.consumer.Unsubscribe(); err != nil {
		r.fail(kafkaFailure("leaving the group to join it again", err))
		return
	}
	r.vigil.leaving = r.now
}

// joinAgain subscribes anew when the place has been given up, which the client does in the background.
func (r *run) joinAgain() {
	if len(r.partitions) > 0 || r.now.Sub(r.vigil.leaving) < leaveQuiet {
		return
	}
	if err := r.consumer.SubscribeTopics(r.subscription, r.rebalance); err != nil {
		r.fail(kafkaFailure("joining the group again", err))
		return
	}
	r.beginVigil()
}

// look asks for the group's members and for the partitions that they should have.
func (c *Config) look(ctx context.Context, consumer *kafka.Consumer, subscription []string) view {
	g, err := c.describe(ctx, consumer)
	if err != nil {
		return view{err: err}
	}
	seen := view{state: g.State.String(), stable: g.State == kafka.ConsumerGroupStateStable, members: len(g.Members)}
	if !seen.stable {
		return seen
	}
	owned := map[connectors.Partition]bool{}
	for _, m := range g.Members {
		for _, p := range m.Assignment.TopicPartitions {
			owned[connectors.Partition{Topic: *p.Topic, ID: p.Partition}] = true
		}
	}
	slices.SortFunc(g.Members, func(a, b kafka.MemberDescription) int {
		return cmp.Or(cmp.Compare(len(a.Assignment.TopicPartitions), len(b.Assignment.TopicPartitions)), cmp.Compare(a.GroupInstanceID, b.GroupInstanceID))
	})
	seen.rank = max(slices.IndexFunc(g.Members, c.isOurs), 0)
	wanted, err := partitionsOf(consumer, subscription)
	if err != nil {
		return view{err: err}
	}
	for _, p := range wanted {
		if !owned[p] {
			seen.orphans = append(seen.orphans, p)
		}
	}
	return seen
}

func (c *Config) describe(ctx context.Context, consumer *kafka.Consumer) (kafka.ConsumerGroupDescription, error) {
	admin, err := kafka.NewAdminClientFromConsumer(consumer)
	if err != nil {
		return kafka.ConsumerGroupDescription{}, err
	}
	defer admin.Close()
	g, err := workerstore.DescribeGroup(ctx, admin, c.Consumer["group.id"])
	if err == nil && g.Error.Code() != kafka.ErrNoError {
		err = g.Error
	}
	return g, err
}

func (c *Config) isOurs(m kafka.MemberDescription) bool {
	return m.GroupInstanceID == c.Consumer["group.instance.id"]
}

// isMember tells whether the group has a place for this task.
func (c *Config) isMember(ctx context.Context, consumer *kafka.Consumer) (bool, error) {
	g, err := c.describe(ctx, consumer)
	if e, ok := errors.AsType[kafka.Error](err); ok && e.Code() == kafka.ErrGroupIDNotFound {
		return false, nil
	}
	return slices.ContainsFunc(g.Members, c.isOurs), err
}

// partitionsOf gives the partitions of the topics that a subscription means.
func partitionsOf(consumer *kafka.Consumer, subscription []string) ([]connectors.Partition, error) {
	var all []connectors.Partition
	for _, s := range subscription {
		topic, wanted := &s, func(name string) bool { return name == s }
		if strings.HasPrefix(s, "^") {
			pattern, err := regexp.Compile(s)
			if err != nil {
				return nil, err
			}
			topic, wanted = nil, pattern.MatchString
		}
		m, err := consumer.GetMetadata(topic, topic == nil, int(lookupPatience/time.Millisecond))
		if err != nil {
			return nil, err
		}
		for name, t := range m.Topics {
			if t.Error.Code() != kafka.ErrNoError || !wanted(name) {
				continue
			}
			for _, p := range t.Partitions {
				all = append(all, connectors.Partition{Topic: name, ID: p.ID})
			}
		}
	}
	return all, nil
}
