package task

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/task/fetch"
)

// failed is the cause of a record that a converter or transformation refuses.
func failed(stage deadletter.Stage, class string, err error) deadletter.Cause {
	c := deadletter.Cause{Stage: stage, Class: class, Err: err}
	if e, ok := errors.AsType[*data.Error](err); ok {
		c.Exception, c.Message = e.Class, e.Message
	}
	return c
}

// unfit is for a record that cannot be handed to the plugin. It waits for room where dead letters are many.
func (r *run) unfit(p *partition, m *fetch.Record, cause deadletter.Cause) {
	if r.lettersFull() {
		r.stuck = stuck{p: p, room: func() bool { return !r.lettersFull() }}
		return
	}
	if r.letters != nil {
		r.send(p) // what comes before it need not wait for its dead letter
	}
	if r.bad(p, m.Offset, m, cause) {
		r.pass(p, m.Offset)
	}
}

// pass leaves a record out: the plugin does not get it, and the offset goes over it.
func (r *run) pass(p *partition, offset int64) {
	p.next, p.passed = offset+1, offset+1
	r.read++
}

// rejected is for a record that the plugin cannot store.
func (r *run) rejected(p *partition, offset int64, err *connectors.Error) {
	if r.bad(p, offset, nil, deadletter.Cause{Stage: deadletter.TaskPut, Class: deadletter.SinkTask, Err: err}) {
		p.rejected = max(p.rejected, offset+1)
		r.settle(p)
	}
}

// settle tells the plugin that all that it rejected is dealt with, once that is so (invariant 9).
func (r *run) settle(p *partition) {
	if p.rejected > p.settled && len(p.unacknowledged) == 0 && r.byID[p.id] == p {
		p.settled = p.rejected
		r.link.push(command{id: p.id, settled: p.settled})
	}
}

// bad decides what becomes of a record that cannot be processed. It is the only place that does. m is nil where the record is
// not at hand. True means that the record is dealt with and the task goes on; else the task ends. As in Kafka Connect the
// record that ends a task becomes a dead letter too.
func (r *run) bad(p *partition, offset int64, m *fetch.Record, cause deadletter.Cause) bool {
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.Failed()
	}
	r.logBad(p, offset, cause)
	if r.letters != nil && p.await(offset, m != nil) {
		if r.cfg.Metrics != nil {
			r.cfg.Metrics.DeadLetter()
		}
		l := deadletter.Letter{Partition: p.Partition, Offset: offset, Cause: cause, Owner: p}
		if m != nil {
			l.Record = m.Message()
		}
		r.letters.Send(l)
	}
	if r.cfg.Errors.Tolerate {
		if r.cfg.Metrics != nil {
			r.cfg.Metrics.Skipped()
		}
		return true
	}
	p.stopAt(offset)
	r.fail(r.badRecord(p, offset, cause))
	return false
}

// badRecord is what a record does to a task that tolerates none.
func (r *run) badRecord(p *partition, offset int64, cause deadletter.Cause) error {
	if known, ok := errors.AsType[*connectors.Error](cause.Err); ok {
		return known.At(p.Partition, offset)
	}
	e := connectors.BadRecord(p.Partition, offset, cause.Err)
	e.Hint = "mend what produces such records, skip this one by altering the connector's offsets, or set errors.tolerance to all"
	switch cause.Stage {
	case deadletter.KeyConverter:
		e.Op, e.Hint = "converting record key with "+simple(cause.Class), e.Hint+", or use another key.converter"
	case deadletter.ValueConverter:
		e.Op, e.Hint = "converting record value with "+simple(cause.Class), e.Hint+", or use another value.converter"
	case deadletter.HeaderConverter:
		e.Op = "converting record headers with " + simple(cause.Class)
	case deadletter.Transformation:
		e.Op = "transforming record with " + simple(cause.Class)
	case deadletter.TaskPut: // the sink said what it was doing
	}
	return e
}

// simple is a class without its package.
func simple(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

func (r *run) logBad(p *partition, offset int64, cause deadletter.Cause) {
	if !r.cfg.Errors.Log {
		return
	}
	args := []any{"stage", cause.Stage, "class", cause.Class}
	if r.cfg.Errors.LogRecord {
		args = append(args, "topic", p.Topic, "partition", p.ID, "offset", offset)
	}
	r.log.Error("record could not be processed", append(args, "error", cause.Err)...)
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.Logged()
	}
}

// openLetters opens the dead letter queue where there is one.
func (r *run) openLetters() error {
	if r.cfg.Errors.DeadLetters == nil {
		return nil
	}
	q, err := deadletter.Open(*r.cfg.Errors.DeadLetters)
	if err != nil {
		return err
	}
	r.letters, r.lettersReady = q, q.Ready()
	return nil
}

// lettersFull says that no record may be collected or sent that could become one more dead letter.
func (r *run) lettersFull() bool { return r.letters != nil && r.letters.Full() }

// settled takes what became of dead letters (invariant 1).
func (r *run) settled() {
	for _, result := range r.letters.Results() {
		p, _ := result.Letter.Owner.(*partition)
		switch {
		case result.Err == nil && p != nil:
			p.acknowledged(result.Letter.Offset)
			r.settle(p)
		case p != nil:
			if r.cfg.Metrics != nil {
				r.cfg.Metrics.DeadLetterFailed()
			}
			p.acknowledged(result.Letter.Offset)
			p.stopAt(result.Letter.Offset)
			r.fail(result.Err)
		default:
			r.lettersLost = true
			r.fail(result.Err)
		}
	}
}

// tendLetters shows that dead letters cannot be written, for as long as that lasts.
func (r *run) tendLetters() {
	if r.letters == nil {
		return
	}
	stuck, why := r.letters.Stuck(r.now)
	if stuck < lettersPatience {
		r.troubles.over(letterTrouble)
		return
	}
	if why == nil {
		why = errors.New("Kafka does not answer")
	}
	r.troubles.set(letterTrouble, connectors.Retriable("writing dead letters to topic "+r.cfg.Errors.DeadLetters.Topic, why,
		"the task waits for them and commits nothing beyond them"))
}

const lettersPatience = 5 * time.Second

// awaitLetters waits until these partitions have no dead letter under way, at most until the deadline.
func (r *run) awaitLetters(partitions []*partition, deadline time.Time) {
	waits := func() bool {
		return slices.ContainsFunc(partitions, func(p *partition) bool { return len(p.unacknowledged) > 0 })
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for waits() && !r.lettersLost {
		select {
		case <-r.lettersReady:
			r.settled()
		case <-timer.C:
			return
		}
	}
}
