package herder

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/store"
)

var _ api.Herder = (*Herder)(nil)

// Server says what this worker is.
func (h *Herder) Server(context.Context) (api.ServerInfo, error) {
	return api.ServerInfo{Version: h.version, Commit: h.commit, KafkaClusterID: h.clusterID}, nil
}

// Health says whether the worker is ready.
func (h *Herder) Health(context.Context) api.Health {
	select {
	case <-h.started:
	default:
		return api.Health{Status: "starting", Message: "Worker is still starting up."}
	}
	stage, since := h.Stage()
	health := api.Health{Status: "healthy", Message: "Worker has completed startup and is ready to handle requests."}
	switch {
	case !h.members.Active():
		health = api.Health{Status: "unhealthy", Message: "Worker " + h.members.ID() + " has had no answer from the coordinator of its group for too long: it is no member of the cluster for certain and has stopped its tasks, which start again when Kafka answers."}
	case stage != "waiting for changes" && time.Since(since) > 10*time.Second:
		health = api.Health{Status: "unhealthy", Message: "Worker is " + stage + " since " + since.UTC().Format(time.RFC3339) + "."}
	}
	// A worker that knows what a deleted topic held is not to be restarted for it: that is no matter of its health.
	for _, t := range []struct {
		err    error
		remedy string
	}{
		{h.configs.Lost(), "no connector can be changed. Note the configurations of all (GET /connectors?expand=info), stop the workers, let them create the topic, and create the connectors anew; their offsets are kept elsewhere."},
		{h.statuses.Lost(), "states of connectors are not kept until it is there again. The workers try to create it; the log says why they cannot."},
		{h.members.Lost(), "no work can be placed until it is there again. The workers try to create it; the log says why they cannot."},
	} {
		if t.err != nil {
			health.Message += " The " + t.err.Error() + ": " + t.remedy
		}
	}
	return health
}

// Connectors lists the names of all connectors.
func (h *Herder) Connectors(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(h.configs.Snapshot().Connectors)), nil
}

// Connector describes a connector.
func (h *Herder) Connector(_ context.Context, name string) (api.ConnectorInfo, error) {
	c, ok := h.configs.Snapshot().Connectors[name]
	if !ok {
		return api.ConnectorInfo{}, notFound("Connector " + name + " not found")
	}
	return h.info(name, c.Config, len(c.Tasks)), nil
}

func (h *Herder) info(name string, cfg map[string]string, tasks int) api.ConnectorInfo {
	info := api.ConnectorInfo{Name: name, Config: h.mask(cfg), Tasks: make([]api.TaskID, tasks), Type: h.kind(cfg)}
	for i := range info.Tasks {
		info.Tasks[i] = api.TaskID{Connector: name, Task: i}
	}
	return info
}

// kind is what Connect calls the type; a connector whose plugin is missing has none that is known.
func (h *Herder) kind(cfg map[string]string) string {
	if _, err := h.host.Find(cfg["connector.class"], ""); err != nil {
		return "unknown"
	}
	return "sink"
}

// mask hides the passwords of a configuration (invariant 7).
func (h *Herder) mask(cfg map[string]string) map[string]string {
	return config.Mask(cfg, h.passwords(cfg["connector.class"]))
}

// passwords says which keys the connector's plugin declares to be passwords.
func (h *Herder) passwords(class string) func(string) bool {
	p, err := h.host.Find(class, "")
	if err != nil {
		return nil
	}
	return func(key string) bool {
		return slices.ContainsFunc(p.Config, func(d connectors.KeyDef) bool {
			return d.Name == key && d.Type == connectors.TypePassword
		})
	}
}

// Status tells how a connector and its tasks are.
func (h *Herder) Status(_ context.Context, name string) (api.ConnectorStatus, error) {
	s, ok := h.statuses.Connector(name)
	if !ok {
		return api.ConnectorStatus{}, notFound("No status found for connector " + name)
	}
	c := h.configs.Snapshot().Connectors[name]
	out := api.ConnectorStatus{
		Name:      name,
		Connector: api.ConnectorState{State: s.State, WorkerID: s.WorkerID, Version: s.Version, Trace: s.Trace},
		Tasks:     []api.TaskStatus{},
		Type:      h.kind(c.Config),
	}
	for _, t := range h.statuses.Tasks(name) {
		out.Tasks = append(out.Tasks, taskStatus(t))
	}
	return out, nil
}

func taskStatus(t store.TaskStatus) api.TaskStatus {
	return api.TaskStatus{ID: t.Task, State: t.State, WorkerID: t.WorkerID, Version: t.Version, Trace: t.Trace}
}

// Tasks lists the tasks of a connector with their configurations.
func (h *Herder) Tasks(_ context.Context, name string) ([]api.TaskInfo, error) {
	c, ok := h.configs.Snapshot().Connectors[name]
	if !ok {
		return nil, notFound("Connector " + name + " not found")
	}
	infos := make([]api.TaskInfo, len(c.Tasks))
	for i, t := range c.Tasks {
		infos[i] = api.TaskInfo{ID: api.TaskID{Connector: name, Task: i}, Config: h.mask(t)}
	}
	return infos, nil
}

// TaskStatus tells how a task is.
func (h *Herder) TaskStatus(_ context.Context, id api.TaskID) (api.TaskStatus, error) {
	s, ok := h.statuses.Task(id.Connector, id.Task)
	if !ok {
		return api.TaskStatus{}, notFound("No status found for task " + id.Connector + "-" + strconv.Itoa(id.Task))
	}
	return taskStatus(s), nil
}

// Topics lists the topics that a connector has read from since it was created or reset.
func (h *Herder) Topics(_ context.Context, name string) ([]string, error) {
	if !h.worker.TopicTracking {
		return nil, &api.Error{Status: http.StatusForbidden, Message: "Topic tracking is disabled."}
	}
	topics := []string{}
	for _, t := range h.statuses.Topics(name) {
		topics = append(topics, t.Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics), nil
}

// ResetTopics forgets them.
func (h *Herder) ResetTopics(ctx context.Context, name string) error {
	switch {
	case !h.worker.TopicTracking:
		return &api.Error{Status: http.StatusForbidden, Message: "Topic tracking is disabled."}
	case !h.worker.TopicReset:
		return &api.Error{Status: http.StatusForbidden, Message: "Topic tracking reset is disabled."}
	}
	h.statuses.ResetTopics(name)
	return h.statuses.Flush(ctx)
}

// usedTopic records that a task has read from a topic.
func (h *Herder) usedTopic(id taskID, topic string) {
	if h.worker.TopicTracking {
		h.statuses.PutTopic(store.TopicStatus{Topic: topic, Connector: id.connector, Task: id.task, DiscoverTimestamp: time.Now().UnixMilli()})
	}
}

func notFound(message string) *api.Error {
	return &api.Error{Status: http.StatusNotFound, Message: message}
}
