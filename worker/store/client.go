package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// DefaultTimeout bounds a call whose context has no deadline.
const DefaultTimeout = 30 * time.Second

// maxRecord is the largest record, before compression, that the worker writes: a placement of many tasks is the only one that
// comes near a megabyte. The topic's own max.message.bytes applies after compression.
const maxRecord = 16 << 20

// Client is the worker's connection to Kafka for everything but records of connectors: one producer, whose connections the admin
// requests share. It is safe for concurrent use.
type Client struct {
	props kafka.ConfigMap
	log   *slog.Logger
	logs  chan kafka.LogEvent
	done  chan struct{}
	wg    sync.WaitGroup

	mu       sync.RWMutex // held for reading while the handle is used, for writing while it is replaced
	producer *kafka.Producer
	admin    *kafka.AdminClient

	troubleMu sync.Mutex
	trouble   error // the last thing that the library complained about, and when
	troubleAt time.Time
}

// NewClient makes a client from librdkafka properties (bootstrap.servers and what security needs). It connects in the background,
// so an error is one of the properties.
func NewClient(props map[string]string, log *slog.Logger) (*Client, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Client{log: log, props: kafka.ConfigMap{}, logs: make(chan kafka.LogEvent, 64), done: make(chan struct{})}
	// Quick recovery and no waiting for company: these clients carry a few records a minute, and somebody waits for each.
	for k, v := range map[string]any{
		"socket.nagle.disable":                    true,
		"reconnect.backoff.ms":                    50,
		"reconnect.backoff.max.ms":                1000,
		"retry.backoff.ms":                        50,
		"topic.metadata.refresh.fast.interval.ms": 50,
		"log.connection.close":                    false,
		"enable.metrics.push":                     false,
	} {
		c.props[k] = v
	}
	for k, v := range props {
		c.props[k] = v
	}
	c.props["go.logs.channel.enable"] = true
	c.props["go.logs.channel"] = c.logs

	p, a, err := c.connect()
	if err != nil {
		return nil, err
	}
	c.producer, c.admin = p, a
	c.wg.Go(c.forwardLogs)
	return c, nil
}

func (c *Client) connect() (*kafka.Producer, *kafka.AdminClient, error) {
	conf := maps.Clone(c.props)
	for k := range conf {
		if consumerOnly[k] {
			delete(conf, k)
		}
	}
	for k, v := range map[string]any{
		"acks":                "all",
		"enable.idempotence":  true, // a retry must not put an old state behind a new one
		"linger.ms":           0,
		"delivery.timeout.ms": int(DefaultTimeout / time.Millisecond),
		"partitioner":         "murmur2_random", // Java's: every writer must find the same partition for a key
		"compression.type":    "lz4",
		"message.max.bytes":   maxRecord,
		// A topic that was deleted under way is not made anew by asking for it, with settings that lose records.
		"allow.auto.create.topics": false,
	} {
		conf[k] = v
	}
	conf["go.produce.channel.size"], conf["go.events.channel.size"] = 0, 1000 // a million each by default: 24 MB
	p, err := kafka.NewProducer(&conf)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	a, err := kafka.NewAdminClientFromProducer(p)
	if err != nil {
		p.Close()
		return nil, nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	c.wg.Go(func() {
		for ev := range p.Events() { // closed by p.Close
			switch e := ev.(type) {
			case *kafka.Message:
				e.Opaque.(func(*kafka.Message))(e)
			case kafka.Error:
				c.complain(e)
			}
		}
	})
	return p, a, nil
}

// consumerOnly are properties that callers may give for all clients, and that a producer would warn about.
var consumerOnly = map[string]bool{
	"group.id": true, "group.instance.id": true, "session.timeout.ms": true, "heartbeat.interval.ms": true, "max.poll.interval.ms": true,
	"isolation.level": true, "auto.offset.reset": true, "check.crcs": true,
}

// Props are the properties of the client, to make other clients of the same cluster with.
func (c *Client) Props() kafka.ConfigMap { return maps.Clone(c.props) }

// Admin calls fn with the admin client, which must not be kept: the client behind it can be replaced.
func (c *Client) Admin(fn func(*kafka.AdminClient) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.admin == nil {
		return errClosed
	}
	return fn(c.admin)
}

// ClusterID asks Kafka for its cluster's id.
func (c *Client) ClusterID(ctx context.Context) (id string, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err = c.Admin(func(a *kafka.AdminClient) error {
		id, err = a.ClusterID(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask Kafka for its cluster id: %w", c.explain(err))
	}
	return id, nil
}

// Close ends the client. Writes that are under way have a second to end.
func (c *Client) Close() {
	c.mu.Lock()
	p := c.producer
	c.producer, c.admin = nil, nil
	c.mu.Unlock()
	if p == nil {
		return
	}
	p.Flush(1000)
	p.Close()
	close(c.done)
	c.wg.Wait()
}

var errClosed = errors.New("the connection to Kafka is closed")

// produce hands a record to the producer, which calls delivered, from its own goroutine, with what became of it.
func (c *Client) produce(topic *string, w write, delivered func(*kafka.Message)) error {
	m := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: topic, Partition: kafka.PartitionAny},
		Key:            []byte(w.key), Value: w.value, Opaque: delivered,
	}
	for range 2 {
		c.mu.RLock()
		p := c.producer
		if p == nil {
			c.mu.RUnlock()
			return errClosed
		}
		err := p.Produce(m, nil)
		c.mu.RUnlock()
		if !fatal(err) {
			return err
		}
		if err := c.renew(p); err != nil {
			return err
		}
	}
	return errors.New("the producer failed twice")
}

func fatal(err error) bool {
	var e kafka.Error
	return errors.As(err, &e) && (e.IsFatal() || e.Code() == kafka.ErrFatal)
}

// renew replaces a producer that cannot go on, as idempotent producers do when the broker has forgotten them.
func (c *Client) renew(old *kafka.Producer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer != old {
		return nil // someone else has, or the client is closed
	}
	c.log.Warn("replacing a failed producer", "error", old.GetFatalError())
	p, a, err := c.connect()
	if err != nil {
		return err
	}
	c.producer, c.admin = p, a
	c.wg.Go(func() {
		_ = old.Purge(kafka.PurgeQueue | kafka.PurgeInFlight) // so that every write is reported
		old.Flush(1000)
		old.Close()
	})
	return nil
}

func (c *Client) complain(e kafka.Error) {
	c.troubleMu.Lock()
	defer c.troubleMu.Unlock()
	if e.Code() == kafka.ErrAllBrokersDown && c.trouble != nil {
		return // it follows on a better reason
	}
	c.trouble, c.troubleAt = e, time.Now()
}

// explain adds to an error that only says that time is over what the library complained about lately, and to one about the time what to do.
func (c *Client) explain(err error) error {
	c.troubleMu.Lock()
	defer c.troubleMu.Unlock()
	var e kafka.Error
	if errors.As(err, &e) && e.Code() == kafka.ErrInvalidTimestamp {
		return fmt.Errorf("%w: the clock of this machine, at %s, is ahead of that of the brokers by more than they take (message.timestamp.after.max.ms, an hour by default): set it right, as by NTP", err, time.Now().UTC().Format(time.RFC3339))
	}
	timedOut := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.IsTimeout()
	if !timedOut || time.Since(c.troubleAt) > DefaultTimeout {
		return err
	}
	return fmt.Errorf("%w (%w)", err, c.trouble)
}

// forwardLogs brings librdkafka's log to ours. The library never closes a channel that was given to it.
func (c *Client) forwardLogs() {
	for {
		select {
		case <-c.done:
			return
		case l := <-c.logs:
			level := slog.LevelDebug
			if l.Level <= 4 { // syslog: warning and worse
				level = slog.LevelWarn
			}
			c.log.Log(context.Background(), level, l.Message, "client", l.Name, "facility", l.Tag)
		}
	}
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, DefaultTimeout)
}
