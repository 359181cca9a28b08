package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	workerstore "github.com/sluice-connect/sluice/worker/store"
)

// graceAfterFailure is how long the rest may take when the plugin is gone: a last commit, leaving the group.
const graceAfterFailure = 2 * time.Second

// shutdown ends the task in order: partitions closed in the plugin, what is durable committed, the consumer closed, the
// plugin's task stopped. Every step is bounded (invariant 6). It gives what Run returns.
func (r *run) shutdown() error {
	began := time.Now()
	deadline := began.Add(r.cfg.StopTimeout)
	r.now = began
	if r.pluginGone {
		deadline = began.Add(min(graceAfterFailure, r.cfg.StopTimeout))
	}
	all := make([]*partition, 0, len(r.partitions))
	for _, p := range r.partitions {
		all = append(all, p)
	}
	if !r.pluginGone && !r.closePartitions(all, true, deadline.Add(-r.cfg.StopTimeout/4)) {
		r.fail(connectors.Retriable("stopping", fmt.Errorf("plugin did not close %s within %s", names(stillOpen(all)), time.Since(began).Round(time.Millisecond)),
			"what it had not made durable is read again"))
		r.pluginGone = true
	}
	r.awaitLetters(all, deadline.Add(-r.cfg.StopTimeout/8))
	r.commitNow(all, min(r.cfg.CommitTimeout, max(time.Until(deadline), r.cfg.StopTimeout/8)))

	r.ending = true // from here on only the rebalance callback looks at the partitions
	close(r.quit)
	left := make(chan error, 1)
	go func() {
		r.helpers.Wait()
		var unread error
		if r.letters != nil {
			unread = r.letters.Close()
		}
		if r.consumer == nil {
			left <- unread
			return
		}
		if r.reader != nil {
			r.reader.Close()
		}
		if r.wantLeave() && !r.fenced {
			r.leave(deadline)
		}
		left <- errors.Join(unread, workerstore.CloseConsumer(r.consumer))
	}()
	patience := max(time.Until(deadline), min(time.Second, r.cfg.StopTimeout/4))
	if r.pluginGone {
		patience = min(patience, time.Second)
	}
	if err := r.link.stop(patience); err != nil && r.failure == nil {
		r.fail(connectors.AsError("stopping the plugin's task", err))
	}
	timer := time.NewTimer(max(time.Until(deadline), graceAfterFailure/2))
	defer timer.Stop()
	select {
	case err := <-left:
		if err != nil {
			r.log.Warn("closing the task's Kafka clients", "error", err)
		}
	case <-timer.C:
		// A broker that is away can keep the client from closing for up to a minute; nothing depends on it.
		r.log.Warn("the Kafka clients take long to close, they are left alone")
	}
	return r.result()
}

// leave gives up the place in the group, and waits until it is given up. The client of a static member does so when it
// unsubscribes, but not when it is closed, and not while the answer to its joining is outstanding: it does not know its name then.
// It sends the request when its partitions have been given up, which it does in the background, and a request behind one that
// the coordinator has not answered is lost when the client is closed.
func (r *run) leave(deadline time.Time) {
	for half := time.Now().Add(time.Until(deadline) / 2); !r.joined && time.Now().Before(half); {
		r.consumer.Poll(int(leavePoll / time.Millisecond))
	}
	if err := r.consumer.Unsubscribe(); err != nil {
		r.log.Debug("unsubscribing", "error", err)
		return
	}
	var trouble error
	for time.Now().Before(deadline) {
		r.consumer.Poll(int(leavePoll / time.Millisecond))
		if parts, err := r.consumer.Assignment(); err != nil || len(parts) > 0 {
			continue
		}
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		member, err := r.cfg.isMember(ctx, r.consumer)
		cancel()
		if err == nil && !member {
			return
		}
		trouble = err
	}
	r.log.Warn("the task's place in its consumer group may be there until its session times out", "error", trouble)
}

const leavePoll = 20 * time.Millisecond

func (r *run) result() error {
	if r.failure == nil {
		return nil
	}
	if _, ok := errors.AsType[*connectors.Error](r.failure); ok {
		return r.failure
	}
	return connectors.AsError("running task", r.failure)
}
