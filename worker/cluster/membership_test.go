package cluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/store"
)

const (
	// patience is for what must happen some time.
	patience = 2 * time.Minute

	// soon is for what must not wait for the end of a session. It is far more than it takes, because the machine may be slow.
	soon = session / 2

	session = 30 * time.Second
)

// worker is one worker's share of a cluster under test.
type worker struct {
	*Membership
	store  *store.AssignmentStore
	client *store.Client
	ended  chan struct{}
	end    sync.Once
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// open makes the client and the store of a worker; they are closed when the test ends, unless kill does it before.
func open(t testing.TB, bootstrap string) *worker {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := store.NewClient(map[string]string{"bootstrap.servers": bootstrap}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := store.OpenAssignment(within(t, patience), store.Options{Client: c, Topic: "assignments", ReplicationFactor: 1, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &worker{store: s, client: c}
}

func (w *worker) config(address string) Config {
	return Config{
		Client: w.client, Store: w.store, GroupID: "cluster", URL: "http://" + address,
		SessionTimeout: session, HeartbeatInterval: 100 * time.Millisecond,
	}
}

// join starts a worker. It ends, without a word to the others, when the test does.
func join(t testing.TB, bootstrap, address string, want map[string]int, options ...func(*Config)) *worker {
	t.Helper()
	w := open(t, bootstrap)
	cfg := w.config(address)
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})).With("worker", address)
	for _, o := range options {
		o(&cfg)
	}
	m, err := Join(within(t, patience), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Membership = m
	t.Cleanup(w.kill)
	w.letGo()
	m.SetWant(tasks(want))
	return w
}

// letGo has the worker do at once what a placement asks of it: its tasks take no time to end.
func (w *worker) letGo() {
	w.ended = make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.ended:
				return
			case <-tick.C:
				if p := w.Placement(); len(p.Revoked[w.ID()].Tasks) > 0 {
					w.Release(p.Generation)
				}
			}
		}
	}()
}

// kill ends a worker as the death of its process would: nobody is told.
func (w *worker) kill() {
	w.end.Do(func() { close(w.ended) })
	w.stop()
	w.wg.Wait()
	if !w.consumer.IsClosed() {
		_ = store.CloseConsumer(w.consumer)
	}
}

// until waits for a condition.
func (w *worker) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-w.Changed():
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s: not within %s; worker %s: leads %t, settled %t, placement %+v, error %v", what, patience, w.ID(), w.Leading(), w.Settled(), w.Placement(), w.Err())
		}
	}
}

// leave ends a worker as a good one does.
func (w *worker) leave(t testing.TB) {
	t.Helper()
	w.end.Do(func() { close(w.ended) })
	if err := w.Leave(within(t, patience)); err != nil {
		t.Fatal(err)
	}
}

func TestOneWorkerLeadsItself(t *testing.T) {
	b := embeddedtest.Start(t)
	// Joining takes as long as on a broker that waits for company.
	var joined atomic.Bool
	b.Cluster().ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		if !joined.Swap(true) {
			b.Cluster().SleepControl(func() { time.Sleep(700 * time.Millisecond) })
		}
		return nil, nil, false
	})
	start := time.Now()
	a := join(t, b.Bootstrap(), "127.0.0.1:8083", map[string]int{"x": 2})
	a.until(t, "settled", a.Settled)
	t.Logf("settled %s after the start", time.Since(start))
	if !a.Leading() || a.LeaderURL() != "http://127.0.0.1:8083" {
		t.Errorf("leads %t, leader at %q", a.Leading(), a.LeaderURL())
	}
	a.until(t, "a place in the group", func() bool {
		if !a.Active() {
			t.Error("it is not active all the while")
		}
		return grouped(a) && a.trusting()
	})
	want := map[string]Work{"127.0.0.1:8083": {Connectors: []string{"x"}, Tasks: []TaskRef{{Connector: "x"}, {Connector: "x", Task: 1}}}}
	if d := cmp.Diff(want, a.Placement().Workers); d != "" {
		t.Error(d)
	}
}

// trusting tells whether the lease has taken the place of what the worker presumed.
func (m *Membership) trusting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.active && m.trust.IsZero()
}

const (
	addressA = "127.0.0.1:8083"
	addressB = "127.0.0.1:8084"
)

// A coordinator that has just started loads its groups first, and says so in whatever way: the worker waits for it.
func TestCoordinatorThatLoads(t *testing.T) {
	for _, c := range []struct {
		name string
		code int16
		text string // of the error, where there is no waiting
	}{
		{"loading", 14, ""},
		{"not available", 15, ""},
		{"something without a name", -1, ""},
		{"not allowed", 30, "grant DESCRIBE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := embeddedtest.Start(t)
			var asked atomic.Int32
			empty := ""
			for _, key := range []kmsg.Key{kmsg.DescribeGroups, kmsg.ConsumerGroupDescribe} {
				b.Cluster().ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
					b.Cluster().KeepControl()
					if asked.Add(1) > 3 && c.text == "" {
						return nil, nil, false
					}
					switch resp := req.ResponseKind().(type) {
					case *kmsg.DescribeGroupsResponse:
						resp.Groups = []kmsg.DescribeGroupsResponseGroup{{Group: "cluster", ErrorCode: c.code}}
						return resp, nil, true
					case *kmsg.ConsumerGroupDescribeResponse:
						resp.Groups = []kmsg.ConsumerGroupDescribeResponseGroup{{Group: "cluster", ErrorCode: c.code, ErrorMessage: &empty}}
						return resp, nil, true
					}
					return nil, nil, false
				})
			}
			w := open(t, b.Bootstrap())
			if c.text == "" {
				w = join(t, b.Bootstrap(), addressA, map[string]int{"x": 1})
				w.until(t, "settled", w.Settled)
				if asked.Load() < 3 {
					t.Errorf("asked %d times", asked.Load())
				}
			} else if _, err := Join(within(t, patience), w.config(addressA)); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("joined: %v", err)
			}
		})
	}
}

// The place of a killed worker is its own for as long as its session lasts: nothing is written, nobody waits.
func TestKilledWorkerHasItsPlaceBack(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 2}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	before := a.Placement()
	a.kill()

	start := time.Now()
	a = join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", a.Settled)
	took := time.Since(start)
	t.Logf("settled %s after the start", took)
	if took > soon || !a.Leading() {
		t.Errorf("leads %t after %s", a.Leading(), took)
	}
	if d := cmp.Diff(before, a.Placement()); d != "" {
		t.Error(d)
	}
}

// grouped tells whether Kafka has made the worker a member; before, it may lead on its own.
func grouped(w *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.joined
}

func TestTwoWorkersShare(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 2, "y": 2}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	w := join(t, b.Bootstrap(), addressB, want)
	both := func() bool {
		return a.Settled() && w.Settled() && len(w.Placement().Workers) == 2 && len(a.Placement().Workers) == 2
	}
	w.until(t, "both are placed", both)
	if !a.Leading() || w.Leading() || w.LeaderURL() != "http://"+addressA || a.Generation() != w.Generation() {
		t.Errorf("leads %t and %t, leader at %s, generations %d and %d", a.Leading(), w.Leading(), w.LeaderURL(), a.Generation(), w.Generation())
	}
	for id, work := range w.Placement().Workers {
		if len(work.Tasks) != 2 || len(work.Connectors) != 1 {
			t.Errorf("%s has %+v", id, work)
		}
	}

	// What is wanted changes: the leader places it.
	more := map[string]int{"x": 2, "y": 2, "z": 4}
	w.SetWant(tasks(more))
	a.SetWant(tasks(more))
	w.until(t, "the new connector is placed", func() bool {
		return len(w.Placement().Workers[addressB].Tasks) == 4 && len(a.Placement().Workers[addressA].Tasks) == 4
	})

	// The second says good-bye: the first has all, long before a session ends.
	start := time.Now()
	w.leave(t)
	a.until(t, "the first has all", func() bool { return len(a.Placement().Workers[addressA].Tasks) == 8 })
	if took := time.Since(start); took > soon {
		t.Errorf("took %s", took)
	}

	// And comes back.
	w = join(t, b.Bootstrap(), addressB, more)
	w.until(t, "both are placed again", both)
}

func TestLeaderLeaves(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 2, "y": 2}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	w := join(t, b.Bootstrap(), addressB, want)
	w.until(t, "both are placed", func() bool { return w.Settled() && len(w.Placement().Workers) == 2 })

	start := time.Now()
	a.leave(t)
	if len(w.Placement().Workers[addressB].Tasks) != 4 {
		w.until(t, "the other has all", func() bool { return len(w.Placement().Workers[addressB].Tasks) == 4 })
	}
	t.Logf("the other has all after %s", time.Since(start))
	if took := time.Since(start); took > soon {
		t.Errorf("took %s", took)
	}
	w.until(t, "the other leads", func() bool { return w.Leading() && w.Settled() && w.LeaderURL() == "http://"+addressB })
	t.Logf("the other leads after %s", time.Since(start))
	w.until(t, "what it told is gone", func() bool { return len(w.store.Members()) == 1 })
}

// Who has left is out of the group, however long the coordinator takes: a request that is on its way is lost with its connection, and every
// further change would wait for a member that is no more, until its session is over.
func TestLeftIsOut(t *testing.T) {
	b := embeddedtest.Start(t)
	b.Cluster().ControlKey(int16(kmsg.LeaveGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		b.Cluster().SleepControl(func() { time.Sleep(time.Second) })
		return nil, nil, false
	})
	want := map[string]int{"x": 2}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	w := join(t, b.Bootstrap(), addressB, want)
	w.until(t, "both are placed", func() bool { return w.Settled() && grouped(w) && len(w.Placement().Workers) == 2 })
	w.leave(t)
	if g, err := a.describe(within(t, patience)); err != nil || slices.Contains(g.members, addressB) {
		t.Errorf("members of the group: %v, %v", g.members, err)
	}
	a.until(t, "one has all", func() bool { return a.Settled() && len(a.Placement().Workers[addressA].Tasks) == 2 })
}

// A worker that dies is waited for as long as configured, and then not.
func TestDeadWorkersTasksMove(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 4}
	quick := func(c *Config) { c.SessionTimeout, c.RebalanceDelay = 3*time.Second, time.Second }
	a := join(t, b.Bootstrap(), addressA, want, quick)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	w := join(t, b.Bootstrap(), addressB, want, quick)
	w.until(t, "both are placed", func() bool { return w.Settled() && len(w.Placement().Workers) == 2 })
	w.kill()
	start := time.Now()
	a.until(t, "the living has all", func() bool { return len(a.Placement().Workers[addressA].Tasks) == 4 })
	if took := time.Since(start); took < 3*time.Second {
		t.Errorf("after %s, before session and delay were over", took)
	}
}

// Two workers that begin at once on a new cluster end with one leader and one placement.
func TestWorkersStartTogether(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 6}
	var all []*worker
	addresses := []string{addressA, addressB, "127.0.0.1:8085"}
	started := make(chan *worker, len(addresses))
	for _, address := range addresses {
		go func() { started <- join(t, b.Bootstrap(), address, want) }()
	}
	for range addresses {
		all = append(all, <-started)
	}
	all[0].until(t, "settled together", func() bool {
		leaders := 0
		for _, w := range all {
			if w.Leading() {
				leaders++
			}
			if !w.Settled() || !grouped(w) || len(w.Placement().Workers) != 3 || w.Generation() != all[0].Generation() {
				return false
			}
		}
		return leaders == 1
	})
	for id, work := range all[0].Placement().Workers {
		if len(work.Tasks) != 2 {
			t.Errorf("%s has %+v", id, work)
		}
	}
}

// A second process with the address of a worker that is alive is refused, and the first goes on.
func TestAddressOfAnother(t *testing.T) {
	b := embeddedtest.Start(t)
	a := join(t, b.Bootstrap(), addressA, map[string]int{"x": 1})
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	double := open(t, b.Bootstrap())
	if _, err := Join(within(t, patience), double.config(addressA)); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Fatalf("joined: %v", err)
	}
	if err := a.Err(); err != nil || !a.Settled() || !a.Leading() {
		t.Errorf("settled %t, leading %t, error %v", a.Settled(), a.Leading(), err)
	}
}

// One that does not answer, as it would after a kill, loses its place to the second and learns why.
func TestPlaceIsTaken(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 1}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	a.stop() // it only hears now
	a.wg.Wait()
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.wg.Go(func() { a.poll(ctx) })
	usurper := join(t, b.Bootstrap(), addressA, want)
	usurper.until(t, "settled", usurper.Settled)
	select {
	case <-a.Done():
	case <-time.After(patience):
		t.Fatal("the first does not notice")
	}
	if a.Leading() || a.Settled() || a.Active() || !a.Expires().IsZero() || a.Err() == nil || !strings.Contains(a.Err().Error(), "taken its place") {
		t.Errorf("leads %t, settled %t, active %t until %s, error %v", a.Leading(), a.Settled(), a.Active(), a.Expires(), a.Err())
	}
	a.leave(t) // and takes nothing with it
	if !usurper.Settled() || !usurper.Leading() {
		t.Error("the other lost its place")
	}
}

// A request of its own that comes late fences a worker, whose place is then nobody's: it takes it back.
func TestFencedByItself(t *testing.T) {
	b := embeddedtest.Start(t)
	want := map[string]int{"x": 1}
	a := join(t, b.Bootstrap(), addressA, want)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	late, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": b.Bootstrap(), "group.id": a.cfg.GroupID, "group.instance.id": InstanceID(addressA),
		"partition.assignment.strategy": "cooperative-sticky", "client.id": a.cfg.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := late.SubscribeTopics([]string{a.cfg.Store.Topic()}, nil); err != nil {
		t.Fatal(err)
	}
	a.until(t, "the late one to be fenced in turn", func() bool {
		e, ok := late.Poll(10).(kafka.Error)
		return ok && e.IsFatal()
	})
	go func() { _ = store.CloseConsumer(late) }() // which it is left alone in, once it is fenced itself
	a.until(t, "its place again", func() bool { return a.Active() && a.Settled() && a.Leading() && time.Now().Before(a.Expires()) })
	if err := a.Err(); err != nil {
		t.Error(err)
	}
}

// A worker that hears nothing from Kafka gives up what it has before Kafka gives it up, and has it back when it hears again.
func TestLease(t *testing.T) {
	b := embeddedtest.Start(t)
	var deaf atomic.Bool
	b.Cluster().ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		cut := deaf.Load() && *req.(*kmsg.HeartbeatRequest).InstanceID == InstanceID(addressA)
		return nil, errors.New("cut"), cut
	})
	want := map[string]int{"x": 2}
	quick := func(c *Config) { c.SessionTimeout = 3 * time.Second }
	observer := join(t, b.Bootstrap(), addressB, want, quick)
	observer.until(t, "settled", func() bool { return observer.Settled() && grouped(observer) })
	a := join(t, b.Bootstrap(), addressA, want, quick)
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	listed := func() bool {
		g, err := observer.describe(within(t, patience))
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(g.members, addressA)
	}
	for round := range 2 {
		before := a.Expires()
		a.until(t, "a longer lease", func() bool { return a.Expires().After(before) && a.Active() })
		deaf.Store(true)
		a.until(t, "not active", func() bool {
			now := time.Now()
			active := a.Active()
			if active && now.After(a.Expires()) {
				t.Errorf("round %d: active %s after the end of its lease", round, now.Sub(a.Expires()))
			}
			return !active
		})
		if left := time.Until(a.Expires()); left > a.grace() {
			t.Errorf("round %d: inactive with %s left", round, left)
		}
		a.until(t, "end of the lease", func() bool {
			is := listed()
			now := time.Now()
			if now.Before(a.Expires()) && !is {
				t.Errorf("round %d: Kafka gave the worker up %s before its lease ended", round, a.Expires().Sub(now))
			}
			return !now.Before(a.Expires())
		})
		if round == 1 {
			observer.until(t, "Kafka gives it up", func() bool { return !listed() })
			observer.until(t, "the other has all", func() bool { return len(observer.Placement().Workers[addressB].Tasks) == 2 })
		}
		deaf.Store(false)
		a.until(t, "active again", func() bool { return a.Active() && a.Settled() })
	}
}

func TestUnfitGroup(t *testing.T) {
	b := embeddedtest.Start(t)
	embeddedtest.CreateTopic(t, b, "other", 1)
	w := open(t, b.Bootstrap())

	// A consumer of another topic.
	conf := w.client.Props()
	conf["group.id"] = "consumers"
	c, err := kafka.NewConsumer(&conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Subscribe("other", nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		c.Poll(20)
		if parts, err := c.Assignment(); err == nil && len(parts) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the consumer gets nothing")
		}
	}
	// A Kafka Connect worker, as far as the group shows it.
	connect := kmsg.NewPtrJoinGroupRequest()
	connect.Group, connect.ProtocolType, connect.SessionTimeoutMillis, connect.RebalanceTimeoutMillis = "connect", "connect", 10000, 10000
	connect.Version = 3 // one step to membership
	connect.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "sessioned", Metadata: []byte{0}}}
	kc, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()), kgo.MaxVersions(kversion.V2_0_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer kc.Close()
	if resp, err := connect.RequestWith(within(t, patience), kc); err != nil || resp.ErrorCode != 0 {
		t.Fatalf("%+v, %v", resp, err)
	}

	// And one that has left a group of which it was the only one: who comes next may have it.
	left := *connect
	left.Group = "left"
	resp, err := left.RequestWith(within(t, patience), kc)
	if err != nil || resp.ErrorCode != 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.MemberID = "left", resp.MemberID
	if resp, err := leave.RequestWith(within(t, patience), kc); err != nil || resp.ErrorCode != 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
	heir := join(t, b.Bootstrap(), addressA, map[string]int{"x": 1}, func(c *Config) { c.GroupID = "left" })
	heir.until(t, "settled", heir.Settled)

	for group, want := range map[string][]string{
		"consumers": {"group consumers", "topic other", "group.id"},
		"connect":   {"group connect", "Kafka Connect", "group.id"},
	} {
		cfg := w.config(addressA)
		cfg.GroupID = group
		m, err := Join(within(t, patience), cfg)
		if err == nil {
			m.stop()
			m.wg.Wait()
			_ = store.CloseConsumer(m.consumer)
			t.Errorf("joined group %s", group)
			continue
		}
		t.Log(err)
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q is not in: %v", text, err)
			}
		}
	}
}

func TestConfigMustBeComplete(t *testing.T) {
	b := embeddedtest.Start(t)
	w := open(t, b.Bootstrap())
	for text, change := range map[string]func(*Config){
		"group.id":         func(c *Config) { c.GroupID = "" },
		"not a URL":        func(c *Config) { c.URL = "127.0.0.1:8083" },
		"assignment store": func(c *Config) { c.Store = nil },
	} {
		cfg := w.config(addressA)
		change(&cfg)
		if _, err := Join(within(t, patience), cfg); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in: %v", text, err)
		}
	}
}

// Workers of two groups do not use one assignment topic, while either is there.
func TestTopicOfAnotherGroup(t *testing.T) {
	b := embeddedtest.Start(t)
	a := join(t, b.Bootstrap(), addressA, map[string]int{"x": 1})
	a.until(t, "settled", func() bool { return a.Settled() && grouped(a) })
	other := func(c *Config) { c.GroupID = "another" }
	w := open(t, b.Bootstrap())
	cfg := w.config(addressB)
	other(&cfg)
	if _, err := Join(within(t, patience), cfg); err == nil || !strings.Contains(err.Error(), "topic assignments is in use by workers of group cluster, "+addressA) {
		t.Fatalf("joined: %v", err)
	}
	a.leave(t)
	d := join(t, b.Bootstrap(), addressB, map[string]int{"x": 1}, other)
	d.until(t, "settled", d.Settled)
}
