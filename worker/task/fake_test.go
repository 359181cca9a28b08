package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/embedded"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// store is what the fake sink has stored, by all tasks that ever ran in a test.
type store struct {
	mu      sync.Mutex
	records map[connectors.Partition]map[int64]int // durable records: how often each was stored
	durable map[connectors.Partition]int64         // what was reported
	closes  map[connectors.Partition]int
	opens   map[connectors.Partition]int
}

func newStore() *store {
	return &store{
		records: map[connectors.Partition]map[int64]int{}, durable: map[connectors.Partition]int64{},
		closes: map[connectors.Partition]int{}, opens: map[connectors.Partition]int{},
	}
}

func (s *store) count(p connectors.Partition) (distinct, duplicates int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.records[p] {
		distinct++
		duplicates += n - 1
	}
	return distinct, duplicates
}

func (s *store) total() (distinct, duplicates int) {
	s.mu.Lock()
	ps := slices.Collect(maps.Keys(s.records))
	s.mu.Unlock()
	for _, p := range ps {
		n, d := s.count(p)
		distinct, duplicates = distinct+n, duplicates+d
	}
	return distinct, duplicates
}

func (s *store) opened(p connectors.Partition) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens[p]
}

func (s *store) closed(p connectors.Partition) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closes[p]
}

func (s *store) durableAt(p connectors.Partition) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable[p]
}

// fakePlugin is a plugin that obeys the protocol and fails the test when the task does not.
type fakePlugin struct {
	t      testing.TB
	store  *store
	credit int64

	// How it behaves; to be set before use or under mu.
	resume    func(p connectors.Partition, committed int64) int64 // default: committed
	slow      map[connectors.Partition]bool                       // batches are not taken while true
	gaps      bool                                                // records may be left out
	buffer    bool                                                // taken at once, durable only on Close and Flush
	slowOpen  map[connectors.Partition]chan struct{}              // Opened comes when closed
	hangs     map[string]bool                                     // "open", "send", "close", "stop" never return until kill
	onBatch   func(p connectors.Partition, b *connectors.Batch) plugins.Event
	closedErr *connectors.Error

	mu       sync.Mutex
	openings map[uint32]*fakeOpening
	lastID   uint32
	underWay int64
	batches  int
	settled  map[uint32]int64
	values   map[connectors.Partition][]string // kept when not nil
	queue    []plugins.Event
	wake     chan struct{}
	hanging  atomic.Bool
	died     chan struct{} // the process is gone
	die      sync.Once
	stopped  chan struct{}
	stop     sync.Once
}

type fakeOpening struct {
	p      connectors.Partition
	opened bool
	closed bool
	next   int64 // -1: any
	sent   []fakeBatch
	stored []int64 // written, not durable
}

type fakeBatch struct {
	size int64
	next int64
	offs []int64
}

func newFakePlugin(t testing.TB, s *store) *fakePlugin {
	t.Helper()
	f := &fakePlugin{
		t: t, store: s, credit: DefaultCreditBytes,
		slow: map[connectors.Partition]bool{}, slowOpen: map[connectors.Partition]chan struct{}{}, hangs: map[string]bool{},
		openings: map[uint32]*fakeOpening{}, settled: map[uint32]int64{}, wake: make(chan struct{}, 1), died: make(chan struct{}), stopped: make(chan struct{}),
	}
	t.Cleanup(f.kill)
	return f
}

var _ Plugin = (*fakePlugin)(nil)

// newFakePluginWithGaps is for tasks that leave records out.
func newFakePluginWithGaps(t testing.TB, s *store) *fakePlugin {
	t.Helper()
	f := newFakePlugin(t, s)
	f.gaps = true
	return f
}

// idOf is the latest opening of a partition. The caller holds the lock.
func (f *fakePlugin) idOf(p connectors.Partition) uint32 {
	var id uint32
	for i, o := range f.openings {
		if o.p == p {
			id = max(id, i)
		}
	}
	return id
}

func (f *fakePlugin) kill() { f.die.Do(func() { close(f.died) }) }

var errDied = errors.New("connection reset")

func (f *fakePlugin) hang(what string) error {
	f.mu.Lock()
	hangs := f.hangs[what]
	f.mu.Unlock()
	if hangs {
		f.hanging.Store(true)
		<-f.died
	}
	select {
	case <-f.died:
		return errDied
	default:
		return nil
	}
}

func (f *fakePlugin) emit(ev plugins.Event) {
	f.mu.Lock()
	f.queue = append(f.queue, ev)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *fakePlugin) Recv() (plugins.Event, error) {
	for {
		f.mu.Lock()
		if len(f.queue) > 0 {
			ev := f.queue[0]
			f.queue = f.queue[1:]
			f.mu.Unlock()
			return ev, nil
		}
		f.mu.Unlock()
		select {
		case <-f.wake:
		case <-f.died:
			return nil, errDied
		case <-f.stopped:
			return nil, io.EOF
		}
	}
}

func (f *fakePlugin) Open(id uint32, p connectors.Partition, committed int64) error {
	if err := f.hang("open"); err != nil {
		return err
	}
	f.mu.Lock()
	if id <= f.lastID {
		f.t.Errorf("opening id %d after %d", id, f.lastID)
	}
	f.lastID = id
	for other, o := range f.openings {
		if o.p == p && !o.closed {
			f.t.Errorf("%s opened as %d while open as %d", p, id, other)
		}
	}
	o := &fakeOpening{p: p, next: -1}
	f.openings[id] = o
	gate := f.slowOpen[p]
	resume := committed
	if f.resume != nil {
		resume = f.resume(p, committed)
	}
	o.next = resume
	f.mu.Unlock()
	f.store.mu.Lock()
	f.store.opens[p]++
	f.store.mu.Unlock()
	answer := func() {
		f.mu.Lock()
		o.opened = true
		f.mu.Unlock()
		f.emit(plugins.Opened{ID: id, Resume: resume})
	}
	if gate == nil {
		answer()
		return nil
	}
	go func() {
		select {
		case <-gate:
			answer()
		case <-f.died:
		}
	}()
	return nil
}

func (f *fakePlugin) Send(id uint32, c connectors.Columns, size int64, done func()) error {
	defer done()
	if err := f.hang("send"); err != nil {
		return err
	}
	if size != int64(c.Size()) {
		f.t.Errorf("size of batch is %d, said %d", c.Size(), size)
	}
	f.mu.Lock()
	o := f.openings[id]
	if o == nil || !o.opened || o.closed {
		f.mu.Unlock()
		f.t.Errorf("batch for opening %d that is not open", id)
		return nil
	}
	b, err := connectors.NewBatch(o.p, cloneColumns(c))
	if err != nil {
		f.mu.Unlock()
		f.t.Errorf("batch: %v", err)
		return nil
	}
	if o.next >= 0 && b.First() != o.next && (!f.gaps || b.First() < o.next) {
		f.t.Errorf("%s: batch begins at %d, wanted %d", o.p, b.First(), o.next)
	}
	fb := fakeBatch{size: size, next: b.Last() + 1}
	for i, r := range b.All() {
		if i > 0 && r.Offset != b.Offset(i-1)+1 && !f.gaps {
			f.t.Errorf("%s: offset %d behind %d", o.p, r.Offset, b.Offset(i-1))
		}
		fb.offs = append(fb.offs, r.Offset)
		if f.values != nil {
			f.values[o.p] = append(f.values[o.p], fmt.Sprintf("%s=%s", text(r.Key), text(r.Value)))
		}
	}
	o.next = fb.next
	f.batches++
	f.underWay += size
	if f.underWay > f.credit && f.underWay > size { // a large record goes alone
		f.t.Errorf("%d bytes under way, credit is %d", f.underWay, f.credit)
	}
	var ev plugins.Event
	if f.onBatch != nil {
		ev = f.onBatch(o.p, b)
	}
	o.sent = append(o.sent, fb)
	f.mu.Unlock()
	if ev != nil {
		f.emit(ev)
	}
	f.work(id)
	return nil
}

func text(b []byte) string {
	if b == nil {
		return "null"
	}
	return string(b)
}

// work takes what the opening has been sent, unless its partition is slow.
func (f *fakePlugin) work(id uint32) {
	f.mu.Lock()
	slow := f.slow[f.openings[id].p]
	f.mu.Unlock()
	if !slow {
		f.take(id)
	}
}

// take takes what the opening has been sent so far.
func (f *fakePlugin) take(id uint32) {
	f.mu.Lock()
	o := f.openings[id]
	if o.closed {
		f.mu.Unlock()
		return
	}
	sent := o.sent
	o.sent = nil
	for _, b := range sent {
		f.underWay -= b.size
		o.stored = append(o.stored, b.offs...)
	}
	flush := !f.buffer && len(sent) > 0
	f.mu.Unlock()
	for _, b := range sent {
		f.emit(plugins.Taken{ID: id, Size: b.size})
	}
	if flush {
		f.flush(id)
	}
}

// setSlow makes a partition slow, or fast again.
func (f *fakePlugin) setSlow(p connectors.Partition, slow bool) {
	f.mu.Lock()
	f.slow[p] = slow
	ids := slices.Collect(maps.Keys(f.openings))
	f.mu.Unlock()
	for _, id := range ids {
		f.work(id)
	}
}

// takeOnce takes what a slow partition has been sent so far, and nothing that comes after it.
func (f *fakePlugin) takeOnce(p connectors.Partition) {
	f.mu.Lock()
	id := f.idOf(p)
	f.mu.Unlock()
	if id != 0 {
		f.take(id)
	}
}

// flush makes durable what was taken.
func (f *fakePlugin) flush(id uint32) {
	f.mu.Lock()
	o := f.openings[id]
	stored := o.stored
	o.stored = nil
	f.mu.Unlock()
	if len(stored) == 0 {
		return
	}
	next := stored[len(stored)-1] + 1
	f.store.mu.Lock()
	if f.store.records[o.p] == nil {
		f.store.records[o.p] = map[int64]int{}
	}
	for _, off := range stored {
		f.store.records[o.p][off]++
	}
	f.store.durable[o.p] = max(f.store.durable[o.p], next)
	f.store.mu.Unlock()
	f.emit(plugins.Durable{ID: id, Next: next})
}

func (f *fakePlugin) Settle(id uint32, next int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if next <= f.settled[id] || f.openings[id] == nil || f.openings[id].closed {
		f.t.Errorf("opening %d: %d settled after %d", id, next, f.settled[id])
	}
	f.settled[id] = next
	return nil
}

// settledAt is what the opening was told last.
func (f *fakePlugin) settledAt(id uint32) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settled[id]
}

func (f *fakePlugin) Close(id uint32) error {
	if err := f.hang("close"); err != nil {
		return err
	}
	f.mu.Lock()
	o := f.openings[id]
	if o == nil || o.closed {
		f.mu.Unlock()
		f.t.Errorf("opening %d closed that is not open", id)
		return nil
	}
	slow := f.slow[o.p]
	f.mu.Unlock()
	if !slow {
		f.work(id)
		f.flush(id)
	}
	f.mu.Lock()
	o.closed = true
	for _, b := range o.sent {
		f.underWay -= b.size
	}
	f.mu.Unlock()
	f.store.mu.Lock()
	f.store.closes[o.p]++
	f.store.mu.Unlock()
	f.emit(plugins.Closed{ID: id, Err: f.closedErr})
	return nil
}

func (f *fakePlugin) Flush(context.Context) error { return nil }

func (f *fakePlugin) Stop(ctx context.Context) error {
	f.mu.Lock()
	hangs := f.hangs["stop"]
	f.mu.Unlock()
	if hangs {
		<-ctx.Done()
		f.kill() // as a host does with a plugin that does not stop
		return ctx.Err()
	}
	f.stop.Do(func() { close(f.stopped) })
	return nil
}

func cloneColumns(c connectors.Columns) connectors.Columns {
	c.OffsetDeltas = slices.Clone(c.OffsetDeltas)
	c.TimestampDeltas = slices.Clone(c.TimestampDeltas)
	c.KeyLengths = slices.Clone(c.KeyLengths)
	c.ValueLengths = slices.Clone(c.ValueLengths)
	c.HeaderCounts = slices.Clone(c.HeaderCounts)
	c.HeaderLengths = slices.Clone(c.HeaderLengths)
	c.HeaderArena = bytes.Clone(c.HeaderArena)
	c.Arena = bytes.Clone(c.Arena)
	c.KeySchema, c.ValueSchema = bytes.Clone(c.KeySchema), bytes.Clone(c.ValueSchema)
	return c
}

// running is a task under test.
type running struct {
	t        testing.TB
	task     *Task
	plugin   *fakePlugin
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
	mu       sync.Mutex
	assigned []connectors.Partition
	troubles []*connectors.Error
	topics   []string
}

const (
	group = "connect-test"

	// patience is for what must happen some time.
	patience = 2 * time.Minute

	// soon is for what must not wait for anything. It is far more than it takes, because the machine may be slow, and less than
	// what it could wait for by mistake: sessions, StopTimeout, the time-outs of the client.
	soon = 15 * time.Second

	// shortSession is for tests that wait for its end. Clients and broker share a process: who is not run for so long is expelled.
	shortSession = "6000"
)

func config(b *embedded.Broker, id int, topics ...string) Config {
	return configOf(b.Bootstrap(), id, topics...)
}

func configOf(bootstrap string, id int, topics ...string) Config {
	return Config{
		Connector: "test", ID: id, Topics: topics,
		Records: connectors.Format{Key: connectors.PayloadString, Value: connectors.PayloadJSON},
		Consumer: map[string]string{
			"bootstrap.servers": bootstrap, "group.id": group,
			"group.instance.id": fmt.Sprintf("sluice-test-%d", id), "client.id": fmt.Sprintf("test-%d", id),
			"session.timeout.ms": "45000", "heartbeat.interval.ms": "100", "topic.metadata.refresh.interval.ms": "200",
		},
		CommitInterval: 50 * time.Millisecond,
		StopTimeout:    2 * soon,
	}
}

func start(t testing.TB, cfg Config, f *fakePlugin) *running {
	t.Helper()
	r := &running{t: t, plugin: f, done: make(chan struct{})}
	cfg.OnAssigned = func(ps []connectors.Partition) { r.mu.Lock(); r.assigned = ps; r.mu.Unlock() }
	cfg.OnTrouble = func(e *connectors.Error) { r.mu.Lock(); r.troubles = append(r.troubles, e); r.mu.Unlock() }
	cfg.OnTopic = func(topic string) { r.mu.Lock(); r.topics = append(r.topics, topic); r.mu.Unlock() }
	var err error
	if r.task, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.CreditBytes > 0 {
		f.credit = cfg.CreditBytes
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.err = r.task.Run(ctx, f)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.done:
		case <-time.After(patience):
			t.Error("task does not end")
		}
		untilClientsEnd(t)
	})
	return r
}

// untilClientsEnd waits for clients that tasks have left alone because they took long to close. Without their broker, which ends
// after the tasks of a test, they would take a minute, and as long where a commit stands behind a request to join that is not answered
// because the others have ended.
func untilClientsEnd(t testing.TB) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	within(t, patience, "the end of the clients", func() bool {
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("task.(*run).shutdown.func"))
	})
}

// stop ends the task and gives what Run returned, and how long that took.
func (r *running) stop() (time.Duration, error) {
	r.t.Helper()
	began := time.Now()
	r.cancel()
	return time.Since(began), r.wait()
}

func (r *running) wait() error {
	r.t.Helper()
	select {
	case <-r.done:
		return r.err
	case <-time.After(patience):
		r.t.Fatal("task does not end")
		return nil
	}
}

func (r *running) partitions() []connectors.Partition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.assigned
}

func (r *running) lastTrouble() (e *connectors.Error, any bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.troubles); n > 0 {
		return r.troubles[n-1], true
	}
	return nil, false
}

// eventually waits until ok, at most for patience; tasks must not end meanwhile.
func eventually(t testing.TB, what string, ok func() bool, tasks ...*running) {
	t.Helper()
	within(t, patience, what, ok, tasks...)
}

func within(t testing.TB, limit time.Duration, what string, ok func() bool, tasks ...*running) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		for _, r := range tasks {
			select {
			case <-r.done:
				t.Fatalf("waiting for %s: task ended with %v", what, r.err)
			default:
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func tp(topic string, id int32) connectors.Partition {
	return connectors.Partition{Topic: topic, ID: id}
}

// documents makes n JSON records for each of the partitions from 0 to below partitions.
func documents(topic string, partitions, n int) []embeddedtest.Record {
	var records []embeddedtest.Record
	for i := range n {
		for p := range partitions {
			records = append(records, embeddedtest.Record{Topic: topic, Partition: int32(p), Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, `{"n":%d,"pad":"%0100d"}`, i, i)})
		}
	}
	return records
}

// watchCommits fails the test when an offset is committed that is not durable in the store (invariant 1).
func watchCommits(t testing.TB, b *embedded.Broker, s *store) {
	t.Helper()
	b.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		for _, topic := range req.(*kmsg.OffsetCommitRequest).Topics {
			for _, p := range topic.Partitions {
				if durable := s.durableAt(tp(topic.Topic, p.Partition)); p.Offset > durable {
					t.Errorf("%s-%d: offset %d committed, %d is durable", topic.Topic, p.Partition, p.Offset, durable)
				}
			}
		}
		return nil, nil, false
	})
}

// refuseCommits answers commits with an error as long as it returns one.
func refuseCommits(b *embedded.Broker, code func() *kerr.Error) {
	b.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		e := code()
		if e == nil {
			return nil, nil, false
		}
		req := kreq.(*kmsg.OffsetCommitRequest)
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, e.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}
