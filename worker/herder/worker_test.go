package herder_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/embedded"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/herder"
	"github.com/sluice-connect/sluice/worker/metrics"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
)

const (
	// patience is for what must happen some time.
	patience = 2 * time.Minute

	// soon is for what must not wait for anything: far more than it takes, because the machine may be slow.
	soon = 20 * time.Second
)

// site is what workers find: a broker and a folder with plugins.
type site struct {
	t       testing.TB
	broker  *embedded.Broker
	plugins string
}

func newSite(t testing.TB, options ...func(*embedded.Config)) *site {
	t.Helper()
	s := &site{t: t, broker: embeddedtest.Start(t, options...), plugins: t.TempDir()}
	s.install("diary", "1.0.0")
	return s
}

// in is the same site for a part of the test.
func (s *site) in(t testing.TB) *site {
	t.Helper()
	part := *s
	part.t = t
	return &part
}

// install puts a plugin into the folder, or replaces it. It is a script that becomes the test binary, with a variable that makes
// it a diary.
func (s *site) install(name, version string) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=%s %s=%s exec %q\n", diaryName, name, diaryVersion, version, self)
	path := filepath.Join(s.plugins, name)
	syscall.ForkLock.RLock() // a process that is started meanwhile would have the file open, and an open file cannot be executed
	err = os.WriteFile(path+".tmp", []byte(script), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		s.t.Fatal(err)
	}
}

// props are the worker properties, quick ones, changed by pairs of key and value.
func (s *site) props(pairs ...string) map[string]string {
	p := map[string]string{
		"bootstrap.servers": s.broker.Bootstrap(), "group.id": "workers", "plugin.path": s.plugins,
		"rest.advertised.host.name": "127.0.0.1", "rest.advertised.port": "8083",
		"key.converter":                  "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "false",
		"config.storage.topic":           "configs", "config.storage.replication.factor": "1",
		"status.storage.topic": "statuses", "status.storage.replication.factor": "1", "status.storage.partitions": "2",
		"session.timeout.ms": "10000", "scheduled.rebalance.max.delay.ms": "0",
		"offset.flush.interval.ms": "50", "task.shutdown.graceful.timeout.ms": "5000",
		"sluice.restart.backoff.max.ms":               "1000",
		"consumer.topic.metadata.refresh.interval.ms": "200", "consumer.heartbeat.interval.ms": "100", "consumer.fetch.max.wait.ms": "100",
	}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	return p
}

// worker is a herder with all that it needs, put together as the command does it.
type worker struct {
	*herder.Herder
	config   config.Worker
	host     *pluginhost.Host
	configs  *store.ConfigStore
	statuses *store.StatusStore
	member   *cluster.Membership

	stop    context.CancelFunc
	done    chan struct{}
	closers []func(context.Context) error
	closing sync.Once
}

// start starts a worker, which is closed when the test ends.
func (s *site) start(pairs ...string) *worker {
	s.t.Helper()
	w := s.join(pairs...)
	s.settled(w)
	return w
}

// join is start without waiting for the worker to have its place.
func (s *site) join(pairs ...string) *worker {
	s.t.Helper()
	log := slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	w, err := startWorker(s.props(pairs...), log)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.close(w) })
	return w
}

func (s *site) settled(w *worker) {
	s.t.Helper()
	eventually(s.t, "worker to be ready", func() bool { return w.Health(s.t.Context()).Status == "healthy" && w.member.Settled() })
}

// close ends a worker in order, and waits for clients that its tasks have left alone because they took long to close. Without
// their broker, which ends after the workers of a test, they would take a minute, and as long where a commit stands behind a request to
// join that is not answered because the others have ended.
func (s *site) close(w *worker) {
	s.t.Helper()
	if err := w.close(); err != nil {
		s.t.Errorf("closing the worker: %v", err)
	}
	stacks := make([]byte, 4<<20)
	within(s.t, patience, "the end of the clients", func() bool {
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "task.(*run).shutdown.func")
	})
}

func startWorker(props map[string]string, log *slog.Logger) (_ *worker, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w := &worker{done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.config, err = config.ParseWorker(props, log); err != nil {
		return nil, err
	}
	w.host, err = pluginhost.New(pluginhost.Config{Paths: w.config.PluginPath, RunDir: w.config.RunDir, Logger: log})
	if err != nil {
		return nil, err
	}
	w.onClose(w.host.Close)
	if err := w.host.Rescan(ctx); err != nil {
		return nil, err
	}
	client, err := store.NewClient(map[string]string{"bootstrap.servers": props["bootstrap.servers"]}, log)
	if err != nil {
		return nil, err
	}
	w.onClose(func(context.Context) error { client.Close(); return nil })
	options := func(topic string, partitions int) store.Options {
		return store.Options{Client: client, Topic: topic, ReplicationFactor: 1, Partitions: partitions, Logger: log}
	}
	if w.configs, err = store.OpenConfig(ctx, options(w.config.ConfigTopic, 1)); err != nil {
		return nil, err
	}
	w.onClose(func(context.Context) error { return w.configs.Close() })
	if w.statuses, err = store.OpenStatus(ctx, options(w.config.StatusTopic, w.config.StatusPartitions)); err != nil {
		return nil, err
	}
	w.onClose(func(ctx context.Context) error { return errors.Join(w.statuses.Flush(ctx), w.statuses.Close()) })
	assignment, err := store.OpenAssignment(ctx, options(w.config.AssignmentTopic, 1))
	if err != nil {
		return nil, err
	}
	w.onClose(func(context.Context) error { return assignment.Close() })
	w.member, err = cluster.Join(ctx, cluster.Config{
		Client: client, Store: assignment, GroupID: w.config.GroupID, URL: w.config.Advertised(nil),
		Plugins: w.host.Offered(), Can: pluginhost.Fits, Generation: w.statuses.Generation(),
		SessionTimeout: w.config.SessionTimeout, HeartbeatInterval: 100 * time.Millisecond, RebalanceDelay: w.config.RebalanceDelay, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	w.onClose(w.member.Leave)
	w.Herder = herder.New(herder.Config{
		Worker: w.config, Version: "1.2.3", Commit: "abc", ClusterID: "test",
		Configs: w.configs, Statuses: w.statuses, Members: w.member, Plugins: w.host,
		Offsets: store.NewGroups(client), Metrics: metrics.New(), Levels: herder.NewLevels(slog.LevelInfo), Logger: log,
	})
	run, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		defer close(w.done)
		w.Run(run)
	}()
	w.onClose(func(context.Context) error { stop(); <-w.done; return nil })
	return w, nil
}

func (w *worker) onClose(f func(context.Context) error) { w.closers = append(w.closers, f) }

// close closes what was opened, the last first.
func (w *worker) close() (err error) {
	w.closing.Do(func() {
		for _, v := range slices.Backward(w.closers) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			err = errors.Join(err, v(ctx))
			cancel()
		}
	})
	return err
}

// connector is a configuration of a connector that keeps this diary, changed by pairs of key and value; an empty value removes.
func (b book) connector(topics string, pairs ...string) map[string]string {
	c := map[string]string{"connector.class": diaryClass, "topics": topics, "diary.folder": b.dir}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "" {
			delete(c, pairs[i])
		}
	}
	return c
}

// create makes a connector and waits until all of its tasks run.
func (s *site) create(w *worker, name string, cfg map[string]string) {
	s.t.Helper()
	if _, err := w.Create(s.t.Context(), api.CreateRequest{Name: name, Config: cfg}); err != nil {
		s.t.Fatalf("creating %s: %v", name, err)
	}
	n, err := strconv.Atoi(cmp.Or(cfg["tasks.max"], "1"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.running(w, name, n)
}

// running waits until a connector and exactly n tasks run without trouble.
func (s *site) running(w *worker, name string, n int) {
	s.t.Helper()
	s.states(w, name, "RUNNING", "RUNNING", n)
}

// states waits until a connector and exactly n tasks have these states.
func (s *site) states(w *worker, name, connector, task string, n int) {
	s.t.Helper()
	var st api.ConnectorStatus
	deadline := time.Now().Add(patience)
	for {
		var err error
		st, err = w.Status(s.t.Context(), name)
		ok := err == nil && st.Connector.State == connector && len(st.Tasks) == n
		for _, t := range st.Tasks {
			ok = ok && t.State == task && (task != "RUNNING" || t.Trace == "")
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s is not %s with %d tasks %s: %+v, %v", name, connector, n, task, st, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// task waits until a task has a state, with a trace that contains a text.
func (s *site) task(w *worker, name string, n int, state, trace string) api.TaskStatus {
	s.t.Helper()
	var st api.TaskStatus
	deadline := time.Now().Add(patience)
	for {
		var err error
		st, err = w.TaskStatus(s.t.Context(), api.TaskID{Connector: name, Task: n})
		if err == nil && st.State == state && strings.Contains(st.Trace, trace) {
			return st
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("task %s-%d is not %s with %q: %+v, %v", name, n, state, trace, st, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// told waits until a task has once had a state that contains a text, which may have been over in a moment.
func (s *site) told(name string, n int, text string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("task %s-%d to be told of as %s", name, n, text), func() bool {
		return slices.ContainsFunc(s.history(fmt.Sprintf("status-task-%s-%d", name, n)), func(v string) bool { return strings.Contains(v, text) })
	})
}

// arrive produces a value to a partition and waits until it is in the diary.
func (s *site) arrive(b book, topic string, partition int32, value string) {
	s.t.Helper()
	embeddedtest.Produce(s.t, s.broker, embeddedtest.Values(topic, partition, value)...)
	s.arrived(b, topic, partition, value)
}

func (s *site) arrived(b book, topic string, partition int32, value string) {
	s.t.Helper()
	eventually(s.t, value+" in the diary", func() bool {
		return slices.Contains(b.values(topic, partition), value)
	})
}

// status gives the HTTP status of an error of the herder, 0 where it has none.
func status(err error) int {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Status
	}
	return 0
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// childProps are the properties of a worker in a process of its own, which can be killed.
const childProps = "HERDER_TEST_WORKER"

func child() {
	var props map[string]string
	err := json.Unmarshal([]byte(os.Getenv(childProps)), &props)
	if err == nil {
		_, err = startWorker(props, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {} // until killed
}

// startChild starts a worker as a process. It is killed when the test ends, at the latest.
func (s *site) startChild(pairs ...string) (kill func()) {
	s.t.Helper()
	props, err := json.Marshal(maps.Clone(s.props(pairs...)))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childProps+"="+string(props))
	cmd.Stderr = s.t.Output()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: always an error
	})
	s.t.Cleanup(kill)
	return kill
}
