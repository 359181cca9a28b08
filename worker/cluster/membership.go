package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Membership is this worker's place in the cluster. It is safe for concurrent use.
type Membership struct {
	cfg      Config
	id       string
	log      *slog.Logger
	consumer *kafka.Consumer
	lease    lease
	changed  chan struct{}
	kick     chan struct{} // look at the group
	stop     context.CancelFunc
	wg       sync.WaitGroup
	done     chan struct{} // the membership has ended by itself

	mu       sync.Mutex
	self     Member    // what this worker tells of itself
	presume  time.Time // nobody else was there: lead until then, or until the group has formed
	trust    time.Time // act until then as if the lease were good: while presuming, and until the lease after it has begun
	joined   bool
	joining  bool
	active   bool // the lease is good, and everything has been read that was written before it was
	holds    bool // the partition, and with it the lead
	leads    bool
	settled  bool
	want     map[string]Wanted
	wanted   bool // want has been set
	err      error
	polled   [2]time.Time // when polls began: a while ago and more than that
	assessed time.Time    // when something was last done about the lease
}

// Join makes this process a member of the cluster. It returns when the group has been found fit, before the member has its place:
// see Settled.
func Join(ctx context.Context, cfg Config) (*Membership, error) {
	m, err := enter(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	return m, nil
}

func enter(ctx context.Context, cfg Config) (*Membership, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	id, _ := workerID(cfg.URL)
	m := &Membership{
		cfg: cfg, id: id, log: cfg.Logger.With("group", cfg.GroupID), lease: lease{session: cfg.SessionTimeout},
		changed: make(chan struct{}, 1), kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	g, err := described(ctx, cfg.Client, cfg.GroupID, cfg.Store.Topic())
	if err != nil {
		return nil, err
	}
	if g.err != nil {
		if g, err = m.succeed(ctx, g); err != nil {
			return nil, err
		}
	}
	if err := g.fit(cfg.GroupID, cfg.Store.Topic()); err != nil {
		return nil, err
	}
	if err := m.sole(ctx); err != nil {
		return nil, err
	}
	m.self = Member{
		ID: id, URL: cfg.URL, Group: cfg.GroupID, Version: cfg.Version, Process: rand.Text(), Plugins: cfg.Plugins,
		Released: cfg.Store.Placement().Generation, // of a process that has just begun nothing is running
	}
	if err := cfg.Store.PutMember(ctx, m.self); err != nil {
		return nil, err
	}
	if slices.Contains(g.members, id) {
		if err := m.listenForDouble(ctx); err != nil {
			return nil, err
		}
	}
	if len(g.members) == 0 {
		m.presume = time.Now().Add(2 * cfg.SessionTimeout)
		m.trust = m.presume
	}
	if err := m.subscribe(); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.wg.Go(func() { m.poll(run) })
	m.wg.Go(func() { m.run(run) })
	return m, nil
}

// objectWithin is how long a worker that has just started waits for another with its address to object. Where Kafka still counts it
// as a member, it has either been killed a moment ago, or it is there twice.
const objectWithin = 500 * time.Millisecond

func (m *Membership) listenForDouble(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, objectWithin)
	defer cancel()
	for {
		if other, ok := m.cfg.Store.Member(m.id); ok && other.Process != m.self.Process {
			return fmt.Errorf("worker %s is running already, in another process: end it, or give this one an address of its own (rest.advertised.host.name, rest.advertised.port, listeners)", m.id)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-m.cfg.Store.Changed():
		}
	}
}

func (m *Membership) subscribe() error {
	conf := m.cfg.Client.Props()
	for k, v := range map[string]any{
		"client.id":                     m.cfg.URL,
		"group.id":                      m.cfg.GroupID,
		"group.instance.id":             InstanceID(m.id),
		"partition.assignment.strategy": "cooperative-sticky",
		"session.timeout.ms":            int(m.cfg.SessionTimeout / time.Millisecond),
		"heartbeat.interval.ms":         int(m.cfg.HeartbeatInterval / time.Millisecond),
		"max.poll.interval.ms":          int(m.cfg.SessionTimeout / time.Millisecond), // it is polled all the time; who does not rejoin is not waited for longer
		"statistics.interval.ms":        int(min(m.cfg.HeartbeatInterval, 500*time.Millisecond) / time.Millisecond),
		"enable.auto.commit":            false,
		"enable.auto.offset.store":      false,
		"allow.auto.create.topics":      false,
	} {
		conf[k] = v
	}
	now := time.Now()
	m.lease.begin(now)
	m.polled = [2]time.Time{now, now}
	c, err := kafka.NewConsumer(&conf)
	if err != nil {
		return err
	}
	if err := c.SubscribeTopics([]string{m.cfg.Store.Topic()}, m.rebalanced); err != nil {
		return errors.Join(err, c.Close())
	}
	m.consumer = c
	return nil
}

// ID is how this worker is called in placements and status records: host:port.
func (m *Membership) ID() string { return m.id }

// URL is where a worker is reached by others; empty when it has not said.
func (m *Membership) URL(id string) string {
	other, _ := m.cfg.Store.Member(id)
	return other.URL
}

// Members are the workers that have told of themselves, by ID; some may have gone.
func (m *Membership) Members() map[string]Member { return m.cfg.Store.Members() }

// Present asks Kafka which workers are in the group.
func (m *Membership) Present(ctx context.Context) ([]string, error) {
	g, err := m.describe(ctx)
	if err == nil {
		err = g.err
	}
	return g.members, err
}

// Leading tells whether this worker leads the cluster.
func (m *Membership) Leading() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads && m.err == nil && m.mayAct()
}

// LeaderURL is where the leader is reached; empty while there is none.
func (m *Membership) LeaderURL() string {
	if m.Leading() {
		return m.cfg.URL
	}
	if p := m.cfg.Store.Placement(); p.Leader != m.id {
		return p.LeaderURL
	}
	return ""
}

// Lost is nil, or says that the topic of the placement has been deleted, and could not be made anew so far: nothing can be placed then.
func (m *Membership) Lost() error { return m.cfg.Store.Lost() }

// Generation is that of the placement.
func (m *Membership) Generation() int64 { return m.cfg.Store.Placement().Generation }

// Placement is the latest. It must not be changed.
func (m *Membership) Placement() Placement { return m.cfg.Store.Placement() }

// Active tells whether this worker may run what is placed on it: it is a member, has read what was placed while it may not have been
// one, and will be a member for some time longer (a third of the session timeout) in which tasks can end in order.
func (m *Membership) Active() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err == nil && m.mayAct()
}

func (m *Membership) mayAct() bool {
	now := time.Now()
	return now.Before(m.trust) || m.active && now.Before(m.lease.expires().Add(-m.grace()))
}

// grace is the end of a lease, in which tasks that are running end.
func (m *Membership) grace() time.Duration { return m.cfg.SessionTimeout / 3 }

// Expires is the time until which Kafka counts this worker as a member for certain, unless it hears of it again. After that, other
// workers may run what is placed here.
func (m *Membership) Expires() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	until := m.lease.expires()
	if m.err != nil {
		return time.Time{}
	}
	if m.trust.After(until) {
		return m.trust
	}
	return until
}

// Settled tells whether this worker is a member, the placement counts with it, and no work is on its way from one worker to another.
// Until then the placement may be of yesterday.
func (m *Membership) Settled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settled && m.err == nil && m.mayAct()
}

// Changed tells that something of the above has changed since it was last received from. It has room for one.
func (m *Membership) Changed() <-chan struct{} { return m.changed }

// Done is closed when the membership has ended by itself; Err tells why.
func (m *Membership) Done() <-chan struct{} { return m.done }

// Err tells why the membership has ended by itself; nil when it has not.
func (m *Membership) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// SetWant says what there is to place. Every worker should keep it up to date, as any can become the leader. Nothing is placed before
// it has been called.
func (m *Membership) SetWant(want map[string]Wanted) {
	m.mu.Lock()
	m.want, m.wanted = maps.Clone(want), true
	m.mu.Unlock()
	signal(m.kick)
}

// SetPlugins says which plugins this worker has.
func (m *Membership) SetPlugins(plugins map[string][]string) {
	m.mu.Lock()
	news := !maps.EqualFunc(m.self.Plugins, plugins, slices.Equal)
	m.self.Plugins = plugins
	m.mu.Unlock()
	if news {
		signal(m.kick)
	}
}

// Release says that everything has ended that placements up to a generation took away from this worker.
func (m *Membership) Release(generation int64) {
	m.mu.Lock()
	news := generation > m.self.Released
	m.self.Released = max(m.self.Released, generation)
	m.mu.Unlock()
	if news {
		signal(m.kick)
	}
}

// poll serves the consumer: its callbacks, its statistics, and the records that it must not keep.
func (m *Membership) poll(ctx context.Context) {
	for ctx.Err() == nil {
		if now := time.Now(); now.Sub(m.polled[0]) > m.cfg.HeartbeatInterval/5 {
			m.polled[0], m.polled[1] = now, m.polled[0]
		}
		switch ev := m.consumer.Poll(100).(type) {
		case *kafka.Stats:
			m.assess(ev.String())
		case kafka.Error:
			m.trouble(ctx, ev)
		case *kafka.Message:
			if e, ok := errors.AsType[kafka.Error](ev.TopicPartition.Error); ok {
				m.trouble(ctx, e)
			}
		}
		m.watch()
	}
}

func (m *Membership) assess(text string) {
	joining, err := m.lease.read(text)
	if err != nil {
		m.log.Warn("cannot read the statistics of the Kafka client", "error", err)
		return
	}
	m.mu.Lock()
	m.joining = joining
	m.mu.Unlock()
}

// watch notices when the lease becomes good or bad.
func (m *Membership) watch() {
	now := time.Now()
	m.mu.Lock()
	until := m.lease.expires().Add(-m.grace())
	good := now.Before(until)
	lapsed := m.active && !good
	rested := now.Sub(m.assessed) > m.cfg.HeartbeatInterval
	returned := !m.active && good && m.err == nil && rested
	worried := m.active && m.joining && now.After(until.Add(-m.grace())) && rested
	if lapsed {
		m.active, m.settled = false, false
	}
	if worried || returned {
		m.assessed = now
	}
	m.mu.Unlock()
	switch {
	case lapsed:
		m.log.Warn("no answer from the coordinator of the group for too long: this worker stops its tasks until it is a member again", "worker", m.id, "session", m.cfg.SessionTimeout)
		signal(m.changed)
	case returned, worried:
		signal(m.kick)
	}
}

// trouble ends the membership for errors that time does not mend.
func (m *Membership) trouble(ctx context.Context, e kafka.Error) {
	var err error
	switch {
	case e.Code() == kafka.ErrFencedInstanceID || e.IsFatal() && strings.Contains(e.Error(), "fenced"):
		if m.unopposed(ctx) {
			if err = m.rejoin(); err == nil {
				return
			}
			err = fmt.Errorf("join group %s again as worker %s: %w", m.cfg.GroupID, m.id, err)
			break
		}
		err = fmt.Errorf("another process has joined group %s as worker %s and taken its place: %w: give every worker its own advertised address", m.cfg.GroupID, m.id, e)
	case e.IsFatal():
		err = fmt.Errorf("the membership of worker %s in group %s has failed: %w", m.id, m.cfg.GroupID, e)
	case e.Code() == kafka.ErrInconsistentGroupProtocol:
		err = fmt.Errorf("group %s is in use by members of another kind: %w: stop them, Kafka Connect workers among them, or set another group.id", m.cfg.GroupID, e)
	case e.Code() == kafka.ErrGroupAuthorizationFailed:
		err = fmt.Errorf("not allowed to join group %s: %w: grant READ on the group", m.cfg.GroupID, e)
	case e.Code() == kafka.ErrInvalidSessionTimeout:
		err = fmt.Errorf("the brokers do not accept a session timeout of %s: %w: set session.timeout.ms between their group.min.session.timeout.ms and group.max.session.timeout.ms", m.cfg.SessionTimeout, e)
	default:
		m.log.Debug("membership", "error", e)
		return
	}
	m.mu.Lock()
	first := m.err == nil
	if first {
		m.err, m.presume, m.trust, m.joined, m.active, m.holds, m.leads, m.settled = err, time.Time{}, time.Time{}, false, false, false, false, false
		close(m.done)
	}
	m.mu.Unlock()
	if first {
		m.lease.end()
		signal(m.changed)
	}
}

// unopposed tells whether no other process has this worker's place: it would have told of itself before it joined. A fenced worker
// that is was fenced by a request of its own, which the network had kept and brought in the end, when another had taken its place.
func (m *Membership) unopposed(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.SessionTimeout)
	defer cancel()
	if err := m.cfg.Store.Refresh(ctx); err != nil {
		return false
	}
	known, ok := m.cfg.Store.Member(m.id)
	m.mu.Lock()
	defer m.mu.Unlock()
	return ok && known.Process == m.self.Process
}

// rejoin makes the consumer anew. The client cannot close one that was fenced: it is left alone.
func (m *Membership) rejoin() error {
	m.log.Warn("a late request of this worker has cost it its place in the group, it joins again", "worker", m.id)
	m.mu.Lock()
	m.presume, m.trust, m.joined, m.active, m.holds, m.leads, m.settled = time.Time{}, time.Time{}, false, false, false, false, false
	m.mu.Unlock()
	signal(m.changed)
	return m.subscribe()
}

// rebalanced is called by Poll for every change of the group.
func (m *Membership) rebalanced(c *kafka.Consumer, ev kafka.Event) error {
	var err error
	m.mu.Lock()
	switch ev := ev.(type) {
	case kafka.AssignedPartitions:
		// The partition is a token: its records come to the store. Paused from a known offset, it costs no request.
		parts := slices.Clone(ev.Partitions)
		for i := range parts {
			parts[i].Offset = 0
		}
		if err = c.IncrementalAssign(parts); err == nil && len(parts) > 0 {
			err = c.Pause(parts)
		}
		m.joined, m.presume = true, time.Time{}
		if soon := time.Now().Add(m.grace()); m.trust.After(soon) {
			m.trust = soon
		}
		m.holds = m.holds || len(parts) > 0
		m.leads = m.holds
		m.lease.seen(m.polled[1]) // the request for this assignment was sent since
	case kafka.RevokedPartitions:
		if c.AssignmentLost() {
			m.joined, m.active, m.trust = false, false, time.Time{}
			m.lease.end()
		}
		if len(ev.Partitions) > 0 {
			m.holds, m.leads = false, false
		}
		m.settled = false
		err = c.IncrementalUnassign(ev.Partitions)
	}
	m.log.Debug("rebalanced", "event", ev, "leads", m.holds, "error", err)
	m.mu.Unlock()
	signal(m.kick)
	signal(m.changed)
	return err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
