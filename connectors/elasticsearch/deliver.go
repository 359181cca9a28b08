package elasticsearch

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// trial is something that is repeated until it succeeds.
type trial struct {
	n        int  // failures in a row
	counted  int  // those of them that max.retries counts
	retrying bool // counted in the writer's retrying
	failed   bool // counted in the writer's failing
}

// maxPatience bounds the wait for an index that somebody has to release, so that it goes on soon after.
const maxPatience = 5 * time.Second

// setback reports a failure and waits before the next try. After max.retries, or at once where repeating alone does not
// help, the error is handed to whoever calls Write or Flush; the trial goes on in the background until the writer is
// closed, because there may be nobody to call (invariant 6). It returns an error only when the writer is closed.
func (w *writer) setback(t *trial, f *failure, op string, offset int64) error {
	t.n++
	s := &w.task.set
	w.task.m.retries[f.cause].Add(1)
	err := &connectors.Error{Code: f.code, Op: op, Partition: w.partition, Offset: offset, Err: f.err, Hint: f.hint}
	wait := max(backoff(s.backoff, t.n), f.wait)
	if f.patient {
		wait = min(wait, maxPatience)
	} else {
		t.counted++
	}
	w.mu.Lock()
	if !t.retrying {
		t.retrying = true
		w.retrying++
	}
	if !t.failed && (s.maxRetries >= 0 && t.counted > s.maxRetries || !f.retriable()) {
		t.failed = true
		w.failing++
	}
	if t.failed {
		w.err = err
		wait = max(wait, time.Second)
		tell(w.changed)
	}
	w.ack.Trouble(err)
	w.mu.Unlock()
	return sleep(w.ctx, wait)
}

// advanced begins the count of failures anew.
func (w *writer) advanced(t *trial) {
	t.n, t.counted = 0, 0
	if !t.failed {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.failed = false
	if w.failing--; w.failing == 0 {
		w.err = nil
	}
}

// succeeded ends a trial.
func (w *writer) succeeded(t *trial) {
	w.advanced(t)
	if !t.retrying {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.retrying = false
	if w.retrying--; w.retrying == 0 {
		w.ack.Trouble(nil)
		tell(w.work)
	}
}

// insist repeats f until it succeeds; the error is that the writer is closed.
func (w *writer) insist(f func(context.Context) *failure) error {
	var t trial
	for {
		fail := f(w.ctx)
		if fail == nil {
			w.succeeded(&t)
			return nil
		}
		if err := w.setback(&t, fail, "connecting to "+w.task.client.name, -1); err != nil {
			return err
		}
	}
}

// deliver sends a bulk until every item is settled. It is called with the right to send one request.
func (w *writer) deliver(b *bulk) {
	var t trial
	l := w.task.limiter
	for entered := true; len(b.items) > 0; entered = false {
		if !entered && l.enter(w.ctx) != nil {
			w.release(b)
			return
		}
		n := b.fit(w.task.sizes.limit(b.limit))
		f := w.prepare(b)
		if f == nil {
			f = w.send(b, n)
		}
		l.leave()
		switch {
		case w.ctx.Err() != nil && f != nil:
			w.release(b)
			return
		case f == nil:
			f = w.settle(b, n, &t)
			w.task.client.done(b)
		case w.shrink(b, n, f, &t):
			continue
		}
		if f == nil {
			continue
		}
		if w.setback(&t, f, "sending bulk request to "+w.task.client.name+" for "+b.name(), b.items[0].offset) != nil {
			w.release(b)
			return
		}
	}
	w.succeeded(&t)
	w.finish(b)
}

// send sends the first n items once.
func (w *writer) send(b *bulk, n int) *failure {
	m := w.task.m
	m.requests.Add(1)
	m.bytes.Add(int64(len(b.payload(n))))
	w.task.limiter.sending()
	began := time.Now()
	f := w.task.client.bulk(w.ctx, w.home, b, n)
	if f != nil {
		w.task.client.done(b)
	}
	switch {
	case f == nil:
		w.task.limiter.faster()
		w.task.sizes.passed(len(b.payload(n)))
	case f.cause == causeTimeout:
		// Halved before, a request of a service that needs longer would never end.
		f.halve = w.task.client.patience.atEnd() || w.task.sizes.tries(len(b.payload(n)))
		w.task.limiter.slower()
	case f.cause == causeBusy:
		w.task.limiter.slower()
	}
	took := time.Since(began).Milliseconds()
	m.millis.Add(took)
	m.lastMillis.Set(took)
	return f
}

// shrink makes the next request smaller where that may help, and says whether to try at once.
func (w *writer) shrink(b *bulk, n int, f *failure, t *trial) bool {
	if !f.halve {
		return false
	}
	size := len(b.payload(n))
	switch {
	case n > 1 && (f.cause == causeBusy || f.cause == causeTimeout):
		if t.n > 0 || w.task.sizes.tries(size) { // the first time it may be due to others
			b.limit = w.task.sizes.missed(size, f.cause == causeTimeout)
			w.task.m.splits.Add(1)
		}
		return false
	case n > 1:
		b.limit = size / 2
		w.task.m.splits.Add(1)
		if f.tooLarge && w.task.sizes.refused(size) {
			w.log.Info("elasticsearch refused a request as too large; requests become smaller", "bytes", size/2)
		}
		return true
	case f.single:
		it := b.items[0]
		w.refuse(it.offset, f.err)
		b.keep(1, func(int) bool { return false })
		b.limit = 0
		w.advanced(t)
		return true
	}
	return false
}

// refuse gives up a document that Elasticsearch never takes.
func (w *writer) refuse(offset int64, err error) {
	if s := &w.task.set; s.onMalformed == behaviorFail || s.tolerant {
		w.reject(offset, err)
	} else {
		w.task.m.skipped.Add(1)
	}
}

// settle does what the answer says about the first n items, and drops those that are settled. What must be sent again
// comes back as a failure.
func (w *writer) settle(b *bulk, n int, t *trial) *failure {
	var refused dropped
	var first *serverError
	var firstStatus, count, done, conflicts, stale int
	code, index, block := connectors.CodeRetriable, false, false
	for i := range n {
		o, it := &b.answer.outcomes[i], &b.items[i]
		var e *serverError
		if o.to > 0 {
			e = parseItemError(b.answer.body[o.from:o.to])
		}
		switch o.verdict = judge(it.op, o.status, e); o.verdict {
		case stored:
			done++
		case conflict:
			conflicts++
			if it.op == opIndex || it.op == opDelete {
				stale++
			}
		case malformed:
			if e == nil {
				e = &serverError{Type: "unknown_error"}
			}
			err := fmt.Errorf("%s refused it with status %d: %w", b.name(), o.status, e)
			refused.add(it.offset, err)
			w.refuse(it.offset, err)
		case unwritable:
			code = connectors.CodeMisconfigured
			if o.status == 401 || o.status == 403 {
				code = connectors.CodeUnauthorized
			}
			fallthrough
		case again, missing, blocked:
			index = index || o.verdict == missing
			if count == 0 || o.verdict == unwritable || o.verdict == blocked && !block {
				first, firstStatus = e, o.status
			}
			block = block || o.verdict == blocked
			count++
		}
	}
	w.account(done, conflicts, &refused)
	w.warnOfConflicts(b, stale)
	if count == 0 {
		b.items = b.items[:copy(b.items, b.items[n:])]
		w.advanced(t)
		return nil
	}
	w.repeat(b, n)
	if count < n {
		w.advanced(t)
	}
	if first == nil {
		first = &serverError{Type: "unknown_error"}
	}
	if index {
		w.forget(b)
	}
	f := &failure{
		cause: causeItems, code: code, err: fmt.Errorf("%d of %d documents were refused for now: status %d: %w", count, n, firstStatus, first),
		hint: "check the index and the health of Elasticsearch",
	}
	if block && f.retriable() {
		f.cause, f.patient, f.hint = causeBlocked, true, hintBlocked
	}
	return f
}

// repeat keeps of the first n items what was refused for now, and where order matters whatever came after it for the
// same ids (invariant 5).
func (w *writer) repeat(b *bulk, n int) {
	var late map[uint64]bool
	b.keep(n, func(i int) bool {
		switch o := &b.answer.outcomes[i]; o.verdict {
		case again, missing, blocked, unwritable:
			if sum := b.items[i].sum; sum != 0 {
				if late == nil {
					late = map[uint64]bool{}
				}
				late[sum] = true
			}
			return true
		case malformed:
			return false
		default:
			return late[b.items[i].sum]
		}
	})
}

func (w *writer) account(done, conflicts int, refused *dropped) {
	m := w.task.m
	m.documents.Add(int64(done))
	m.conflicts.Add(int64(conflicts))
	if w.task.set.onMalformed == behaviorWarn {
		refused.log(w.log, "documents that elasticsearch refused were left out")
	}
}

// warnOfConflicts tells once of documents that were there in a later version.
func (w *writer) warnOfConflicts(b *bulk, stale int) {
	if stale == 0 {
		return
	}
	w.mu.Lock()
	told := w.warned
	w.warned = true
	w.mu.Unlock()
	if !told {
		w.log.Info("elasticsearch has later versions of some documents already; that is so after a restart, "+
			"and where the topic was deleted and made again", "index", b.name(), "documents", stale)
	}
}
