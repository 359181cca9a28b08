package api

import (
	"context"
	"time"
)

// Herder is what the REST API needs of a worker. Every method may block on Kafka or on a plugin and obeys its context;
// errors are *Error where the caller did something wrong, and anything else is answered with 500.
type Herder interface {
	Server(ctx context.Context) (ServerInfo, error)
	Health(ctx context.Context) Health
	Cluster(ctx context.Context) (ClusterInfo, error)

	Connectors(ctx context.Context) ([]string, error)
	Connector(ctx context.Context, name string) (ConnectorInfo, error)
	Status(ctx context.Context, name string) (ConnectorStatus, error)
	Tasks(ctx context.Context, name string) ([]TaskInfo, error)
	TaskStatus(ctx context.Context, id TaskID) (TaskStatus, error)

	Create(ctx context.Context, req CreateRequest) (ConnectorInfo, error)
	PutConfig(ctx context.Context, name string, config map[string]string) (info ConnectorInfo, created bool, err error)
	PatchConfig(ctx context.Context, name string, patch map[string]*string) (ConnectorInfo, error)
	Delete(ctx context.Context, name string) error

	SetState(ctx context.Context, name string, target TargetState) error
	Restart(ctx context.Context, name string, opts RestartOptions) (ConnectorStatus, error)
	RestartTask(ctx context.Context, id TaskID) error

	Topics(ctx context.Context, name string) ([]string, error)
	ResetTopics(ctx context.Context, name string) error
	Offsets(ctx context.Context, name string) ([]PartitionOffset, error)
	AlterOffsets(ctx context.Context, name string, offsets []PartitionOffset) (message string, err error)
	ResetOffsets(ctx context.Context, name string) (message string, err error)

	Plugins(ctx context.Context, connectorsOnly bool) ([]PluginInfo, error)
	PluginConfig(ctx context.Context, plugin, version string) ([]ConfigKeyInfo, error)
	Validate(ctx context.Context, plugin string, config map[string]string) (ConfigInfos, error)

	Loggers(ctx context.Context) (map[string]LoggerLevel, error)
	Logger(ctx context.Context, name string) (LoggerLevel, error)
	SetLogger(ctx context.Context, name, level string, cluster bool) (changed []string, err error)
}

// ServerInfo answers GET /.
type ServerInfo struct {
	Version        string `json:"version"`
	Commit         string `json:"commit"`
	KafkaClusterID string `json:"kafka_cluster_id"`
}

// Health answers GET /health. Status is "healthy", "starting" or "unhealthy".
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// ClusterInfo answers GET /admin/cluster: the workers, as the one that is asked sees them.
type ClusterInfo struct {
	GroupID    string          `json:"group_id"`
	WorkerID   string          `json:"worker_id"` // of the one that answers
	Leader     string          `json:"leader"`    // empty while there is none
	Generation int64           `json:"generation"`
	Settled    bool            `json:"settled"` // everything is placed, and nothing is on its way from one worker to another
	Moving     int             `json:"moving"`  // tasks that their worker has to let go of before another starts them
	Workers    []ClusterWorker `json:"workers"` // by ID
}

// ClusterWorker is one worker of a cluster. State is "active", "leaving", "absent" (gone, its work waits for it) or "joining".
type ClusterWorker struct {
	ID         string   `json:"id"`
	URL        string   `json:"url"`
	Version    string   `json:"version"`
	State      string   `json:"state"`
	Connectors int      `json:"connectors"`
	Tasks      int      `json:"tasks"`
	Plugins    []string `json:"plugins"` // names with versions
}

// TargetState is what a connector is wanted to do.
type TargetState string

// The target states.
const (
	Started TargetState = "STARTED"
	Paused  TargetState = "PAUSED"
	Stopped TargetState = "STOPPED"
)

// CreateRequest is the body of POST /connectors.
type CreateRequest struct {
	Name         string
	Config       map[string]string
	InitialState TargetState // empty: Started
}

// RestartOptions are the query of POST /connectors/{name}/restart.
type RestartOptions struct {
	IncludeTasks bool
	OnlyFailed   bool
}

// TaskID names a task.
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// ConnectorInfo answers GET /connectors/{name}.
type ConnectorInfo struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []TaskID          `json:"tasks"`
	Type   string            `json:"type"`
}

// ConnectorStatus answers GET /connectors/{name}/status.
type ConnectorStatus struct {
	Name      string         `json:"name"`
	Connector ConnectorState `json:"connector"`
	Tasks     []TaskStatus   `json:"tasks"`
	Type      string         `json:"type"`
}

// ConnectorState is the state of the connector itself.
type ConnectorState struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Version  string `json:"version,omitempty"`
	Trace    string `json:"trace,omitempty"`
}

// TaskStatus is the state of one task.
type TaskStatus struct {
	ID       int    `json:"id"`
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Version  string `json:"version,omitempty"`
	Trace    string `json:"trace,omitempty"`
}

// TaskInfo is one element of GET /connectors/{name}/tasks.
type TaskInfo struct {
	ID     TaskID            `json:"id"`
	Config map[string]string `json:"config"`
}

// PartitionOffset is a committed offset of a sink connector. A nil Offset, in an alteration, removes it.
type PartitionOffset struct {
	Topic     string
	Partition int32
	Offset    *int64
}

// PluginInfo is one element of GET /connector-plugins.
type PluginInfo struct {
	Class   string `json:"class"`
	Type    string `json:"type"`
	Version string `json:"version,omitempty"`
}

// ConfigKeyInfo describes a configuration key.
type ConfigKeyInfo struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Required     bool     `json:"required"`
	DefaultValue *string  `json:"default_value"`
	Importance   string   `json:"importance"`
	Doc          string   `json:"documentation"`
	Group        *string  `json:"group"`
	OrderInGroup int      `json:"order_in_group"`
	Order        int      `json:"order"` // the same number, by the name that older clients read
	Width        string   `json:"width"`
	DisplayName  string   `json:"display_name"`
	Dependents   []string `json:"dependents"`
}

// ConfigValueInfo is the outcome of validating a key.
type ConfigValueInfo struct {
	Name        string   `json:"name"`
	Value       *string  `json:"value"`
	Recommended []string `json:"recommended_values"`
	Errors      []string `json:"errors"`
	Visible     bool     `json:"visible"`
}

// ConfigInfo is a key with its outcome. A key that nobody declares has no definition.
type ConfigInfo struct {
	Definition *ConfigKeyInfo  `json:"definition"`
	Value      ConfigValueInfo `json:"value"`
	Own        bool            `json:"-"` // a key of the plugin's, not of every connector
}

// ConfigInfos answers PUT /connector-plugins/{plugin}/config/validate.
type ConfigInfos struct {
	Name       string       `json:"name"`
	ErrorCount int          `json:"error_count"`
	Groups     []string     `json:"groups"`
	Configs    []ConfigInfo `json:"configs"`
}

// LoggerLevel is the level of a logger and when it was last changed, in milliseconds since 1970.
type LoggerLevel struct {
	Level        string `json:"level"`
	LastModified *int64 `json:"last_modified"`
}

// Error is an error that a caller caused or can wait out. Its message is for people.
type Error struct {
	Status     int // HTTP status
	Message    string
	RetryAfter time.Duration // zero: not said
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }
