package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// record is one record of a log. A nil value is a tombstone.
type record struct {
	partition int32
	offset    int64
	key       string
	value     []byte
	at        time.Time // by the clock of who wrote it; zero where the broker gave the time
}

// write is a record to be. A nil value is a tombstone.
type write struct {
	key   string
	value []byte
}

// topicLog is a compacted topic that is read to its end, tailed and written. One goroutine reads it and calls apply for every record.
type topicLog struct {
	client  *Client
	topic   string
	options Options
	kind    kind
	apply   func(record)
	remade  func() // called when the topic has been made anew; nil: it never is
	log     *slog.Logger

	consumer *kafka.Consumer
	stop     context.CancelFunc
	stopped  chan struct{}
	closing  sync.Once
	closeErr error

	lost atomic.Bool // the topic does not exist any more

	mu    sync.Mutex
	id    string
	next  []int64 // of each partition, the offset behind the last that was read
	moved chan struct{}
}

// openLog opens the topic and reads it to its present end. A topic of which those who write to it know all that it holds is made anew
// when it has been deleted, and read from its beginning once remade has been called; that and apply are called from one goroutine.
func openLog(ctx context.Context, o Options, k kind, apply func(record), remade func()) (*topicLog, error) {
	if o.Client == nil {
		return nil, fmt.Errorf("open topic %s: no client", o.Topic)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()

	// The consumer connects while the topic is looked up: neither needs the other.
	l := &topicLog{
		client: o.Client, topic: o.Topic, options: o, kind: k, apply: apply, remade: remade, log: o.logger().With("topic", o.Topic),
		stopped: make(chan struct{}), moved: make(chan struct{}),
	}
	if err := l.connect(); err != nil {
		return nil, err
	}
	there, err := ensureTopic(ctx, o, k)
	if err != nil {
		close(l.stopped)
		return nil, errors.Join(err, l.consumer.Close())
	}
	if err := l.begin(there); err != nil {
		close(l.stopped)
		return nil, errors.Join(err, l.consumer.Close())
	}
	// An assigned topic waits up to a second for the library's timer to look for its leader, unless somebody asks. Nobody waits for
	// the answer: when the leader is known by other means the question queues behind a fetch that waits for records.
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = l.consumer.GetMetadata(&l.topic, false, 1000)
	}()
	tailing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go func() {
		defer close(l.stopped)
		var watching sync.WaitGroup
		if l.remade != nil {
			watching.Go(func() { l.watch(tailing) })
		}
		l.tail(tailing)
		watching.Wait()
		<-asked
	}()
	if err := l.refresh(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *topicLog) connect() error {
	conf := l.client.Props()
	maps.DeleteFunc(conf, func(k string, _ kafka.ConfigValue) bool {
		return k == "group.instance.id"
	})
	if _, ok := conf["group.id"]; !ok {
		conf["group.id"] = "sluice" // the library insists on one; nothing joins it and nothing is committed
	}
	for k, v := range map[string]any{
		"enable.auto.commit":       false,
		"enable.auto.offset.store": false,
		"auto.offset.reset":        "earliest",
		"enable.partition.eof":     true, // the end can lie behind records that are never handed out, as transaction markers
		"fetch.wait.max.ms":        500,
		// How soon the library says that a topic is gone; it exists when the reading begins.
		"topic.metadata.propagation.max.ms": 2000,
		"fetch.error.backoff.ms":            50,
		"fetch.queue.backoff.ms":            2,
		"queued.max.messages.kbytes":        16 << 10,
		"check.crcs":                        true,
		"isolation.level":                   "read_committed", // Connect's leader may write in transactions
		"allow.auto.create.topics":          false,
	} {
		conf[k] = v
	}
	c, err := kafka.NewConsumer(&conf)
	if err != nil {
		return fmt.Errorf("read topic %s: %w", l.topic, err)
	}
	l.consumer = c
	return nil
}

// begin reads the topic from its beginning.
func (l *topicLog) begin(there found) error {
	l.mu.Lock()
	l.next, l.id = make([]int64, there.partitions), there.id
	l.mu.Unlock()
	from := make([]kafka.TopicPartition, there.partitions)
	for i := range from {
		// A number and not "the beginning", which costs a question to the broker; should it be gone, auto.offset.reset answers.
		from[i] = kafka.TopicPartition{Topic: &l.topic, Partition: int32(i), Offset: 0}
	}
	if err := l.consumer.Assign(from); err != nil {
		return fmt.Errorf("read topic %s: %w", l.topic, err)
	}
	return nil
}

// tail reads until close. Errors of the connection are the library's to mend; it goes on where it was.
func (l *topicLog) tail(ctx context.Context) {
	for ctx.Err() == nil {
		if l.remade != nil && l.lost.Load() {
			l.remake(ctx)
		}
		switch ev := l.consumer.Poll(100).(type) {
		case *kafka.Message:
			if err := ev.TopicPartition.Error; err != nil {
				l.log.Warn("reading a topic", "error", err)
				l.lose(err)
				continue
			}
			l.seen()
			p, o := ev.TopicPartition.Partition, int64(ev.TopicPartition.Offset)
			l.recede(p, o)
			r := record{partition: p, offset: o, key: string(ev.Key), value: ev.Value}
			if ev.TimestampType == kafka.TimestampCreateTime {
				r.at = ev.Timestamp
			}
			l.apply(r)
			l.advance(p, o+1)
		case kafka.PartitionEOF:
			l.seen()
			l.recede(ev.Partition, int64(ev.Offset))
			l.advance(ev.Partition, int64(ev.Offset))
		case kafka.Error:
			l.client.complain(ev)
			l.lose(ev)
			l.log.Debug("reading a topic", "error", ev)
		}
	}
}

// lose notes that the topic is gone. Nothing is written to it then: brokers would make a new one, with settings that lose records.
func (l *topicLog) lose(err error) {
	var e kafka.Error
	if !errors.As(err, &e) || e.Code() != kafka.ErrUnknownTopicOrPart && e.Code() != kafka.ErrUnknownTopic || l.lost.Swap(true) {
		return
	}
	if l.remade != nil {
		l.log.Error("the topic has been deleted while the worker uses it; it is made anew, with what the workers that run know")
	} else {
		l.log.Error("the topic has been deleted while the worker uses it; what it held is known to the workers that run, and to nobody else: stop them, create it again and create the connectors anew")
	}
}

// seen notes that the topic is there. One that is made anew is there when that has been done.
func (l *topicLog) seen() {
	if l.remade == nil {
		l.lost.Store(false)
	}
}

// remakeAgain is the pause before another try to make a topic anew, and remakeWithin bounds each.
const (
	remakeAgain  = time.Second
	remakeWithin = 5 * time.Second
)

// remake makes a topic that was deleted anew, unless another worker has or somebody else.
func (l *topicLog) remake(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, remakeWithin)
	defer cancel()
	there, err := ensureTopic(within, l.options, l.kind)
	if err == nil {
		l.remade()
		err = l.begin(there)
	}
	if err == nil {
		l.lost.Store(false)
		l.log.Warn("the topic is there again")
		return
	}
	if ctx.Err() == nil {
		l.log.Warn("making the topic anew; trying again", "error", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(remakeAgain):
	}
}

// gone is an error that names the topic when it has been deleted.
func (l *topicLog) gone() error {
	if l.lost.Load() {
		return fmt.Errorf("topic %s: %w", l.topic, errLost)
	}
	return nil
}

// errLost is why nothing is written to a topic that is gone.
var errLost = errors.New("the topic has been deleted while the worker uses it")

func (l *topicLog) partitions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.next)
}

// watchEvery is how often the identity of a topic is asked for that is made anew when it is deleted.
const watchEvery = 3 * time.Second

// watch notices that the topic is another, where the library does not: it goes on in a new topic at the offset that it had in the old.
func (l *topicLog) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, remakeWithin)
		l.mu.Lock()
		id := l.id
		l.mu.Unlock()
		there, err := find(within, l.options, l.kind)
		cancel()
		l.mu.Lock()
		other := err == nil && there.partitions > 0 && id == l.id && there.id != id
		l.mu.Unlock()
		if other && !l.lost.Swap(true) {
			l.log.Warn("the topic has been deleted and is there again")
		}
	}
}

// recede notices that the topic is another than the one that was read so far: it was deleted and is there again, and the library has gone
// back to its beginning.
func (l *topicLog) recede(partition int32, offset int64) {
	l.mu.Lock()
	back := int(partition) < len(l.next) && offset < l.next[partition]
	if back {
		l.next[partition] = 0
	}
	l.mu.Unlock()
	if back {
		l.log.Warn("the topic has been deleted and is there again", "partition", partition)
		l.lost.Store(l.remade != nil) // until it has been looked at anew, which may have other partitions
	}
}

func (l *topicLog) advance(partition int32, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int(partition) >= len(l.next) || next <= l.next[partition] {
		return
	}
	l.next[partition] = next
	close(l.moved)
	l.moved = make(chan struct{})
}

// wait returns when everything before the ends has been applied.
func (l *topicLog) wait(ctx context.Context, ends []int64) error {
	for {
		l.mu.Lock()
		behind := false
		for p, end := range ends {
			behind = behind || p >= len(l.next) || l.next[p] < end
		}
		moved := l.moved
		l.mu.Unlock()
		if !behind {
			return nil
		}
		select {
		case <-moved:
		case <-l.stopped:
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("read topic %s to its end: %w", l.topic, l.client.explain(ctx.Err()))
		}
	}
}

// refresh reads to what is now the end.
func (l *topicLog) refresh(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	// Through the client and not the consumer, whose connection is busy waiting for new records.
	n := l.partitions()
	ask := make(map[kafka.TopicPartition]kafka.OffsetSpec, n)
	for p := range n {
		ask[kafka.TopicPartition{Topic: &l.topic, Partition: int32(p)}] = kafka.LatestOffsetSpec
	}
	ends := make([]int64, n)
	for {
		var r kafka.ListOffsetsResult
		err := l.client.Admin(func(a *kafka.AdminClient) (err error) {
			r, err = a.ListOffsets(ctx, ask, requestTimeout(ctx), kafka.SetAdminIsolationLevel(kafka.IsolationLevelReadCommitted))
			return err
		})
		if err == nil && len(r.ResultInfos) < len(ends) {
			err = errNoAnswer
		}
		for tp, info := range r.ResultInfos {
			switch {
			case err != nil:
			case info.Error.Code() != kafka.ErrNoError:
				err = info.Error
			case info.Offset < 0:
				err = errNoAnswer
			}
			ends[tp.Partition] = int64(info.Offset)
		}
		if err == nil {
			return l.wait(ctx, ends)
		}
		var e kafka.Error
		if ctx.Err() != nil || !errors.As(err, &e) || !e.IsRetriable() && !movedLeader(e) {
			return fmt.Errorf("ask for the end of topic %s: %w", l.topic, l.client.explain(err))
		}
		l.relearn(ctx)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// relearn asks who leads the topic. The library asks by itself when it has failed to find the leader, and not when the leader says
// that it is asked by an epoch of before, as after a restart of the broker: it would be asked so for ever.
func (l *topicLog) relearn(ctx context.Context) {
	timeout := time.Second
	if d, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(d), time.Millisecond))
	}
	_ = l.client.Admin(func(a *kafka.AdminClient) error { // the next question tells whether it has helped
		_, err := a.GetMetadata(&l.topic, false, int(timeout/time.Millisecond))
		return err
	})
}

// movedLeader tells of errors that pass when the brokers have agreed on who leads a partition, as of a topic just created.
func movedLeader(e kafka.Error) bool {
	switch e.Code() {
	case kafka.ErrFencedLeaderEpoch, kafka.ErrUnknownLeaderEpoch, kafka.ErrLeaderNotAvailable, kafka.ErrNotLeaderForPartition, kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownPartition, kafka.ErrUnknownTopic:
		return true
	}
	return false
}

// put writes records in their order and returns when they have been read back.
func (l *topicLog) put(ctx context.Context, writes ...write) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write %s to topic %s: %w", writes[0].key, l.topic, err)
	}
	if l.lost.Load() {
		return fmt.Errorf("write %s to topic %s: %w", writes[0].key, l.topic, errLost)
	}
	reports := make(chan *kafka.Message, len(writes))
	for _, w := range writes {
		if err := l.client.produce(&l.topic, w, func(m *kafka.Message) { reports <- m }); err != nil {
			return fmt.Errorf("write %s to topic %s: %w", w.key, l.topic, l.client.explain(err))
		}
	}
	ends := make([]int64, l.partitions())
	for range writes {
		select {
		case m := <-reports:
			if err := m.TopicPartition.Error; err != nil {
				return fmt.Errorf("write %s to topic %s: %w", m.Key, l.topic, l.client.explain(err))
			}
			if p := int(m.TopicPartition.Partition); p >= len(ends) { // the topic has been made anew
				return fmt.Errorf("write %s to topic %s: written to partition %d, of %d that are known: try again", m.Key, l.topic, p, len(ends))
			}
			ends[m.TopicPartition.Partition] = max(ends[m.TopicPartition.Partition], int64(m.TopicPartition.Offset)+1)
		case <-l.stopped:
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("write %s to topic %s: no answer from Kafka, which may still take the write: %w", writes[0].key, l.topic, l.client.explain(ctx.Err()))
		}
	}
	return l.wait(ctx, ends)
}

// close ends the tail and waits for it.
func (l *topicLog) close() error {
	l.closing.Do(func() {
		l.stop()
		<-l.stopped
		l.closeErr = l.consumer.Close()
	})
	return l.closeErr
}
