package herder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/pluginhost"
	"github.com/sluice-connect/sluice/worker/store"
)

// Target states as the config topic has them.
const (
	started = "STARTED"
	paused  = "PAUSED"
	stopped = "STOPPED"
)

// States as the status topic has them.
const (
	stateRunning    = "RUNNING"
	statePaused     = "PAUSED"
	stateFailed     = "FAILED"
	stateStopped    = "STOPPED"
	stateRestarting = "RESTARTING"
	stateUnassigned = "UNASSIGNED"
)

// reconcile brings this worker in line with the config topic and the placement. What it starts lives as long as tasks.
func (h *Herder) reconcile(ctx, tasks context.Context) error {
	began := time.Now()
	snap := h.configs.Snapshot()
	derived := h.derive(snap)
	h.want(snap, derived)
	var problem error
	if h.members.Leading() {
		problem = h.lead(ctx, snap, derived)
		snap = h.configs.Snapshot()
	}
	h.followLevels(snap.LoggerLevels)
	h.members.SetPlugins(h.host.Offered())
	placement := h.members.Placement()
	mine := placement.Workers[h.members.ID()]
	if !h.members.Active() {
		mine = cluster.Work{}
	}
	for _, name := range mine.Connectors {
		if c, ok := snap.Connectors[name]; ok {
			h.reportConnector(name, c)
		}
	}
	h.letGo(mine.Connectors)
	h.reconcileTasks(tasks, snap, mine)
	h.release(placement)
	h.count(mine, began)
	return problem
}

// derive makes the task configurations of all connectors.
func (h *Herder) derive(snap *store.ConfigSnapshot) map[string][]map[string]string {
	derived := make(map[string][]map[string]string, len(snap.Connectors))
	for name, c := range snap.Connectors {
		derived[name] = h.taskConfigs(c)
	}
	return derived
}

// lead does what only the leader may do: write task configurations (invariant 3), and forget the states of connectors that are
// gone, which a worker that died while it deleted one has left.
func (h *Herder) lead(ctx context.Context, snap *store.ConfigSnapshot, derived map[string][]map[string]string) error {
	for _, name := range h.statuses.Connectors() {
		if _, ok := snap.Connectors[name]; !ok {
			h.statuses.DeleteConnector(name)
		}
	}
	problems := []error{h.renewKey(ctx, snap.SessionKey)}
	for name, c := range snap.Connectors {
		tasks := derived[name]
		if !c.Inconsistent && sameTasks(tasks, c.Tasks) {
			continue
		}
		if err := h.configs.PutTasks(ctx, name, tasks); err != nil {
			problems = append(problems, fmt.Errorf("writing task configurations of %s: %w", name, err))
			continue
		}
		for i := len(tasks); i < len(c.Tasks); i++ {
			h.statuses.DeleteTask(name, i)
		}
	}
	return errors.Join(problems...)
}

// taskConfigs derives the task configurations of a connector: for a sink each is the connector's own, with the class of
// the task. A stopped connector has none; a paused one, and one whose plugin is not there, keeps those that it has.
func (h *Herder) taskConfigs(c store.ConnectorRecord) []map[string]string {
	switch c.Target {
	case stopped:
		return nil
	case paused:
		return c.Tasks
	}
	class := c.Config["connector.class"]
	p, err := h.host.Find(class, c.Config[pluginVersion])
	var kind string
	switch {
	case err == nil:
		kind = taskClass(p, class)
	case len(c.Tasks) > 0 && h.elsewhere(class, c.Config[pluginVersion]) != "":
		kind = c.Tasks[0]["task.class"]
	case h.elsewhere(class, c.Config[pluginVersion]) != "":
		kind = strings.TrimSuffix(class, "Connector") + "Task" // as classes are called in Java; those who have the plugin do not look at it
	default:
		return c.Tasks
	}
	n, err := strconv.Atoi(c.Config["tasks.max"])
	if err != nil || n < 1 {
		n = 1
	}
	task := maps.Clone(c.Config)
	task["task.class"] = kind
	tasks := make([]map[string]string, n)
	for i := range tasks {
		tasks[i] = task
	}
	return tasks
}

// taskClass is the class that Kafka Connect would write for this connector class or alias.
func taskClass(p pluginhost.Plugin, class string) string {
	for _, c := range p.Classes {
		if c.Name == class {
			return c.Task
		}
	}
	if len(p.Classes) > 0 {
		return p.Classes[0].Task
	}
	return p.Name
}

func sameTasks(a, b []map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !maps.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// reportConnector writes the state of a connector that is placed here, where it changed.
func (h *Herder) reportConnector(name string, c store.ConnectorRecord) {
	s := store.ConnectorStatus{Name: name, State: stateRunning, WorkerID: h.members.ID(), Generation: h.members.Generation()}
	switch c.Target {
	case paused:
		s.State = statePaused
	case stopped:
		s.State = stateStopped
	}
	p, err := h.host.Find(c.Config["connector.class"], c.Config[pluginVersion])
	if err != nil {
		s.State = stateFailed
		s.Trace = "connector " + name + " failed: " + err.Error() + "\nPut the plugin into a folder of plugin.path and restart the connector" +
			" (POST /connectors/" + name + "/restart?includeTasks=true&onlyFailed=true)."
	} else {
		s.Version = p.Version
		h.warnUnknown(name, c.Config, p)
	}
	old, known := h.statuses.Connector(name)
	if known && old == s {
		return
	}
	if s.State == stateRunning || s.State == stateFailed {
		h.metrics.Worker().ConnectorStarted(err)
	}
	h.statuses.PutConnectorSafe(s)
}

// letGo writes that the connectors which were placed here and are not among those any more are with nobody, as Kafka Connect does:
// until another worker says that it has them.
func (h *Herder) letGo(kept []string) {
	if !h.members.Active() { // another may have them and have said so, of which this worker need not know
		return
	}
	here := make(map[string]bool, len(kept))
	for _, name := range kept {
		here[name] = true
	}
	snap := h.configs.Snapshot()
	for name := range h.here {
		if _, there := snap.Connectors[name]; !there || here[name] {
			continue
		}
		if s, known := h.statuses.Connector(name); known && s.WorkerID == h.members.ID() {
			s.State, s.Trace, s.Generation = stateUnassigned, "", h.members.Generation()
			h.statuses.PutConnectorSafe(s)
		}
	}
	h.here = here
}

// reconcileTasks starts, changes and ends the tasks of this worker (invariant 2).
func (h *Herder) reconcileTasks(ctx context.Context, snap *store.ConfigSnapshot, mine cluster.Work) {
	wanted := make(map[taskID]desired, len(mine.Tasks))
	for _, t := range mine.Tasks {
		c, ok := snap.Connectors[t.Connector]
		if !ok || c.Inconsistent || t.Task >= len(c.Tasks) || c.Target == stopped {
			continue
		}
		wanted[taskID{t.Connector, t.Task}] = desired{config: c.Tasks[t.Task], paused: c.Target == paused}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.members.Active() { // the guard may have been here since mine was looked up
		return
	}
	for id, r := range h.tasks {
		if _, ok := wanted[id]; !ok {
			c, known := snap.Connectors[id.connector]
			r.end(!known, !known || !c.Inconsistent && (c.Target == stopped || id.task >= len(c.Tasks)))
		}
	}
	changed := map[string]bool{}
	for id, d := range wanted {
		if r, ok := h.tasks[id]; ok && r.differs(d) {
			changed[id.connector] = true
		}
	}
	for name := range changed {
		h.edits[name]++
	}
	for id, d := range wanted {
		if r, ok := h.tasks[id]; ok && r.want(d) {
			continue
		}
		r := newTaskRunner(h, id, d)
		if prev := h.tasks[id]; prev != nil {
			r.after = prev.done // two runners of one task never overlap
		}
		h.tasks[id] = r
		h.runners.Go(func() {
			r.run(ctx)
			h.mu.Lock()
			if h.tasks[id] == r {
				delete(h.tasks, id)
			}
			h.mu.Unlock()
			h.countStates(id.connector)
			h.poke() // somebody may wait for this end
		})
	}
}

// restartHere restarts what of a connector runs on this worker.
func (h *Herder) restartHere(name string, includeTasks, onlyFailed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if includeTasks {
		if !onlyFailed {
			h.edits[name]++
		}
		for id, r := range h.tasks {
			if id.connector == name {
				r.restart(onlyFailed)
			}
		}
	}
}

// warnUnknown names, once for each connector, the keys of its configuration that nothing reads.
func (h *Herder) warnUnknown(name string, cfg map[string]string, p pluginhost.Plugin) {
	h.mu.Lock()
	seen := h.warned[name]
	h.warned[name] = true
	h.mu.Unlock()
	if seen {
		return
	}
	for _, note := range config.Notes(cfg, p.Config) {
		h.log.Warn(note, "connector", name)
	}
}

// edition is what decides which tasks of a connector may share a process: the binary, and how often the connector was
// changed or restarted as a whole.
func (h *Herder) edition(name string, p pluginhost.Plugin) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return p.SHA256 + "/" + strconv.FormatInt(h.edits[name], 10)
}
