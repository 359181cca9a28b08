package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/store"
)

const (
	// patience is for what must happen some time.
	patience = 2 * time.Minute

	// soon is for what must not wait for anything: far more than it takes, because the machine may be slow.
	soon = 20 * time.Second
)

func client(t testing.TB, bootstrap string) *store.Client {
	t.Helper()
	c, err := store.NewClient(map[string]string{"bootstrap.servers": bootstrap}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func options(t testing.TB, bootstrap, topic string) store.Options {
	t.Helper()
	return store.Options{Client: client(t, bootstrap), Topic: topic, ReplicationFactor: 1}
}

func openConfig(t testing.TB, o store.Options) *store.ConfigStore {
	t.Helper()
	s, err := store.OpenConfig(within(t, patience), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func openStatus(t testing.TB, o store.Options) *store.StatusStore {
	t.Helper()
	s, err := store.OpenStatus(within(t, patience), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// logged collects what a store logs.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func conf(v string) map[string]string { return map[string]string{"v": v} }

func TestConfigReadsItsOwnWrites(t *testing.T) {
	b := embeddedtest.Start(t)
	one := openConfig(t, options(t, b.Bootstrap(), "configs"))
	two := openConfig(t, options(t, b.Bootstrap(), "configs"))
	ctx := within(t, patience)
	stopped := store.Stopped
	for _, step := range []struct {
		name string
		do   func() error
		want map[string]store.ConnectorRecord
	}{
		{
			"create stopped", func() error { return one.PutConnector(ctx, "a", conf("1"), &stopped) },
			map[string]store.ConnectorRecord{"a": {Config: conf("1"), Target: store.Stopped}},
		},
		{
			"resume", func() error { return one.PutTarget(ctx, "a", store.Started) },
			map[string]store.ConnectorRecord{"a": {Config: conf("1"), Target: store.Started}},
		},
		{
			"tasks", func() error { return one.PutTasks(ctx, "a", []map[string]string{conf("t0"), conf("t1")}) },
			map[string]store.ConnectorRecord{"a": {Config: conf("1"), Target: store.Started, Tasks: []map[string]string{conf("t0"), conf("t1")}, TasksOf: conf("1")}},
		},
		{
			"no tasks", func() error { return one.PutTasks(ctx, "a", nil) },
			map[string]store.ConnectorRecord{"a": {Config: conf("1"), Target: store.Started, Tasks: []map[string]string{}, TasksOf: conf("1")}},
		},
		{"remove", func() error { return one.Remove(ctx, "a") }, map[string]store.ConnectorRecord{}},
		{
			"create again", func() error { return one.PutConnector(ctx, "a", conf("2"), nil) },
			map[string]store.ConnectorRecord{"a": {Config: conf("2"), Target: store.Started}},
		},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if d := cmp.Diff(step.want, one.Snapshot().Connectors); d != "" {
			t.Errorf("%s: %s", step.name, d)
		}
		if err := two.Refresh(ctx); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if d := cmp.Diff(step.want, two.Snapshot().Connectors); d != "" {
			t.Errorf("%s, as another reads it: %s", step.name, d)
		}
	}
	if one.Snapshot().Offset != two.Snapshot().Offset || one.Snapshot().Offset == 0 {
		t.Errorf("offsets %d and %d", one.Snapshot().Offset, two.Snapshot().Offset)
	}
}

func TestSnapshotNeverChanges(t *testing.T) {
	b := embeddedtest.Start(t)
	s := openConfig(t, options(t, b.Bootstrap(), "configs"))
	ctx := within(t, patience)
	must(t, s.PutConnector(ctx, "a", conf("1"), nil))
	must(t, s.PutTasks(ctx, "a", []map[string]string{conf("t")}))
	old := s.Snapshot()
	was := fmt.Sprintf("%+v", *old)
	must(t, s.PutConnector(ctx, "a", conf("2"), nil))
	must(t, s.PutTasks(ctx, "a", []map[string]string{conf("u")}))
	must(t, s.PutLogger(ctx, "root", "DEBUG"))
	if is := fmt.Sprintf("%+v", *old); is != was {
		t.Errorf("%s\nwas %s", is, was)
	}
	if first := s.Snapshot(); first != s.Snapshot() {
		t.Error("a snapshot is made again although nothing has changed")
	}
}

func TestOnlyLaterRequestsCount(t *testing.T) {
	b := embeddedtest.Start(t)
	first := openConfig(t, options(t, b.Bootstrap(), "configs"))
	ctx := within(t, patience)
	must(t, first.PutRestart(ctx, "old", true, false))
	must(t, first.PutLogger(ctx, "old", "DEBUG"))
	key := store.SessionKey{Key: []byte("secret"), Algorithm: "HmacSHA256", Created: time.UnixMilli(1795410819698)}
	must(t, first.PutSessionKey(ctx, key))

	s := openConfig(t, options(t, b.Bootstrap(), "configs"))
	if d := cmp.Diff(&key, s.Snapshot().SessionKey); d != "" {
		t.Error(d)
	}
	if text := fmt.Sprint(key, *s.Snapshot().SessionKey); strings.Contains(text, "secret") || strings.Contains(text, "115") {
		t.Errorf("the key shows in %s", text)
	}
	must(t, first.PutRestart(ctx, "x", false, true))
	must(t, first.PutRestart(ctx, "x", true, false))
	must(t, first.PutRestart(ctx, "x", false, false))
	must(t, first.PutRestart(ctx, "y", false, true))
	must(t, first.PutLogger(ctx, "root", "DEBUG"))
	must(t, s.Refresh(ctx))
	got := map[string]store.RestartRequest{}
	for range 2 {
		select {
		case r := <-s.Restarts():
			got[r.Connector] = r
		case <-ctx.Done():
			t.Fatal("no request")
		}
	}
	want := map[string]store.RestartRequest{"x": {Connector: "x", IncludeTasks: true}, "y": {Connector: "y", OnlyFailed: true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	select {
	case r := <-s.Restarts():
		t.Errorf("one more: %+v", r)
	default:
	}
	if d := cmp.Diff(map[string]string{"root": "DEBUG"}, s.Snapshot().LoggerLevels); d != "" {
		t.Error(d)
	}
}

func TestStrangeRecordsArePassedOver(t *testing.T) {
	b := embeddedtest.Start(t)
	o := options(t, b.Bootstrap(), "configs")
	openConfig(t, o)
	embeddedtest.Produce(t, b,
		embeddedtest.Record{Topic: "configs", Key: []byte("future-a"), Value: []byte(`{}`)},
		embeddedtest.Record{Topic: "configs", Key: []byte("future-b"), Value: []byte(`{}`)},
		embeddedtest.Record{Topic: "configs", Key: []byte("connector-a"), Value: []byte(`{"properties":`)},
		embeddedtest.Record{Topic: "configs", Key: nil, Value: nil},
		embeddedtest.Record{Topic: "configs", Key: []byte("connector-b"), Value: []byte(`{"properties":{"v":"1"}}`)},
	)
	var l logged
	o.Logger = slog.New(slog.NewTextHandler(&l, nil))
	s := openConfig(t, o)
	if d := cmp.Diff(map[string]store.ConnectorRecord{"b": {Config: conf("1"), Target: store.Started}}, s.Snapshot().Connectors); d != "" {
		t.Error(d)
	}
	log := l.String()
	if n := strings.Count(log, "unknown key"); n != 1 || !strings.Contains(log, "key=future-a") {
		t.Errorf("unknown keys are warned of %d times: %s", n, log)
	}
	if !strings.Contains(log, "partition=0 offset=2 key=connector-a") {
		t.Errorf("no warning with offset and key: %s", log)
	}
}

func TestTopicMustFit(t *testing.T) {
	b := embeddedtest.Start(t)
	create := func(topic string, partitions int32, policy string) {
		if err := b.Cluster().CreateTopic(topic, partitions, map[string]string{"cleanup.policy": policy}); err != nil {
			t.Fatal(err)
		}
	}
	create("wide", 2, "compact")
	create("delete", 1, "delete")
	create("both", 1, "compact,delete")
	create("good", 1, "compact")
	create("many", 7, "compact")
	for _, c := range []struct {
		name  string
		open  func(context.Context, store.Options) error
		topic string
		want  []string // in the error; none: it opens
	}{
		{"config of two partitions", config, "wide", []string{"topic wide", "config.storage.topic", "single partition", "has 2"}},
		{"config to be deleted", config, "delete", []string{"topic delete", "config.storage.topic", "cleanup.policy=compact", "cleanup.policy=delete"}},
		{"config also to be deleted", config, "both", []string{"cleanup.policy=compact,delete"}},
		{"config without a name", config, " ", []string{"config.storage.topic"}},
		{"config that fits", config, "good", nil},
		{"status to be deleted", status, "delete", []string{"status.storage.topic", "cleanup.policy=delete"}},
		{"status of many partitions", status, "many", nil},
		{"assignment of two partitions", assignment, "wide", []string{"assignment.storage.topic", "single partition"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, c.open(within(t, patience), options(t, b.Bootstrap(), c.topic)), c.want)
		})
	}
}

func config(ctx context.Context, o store.Options) error {
	s, err := store.OpenConfig(ctx, o)
	if err != nil {
		return err
	}
	return s.Close()
}

func status(ctx context.Context, o store.Options) error {
	s, err := store.OpenStatus(ctx, o)
	if err != nil {
		return err
	}
	return s.Close()
}

func assignment(ctx context.Context, o store.Options) error {
	s, err := store.OpenAssignment(ctx, o)
	if err != nil {
		return err
	}
	return s.Close()
}

func wantError(t *testing.T, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		must(t, err)
		return
	}
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in: %v", w, err)
		}
	}
}

func TestTooFewBrokers(t *testing.T) {
	b := embeddedtest.Start(t)
	o := options(t, b.Bootstrap(), "configs")
	o.ReplicationFactor = 3
	wantError(t, config(within(t, patience), o), []string{"topic configs", "replication factor 3", "too few brokers", "config.storage.replication.factor"})
	wantError(t, status(within(t, patience), o), []string{"status.storage.replication.factor"})
	o.ReplicationFactor = -1
	must(t, config(within(t, patience), o))
}

func TestNotAllowedToCreate(t *testing.T) {
	b := embeddedtest.Start(t)
	b.Cluster().ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = "configs", kerr.TopicAuthorizationFailed.Code
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	wantError(t, config(within(t, patience), options(t, b.Bootstrap(), "configs")), []string{"configs", "cleanup.policy=compact", "config.storage.topic"})
}

func TestCreatedTopics(t *testing.T) {
	b := embeddedtest.Start(t)
	o := options(t, b.Bootstrap(), "statuses")
	o.Partitions = 5
	openStatus(t, o)
	o.Topic = "configs"
	openConfig(t, o)
	for topic, want := range map[string]int{"statuses": 5, "configs": 1} {
		info := b.Cluster().TopicInfo(topic)
		if n := len(b.Cluster().PartitionInfos(topic)); n != want {
			t.Errorf("%s has %d partitions", topic, n)
			continue
		}
		if policy := info.Configs["cleanup.policy"]; policy == nil || *policy != "compact" {
			t.Errorf("%s is not compacted: %+v", topic, info.Configs)
		}
	}
}

// Several workers that start at once all find or create the topics.
func TestOpenTogether(t *testing.T) {
	b := embeddedtest.Start(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			o := options(t, b.Bootstrap(), "configs")
			for _, open := range []func(context.Context, store.Options) error{config, status} {
				o.Topic = fmt.Sprintf("topic-%p", open)
				must(t, open(within(t, patience), o))
			}
		})
	}
	wg.Wait()
}

func TestKafkaDownAndBack(t *testing.T) {
	dir := t.TempDir()
	b := embeddedtest.Start(t, embeddedtest.InDir(dir))
	address := b.Bootstrap()
	c := openConfig(t, options(t, address, "configs"))
	s := openStatus(t, options(t, address, "statuses"))
	ctx := within(t, patience)
	must(t, c.PutConnector(ctx, "a", conf("1"), nil))
	s.PutConnector(store.ConnectorStatus{Name: "a", State: store.StateRunning, WorkerID: "w", Generation: 1})
	must(t, s.Flush(ctx))
	must(t, b.Close())

	for name, call := range map[string]func(context.Context) error{
		"write":   func(ctx context.Context) error { return c.PutTarget(ctx, "a", store.Paused) },
		"refresh": c.Refresh,
	} {
		start := time.Now()
		err := call(within(t, 300*time.Millisecond))
		if took := time.Since(start); err == nil || took > soon {
			t.Errorf("%s: %v after %s", name, err, took)
		} else {
			wantError(t, err, []string{"configs"})
			t.Logf("%s after %s: %v", name, took, err)
		}
	}
	// What is known can be read, and what is written meanwhile comes when Kafka is back.
	s.PutConnector(store.ConnectorStatus{Name: "a", State: store.StatePaused, WorkerID: "w", Generation: 1})
	if got, _ := s.Connector("a"); got.State != store.StatePaused {
		t.Errorf("own write: %+v", got)
	}
	if err := s.Flush(within(t, 100*time.Millisecond)); err == nil {
		t.Error("flushed without Kafka")
	}
	if c.Snapshot().Connectors["a"].Config["v"] != "1" {
		t.Error("the snapshot is gone")
	}

	embeddedtest.Start(t, embeddedtest.InDir(dir), embeddedtest.On(address))
	back := time.Now()
	ctx = within(t, patience)
	must(t, c.PutConnector(ctx, "a", conf("2"), nil))
	t.Logf("writes %s after Kafka is back", time.Since(back))
	must(t, s.Flush(ctx))
	other := openStatus(t, options(t, address, "statuses"))
	if got, _ := other.Connector("a"); got.State != store.StatePaused {
		t.Errorf("as another reads it: %+v", got)
	}
	if got := openConfig(t, options(t, address, "configs")).Snapshot().Connectors["a"]; got.Config["v"] != "2" {
		t.Errorf("as another reads it: %+v", got)
	}
}

func TestNoKafkaAtAll(t *testing.T) {
	start := time.Now()
	err := config(within(t, 300*time.Millisecond), options(t, "127.0.0.1:1", "configs"))
	if took := time.Since(start); took > soon {
		t.Errorf("took %s", took)
	}
	wantError(t, err, []string{"configs", "config.storage.topic"})
	t.Log(err)
}

func TestStatusWrites(t *testing.T) {
	b := embeddedtest.Start(t)
	o := options(t, b.Bootstrap(), "statuses")
	o.Partitions = 3
	one, two := openStatus(t, o), openStatus(t, o)
	ctx := within(t, patience)
	sync := func() {
		t.Helper()
		must(t, one.Flush(ctx))
		must(t, one.Refresh(ctx))
		must(t, two.Flush(ctx))
		must(t, two.Refresh(ctx))
		must(t, one.Refresh(ctx))
	}
	task := func(state, worker string, generation int64) store.TaskStatus {
		return store.TaskStatus{Connector: "a", Task: 3, State: state, WorkerID: worker, Generation: generation, Version: "1"}
	}
	// Own writes are seen at once, in their order, whatever has been read back.
	for i := range 200 {
		want := task(store.StateRunning, "w1", int64(i))
		one.PutTask(want)
		if got, _ := one.Task("a", 3); got != want {
			t.Fatalf("read %+v after writing %+v", got, want)
		}
	}
	sync()
	for _, s := range []*store.StatusStore{one, two} {
		if got, _ := s.Task("a", 3); got.Generation != 199 {
			t.Errorf("%+v", got)
		}
	}
	// Safe writes give way to newer ones of others.
	if two.PutTaskSafe(task(store.StateUnassigned, "w2", 198)) {
		t.Error("an older generation of another worker was written")
	}
	if !one.PutTaskSafe(task(store.StateFailed, "w1", 150)) {
		t.Error("the same worker's was not written")
	}
	sync()
	if !two.PutTaskSafe(task(store.StateRunning, "w2", 150)) {
		t.Error("one of the same generation was not written")
	}
	sync()
	if got, _ := one.Task("a", 3); got != task(store.StateRunning, "w2", 150) {
		t.Errorf("another worker's write: %+v", got)
	}
	if !one.PutConnectorSafe(store.ConnectorStatus{Name: "a", State: store.StateRunning, WorkerID: "w1", Generation: 1}) {
		t.Error("the first was not written")
	}

	one.PutTopic(store.TopicStatus{Topic: "t", Connector: "a", Task: 3, DiscoverTimestamp: 1})
	one.PutTopic(store.TopicStatus{Topic: "t", Connector: "a", Task: 4, DiscoverTimestamp: 2}) // known already
	sync()
	if d := cmp.Diff([]store.TopicStatus{{Topic: "t", Connector: "a", Task: 3, DiscoverTimestamp: 1}}, two.Topics("a")); d != "" {
		t.Error(d)
	}
	one.ResetTopics("a")
	one.DeleteConnector("a")
	if _, ok := one.Connector("a"); ok || len(one.Tasks("a"))+len(one.Topics("a")) > 0 {
		t.Error("still there after the deletion")
	}
	sync()
	if _, ok := two.Connector("a"); ok || len(two.Tasks("a"))+len(two.Topics("a")) > 0 {
		t.Error("still there for another after the deletion")
	}
	fresh := openStatus(t, o)
	if got := fresh.Connectors(); len(got) != 0 {
		t.Errorf("a fresh store has %v", got)
	}
}

// A write that Kafka refuses is sent again, and one that has been overtaken is not. That is said once.
func TestStatusIsSentAgain(t *testing.T) {
	b := embeddedtest.Start(t)
	o, log := options(t, b.Bootstrap(), "statuses"), &logged{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	s := openStatus(t, o)
	s.PutTask(store.TaskStatus{Connector: "a", State: store.StateRunning, WorkerID: "w", Generation: 1})
	must(t, s.Flush(within(t, patience)))
	var refused atomic.Int32
	b.Cluster().ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		if refused.Add(1) > 3 {
			return nil, nil, false
		}
		in := req.(*kmsg.ProduceRequest)
		resp := in.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range in.Topics {
			out := kmsg.NewProduceResponseTopic()
			out.Topic, out.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition, part.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				out.Partitions = append(out.Partitions, part)
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp, nil, true
	})
	want := store.TaskStatus{Connector: "a", State: store.StateFailed, Trace: "why", WorkerID: "w", Generation: 2}
	s.PutTask(want)
	must(t, s.Flush(within(t, patience)))
	if n := refused.Load(); n != 4 {
		t.Fatalf("Kafka was asked %d times", n)
	}
	if n := strings.Count(log.String(), "statuses cannot be written"); n != 1 {
		t.Errorf("it is said %d times that statuses cannot be written:\n%s", n, log)
	}
	other := openStatus(t, options(t, b.Bootstrap(), "statuses"))
	if got, _ := other.Task("a", 0); got != want {
		t.Errorf("%+v", got)
	}
}

func TestPlacementRecord(t *testing.T) {
	b := embeddedtest.Start(t)
	open := func() *store.AssignmentStore {
		s, err := store.OpenAssignment(within(t, patience), options(t, b.Bootstrap(), "assignments"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { must(t, s.Close()) })
		return s
	}
	s := open()
	if d := cmp.Diff(store.Placement{}, s.Placement()); d != "" {
		t.Error(d)
	}
	// As large as they come: 100,000 tasks.
	p := store.Placement{Generation: 7, Leader: "127.0.0.1:1", LeaderURL: "http://127.0.0.1:1", Workers: map[string]store.Work{"127.0.0.1:2": {}}}
	w := store.Work{Connectors: []string{"a", "b"}}
	for n := range 100_000 {
		w.Tasks = append(w.Tasks, store.TaskRef{Connector: fmt.Sprintf("connector-%05d", n/10), Task: n % 10})
	}
	p.Workers["127.0.0.1:1"] = w
	ctx := within(t, patience)
	must(t, s.PutPlacement(ctx, p))
	m := store.Member{ID: "127.0.0.1:2", URL: "http://127.0.0.1:2", Version: "1", Process: "p", Plugins: map[string][]string{"file": {"1", "2"}}, Released: 7, Leaving: true}
	must(t, s.PutMember(ctx, m))
	other := open()
	if d := cmp.Diff(p, other.Placement()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]store.Member{m.ID: m}, other.Members()); d != "" {
		t.Error(d)
	}
	must(t, s.RemoveMember(ctx, m.ID))
	must(t, other.Refresh(ctx))
	if len(other.Members()) != 0 {
		t.Error("still known")
	}

	// The first placement of the highest generation counts: what is written by those who come late does not.
	late := store.Placement{Generation: 7, Leader: "127.0.0.1:2", Workers: map[string]store.Work{}}
	must(t, s.PutPlacement(ctx, late))
	if d := cmp.Diff(p, s.Placement()); d != "" || !s.Behind() {
		t.Errorf("behind %t: %s", s.Behind(), d)
	}
	next := store.Placement{
		Generation: 8, Leader: "127.0.0.1:2", Workers: map[string]store.Work{"127.0.0.1:2": {}},
		Revoked: map[string]store.Revoked{"127.0.0.1:1": {Generation: 8, Tasks: []store.TaskRef{{Connector: "a"}, {Connector: "a", Task: 1}}}},
	}
	must(t, s.PutPlacement(ctx, next))
	if d := cmp.Diff(next, s.Placement()); d != "" || s.Behind() {
		t.Errorf("behind %t: %s", s.Behind(), d)
	}
}

func TestClusterID(t *testing.T) {
	b := embeddedtest.Start(t)
	id, err := client(t, b.Bootstrap()).ClusterID(within(t, patience))
	if err != nil || id != "sluice-embedded" {
		t.Errorf("%q, %v", id, err)
	}
}

func BenchmarkPutConnector(b *testing.B) {
	broker := embeddedtest.Start(b)
	s := openConfig(b, options(b, broker.Bootstrap(), "configs"))
	ctx := within(b, time.Minute)
	must(b, s.PutConnector(ctx, "a", conf("0"), nil))
	b.ResetTimer()
	for b.Loop() {
		if err := s.PutConnector(ctx, "a", conf("1"), nil); err != nil {
			b.Fatal(err)
		}
	}
}
