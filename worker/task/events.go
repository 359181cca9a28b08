package task

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/metrics"
)

// drain handles what has come from the plugin, and from the helpers.
func (r *run) drain() {
	for r.failure == nil {
		select {
		case e := <-r.link.events:
			r.handle(e)
			continue
		case l := <-r.lookups:
			r.lookedUp(l)
			continue
		case c := <-r.commits.results:
			r.committed(c)
			continue
		case <-r.lettersReady:
			r.settled()
			continue
		default:
		}
		break
	}
	if len(r.toAssign) > 0 && r.failure == nil {
		r.fetchOpened()
	}
}

func (r *run) handle(e event) {
	if e.err != nil {
		r.pluginGone = true
		r.fail(r.where(connectors.AsError("talking to the plugin", &streamError{e.err})))
		return
	}
	switch ev := e.ev.(type) {
	case plugins.Opened:
		if p := r.byID[ev.ID]; p != nil && p.state == opening {
			r.opened(p, ev.Resume)
		}
	case plugins.Taken:
		if p := r.byID[ev.ID]; p != nil {
			if !r.credit.give(&p.account, ev.Size) {
				r.lied(p, fmt.Errorf("plugin returns credit of %d bytes, it has %d", ev.Size, p.account.used))
				return
			}
			p.take(ev.Size, r.now, r.took)
		}
	case plugins.Durable:
		if p := r.byID[ev.ID]; p != nil {
			if err := p.report(ev.Next); err != nil {
				r.lied(p, err)
			}
		}
	case plugins.Rejected:
		if p := r.byID[ev.ID]; p != nil {
			if ev.Offset < 0 || ev.Offset >= p.sent {
				r.lied(p, fmt.Errorf("plugin rejects offset %d, which it was not sent", ev.Offset))
				return
			}
			r.rejected(p, ev.Offset, orUnknown(ev.Err))
		}
	case plugins.Trouble:
		if ev.Err == nil {
			r.troubles.over(ev.ID)
		} else if p := r.byID[ev.ID]; p != nil {
			r.troubles.set(ev.ID, placed(ev.Err, p))
		}
	case plugins.Failed:
		r.pluginGone = true // it does nothing more for this task
		r.fail(placed(orUnknown(ev.Err), r.byID[ev.ID]))
	case plugins.Closed:
		if p := r.byID[ev.ID]; p != nil {
			if ev.Err != nil && p.state == closing {
				r.log.Warn("plugin had trouble closing a partition; what is not durable is read again", "partition", p.Partition, "error", ev.Err)
			}
			r.forget(p)
		}
	case plugins.Metrics:
		if r.cfg.Metrics != nil {
			values := make([]metrics.PluginMetric, len(ev.Values))
			for i, v := range ev.Values {
				values[i] = metrics.PluginMetric{Name: v.Name, Help: v.Help, Counter: v.Counter, Value: v.Value}
			}
			r.cfg.Metrics.SetPlugin(values)
		}
	}
}

// lied ends the task because the plugin breaks the protocol; nothing that it says can be relied upon.
func (r *run) lied(p *partition, err error) {
	r.pluginGone = true
	r.fail(connectors.Fatal("following the plugin", err, "this is a bug of the plugin").At(p.Partition, -1))
}

func (r *run) took(d time.Duration) {
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.Taken(d)
	}
}

// forget ends an opening: what it has of the credit is free again.
func (r *run) forget(p *partition) {
	if p.state == closed {
		return
	}
	if p.paused {
		r.held--
	}
	p.drop()
	p.state, p.paused, p.held = closed, false, nil
	r.credit.close(&p.account)
	r.troubles.over(p.id)
	delete(r.byID, p.id)
}

// streamError is the end of the plugin's stream: the process died, or closed it.
type streamError struct{ err error }

func (e *streamError) Error() string { return "stream ended: " + e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// where makes the end of a stream a reason to start again, unless the plugin's side said something else.
func (r *run) where(e *connectors.Error) *connectors.Error {
	var stream *streamError
	if errors.As(e.Err, &stream) && errors.As(stream.err, new(*connectors.Error)) {
		return e
	}
	c := *e
	if c.Code == connectors.CodeFatal {
		c.Code = connectors.CodeRetriable
		c.Hint = "the plugin's process has probably died; its log says why"
	}
	return &c
}

func orUnknown(e *connectors.Error) *connectors.Error {
	if e != nil {
		return e
	}
	return connectors.Fatal("running in the plugin", errors.New("the plugin gave no reason"), "")
}

func placed(e *connectors.Error, p *partition) *connectors.Error {
	if p == nil || e.Partition != (connectors.Partition{}) {
		return e
	}
	return e.At(p.Partition, e.Offset)
}

// troubles keeps what troubles the task while it goes on, by its source.
type troubles struct {
	tell func(*connectors.Error)
	now  map[uint32]*connectors.Error // by opening or other source
}

// The sources that are not openings; no opening has these ids.
const (
	kafkaTrouble  = 0
	letterTrouble = math.MaxUint32
	commitTrouble = math.MaxUint32 - 1
	groupTrouble  = math.MaxUint32 - 2
	waitTrouble   = math.MaxUint32 - 3
)

func (t *troubles) set(id uint32, e *connectors.Error) {
	if old := t.now[id]; old != nil && old.Error() == e.Error() {
		return
	}
	if t.now == nil {
		t.now = map[uint32]*connectors.Error{}
	}
	t.now[id] = e
	if t.tell != nil {
		t.tell(e)
	}
}

func (t *troubles) over(id uint32) {
	if t.now[id] == nil {
		return
	}
	delete(t.now, id)
	if t.tell == nil {
		return
	}
	for _, other := range t.now {
		t.tell(other)
		return
	}
	t.tell(nil)
}

// await handles events until done says so, at the latest until the deadline, or until the plugin is gone. It is where the
// polling goroutine waits for the plugin.
func (r *run) await(deadline time.Time, done func() bool) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	stop := r.ctx.Done()
	for !done() {
		if r.pluginGone {
			return false
		}
		select {
		case e := <-r.link.events:
			r.heard(e)
		case l := <-r.lookups:
			r.lookedUp(l)
		case c := <-r.commits.results:
			r.committed(c)
		case <-r.lettersReady:
			r.settled()
		case <-stop: // from now on the stop's deadline counts
			stop = nil
			timer.Reset(min(time.Until(deadline), r.cfg.StopTimeout))
		case <-timer.C:
			return done()
		}
	}
	return true
}

// heard handles an event that was waited for: the time of the latest look at everything is of before.
func (r *run) heard(e event) {
	r.now = time.Now()
	r.handle(e)
}

// notice handles what Poll returns beside records.
func (r *run) notice(ev kafka.Event) {
	switch e := ev.(type) {
	case kafka.Error:
		r.kafkaError(e)
	case *kafka.Stats:
		r.stats(e.String())
	case *kafka.Message: // not where it should come; whatever is behind it comes the same way
		if err := e.TopicPartition.Error; err != nil {
			r.kafkaError(err)
			return
		}
		r.fail(connectors.Retriable("reading records", errors.New("the Kafka client gave a record to the consumer, and not to its reader"),
			"the consumer is made anew").At(connectors.Partition{Topic: *e.TopicPartition.Topic, ID: e.TopicPartition.Partition}, int64(e.TopicPartition.Offset)))
	}
}
