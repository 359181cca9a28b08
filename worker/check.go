package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
)

// checkWithin bounds a check.
const checkWithin = time.Minute

// checker looks at what a worker would find, and changes nothing.
type checker struct {
	w      config.Worker
	log    *slog.Logger
	out    io.Writer
	client *store.Client
	host   *pluginhost.Host
}

// check says what a worker would find and do. The error is why it could not start.
func check(ctx context.Context, w config.Worker, log *slog.Logger, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	props, err := w.ClientProps(log)
	if err != nil {
		return err
	}
	client, err := store.NewClient(props, log)
	if err != nil {
		return fmt.Errorf("making a Kafka client of the worker properties: %w", err)
	}
	defer client.Close()
	host, err := pluginhost.New(pluginhost.Config{Paths: w.PluginPath, RunDir: w.RunDir, Env: w.PluginEnv, MTLS: w.PluginMTLS, Logger: log})
	if err != nil {
		return err
	}
	defer host.Close(context.WithoutCancel(ctx)) //nolint:errcheck // at exit
	if err := host.Rescan(ctx); err != nil {
		return err
	}
	c := checker{w: w, log: log, out: out, client: client, host: host}
	id, err := client.ClusterID(ctx)
	if err != nil {
		return err
	}
	c.say("Kafka cluster %s at %s", id, strings.Join(w.BootstrapServers, ","))
	refused := c.group(ctx)
	if err := c.topics(ctx); err != nil {
		return errors.Join(refused, err)
	}
	return refused
}

func (c checker) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.out, format+"\n", args...) // a terminal that went away has no interest
}

// group says who is in the group; an error is why a worker cannot join it.
func (c checker) group(ctx context.Context) error {
	seen, err := cluster.Inspect(ctx, c.client, c.w.GroupID, c.w.AssignmentTopic)
	switch {
	case err != nil:
		c.say("group %s: a worker could not join now", c.w.GroupID)
	case seen.Foreign:
		c.say("group %s: it is that of Kafka Connect's workers; a worker of sluice starts when all of them have left it", c.w.GroupID)
	case len(seen.Workers) == 0:
		c.say("group %s: nobody is in it; a worker would lead", c.w.GroupID)
	default:
		c.say("group %s: a worker would join %s", c.w.GroupID, strings.Join(seen.Workers, ", "))
	}
	return err
}

// topics says what the topics of the worker hold.
func (c checker) topics(ctx context.Context) error {
	options := func(topic string) store.Options {
		return store.Options{Client: c.client, Topic: topic, ReadOnly: true, Logger: c.log}
	}
	assignment, err := store.OpenAssignment(ctx, options(c.w.AssignmentTopic))
	switch {
	case errors.Is(err, store.ErrNoTopic):
		c.say("topic %s would be created", c.w.AssignmentTopic)
	case err != nil:
		return err
	default:
		c.say("topic %s: placements up to generation %d", c.w.AssignmentTopic, assignment.Placement().Generation)
		defer assignment.Close() //nolint:errcheck // it was read only
	}
	statuses, err := store.OpenStatus(ctx, options(c.w.StatusTopic))
	switch {
	case errors.Is(err, store.ErrNoTopic):
		c.say("topic %s would be created", c.w.StatusTopic)
	case err != nil:
		return err
	default:
		defer statuses.Close() //nolint:errcheck // it was read only
	}
	configs, err := store.OpenConfig(ctx, options(c.w.ConfigTopic))
	switch {
	case errors.Is(err, store.ErrNoTopic):
		c.say("topic %s would be created: there are no connectors", c.w.ConfigTopic)
		return nil
	case err != nil:
		return err
	}
	defer configs.Close() //nolint:errcheck // it was read only
	return c.connectors(ctx, configs.Snapshot(), statuses)
}

// connectors says what would become of each connector.
func (c checker) connectors(ctx context.Context, snap *store.ConfigSnapshot, statuses *store.StatusStore) error {
	c.say("topic %s: %d connectors\n", c.w.ConfigTopic, len(snap.Connectors))
	if len(snap.Connectors) == 0 {
		return nil
	}
	groups := store.NewGroups(c.client)
	t := newTable("CONNECTOR", "CLASS", "WAS", "WOULD BE", "TASKS", "OFFSETS")
	for _, name := range snap.Names() {
		r := snap.Connectors[name]
		class := r.Config["connector.class"]
		was := "unknown"
		if statuses != nil {
			if s, ok := statuses.Connector(name); ok {
				was = s.State
			}
		}
		would := map[string]string{"": "RUNNING", store.Started: "RUNNING", store.Paused: "PAUSED", store.Stopped: "STOPPED"}[r.Target]
		if _, err := c.host.Find(class, r.Config["connector.plugin.version"]); err != nil {
			would = "FAILED: no plugin has this class"
		}
		committed, err := groups.Committed(ctx, cmp.Or(r.Config["consumer.override.group.id"], "connect-"+name))
		if err != nil {
			return err
		}
		offsets := "none"
		if len(committed) > 0 {
			var sum int64
			for _, o := range committed {
				sum += o.Offset
			}
			offsets = fmt.Sprintf("%d in %d partitions", sum, len(committed))
		}
		t.row(name, class, was, would, strconv.Itoa(len(r.Tasks)), offsets)
	}
	_, err := io.WriteString(c.out, t.text())
	return err
}
