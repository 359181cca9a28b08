package herder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/store"
)

// leaderWithin is how long a request that only the leader can serve waits for there to be one: a moment after a start, or after
// the leader has gone. Kafka Connect answers 409 at once.
const leaderWithin = 10 * time.Second

// goneWithin is how long a deletion waits for the tasks to end.
const goneWithin = 10 * time.Second

// leading waits until this worker leads; where another does, the request is for that one.
func (h *Herder) leading(ctx context.Context) error {
	url := ""
	ok := h.eventually(ctx, leaderWithin, func() bool {
		if h.members.Leading() {
			return true
		}
		url = h.members.LeaderURL()
		return url != ""
	})
	switch {
	case ok && h.members.Leading():
		return nil
	case url == "":
		return noLeader()
	default:
		return &api.Elsewhere{URL: url}
	}
}

func noLeader() error {
	return &api.Error{
		Status:     http.StatusConflict,
		Message:    "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.",
		RetryAfter: time.Second,
	}
}

// eventually waits until cond holds; the conditions it is used for change within milliseconds.
func (h *Herder) eventually(ctx context.Context, within time.Duration, cond func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return cond()
		case <-tick.C:
		}
	}
	return true
}

// alone makes one change of configurations at a time, so that what it was decided upon still holds when it is written. f must not
// call a plugin (invariant 6).
func (h *Herder) alone(ctx context.Context, f func() error) error {
	select {
	case h.writing <- struct{}{}:
		defer func() { <-h.writing }()
		return f()
	case <-ctx.Done():
		return fmt.Errorf("waiting for another change of configurations: %w", ctx.Err())
	}
}

// Create makes a new connector.
func (h *Herder) Create(ctx context.Context, req api.CreateRequest) (api.ConnectorInfo, error) {
	if err := h.leading(ctx); err != nil {
		return api.ConnectorInfo{}, err
	}
	cfg, err := h.check(ctx, named(req.Name, req.Config), nil)
	if err != nil {
		return api.ConnectorInfo{}, err
	}
	var target *string
	if req.InitialState != "" {
		s := string(req.InitialState)
		target = &s
	}
	err = h.alone(ctx, func() error {
		if _, exists := h.configs.Snapshot().Connectors[req.Name]; exists {
			return &api.Error{Status: http.StatusConflict, Message: "Connector " + req.Name + " already exists"}
		}
		return h.configs.PutConnector(ctx, req.Name, cfg, target)
	})
	if err != nil {
		return api.ConnectorInfo{}, err
	}
	h.log.Info("connector created", "connector", req.Name, "class", cfg["connector.class"])
	return h.info(req.Name, cfg, 0), nil
}

// PutConfig changes the configuration of a connector, or makes the connector.
func (h *Herder) PutConfig(ctx context.Context, name string, cfg map[string]string) (api.ConnectorInfo, bool, error) {
	if err := h.leading(ctx); err != nil {
		return api.ConnectorInfo{}, false, err
	}
	return h.put(ctx, name, named(name, cfg), nil)
}

// named completes a configuration with the connector's name.
func named(name string, cfg map[string]string) map[string]string {
	cfg = maps.Clone(cfg)
	if cfg == nil {
		cfg = map[string]string{}
	}
	if _, ok := cfg["name"]; !ok {
		cfg["name"] = name
	}
	return cfg
}

// errChanged says that a configuration is not any more what a change of it was based on.
var errChanged = errors.New("the configuration has changed meanwhile")

// put writes a configuration that was made of base, unless that is nil.
func (h *Herder) put(ctx context.Context, name string, cfg, base map[string]string) (api.ConnectorInfo, bool, error) {
	cfg, err := h.check(ctx, cfg, h.configs.Snapshot().Connectors[name].Config)
	if err != nil {
		return api.ConnectorInfo{}, false, err
	}
	var old store.ConnectorRecord
	var exists bool
	err = h.alone(ctx, func() error {
		old, exists = h.configs.Snapshot().Connectors[name]
		if base != nil && !maps.Equal(base, old.Config) {
			return errChanged
		}
		return h.configs.PutConnector(ctx, name, cfg, nil)
	})
	if err != nil {
		return api.ConnectorInfo{}, false, err
	}
	h.mu.Lock()
	delete(h.warned, name)
	h.mu.Unlock()
	return h.info(name, cfg, len(old.Tasks)), !exists, nil
}

// PatchConfig changes some keys; a nil value removes one.
func (h *Herder) PatchConfig(ctx context.Context, name string, patch map[string]*string) (api.ConnectorInfo, error) {
	if err := h.leading(ctx); err != nil {
		return api.ConnectorInfo{}, err
	}
	for {
		c, ok := h.configs.Snapshot().Connectors[name]
		if !ok {
			return api.ConnectorInfo{}, notFound("Connector " + name + " not found")
		}
		cfg := maps.Clone(c.Config)
		for k, v := range patch {
			if v == nil {
				delete(cfg, k)
			} else {
				cfg[k] = *v
			}
		}
		info, _, err := h.put(ctx, name, cfg, c.Config) // as it is: unlike in a PUT, Kafka Connect lets a patch take or change the name
		if !errors.Is(err, errChanged) {
			return info, err
		}
	}
}

// check refuses what is wrong with a configuration, naming every wrong key. Masked passwords stand for the stored ones.
func (h *Herder) check(ctx context.Context, cfg, stored map[string]string) (map[string]string, error) {
	cfg = config.Unmask(cfg, stored, h.passwords(cfg["connector.class"]))
	infos, err := h.validate(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	if infos.ErrorCount == 0 {
		return cfg, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Connector configuration is invalid and contains the following %d error(s):", infos.ErrorCount)
	for _, c := range infos.Configs {
		for _, e := range c.Value.Errors {
			b.WriteString("\n" + e)
		}
	}
	b.WriteString("\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`")
	return nil, &api.Error{Status: http.StatusBadRequest, Message: b.String()}
}

// Delete removes a connector. When it returns, its tasks have ended and its status is gone, unless a worker takes too long for it.
func (h *Herder) Delete(ctx context.Context, name string) error {
	if err := h.leading(ctx); err != nil {
		return err
	}
	err := h.alone(ctx, func() error {
		if !h.exists(name) {
			return notFound("Connector " + name + " not found")
		}
		return h.configs.Remove(ctx, name)
	})
	if err != nil {
		return err
	}
	h.poke() // the loop ends the tasks and forgets the states
	h.eventually(ctx, goneWithin, func() bool {
		_, known := h.statuses.Connector(name)
		return h.exists(name) || !known && !h.runs(name) // or somebody has made it anew
	})
	h.log.Info("connector deleted", "connector", name)
	return h.statuses.Flush(ctx)
}

func (h *Herder) exists(name string) bool {
	_, ok := h.configs.Snapshot().Connectors[name]
	return ok
}

// runs tells whether a task of a connector runs on this worker or, by what others have reported, elsewhere.
func (h *Herder) runs(name string) bool {
	h.mu.Lock()
	for id := range h.tasks {
		if id.connector == name {
			h.mu.Unlock()
			return true
		}
	}
	h.mu.Unlock()
	return len(h.statuses.Tasks(name)) > 0
}

// SetState pauses, resumes or stops a connector.
func (h *Herder) SetState(ctx context.Context, name string, target api.TargetState) error {
	if !h.exists(name) {
		return notFound("Unknown connector " + name)
	}
	if target == api.Stopped {
		if err := h.leading(ctx); err != nil {
			return err
		}
	}
	err := h.alone(ctx, func() error {
		if !h.exists(name) {
			return notFound("Unknown connector " + name)
		}
		return h.configs.PutTarget(ctx, name, string(target))
	})
	if err != nil {
		return err
	}
	h.poke()
	if target == api.Stopped { // what was stopped has no tasks left when the answer comes
		h.eventually(ctx, goneWithin, func() bool {
			c := h.configs.Snapshot().Connectors[name]
			return c.Target != stopped || len(c.Tasks) == 0 && !h.runs(name) // or somebody wants something else by now
		})
		return h.statuses.Flush(ctx)
	}
	return nil
}

// Restart restarts a connector and, if asked, its tasks. The status is what they will have next.
func (h *Herder) Restart(ctx context.Context, name string, opts api.RestartOptions) (api.ConnectorStatus, error) {
	if _, ok := h.configs.Snapshot().Connectors[name]; !ok {
		return api.ConnectorStatus{}, notFound("Unknown connector: " + name)
	}
	status, err := h.Status(ctx, name)
	if err != nil {
		return api.ConnectorStatus{}, err
	}
	if err := h.rescan(ctx); err != nil { // a plugin that was replaced comes into use now
		return api.ConnectorStatus{}, err
	}
	if !opts.OnlyFailed || status.Connector.State == stateFailed {
		status.Connector.State = stateRestarting // and why it failed, as in Kafka Connect
	}
	for i := range status.Tasks {
		if opts.IncludeTasks && (!opts.OnlyFailed || status.Tasks[i].State == stateFailed) {
			status.Tasks[i].State = stateRestarting
		}
	}
	if err := h.configs.PutRestart(ctx, name, opts.IncludeTasks, opts.OnlyFailed); err != nil {
		return api.ConnectorStatus{}, err
	}
	h.poke()
	return status, nil
}

// RestartTask restarts one task.
func (h *Herder) RestartTask(ctx context.Context, id api.TaskID) error {
	c, ok := h.configs.Snapshot().Connectors[id.Connector]
	switch {
	case !ok:
		return notFound("Unknown connector: " + id.Connector)
	case c.Target == stopped:
		return noLeader()
	case id.Task < 0 || id.Task >= len(c.Tasks):
		return notFound("Unknown task: " + taskID{id.Connector, id.Task}.String())
	}
	h.mu.Lock()
	r := h.tasks[taskID{id.Connector, id.Task}]
	h.mu.Unlock()
	if owner := h.owner(id); r == nil && owner != h.members.ID() && h.members.URL(owner) != "" {
		return &api.Elsewhere{URL: h.members.URL(owner)}
	}
	if r == nil {
		return &api.Error{Status: http.StatusConflict, Message: "Cannot complete request because of a conflicting operation (e.g. worker rebalance)", RetryAfter: time.Second}
	}
	if err := h.rescan(ctx); err != nil {
		return err
	}
	r.restart(false)
	return nil
}

// owner is the worker that a task is placed on; empty where it is on none.
func (h *Herder) owner(id api.TaskID) string {
	for worker, w := range h.members.Placement().Workers {
		if slices.Contains(w.Tasks, cluster.TaskRef{Connector: id.Connector, Task: id.Task}) {
			return worker
		}
	}
	return ""
}

// shown prints a configuration of which nobody knows what is secret: only keys that every sink connector has show their
// values.
func shown(cfg map[string]string) string {
	def := config.SinkDef()
	pairs := make([]string, 0, len(cfg))
	for _, k := range slices.Sorted(maps.Keys(cfg)) {
		v := cfg[k]
		if !def.Has(k) {
			v = connectors.MaskedValue
		}
		pairs = append(pairs, k+"="+v)
	}
	return strings.Join(pairs, ", ")
}
