package deadletter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

// Config says where dead letters go. Producer, Admin and Consumer are librdkafka properties of the clients, with
// bootstrap.servers; Consumer, which reads rejected records again, also has group.id.
type Config struct {
	Topic          string
	Replication    int // where the topic has to be created, with one partition as in Kafka Connect; -1 leaves it to the brokers
	ContextHeaders bool

	Connector string
	Task      int

	Producer, Admin, Consumer map[string]string

	Logger *slog.Logger
}

// The bounds of a queue (invariant 2).
const (
	maxLetters = 1000
	maxBytes   = 4 << 20 // unless a single letter is larger
)

// Queue writes dead letters. Its methods are for one goroutine.
type Queue struct {
	cfg      Config
	producer *kafka.Producer
	reader   *reader
	stop     context.CancelFunc
	wg       sync.WaitGroup
	events   sync.WaitGroup // ends when the producer is closed
	logs     chan kafka.LogEvent
	ready    chan struct{}
	wake     chan struct{} // something to write, or room to do so

	mu          sync.Mutex
	waiting     []Letter // not yet with the producer
	outstanding int      // letters without a result
	bytes       int64    // of letters that have their content
	inFlight    int64    // of those with the producer
	results     []Result
	progress    time.Time // of the latest result, or of the first letter after a quiet time
	trouble     error     // of the clients, since then
}

// Open makes a queue and begins to create its topic where that is missing. An error is one of the properties; what
// Kafka has against the topic comes as a result.
func Open(cfg Config) (*Queue, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	q := &Queue{
		cfg: cfg, logs: make(chan kafka.LogEvent, 64),
		ready: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	var err error
	if q.producer, err = kafka.NewProducer(q.producerConfig()); err != nil {
		return nil, connectors.Misconfigured("making the producer of the dead letter queue", err, "check producer.override.* and the worker's producer.* properties")
	}
	ctx, cancel := context.WithCancel(context.Background())
	q.stop = cancel
	q.reader = &reader{q: q}
	q.wg.Go(func() { q.forwardLogs(ctx) })
	q.events.Go(q.listen)
	q.wg.Go(func() { q.work(ctx) })
	return q, nil
}

// Send takes charge of a letter.
func (q *Queue) Send(l Letter) {
	l.weigh()
	q.mu.Lock()
	if q.outstanding == 0 {
		q.progress, q.trouble = time.Now(), nil
	}
	q.outstanding++
	q.bytes += l.size
	q.waiting = append(q.waiting, l)
	q.mu.Unlock()
	signal(q.wake)
}

// Full says that no further letter should be sent before a result has come.
func (q *Queue) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.outstanding >= maxLetters || q.bytes >= maxBytes
}

// Outstanding is the number of letters without a result.
func (q *Queue) Outstanding() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.outstanding
}

// Ready has an element when there are results.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// Results gives the results that have come since the last call. A result with an empty letter concerns the whole queue.
func (q *Queue) Results() []Result {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.results
	q.results = nil
	return r
}

// Stuck says for how long letters have waited without any of them getting on, and why if that is known.
func (q *Queue) Stuck(now time.Time) (time.Duration, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.outstanding == 0 {
		return 0, nil
	}
	return now.Sub(q.progress), q.trouble
}

// Close ends the queue. Letters that have no result yet get none.
func (q *Queue) Close() error {
	q.stop()
	q.wg.Wait()
	err := q.reader.close()
	_ = q.producer.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking) // what it says is not waited for
	q.producer.Close()
	q.events.Wait()
	return err
}

// work creates the topic and then hands letters to the producer, in their order.
func (q *Queue) work(ctx context.Context) {
	if err := q.createTopic(ctx); err != nil {
		if ctx.Err() == nil {
			q.post(Result{Err: err})
		}
		return
	}
	for {
		l, ok := q.next()
		if !ok {
			select {
			case <-q.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if err := q.write(ctx, l); err != nil {
			if ctx.Err() != nil {
				return
			}
			q.settle(l, err)
		}
	}
}

// next takes the oldest letter where there is room for it on the way to Kafka.
func (q *Queue) next() (Letter, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.inFlight >= maxBytes {
		return Letter{}, false
	}
	l := q.waiting[0]
	q.waiting[0] = Letter{}
	q.waiting = q.waiting[1:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	return l, true
}

// write hands a letter to the producer; its result comes by listen.
func (q *Queue) write(ctx context.Context, l Letter) *connectors.Error {
	context := q.cfg.ContextHeaders
	if l.Record == nil {
		m, err := q.reader.read(ctx, l.Partition, l.Offset)
		if err != nil {
			return err
		}
		if m == nil {
			q.cfg.Logger.Warn("a rejected record is no longer in its topic, its dead letter has no content", "partition", l.Partition, "offset", l.Offset)
			m, context = &kafka.Message{}, true
		}
		l.Record = m
	}
	old := l.size
	l.weigh()
	m := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &q.cfg.Topic, Partition: kafka.PartitionAny},
		Key:            l.Record.Key, Value: l.Record.Value, Headers: l.Record.Headers,
		Opaque: &l,
	}
	if l.Record.TimestampType != kafka.TimestampNotAvailable {
		m.Timestamp = l.Record.Timestamp
	}
	if context {
		m.Headers = append(slices.Clip(m.Headers), l.context(q.cfg.Connector, q.cfg.Task)...)
	}
	q.mu.Lock()
	q.bytes += l.size - old
	q.inFlight += l.size
	q.mu.Unlock()
	if err := q.producer.Produce(m, nil); err != nil {
		q.mu.Lock()
		q.inFlight -= l.size
		q.bytes -= l.size - old
		q.mu.Unlock()
		return q.failure(&l, err)
	}
	return nil
}

// settle notes the result of a letter.
func (q *Queue) settle(l Letter, err *connectors.Error) {
	q.mu.Lock()
	q.outstanding--
	q.bytes -= l.size
	q.progress, q.trouble = time.Now(), nil
	q.mu.Unlock()
	l.Record = nil
	q.post(Result{Letter: l, Err: err})
}

func (q *Queue) post(r Result) {
	q.mu.Lock()
	q.results = append(q.results, r)
	q.mu.Unlock()
	signal(q.ready)
}

// listen takes what the producer reports.
func (q *Queue) listen() {
	for ev := range q.producer.Events() {
		switch e := ev.(type) {
		case *kafka.Message:
			l := e.Opaque.(*Letter)
			q.mu.Lock()
			q.inFlight -= l.size
			q.mu.Unlock()
			var err *connectors.Error
			if e.TopicPartition.Error != nil {
				err = q.failure(l, e.TopicPartition.Error)
			}
			q.settle(*l, err)
			signal(q.wake)
		case kafka.Error:
			q.complain(e)
		}
	}
}

// complain keeps what the clients say is in their way.
func (q *Queue) complain(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k, ok := errors.AsType[kafka.Error](err); ok && k.Code() == kafka.ErrAllBrokersDown && q.trouble != nil {
		return // it follows on a better reason
	}
	q.trouble = err
}

// failure says why a letter will not be written, and what can be done.
func (q *Queue) failure(l *Letter, err error) *connectors.Error {
	op := "writing a dead letter to topic " + q.cfg.Topic
	k, _ := errors.AsType[kafka.Error](err)
	switch k.Code() {
	case kafka.ErrMsgSizeTooLarge, kafka.ErrInvalidMsgSize, kafka.ErrRecordListTooLarge:
		return connectors.Misconfigured(op, err, fmt.Sprintf("the letter has %d bytes: raise max.message.bytes of that topic", l.size)).At(l.Partition, l.Offset)
	case kafka.ErrTopicAuthorizationFailed, kafka.ErrClusterAuthorizationFailed, kafka.ErrTransactionalIDAuthorizationFailed, kafka.ErrSaslAuthenticationFailed, kafka.ErrAuthentication:
		return connectors.Unauthorized(op, err, "allow the worker's user to write to it").At(l.Partition, l.Offset)
	}
	return connectors.Retriable(op, err, "the record is read again and its dead letter written then").At(l.Partition, l.Offset)
}

func (q *Queue) forwardLogs(ctx context.Context) {
	for {
		select {
		case e := <-q.logs:
			level := slog.LevelDebug
			if e.Level <= 4 { // syslog's warning and worse
				level = slog.LevelWarn
			}
			q.cfg.Logger.Log(ctx, level, e.Message, "client", e.Name, "tag", e.Tag)
		case <-ctx.Done():
			return
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
