package task

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/task/fetch"
)

const (
	idleLook  = time.Second            // between two looks at everything while nothing happens
	leaveLook = 50 * time.Millisecond  // and while the place in the group is being given up
	flowing   = 10                     // times Linger that a batch may grow while records flow
	holdMost  = 200 * time.Millisecond // how long others may wait for a record without room
	holdShare = 10                     // a tenth of the time may go to holding while other partitions have room
)

// run is the state of a running task. It belongs to the goroutine of Run; the exceptions say so.
type run struct {
	cfg          *Config
	subscription []string
	wantPaused   func() bool
	wantLeave    func() bool
	wanted       <-chan struct{} // wantPaused has changed
	log          *slog.Logger
	link         *link
	consumer     *kafka.Consumer
	reader       *fetch.Reader
	helpers      sync.WaitGroup // commits and look-ups
	quit         chan struct{}  // ends the helpers
	ctx          context.Context

	partitions map[connectors.Partition]*partition // all but the closed ones
	byID       map[uint32]*partition               // those that the plugin knows
	lastID     uint32
	reads      uint64 // how often records were read
	got, taken int    // records that were read the last time, and those of them that are dealt with
	stuck      stuck
	again      []*partition // those of whose records some were not wanted and have to be fetched again
	last       *partition   // of the latest record: most records come in runs
	toAssign   []*partition
	credit     credit
	batchLimit int64
	keyJSON    bool
	valueJSON  bool
	convert    *conversion // nil: bytes go to the plugin as they are, checked where they are JSON
	headers    []connectors.Header
	topics     map[string]bool // that gave a record

	now       time.Time // as of the latest look at everything else
	collected bool      // some partition has a builder
	paused    bool      // the whole task
	held      int       // partitions paused by back-pressure
	holdLeft  time.Duration
	read      int // records since the latest look

	letters      *deadletter.Queue // nil: none
	lettersReady <-chan struct{}   // of its results
	lettersLost  bool              // the queue gives none any more

	lookups    chan lookup
	commits    commits
	troubles   troubles
	vigil      vigil
	nextGauges time.Time

	failure    error // the first one; found anywhere
	pluginGone bool  // the plugin will not answer any more
	fenced     bool  // commits are pointless
	joined     bool  // the group has given the task something, or nothing, at least once
	regrouped  bool  // the latest poll brought a rebalance
	ending     bool  // the consumer is being closed
	answered   bool  // a rebalance, while it is
}

func newRun(t *Task, p Plugin) *run {
	r := &run{
		cfg:          &t.cfg,
		subscription: t.subscription,
		wantPaused:   t.paused.Load,
		wantLeave:    t.leaving.Load,
		wanted:       t.wanted,
		log:          t.cfg.Logger,
		link:         newLink(p, t.cfg.BatchBytes),
		quit:         make(chan struct{}),
		partitions:   map[connectors.Partition]*partition{},
		byID:         map[uint32]*partition{},
		credit:       credit{total: t.cfg.CreditBytes},
		keyJSON:      t.cfg.Records.Key == connectors.PayloadJSON,
		valueJSON:    t.cfg.Records.Value == connectors.PayloadJSON,
		convert:      newConversion(&t.cfg),
		topics:       map[string]bool{},
		now:          time.Now(),
		holdLeft:     holdMost,
		lookups:      make(chan lookup),
		troubles:     troubles{tell: t.cfg.OnTrouble},
	}
	r.commits.results = make(chan commitResult, 1)
	r.commits.next = r.now.Add(t.cfg.CommitInterval)
	r.share()
	return r
}

func (r *run) run(ctx context.Context) error {
	r.ctx = ctx
	if err := r.openLetters(); err != nil {
		r.fail(err)
	} else if err := r.connect(); err != nil {
		r.fail(err)
	} else {
		r.loop()
	}
	return r.shutdown()
}

func (r *run) connect() error {
	c, err := kafka.NewConsumer(r.cfg.consumerConfig())
	if err != nil {
		return connectors.Misconfigured("making the consumer", err, "check the consumer's properties")
	}
	r.consumer = c
	if r.reader, err = fetch.New(c); err != nil {
		return connectors.Fatal("reading records", err, "build the worker with the version of its go.mod")
	}
	if err := c.SubscribeTopics(r.subscription, r.rebalance); err != nil {
		return connectors.Misconfigured("subscribing", err, "check topics and topics.regex")
	}
	r.beginVigil()
	return nil
}

// fail notes the first failure; the loop ends with it.
func (r *run) fail(err error) {
	if r.failure == nil {
		r.failure = err
	}
}

// loop polls until the context ends or something fails.
func (r *run) loop() {
	for {
		r.tend()
		r.listen()
		if r.failure != nil || r.ctx.Err() != nil {
			return
		}
		if !r.readRecords() {
			r.rest()
		}
		if r.failure != nil {
			return
		}
	}
}

// listen takes what the consumer has to say beside records, which come by another way.
func (r *run) listen() {
	for r.failure == nil {
		r.regrouped = false
		if ev := r.consumer.Poll(0); ev != nil {
			r.notice(ev)
		} else if !r.regrouped {
			return
		}
	}
}

// rest waits until something happens, or it is time for something.
func (r *run) rest() {
	timer := time.NewTimer(r.restless())
	defer timer.Stop()
	select {
	case <-r.reader.Ready():
	case e := <-r.link.events:
		r.heard(e)
	case <-r.link.sent:
	case l := <-r.lookups:
		r.lookedUp(l)
	case c := <-r.commits.results:
		r.committed(c)
	case <-r.lettersReady:
		r.settled()
	case seen := <-r.vigil.views:
		r.now = time.Now()
		r.looked(seen)
	case <-r.wanted:
	case <-r.ctx.Done():
	case <-timer.C:
	}
}

// restless is how long nothing is due.
func (r *run) restless() time.Duration {
	if !r.vigil.leaving.IsZero() {
		return leaveLook
	}
	until := r.now.Add(idleLook)
	if r.commits.since.IsZero() && r.commits.next.Before(until) {
		for _, p := range r.partitions {
			if _, moved := p.due(); moved {
				until = r.commits.next
			}
		}
	}
	if v := &r.vigil; !v.over && !v.asking && v.due.Before(until) {
		until = v.due
	}
	if r.collected {
		age := r.patience()
		for _, p := range r.partitions { // what is older waits for room, and not for a time
			if due := p.lastSent.Add(age); p.builder != nil && due.After(r.now) && due.Before(until) {
				until = due
			}
		}
	}
	if s := &r.stuck; !s.costs.IsZero() && s.costs.Add(r.holdLeft).Before(until) {
		until = s.costs.Add(r.holdLeft)
	}
	return max(time.Until(until), time.Millisecond)
}

// readRecords deals with the records that are there, up to one for which there is no room. It is false when that is all that can be done
// before something happens.
func (r *run) readRecords() bool {
	if !r.unstick() {
		return false
	}
	if r.taken == r.got {
		if len(r.again) > 0 {
			r.fetchAgain()
		}
		r.reads++
		r.got, r.taken = r.reader.Read(), 0
		if r.got == 0 {
			r.idle()
			return false
		}
	}
	for ; r.taken < r.got; r.taken++ {
		r.take(r.reader.Record(r.taken))
		if r.failure != nil || r.stuck.p != nil {
			return true
		}
		if len(r.link.events) > 0 {
			r.drain()
		}
	}
	return true
}

// tend looks at everything but the records.
func (r *run) tend() {
	before := r.now
	r.now = time.Now()
	r.holdLeft = min(r.holdLeft+r.now.Sub(before)/holdShare, holdMost)
	if r.read > 0 {
		if r.cfg.Metrics != nil {
			r.cfg.Metrics.Read(r.read)
		}
		r.read = 0
		r.brokersAnswer()
	}
	r.drain()
	r.pauseOrResume()
	if r.collected {
		r.sendAged(flowing * r.cfg.Linger) // records flow, or did: better let the batches grow
	}
	if r.held > 0 {
		r.releaseHeld()
	}
	r.checkDeadlines()
	r.tendLetters()
	r.tendCommits()
	r.keepVigil()
	if r.now.After(r.nextGauges) {
		r.gauges()
		r.tellWaits()
		r.readLog()
		r.nextGauges = r.now.Add(time.Second)
	}
}

// take checks a record and adds it to its partition's batch.
func (r *run) take(m *fetch.Record) {
	if m.Err != nil {
		r.kafkaError(m.Err)
		return
	}
	p := r.last
	if p == nil || p.ID != m.Partition || p.Topic != m.Topic {
		p = r.partitions[connectors.Partition{Topic: m.Topic, ID: m.Partition}]
		if p == nil {
			return // taken away; whoever has it now reads the record again
		}
		r.last = p
	}
	if p.state != open || p.held != nil || p.again || p.assignedAfter == r.reads {
		// Not wanted now. Behind a held record the partition is paused, so that only records that were read with it can come;
		// they are fetched again. What was read before the partition was assigned is of an opening before.
		if p.state == open && !p.again && p.assignedAfter != r.reads {
			p.again = true
			r.again = append(r.again, p)
		}
		return
	}
	if r.convert != nil {
		m = m.Keep() // what is made of it may go on using its memory
	}
	r.add(p, m)
}

// add is take for a partition that can have the record.
func (r *run) add(p *partition, m *fetch.Record) {
	offset := m.Offset
	if offset < p.next {
		r.fail(connectors.Fatal("reading records", fmt.Errorf("offset went back from %d to %d", p.next, offset),
			"the topic was made anew or has lost records; check what the sink has, then reset the connector's offsets").At(p.Partition, offset))
		return
	}
	if r.convert != nil {
		if r.convert.chain != nil {
			r.addTransformed(p, m)
		} else {
			r.addConverted(p, m)
		}
		return
	}
	key, value := m.Key, m.Value
	if r.keyJSON && key != nil {
		var err error
		if key, err = convert.JSON(key); err != nil {
			r.unfit(p, m, failed(deadletter.KeyConverter, convert.JSONClass, convert.NotJSON(err)))
			return
		}
	}
	if r.valueJSON && value != nil {
		var err error
		if value, err = convert.JSON(value); err != nil {
			r.unfit(p, m, failed(deadletter.ValueConverter, convert.JSONClass, convert.NotJSON(err)))
			return
		}
	}
	r.collect(p, m, common{}, key, value, m.Headers)
}

// common is what the records of a batch have in common, as in connectors.Columns.
type common struct {
	topic                  string
	keySchema, valueSchema []byte
}

func (c *common) equal(o *common) bool {
	return c.topic == o.topic && bytes.Equal(c.keySchema, o.keySchema) && bytes.Equal(c.valueSchema, o.valueSchema)
}

func (c *common) size() int64 { return int64(len(c.topic) + len(c.keySchema) + len(c.valueSchema)) }

// collect puts what was made of a record into the partition's batch. Where there is no room the task is stuck with the record, which
// is then added anew.
func (r *run) collect(p *partition, m *fetch.Record, c common, key, value []byte, headers []connectors.Header) {
	offset := m.Offset
	size := int64(len(key) + len(value) + recordOverhead)
	for i := range headers {
		size += int64(len(headers[i].Key) + len(headers[i].Value) + headerOverhead)
	}
	if size+c.size() > largestRecord {
		r.fail(connectors.Misconfigured("reading records", fmt.Errorf("record of %d bytes, at most %d can be passed on", size+c.size(), largestRecord),
			"lower max.message.bytes of the topic, and move the connector's offset behind this record").At(p.Partition, offset))
		return
	}
	full := p.builder != nil && (p.size+size > r.batchLimit || offset-p.base >= spanMost || !p.common.equal(&c))
	if full && !r.send(p) {
		r.stuck = stuck{p: p, room: func() bool { return r.send(p) }}
		return
	}
	if p.builder == nil {
		p.builder, p.base, p.size, p.common = r.link.builder(), offset, c.size(), c
		p.builder.Grow(p.lastSize.records, p.lastSize.bytes+p.lastSize.bytes/32)
		p.builder.Describe(c.topic, c.keySchema, c.valueSchema)
		r.collected = true
		if !r.topics[p.Topic] {
			r.firstRecord(p)
		}
	}
	p.builder.Append(offset, m.Timestamp, key, value, headers...)
	p.size += size
	p.next = offset + 1
	r.read++
}

const (
	recordOverhead = 4 + 8 + 4 + 4 + 4 // what the columns need for a record, at most
	headerOverhead = 8
	spanMost       = 1<<32 - 2
	largestRecord  = 63 << 20 // the protocol's messages end at 64 MiB
)

func (r *run) firstRecord(p *partition) {
	r.topics[p.Topic] = true
	if r.cfg.OnTopic != nil {
		r.cfg.OnTopic(p.Topic)
	}
}

// send hands the partition's batch to the plugin where credit allows. True means that nothing is left to send.
func (r *run) send(p *partition) bool {
	if p.builder == nil {
		return true
	}
	columns := p.builder.Columns()
	size := int64(columns.Size())
	if p.state != open || !r.link.room() || r.lettersFull() || p.withheld > 0 || !r.credit.take(&p.account, size) {
		return false
	}
	p.underWay = append(p.underWay, sentBatch{size, r.now})
	p.sent, p.handed = p.builder.Next(), true
	p.lastSent = r.now
	p.lastSize.records, p.lastSize.bytes = columns.Records, len(columns.Arena)
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.Sent(columns.Records)
	}
	r.link.push(command{id: p.id, builder: p.builder, columns: columns, size: size})
	p.builder, p.size = nil, 0
	return true
}

// idle sends what is collected when no more records are there. A partition sends at once after a quiet time, and at most
// every Linger in a trickle.
func (r *run) idle() {
	if r.collected {
		r.now = time.Now()
		r.sendAged(r.cfg.Linger)
	}
}

// patience is for how long a partition keeps a batch that is not full.
func (r *run) patience() time.Duration {
	if r.stuck.p != nil {
		return flowing * r.cfg.Linger
	}
	return r.cfg.Linger
}

func (r *run) sendAged(age time.Duration) {
	r.collected = false
	for _, p := range r.partitions {
		if p.builder == nil {
			continue
		}
		if r.now.Sub(p.lastSent) < age || !r.send(p) {
			r.collected = true
		}
	}
}

// share divides the credit anew among the partitions (invariant 3).
func (r *run) share() {
	r.credit.sharers = len(r.partitions)
	r.batchLimit = max(min(int64(r.cfg.BatchBytes), r.credit.share()/2), 1)
}
