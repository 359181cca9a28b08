package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/herder"
	"github.com/sluice-connect/sluice/worker/metrics"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
)

// connectWithin is how long a worker tries to reach Kafka when it starts, before it gives up.
const connectWithin = 2 * time.Minute

// workerRuntime is a running worker: everything that was opened, in the order in which it was.
type workerRuntime struct {
	log     *slog.Logger
	rest    *api.Server
	member  *cluster.Membership
	herding chan struct{} // closed when the herder has ended
	closers []closer
	closing time.Time // when closing has to be over
}

type closer struct {
	what   string
	within time.Duration // 0: a share of closeWithin
	close  func(context.Context) error
}

func (r *workerRuntime) onClose(what string, f func(context.Context) error) {
	r.closers = append(r.closers, closer{what: what, close: f})
}

// startWorker opens the REST listeners, joins the cluster and sets the herder to work. The REST API answers from the
// first moment: that the worker is starting, until it can do more.
func startWorker(ctx context.Context, w config.Worker, log *slog.Logger, levels levelControl) (_ *workerRuntime, err error) {
	r := &workerRuntime{log: log, herding: make(chan struct{})}
	defer func() {
		if err != nil {
			r.close(context.WithoutCancel(ctx))
		}
	}()
	registry := metrics.New()
	r.rest, err = api.Listen(restOptions(w, log, registry))
	if err != nil {
		return nil, err
	}
	r.onClose("REST API", r.rest.Close)
	listening := r.rest.URLs()[0]
	advertised := w.Advertised(r.rest.URLs()[:max(len(w.Listeners), 1)])
	host, err := pluginhost.New(pluginhost.Config{
		Paths: w.PluginPath, RunDir: w.RunDir, Env: w.PluginEnv, MTLS: w.PluginMTLS, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	r.onClose("plugin host", host.Close)

	props, err := w.ClientProps(log)
	if err != nil {
		return nil, err
	}
	client, err := store.NewClient(props, log)
	if err != nil {
		return nil, fmt.Errorf("making a Kafka client of the worker properties: %w", err)
	}
	r.onClose("Kafka client", func(context.Context) error { client.Close(); return nil })

	state, err := openState(ctx, w, client, host, log)
	if err != nil {
		return nil, err
	}
	r.onClose("config topic", func(context.Context) error { return state.configs.Close() })
	r.onClose("status topic", func(ctx context.Context) error { return errors.Join(state.statuses.Flush(ctx), state.statuses.Close()) })
	r.onClose("assignment topic", func(context.Context) error { return state.assignment.Close() })

	r.member, err = cluster.Join(ctx, cluster.Config{
		Client: client, Store: state.assignment, GroupID: w.GroupID, URL: advertised, Version: version,
		Plugins: host.Offered(), Can: pluginhost.Fits, Generation: state.statuses.Generation(),
		SessionTimeout: w.SessionTimeout, HeartbeatInterval: w.HeartbeatInterval,
		RebalanceDelay: w.RebalanceDelay, ReleaseTimeout: w.ReleaseTimeout, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	r.onClose("membership", r.leave)

	h := herder.New(herder.Config{
		Worker: w, Version: version, Commit: commit, ClusterID: state.clusterID,
		Configs: state.configs, Statuses: state.statuses, Members: r.member, Plugins: host,
		Offsets: store.NewGroups(client), Metrics: registry, Levels: levels, Logger: log,
	})
	hctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(r.herding)
		h.Run(hctx)
	}()
	r.closers = append(r.closers, closer{"tasks", w.GracefulTimeout + stopMargin, func(context.Context) error { stop(); <-r.herding; return nil }})
	r.rest.Attach(h)
	log.Info("worker is up", "version", version, "rest", listening.String(), "advertised", advertised, "kafka", strings.Join(w.BootstrapServers, ","), "plugins", strings.Join(w.PluginPath, ","))
	return r, nil
}

// leave hands over the work, which is with nobody by now. While tasks are still there the place is kept: Kafka gives it up when the
// session is over.
func (r *workerRuntime) leave(ctx context.Context) error {
	select {
	case <-r.herding:
		return r.member.Leave(ctx)
	default:
		return errors.New("tasks have not ended, so that nobody may have them before the session is over")
	}
}

type workerState struct {
	configs    *store.ConfigStore
	statuses   *store.StatusStore
	assignment *store.AssignmentStore
	clusterID  string
}

// openState opens the three topics and looks for plugins, all side by side. While Kafka is away it tries again.
func openState(ctx context.Context, w config.Worker, client *store.Client, host *pluginhost.Host, log *slog.Logger) (*workerState, error) {
	deadline := time.Now().Add(connectWithin)
	for {
		s, err := tryOpenState(ctx, w, client, host, log)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) || !errors.Is(err, context.DeadlineExceeded) {
			return s, err
		}
		log.Warn("Kafka is not reachable; trying again", "bootstrap", strings.Join(w.BootstrapServers, ","), "error", err)
	}
}

func tryOpenState(ctx context.Context, w config.Worker, client *store.Client, host *pluginhost.Host, log *slog.Logger) (*workerState, error) {
	var s workerState
	g, gctx := errgroup.WithContext(ctx)
	options := func(topic string, replication, partitions int) store.Options {
		return store.Options{Client: client, Topic: topic, ReplicationFactor: replication, Partitions: partitions, Logger: log}
	}
	g.Go(func() (err error) {
		s.configs, err = store.OpenConfig(gctx, options(w.ConfigTopic, w.ConfigReplication, 1))
		return err
	})
	g.Go(func() (err error) {
		s.statuses, err = store.OpenStatus(gctx, options(w.StatusTopic, w.StatusReplication, w.StatusPartitions))
		return err
	})
	g.Go(func() (err error) {
		s.assignment, err = store.OpenAssignment(gctx, options(w.AssignmentTopic, w.ConfigReplication, 1))
		return err
	})
	g.Go(func() (err error) {
		s.clusterID, err = client.ClusterID(gctx)
		return err
	})
	g.Go(func() error { return host.Rescan(gctx) })
	if err := g.Wait(); err != nil {
		if s.configs != nil {
			err = errors.Join(err, s.configs.Close())
		}
		if s.statuses != nil {
			err = errors.Join(err, s.statuses.Close())
		}
		if s.assignment != nil {
			err = errors.Join(err, s.assignment.Close())
		}
		return nil, err
	}
	return &s, nil
}

// restOptions are the worker properties of the REST API.
func restOptions(w config.Worker, log *slog.Logger, registry *metrics.Registry) api.ServerOptions {
	o := api.ServerOptions{
		Options: api.Options{
			Logger: log, AllowOrigin: w.AllowOrigin, AllowMethods: w.AllowMethods, ResponseHeaders: w.ResponseHeaders,
			BasicAuthFile: w.BasicAuthFile, Metrics: registry.Handler(),
		},
		Listeners: w.Listeners,
		TLS:       api.TLS(w.TLS),
		AdminTLS:  api.TLS(w.AdminTLS),
	}
	if w.AdminSet {
		o.AdminListeners = append([]string{}, w.AdminListeners...)
	}
	return o
}

// wait returns when the context ends and everything is closed, or when the worker cannot go on.
func (r *workerRuntime) wait(ctx context.Context) error {
	var failed error
	select {
	case <-ctx.Done():
		r.log.Info("stopping: tasks make durable what they hold, then the worker leaves")
	case <-r.member.Done():
		failed = r.member.Err()
	case failed = <-r.rest.Failed():
	}
	r.close(context.WithoutCancel(ctx))
	if failed == nil {
		r.log.Info("stopped")
	}
	return failed
}

// How long stopping may take, also when nothing answers: the tasks get task.shutdown.graceful.timeout.ms and stopMargin, for their plugins
// to end; all other parts together closeWithin, each at most half of it; and one that does not obey is left alone after a moment.
const (
	stopMargin  = 5 * time.Second
	closeWithin = 10 * time.Second
	obeyWithin  = 200 * time.Millisecond
)

// close closes what was opened, the last first: tasks, and then what they needed.
func (r *workerRuntime) close(ctx context.Context) {
	for _, c := range slices.Backward(r.closers) {
		within := c.within
		if within == 0 {
			if r.closing.IsZero() {
				r.closing = time.Now().Add(closeWithin)
			}
			within = min(closeWithin/2, time.Until(r.closing))
		}
		if err := c.run(ctx, within); err != nil {
			r.log.Warn("closing did not go well", "part", c.what, "error", err)
		}
	}
	r.closers = nil
}

// run closes a part, or leaves it alone when it takes too long: the process ends, and what it holds with it.
func (c closer) run(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.close(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(obeyWithin):
		return fmt.Errorf("it takes longer than %s and is left alone", max(within, 0).Round(time.Millisecond))
	}
}
