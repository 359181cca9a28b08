package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fakeHerder is a worker in memory, with the messages of Kafka Connect. It writes down every call with its arguments.
type fakeHerder struct {
	err    error                     // what every call fails with, if set
	before func(ctx context.Context) // runs first in every call; it may block or panic
	infos  ConfigInfos               // what Validate answers

	mu         sync.Mutex
	calls      []string
	connectors map[string]fakeConnector
	offsets    []PartitionOffset
	loggers    map[string]LoggerLevel
}

type fakeConnector struct {
	config map[string]string
	tasks  int
	state  string
}

const fakeSink = "org.apache.kafka.connect.file.FileStreamSinkConnector"

var _ Herder = (*fakeHerder)(nil)

// newFake is a worker without connectors.
func newFake() *fakeHerder {
	return &fakeHerder{connectors: map[string]fakeConnector{}, loggers: map[string]LoggerLevel{"root": {Level: "INFO"}}}
}

// newRunning is a worker with the connector g1 of the recordings: three tasks, all running.
func newRunning() *fakeHerder {
	h := newFake()
	h.connectors["g1"] = fakeConnector{tasks: 3, state: "RUNNING", config: map[string]string{
		"connector.class": fakeSink, "file": "/data/g1.txt", "tasks.max": "3", "topics": "golden-t", "name": "g1",
	}}
	const storage = "org.apache.kafka.connect.storage"
	for _, name := range []string{
		"", ".KafkaConfigBackingStore", ".KafkaOffsetBackingStore", ".KafkaStatusBackingStore", ".KafkaTopicBasedBackingStore", ".SimpleHeaderConverter",
	} {
		h.loggers[storage+name] = LoggerLevel{Level: "INFO"}
	}
	h.loggers["org.apache.kafka.connect.runtime.WorkerSinkTask"] = LoggerLevel{Level: "INFO"}
	return h
}

// called begins every method.
func (h *fakeHerder) called(ctx context.Context, method string, args ...any) error {
	words := []string{method}
	for _, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			return err
		}
		words = append(words, string(text))
	}
	h.mu.Lock()
	h.calls = append(h.calls, strings.Join(words, " "))
	h.mu.Unlock()
	if h.before != nil {
		h.before(ctx)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting for the worker: %w", err)
	}
	return h.err
}

// made are the calls so far.
func (h *fakeHerder) made() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

func (h *fakeHerder) find(name, otherwise string) (fakeConnector, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.connectors[name]
	if !ok {
		return c, &Error{Status: http.StatusNotFound, Message: otherwise}
	}
	return c, nil
}

func (h *fakeHerder) info(name string) (ConnectorInfo, error) {
	c, err := h.find(name, "Connector "+name+" not found")
	info := ConnectorInfo{Name: name, Config: c.config, Type: "sink"}
	for i := range c.tasks {
		info.Tasks = append(info.Tasks, TaskID{name, i})
	}
	return info, err
}

func (h *fakeHerder) Server(ctx context.Context) (ServerInfo, error) {
	return ServerInfo{Version: "4.3.1", Commit: "26b251a451ce941d", KafkaClusterID: "MkU3OEVBNTcwNTJENDM2Qk"}, h.called(ctx, "Server")
}

func (h *fakeHerder) Health(ctx context.Context) Health {
	if err := h.called(ctx, "Health"); err != nil {
		return Health{Status: "unhealthy", Message: err.Error()}
	}
	return Health{Status: "healthy", Message: "Worker has completed startup and is ready to handle requests."}
}

func (h *fakeHerder) Cluster(ctx context.Context) (ClusterInfo, error) {
	return ClusterInfo{GroupID: "g", WorkerID: "worker1:8083", Leader: "worker1:8083", Generation: 4, Settled: true, Workers: []ClusterWorker{
		{ID: "worker1:8083", URL: "http://worker1:8083/", Version: "1", State: "active", Connectors: 1, Tasks: 3, Plugins: []string{"file 1.0.0"}},
	}}, h.called(ctx, "Cluster")
}

func (h *fakeHerder) Connectors(ctx context.Context) ([]string, error) {
	if err := h.called(ctx, "Connectors"); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.connectors)), nil
}

func (h *fakeHerder) Connector(ctx context.Context, name string) (ConnectorInfo, error) {
	if err := h.called(ctx, "Connector", name); err != nil {
		return ConnectorInfo{}, err
	}
	return h.info(name)
}

func (h *fakeHerder) Status(ctx context.Context, name string) (ConnectorStatus, error) {
	if err := h.called(ctx, "Status", name); err != nil {
		return ConnectorStatus{}, err
	}
	return h.status(name, "No status found for connector "+name)
}

func (h *fakeHerder) status(name, otherwise string) (ConnectorStatus, error) {
	c, err := h.find(name, otherwise)
	s := ConnectorStatus{Name: name, Type: "sink", Connector: ConnectorState{State: c.state, WorkerID: "worker1:8083", Version: "4.3.1"}}
	for i := range c.tasks {
		s.Tasks = append(s.Tasks, TaskStatus{ID: i, State: c.state, WorkerID: "worker1:8083", Version: "4.3.1"})
	}
	return s, err
}

func (h *fakeHerder) Tasks(ctx context.Context, name string) ([]TaskInfo, error) {
	if err := h.called(ctx, "Tasks", name); err != nil {
		return nil, err
	}
	info, err := h.info(name)
	var tasks []TaskInfo
	for _, id := range info.Tasks {
		config := maps.Clone(info.Config)
		config["task.class"] = "org.apache.kafka.connect.file.FileStreamSinkTask"
		tasks = append(tasks, TaskInfo{id, config})
	}
	return tasks, err
}

func (h *fakeHerder) TaskStatus(ctx context.Context, id TaskID) (TaskStatus, error) {
	if err := h.called(ctx, "TaskStatus", id); err != nil {
		return TaskStatus{}, err
	}
	none := &Error{Status: http.StatusNotFound, Message: "No status found for task " + id.Connector + "-" + strconv.Itoa(id.Task)}
	s, err := h.status(id.Connector, none.Message)
	if err != nil || id.Task < 0 || id.Task >= len(s.Tasks) {
		return TaskStatus{}, none
	}
	return s.Tasks[id.Task], nil
}

func (h *fakeHerder) Create(ctx context.Context, req CreateRequest) (ConnectorInfo, error) {
	if err := h.called(ctx, "Create", req); err != nil {
		return ConnectorInfo{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, exists := h.connectors[req.Name]; exists {
		return ConnectorInfo{}, &Error{Status: http.StatusConflict, Message: "Connector " + req.Name + " already exists"}
	}
	h.connectors[req.Name] = fakeConnector{config: req.Config, state: "RUNNING"}
	return ConnectorInfo{Name: req.Name, Config: req.Config, Type: "sink"}, nil
}

func (h *fakeHerder) PutConfig(ctx context.Context, name string, config map[string]string) (ConnectorInfo, bool, error) {
	if err := h.called(ctx, "PutConfig", name, config); err != nil {
		return ConnectorInfo{}, false, err
	}
	if config["connector.class"] == "" {
		return ConnectorInfo{}, false, &Error{Status: http.StatusBadRequest, Message: "Connector config {name=" + name + "} contains no connector type"}
	}
	h.mu.Lock()
	c, exists := h.connectors[name]
	c.config = config
	h.connectors[name] = c
	h.mu.Unlock()
	info, err := h.info(name)
	return info, !exists, err
}

func (h *fakeHerder) PatchConfig(ctx context.Context, name string, patch map[string]*string) (ConnectorInfo, error) {
	if err := h.called(ctx, "PatchConfig", name, patch); err != nil {
		return ConnectorInfo{}, err
	}
	return h.info(name)
}

func (h *fakeHerder) Delete(ctx context.Context, name string) error {
	if err := h.called(ctx, "Delete", name); err != nil {
		return err
	}
	_, err := h.find(name, "Connector "+name+" not found")
	return err
}

func (h *fakeHerder) SetState(ctx context.Context, name string, target TargetState) error {
	if err := h.called(ctx, "SetState", name, target); err != nil {
		return err
	}
	_, err := h.find(name, "Unknown connector "+name)
	return err
}

func (h *fakeHerder) Restart(ctx context.Context, name string, opts RestartOptions) (ConnectorStatus, error) {
	if err := h.called(ctx, "Restart", name, opts); err != nil {
		return ConnectorStatus{}, err
	}
	s, err := h.status(name, "Unknown connector: "+name)
	if opts.IncludeTasks && !opts.OnlyFailed {
		s.Connector.State = "RESTARTING"
		for i := range s.Tasks {
			s.Tasks[i].State = "RESTARTING"
		}
	}
	return s, err
}

func (h *fakeHerder) RestartTask(ctx context.Context, id TaskID) error {
	if err := h.called(ctx, "RestartTask", id); err != nil {
		return err
	}
	c, err := h.find(id.Connector, "Unknown connector: "+id.Connector)
	if err == nil && id.Task >= c.tasks {
		err = &Error{Status: http.StatusNotFound, Message: "Unknown task: " + id.Connector + "-" + strconv.Itoa(id.Task)}
	}
	return err
}

func (h *fakeHerder) Topics(ctx context.Context, name string) ([]string, error) {
	if err := h.called(ctx, "Topics", name); err != nil || name != "g1" {
		return nil, err
	}
	return []string{"golden-t"}, nil
}

func (h *fakeHerder) ResetTopics(ctx context.Context, name string) error {
	return h.called(ctx, "ResetTopics", name)
}

func (h *fakeHerder) Offsets(ctx context.Context, name string) ([]PartitionOffset, error) {
	return h.offsets, h.called(ctx, "Offsets", name)
}

func (h *fakeHerder) AlterOffsets(ctx context.Context, name string, offsets []PartitionOffset) (string, error) {
	return "The offsets for this connector have been altered successfully", h.called(ctx, "AlterOffsets", name, offsets)
}

func (h *fakeHerder) ResetOffsets(ctx context.Context, name string) (string, error) {
	return "The offsets for this connector have been reset successfully", h.called(ctx, "ResetOffsets", name)
}

func (h *fakeHerder) Plugins(ctx context.Context, connectorsOnly bool) ([]PluginInfo, error) {
	return []PluginInfo{{Class: fakeSink, Type: "sink", Version: "4.3.1"}}, h.called(ctx, "Plugins", connectorsOnly)
}

func (h *fakeHerder) PluginConfig(ctx context.Context, plugin, version string) ([]ConfigKeyInfo, error) {
	return []ConfigKeyInfo{{Name: "file", Type: "STRING", Importance: "HIGH", Doc: "File.", OrderInGroup: -1, Order: -1, Width: "NONE", DisplayName: "file"}},
		h.called(ctx, "PluginConfig", plugin, version)
}

func (h *fakeHerder) Validate(ctx context.Context, plugin string, config map[string]string) (ConfigInfos, error) {
	return h.infos, h.called(ctx, "Validate", plugin, config)
}

func (h *fakeHerder) Loggers(ctx context.Context) (map[string]LoggerLevel, error) {
	return h.loggers, h.called(ctx, "Loggers")
}

func (h *fakeHerder) Logger(ctx context.Context, name string) (LoggerLevel, error) {
	if err := h.called(ctx, "Logger", name); err != nil {
		return LoggerLevel{}, err
	}
	l, ok := h.loggers[name]
	if !ok {
		return l, &Error{Status: http.StatusNotFound, Message: "Logger " + name + " not found."}
	}
	return l, nil
}

func (h *fakeHerder) SetLogger(ctx context.Context, name, level string, cluster bool) ([]string, error) {
	if err := h.called(ctx, "SetLogger", name, level, cluster); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"INFO", "WARN", "ERROR", "DEBUG"}, strings.ToUpper(level)) {
		return nil, &Error{Status: http.StatusNotFound, Message: "invalid log level '" + level + "'."}
	}
	var changed []string
	for other := range h.loggers {
		if other == name || strings.HasPrefix(other, name+".") {
			changed = append(changed, other)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// stagedFake can tell what it is busy with.
type stagedFake struct{ *fakeHerder }

func (stagedFake) Stage() (string, time.Time) {
	return "reading the config topic", time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
}
