package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// queueFullPause is how long the forwarder waits when the client has not yet freed what the ledger already has.
	queueFullPause = 5 * time.Millisecond
	// purgeTimeout bounds the wait for the client to hand back what it could not deliver.
	purgeTimeout = 2 * time.Second
)

// Config says where events go and how many may wait.
type Config struct {
	BootstrapServers string            // host:port, comma separated
	Topic            string            // created when missing
	BufferEvents     int               // most events accepted and not yet settled, at least 1
	BufferBytes      int64             // most bytes of their values, at least 1
	Properties       map[string]string // further librdkafka producer properties; see CheckProperties
	Logger           *slog.Logger
}

// producer is what forwarding needs of the Kafka client.
type producer interface {
	Produce(msg *kafka.Message, reports chan kafka.Event) error
}

var _ producer = (*kafka.Producer)(nil)

// event is an accepted event on its way to the client.
type event struct {
	value []byte
	at    int64 // acceptance, Unix milliseconds
}

// Publisher accepts events and delivers them in the background. Its methods may be called from any goroutine.
type Publisher struct {
	topic    string
	logger   *slog.Logger
	ledger   *ledger
	queue    chan event
	gate     *gate
	keeper   *keeper
	failures *failureLog
	retries  *failureLog
	latency  prometheus.Histogram
	producer producer

	stopping context.Context // ends when nothing shall be forwarded any more
	stop     context.CancelFunc
	workers  sync.WaitGroup // forwarder and keeper

	client   *kafka.Producer
	logsDone chan struct{}
	drains   sync.WaitGroup // delivery reports and client logs
}

// New starts a publisher. It does not wait for Kafka; the error is about the configuration.
func New(cfg Config) (*Publisher, error) {
	if cfg.BufferEvents < 1 || cfg.BufferBytes < 1 {
		return nil, errors.New("the buffer must hold at least one event and one byte")
	}
	if err := CheckProperties(cfg.Properties); err != nil {
		return nil, err
	}
	logs := make(chan kafka.LogEvent, 100)
	client, err := kafka.NewProducer(clientConfig(cfg, logs))
	if err != nil {
		return nil, fmt.Errorf("configure the Kafka producer: %s", scrub(err.Error(), cfg.Properties))
	}
	admin, err := kafka.NewAdminClientFromProducer(client)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("configure the Kafka admin client: %w", err)
	}

	p := newPublisher(cfg, client, &kafkaCluster{producer: client, admin: admin, topic: cfg.Topic})
	p.client = client
	p.logsDone = make(chan struct{})
	p.drains.Go(func() { p.reports(client.Events()) })
	p.drains.Go(func() { forwardLogs(logs, p.logsDone, p.logger.With("component", "librdkafka")) })
	p.start()
	return p, nil
}

// newPublisher makes all but the goroutines that need a real client.
func newPublisher(cfg Config, to producer, c cluster) *Publisher {
	logger := cfg.Logger.With("topic", cfg.Topic)
	p := &Publisher{
		topic:    cfg.Topic,
		logger:   logger,
		ledger:   newLedger(cfg.BufferEvents, cfg.BufferBytes),
		queue:    make(chan event, cfg.BufferEvents), // invariant 1
		gate:     &gate{},
		failures: newFailureLog(logger, slog.LevelError, "events not delivered"),
		retries:  newFailureLog(logger, slog.LevelWarn, "events refused for now, they will be sent again"),
		latency:  newDeliveryHistogram(),
		producer: to,
	}
	p.keeper = newKeeper(c, p.gate, logger)
	p.stopping, p.stop = context.WithCancel(context.Background())
	return p
}

func (p *Publisher) start() {
	p.workers.Go(func() { p.keeper.run(p.stopping) })
	p.workers.Go(p.forward)
}

// Publish accepts an event or says at once why not: ErrFull or ErrStopping. The publisher keeps value until the event is settled; the
// caller must not change it.
func (p *Publisher) Publish(value []byte, at time.Time) error {
	if err := p.ledger.admit(int64(len(value))); err != nil {
		return err
	}
	p.queue <- event{value: value, at: at.UnixMilli()} // never blocks: invariant 1
	return nil
}

// Counts returns a consistent view of what became of the events so far.
func (p *Publisher) Counts() Counts { return p.ledger.snapshot() }

// Status returns what was last seen of Kafka; it is at most some ten seconds old.
func (p *Publisher) Status() Status { return *p.keeper.status.Load() }

// forward moves events from the queue to the client until the publisher stops.
func (p *Publisher) forward() {
	for {
		// Only with the topic in place is an event taken from the queue (invariant 5).
		if p.gate.wait(p.stopping) != nil {
			return
		}
		select {
		case <-p.stopping.Done():
			return
		case e := <-p.queue:
			p.hand(e)
		}
	}
}

// hand gives one event to the client, waiting as long as it takes for the client to have room. An event that the client refuses for good is
// settled as failed.
func (p *Publisher) hand(e event) {
	for {
		err := p.producer.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &p.topic, Partition: kafka.PartitionAny},
			Value:          e.value,
			Timestamp:      time.UnixMilli(e.at),
		}, nil)
		switch {
		case err == nil:
			return
		case codeOf(err) == kafka.ErrQueueFull:
			select {
			case <-p.stopping.Done():
				p.fail(e.value, err)
				return
			case <-time.After(queueFullPause):
			}
		case mayPass(err):
			p.again(e, err)
			return
		default:
			p.fail(e.value, err)
			return
		}
	}
}

// again puts an event back in the queue until the topic is in order (invariant 5). It still has its place in the ledger, so
// there is a slot for it.
func (p *Publisher) again(e event, err error) {
	p.retries.add(err.Error())
	p.keeper.refused()
	p.queue <- e
}

func (p *Publisher) fail(value []byte, err error) {
	p.ledger.failed(int64(len(value)))
	p.failures.add(err.Error())
}

// reports settles events as the client reports on them, until the channel is closed. It must never wait for anything else:
// the client's own poller stands still while the channel is full.
func (p *Publisher) reports(events <-chan kafka.Event) {
	window := time.NewTicker(failureWindow)
	defer window.Stop()
	flush := func() {
		p.failures.flush()
		p.retries.flush()
	}
	defer flush()
	for {
		select {
		case <-window.C:
			flush()
		case e, ok := <-events:
			if !ok {
				return
			}
			switch e := e.(type) {
			case *kafka.Message:
				p.settle(e)
			case kafka.Error:
				if e.IsFatal() {
					p.logger.Error("the Kafka client cannot go on; restart the service", "error", e.Error())
					continue
				}
				p.logger.Debug("the Kafka client reports trouble", "error", e.Error())
			}
		}
	}
}

func (p *Publisher) settle(m *kafka.Message) {
	err := m.TopicPartition.Error
	switch {
	case err == nil:
		p.ledger.delivered(int64(len(m.Value)))
		if m.TimestampType == kafka.TimestampCreateTime {
			p.latency.Observe(time.Since(m.Timestamp).Seconds())
		}
		if p.logger.Enabled(context.Background(), slog.LevelDebug) {
			p.logger.Debug("event delivered", "partition", m.TopicPartition.Partition, "offset", int64(m.TopicPartition.Offset))
		}
	case mayPass(err) && p.stopping.Err() == nil:
		p.again(event{value: m.Value, at: m.Timestamp.UnixMilli()}, err)
	default:
		p.fail(m.Value, err)
	}
}

// Close refuses further events, waits until all accepted ones are settled or ctx ends, counts what is left as failed, and ends the
// publisher's goroutines (invariant 6). It returns how many events it had to give up. It must be called once.
func (p *Publisher) Close(ctx context.Context) int64 {
	p.ledger.close()
	_ = p.ledger.wait(ctx)
	before := p.ledger.snapshot()
	p.stop()
	p.workers.Wait()
	if p.client != nil {
		p.closeClient()
	}
	p.ledger.abandon()
	return p.ledger.snapshot().Failed - before.Failed
}

func (p *Publisher) closeClient() {
	// What the client still holds comes back as failed reports; in flight ones too, though a broker may have stored them.
	if err := p.client.Purge(kafka.PurgeQueue | kafka.PurgeInFlight); err != nil {
		p.logger.Warn("cannot take back events from the Kafka client", "error", err)
	}
	p.client.Flush(int(purgeTimeout.Milliseconds()))
	p.client.Close()
	close(p.logsDone)
	p.drains.Wait()
}
