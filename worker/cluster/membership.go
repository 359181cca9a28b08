package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/worker/store"
)

// Config is what a worker joins with.
type Config struct {
	Client  *store.Client
	Store   *store.AssignmentStore
	GroupID string // group.id of the worker
	URL     string // advertised: http://host:port, where other workers reach this one
	// SessionTimeout is the time without a heartbeat after which a worker counts as gone (10 s), and HeartbeatInterval the time
	// between two (3 s, or a third of the session timeout if that is less).
	SessionTimeout, HeartbeatInterval time.Duration
	// RebalanceDelay is the time for which the work of a worker that has gone without a word waits for it to return; zero gives it
	// to others at once.
	RebalanceDelay time.Duration
	// LookInterval is the time between two looks of the leader at the group, beside those that a rebalance causes (10 s).
	LookInterval time.Duration
	Logger       *slog.Logger
}

func (c *Config) complete() error {
	if c.Client == nil || c.Store == nil {
		return errors.New("no client or no assignment store")
	}
	if c.GroupID == "" {
		return errors.New("no group; set group.id")
	}
	if _, ok := workerID(c.URL); !ok {
		return fmt.Errorf("%q is not a URL that other workers can reach this one by", c.URL)
	}
	for d, fallback := range map[*time.Duration]time.Duration{&c.SessionTimeout: 10 * time.Second, &c.LookInterval: 10 * time.Second} {
		if *d <= 0 {
			*d = fallback
		}
	}
	if c.HeartbeatInterval <= 0 {
		c.HeartbeatInterval = min(3*time.Second, c.SessionTimeout/3)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// workerID is how a worker with an advertised URL is called in placements and status records: host:port, as in Connect.
func workerID(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", false
	}
	return u.Host, true
}

// InstanceID makes a group.instance.id of a name; Kafka allows the characters of a topic's name.
func InstanceID(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, name)
}

// Membership is this worker's place in the cluster. It is safe for concurrent use.
type Membership struct {
	cfg      Config
	id       string
	log      *slog.Logger
	consumer *kafka.Consumer
	changed  chan struct{}
	kick     chan struct{} // look at the group
	stop     context.CancelFunc
	wg       sync.WaitGroup
	done     chan struct{} // the membership has ended by itself

	mu      sync.Mutex
	presume bool // nobody else was there: lead until the group has formed
	joined  bool
	holds   bool // the partition, and with it the lead
	leads   bool
	settled bool
	want    map[string]int
	wanted  bool // want has been set
	err     error
}

// Join makes this process a member of the cluster. It returns when the group has been found fit, before the member has its place:
// see Settled.
func Join(ctx context.Context, cfg Config) (*Membership, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	id, _ := workerID(cfg.URL)
	m := &Membership{
		cfg: cfg, id: id, log: cfg.Logger.With("group", cfg.GroupID),
		changed: make(chan struct{}, 1), kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	g, err := m.describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	if err := g.fit(cfg.GroupID, cfg.Store.Topic()); err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	if cfg.Store.Leaving()[id] {
		if err := cfg.Store.PutLeaving(ctx, id, false); err != nil {
			return nil, fmt.Errorf("join the cluster: %w", err)
		}
	}
	m.presume = len(g.members) == 0
	if err := m.subscribe(); err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	run, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.wg.Go(func() { m.poll(run) })
	m.wg.Go(func() { m.run(run) })
	return m, nil
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
		"max.poll.interval.ms":          int(max(m.cfg.SessionTimeout, time.Minute) / time.Millisecond),
		"enable.auto.commit":            false,
		"enable.auto.offset.store":      false,
		"allow.auto.create.topics":      false,
	} {
		conf[k] = v
	}
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

// Leading tells whether this worker leads the cluster.
func (m *Membership) Leading() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads && m.err == nil
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

// Generation is that of the placement.
func (m *Membership) Generation() int64 { return m.cfg.Store.Placement().Generation }

// Placement is the latest. It must not be changed.
func (m *Membership) Placement() Placement { return m.cfg.Store.Placement() }

// Settled tells whether this worker is a member and the placement counts with it. Until then the placement may be of yesterday.
func (m *Membership) Settled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settled && m.err == nil
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

// SetWant says what there is to place: the number of tasks of each connector. Every worker should keep it up to date, as any can
// become the leader. Nothing is placed before it has been called.
func (m *Membership) SetWant(want map[string]int) {
	m.mu.Lock()
	m.want, m.wanted = maps.Clone(want), true
	m.mu.Unlock()
	signal(m.kick)
}

// Leave gives this worker's work to the others, if there are any, and ends the membership. The worker should have stopped its
// tasks before.
//
// Kafka keeps the place of a static member until its session times out, which is what makes a restart quick. So the worker says that
// it goes in the assignment topic, and nobody waits for it; a leader that leaves places the work before it goes, and only the
// lead itself stays vacant until the session has timed out.
func (m *Membership) Leave(ctx context.Context) error {
	m.stop()
	m.wg.Wait()
	err := m.farewell(ctx)
	return errors.Join(err, store.CloseConsumer(m.consumer))
}

func (m *Membership) farewell(ctx context.Context) error {
	if m.Err() != nil {
		return nil //nolint:nilerr // another process has the place: it is not this one's to give up
	}
	g, err := m.describe(ctx)
	if err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	leaving := m.cfg.Store.Leaving()
	others := slices.DeleteFunc(g.members, func(id string) bool { return id == m.id || leaving[id] })
	if len(others) == 0 {
		return nil // a restart finds everything as it was
	}
	if err := m.cfg.Store.PutLeaving(ctx, m.id, true); err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	m.mu.Lock()
	want, leads := m.want, m.leads && m.wanted
	m.mu.Unlock()
	if leads {
		next := Place(m.cfg.Store.Placement(), others, want)
		next.Leader, next.LeaderURL = "", ""
		next.Generation = m.cfg.Store.Placement().Generation + 1
		if err := m.cfg.Store.PutPlacement(ctx, next); err != nil {
			return fmt.Errorf("leave the cluster: %w", err)
		}
	}
	return nil
}

// poll serves the consumer: its callbacks, and the records that it must not keep.
func (m *Membership) poll(ctx context.Context) {
	for ctx.Err() == nil {
		switch ev := m.consumer.Poll(100).(type) {
		case kafka.Error:
			m.trouble(ev)
		case *kafka.Message:
			if e, ok := errors.AsType[kafka.Error](ev.TopicPartition.Error); ok {
				m.trouble(e)
			}
		}
	}
}

// trouble ends the membership for errors that time does not mend.
func (m *Membership) trouble(e kafka.Error) {
	var err error
	switch {
	case e.Code() == kafka.ErrFencedInstanceID || e.IsFatal() && strings.Contains(e.Error(), "fenced"):
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
		m.err, m.presume, m.joined, m.holds, m.leads, m.settled = err, false, false, false, false, false
		close(m.done)
	}
	m.mu.Unlock()
	if first {
		signal(m.changed)
	}
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
		m.joined, m.presume = true, false
		m.holds = m.holds || len(parts) > 0
		m.leads = m.holds
	case kafka.RevokedPartitions:
		if c.AssignmentLost() {
			m.joined = false
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

// run keeps the membership's view, and places while it leads.
func (m *Membership) run(ctx context.Context) {
	var l *leader
	timer := time.NewTimer(m.cfg.LookInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.done:
			return
		case <-m.kick:
		case <-m.cfg.Store.Changed():
		case <-timer.C:
		}
		wait := m.cfg.LookInterval
		settled := false
		m.mu.Lock()
		if m.presume && !alone(m.cfg.Store.Placement(), m.id) {
			m.presume = false // somebody else presumed the same, and was later
		}
		m.leads = m.holds || m.presume && m.wanted
		leads, presumes, joined, want, wanted := m.leads, m.leads && !m.holds, m.joined, m.want, m.wanted
		m.mu.Unlock()
		switch {
		case !leads:
			l = nil
			_, placed := m.cfg.Store.Placement().Workers[m.id]
			settled = joined && placed
		case !wanted:
		default:
			if l == nil {
				l = newLeader(m.cfg.RebalanceDelay)
				m.log.Info("leading the cluster", "worker", m.id, "group still forming", presumes)
			}
			var err error
			settled, wait, err = m.lead(ctx, l, want, presumes)
			if err != nil && ctx.Err() == nil {
				m.log.Warn("placing the work; trying again", "error", err)
				wait = time.Second
			}
		}
		m.mu.Lock()
		m.settled = settled && m.leads == leads && (m.joined || m.presume)
		m.mu.Unlock()
		signal(m.changed)
		timer.Reset(wait)
	}
}

// alone tells whether a placement knows of no worker but this one. Such a worker, when it also finds the group empty, need not wait
// for the group to form, for which brokers take group.initial.rebalance.delay.ms (3 s) in case others come: it leads meanwhile.
// Should two workers that never were in a placement both do so, the topic has the placements in an order, the first sees the
// second's and gives way.
func alone(p Placement, id string) bool {
	for other := range p.Workers {
		if other != id {
			return false
		}
	}
	return true
}

// lead looks at the group and writes the placement if it has to change. It tells whether all is placed, and when to look again.
func (m *Membership) lead(ctx context.Context, l *leader, want map[string]int, presumes bool) (settled bool, wait time.Duration, err error) {
	const soon = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, m.cfg.SessionTimeout)
	defer cancel()
	g := group{stable: true, members: []string{m.id}}
	if !presumes {
		if g, err = m.describe(ctx); err != nil {
			return false, 0, err
		}
	}
	if !g.stable || !slices.Contains(g.members, m.id) {
		return false, soon, nil // somebody is coming or going
	}
	if err := m.cfg.Store.Refresh(ctx); err != nil {
		return false, 0, err
	}
	prev := m.cfg.Store.Placement()
	if presumes && !alone(prev, m.id) {
		return false, soon, nil
	}
	leaving := m.cfg.Store.Leaving()
	for id := range leaving { // who has gone needs no mark any more
		if !presumes && !slices.Contains(g.members, id) && !l.seen[id] {
			if err := m.cfg.Store.PutLeaving(ctx, id, false); err != nil {
				return false, 0, err
			}
		}
	}
	next, again := l.plan(time.Now(), m.id, m.cfg.URL, prev, g.members, leaving, want)
	if next.Generation != prev.Generation {
		if !m.Leading() {
			return false, soon, nil
		}
		if err := m.cfg.Store.PutPlacement(ctx, next); err != nil {
			return false, 0, err
		}
		m.log.Info("placed the work", "generation", next.Generation, "workers", len(next.Workers))
	}
	wait = m.cfg.LookInterval
	if !again.IsZero() {
		wait = min(wait, max(time.Until(again), time.Millisecond))
	}
	return true, wait, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
