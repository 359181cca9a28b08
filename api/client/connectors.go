package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sluice-connect/sluice/api"
)

// Server gives versions, and the id of the Kafka cluster.
func (c *Client) Server(ctx context.Context) (api.ServerInfo, error) {
	return call[api.ServerInfo](ctx, c, request{method: http.MethodGet})
}

// Health asks the first worker that answers how it is. A worker that is starting or unhealthy is no error.
func (c *Client) Health(ctx context.Context) (api.Health, error) {
	h, err := call[api.Health](ctx, c, request{method: http.MethodGet, path: []string{"health"}, once: true})
	var e *Error
	var unwell api.Health
	if errors.As(err, &e) && json.Unmarshal(e.body, &unwell) == nil && unwell.Status != "" {
		return unwell, nil
	}
	return h, err
}

// Connectors lists the names of all connectors.
func (c *Client) Connectors(ctx context.Context) ([]string, error) {
	return call[[]string](ctx, c, request{method: http.MethodGet, path: []string{"connectors"}})
}

// Expansion is what a listing shows of each connector.
type Expansion string

// The expansions.
const (
	WithStatus Expansion = "status"
	WithInfo   Expansion = "info"
)

// Expanded is a connector in a listing. What was not asked for is nil.
type Expanded struct {
	Status *api.ConnectorStatus `json:"status,omitempty"`
	Info   *api.ConnectorInfo   `json:"info,omitempty"`
}

// Expanded lists all connectors by name, with what is asked for of each, in one request.
func (c *Client) Expanded(ctx context.Context, expand ...Expansion) (map[string]Expanded, error) {
	q := url.Values{"expand": {}}
	for _, e := range expand {
		q.Add("expand", string(e))
	}
	if len(expand) == 0 {
		q.Add("expand", "") // a map all the same
	}
	return call[map[string]Expanded](ctx, c, request{method: http.MethodGet, path: []string{"connectors"}, query: q})
}

// Connector gives the configuration, tasks and type of a connector.
func (c *Client) Connector(ctx context.Context, name string) (api.ConnectorInfo, error) {
	return call[api.ConnectorInfo](ctx, c, of(http.MethodGet, name))
}

// Config gives the configuration of a connector. Secrets are shown as asterisks; written back, these leave the stored
// ones as they are.
func (c *Client) Config(ctx context.Context, name string) (map[string]string, error) {
	return call[map[string]string](ctx, c, of(http.MethodGet, name, "config"))
}

// Status gives the states of a connector and its tasks.
func (c *Client) Status(ctx context.Context, name string) (api.ConnectorStatus, error) {
	return call[api.ConnectorStatus](ctx, c, of(http.MethodGet, name, "status"))
}

// Tasks gives the tasks of a connector with their configurations.
func (c *Client) Tasks(ctx context.Context, name string) ([]api.TaskInfo, error) {
	return call[[]api.TaskInfo](ctx, c, of(http.MethodGet, name, "tasks"))
}

// TaskStatus gives the state of one task.
func (c *Client) TaskStatus(ctx context.Context, id api.TaskID) (api.TaskStatus, error) {
	return call[api.TaskStatus](ctx, c, of(http.MethodGet, id.Connector, "tasks", strconv.Itoa(id.Task), "status"))
}

// Create makes a connector; IsConflict where it exists already.
func (c *Client) Create(ctx context.Context, create api.CreateRequest) (api.ConnectorInfo, error) {
	body := struct {
		Name         string            `json:"name"`
		Config       map[string]string `json:"config"`
		InitialState api.TargetState   `json:"initial_state,omitempty"`
	}{create.Name, create.Config, create.InitialState}
	if body.InitialState == api.Started {
		body.InitialState = "RUNNING" // Connect's other word for it
	}
	return call[api.ConnectorInfo](ctx, c, request{method: http.MethodPost, path: []string{"connectors"}, body: body})
}

// PutConfig replaces the configuration of a connector, or makes the connector.
func (c *Client) PutConfig(ctx context.Context, name string, config map[string]string) (info api.ConnectorInfo, created bool, err error) {
	r := of(http.MethodPut, name, "config")
	r.body = config
	a, err := c.do(ctx, r)
	if err != nil {
		return info, false, err
	}
	return info, a.status == http.StatusCreated, a.decode(&info)
}

// PatchConfig changes some keys; a nil value removes one.
func (c *Client) PatchConfig(ctx context.Context, name string, patch map[string]*string) (api.ConnectorInfo, error) {
	r := of(http.MethodPatch, name, "config")
	r.body = patch
	return call[api.ConnectorInfo](ctx, c, r)
}

// Delete removes a connector.
func (c *Client) Delete(ctx context.Context, name string) error {
	return c.send(ctx, of(http.MethodDelete, name))
}

// Pause lets a connector stop reading and keep its tasks.
func (c *Client) Pause(ctx context.Context, name string) error {
	return c.send(ctx, of(http.MethodPut, name, "pause"))
}

// Resume lets a connector go on after Pause or Stop.
func (c *Client) Resume(ctx context.Context, name string) error {
	return c.send(ctx, of(http.MethodPut, name, "resume"))
}

// Stop ends all tasks of a connector and keeps its configuration.
func (c *Client) Stop(ctx context.Context, name string) error {
	return c.send(ctx, of(http.MethodPut, name, "stop"))
}

// Restart restarts a connector and, if asked, its tasks. With options the status is what comes next; without any it is
// empty.
func (c *Client) Restart(ctx context.Context, name string, opts api.RestartOptions) (api.ConnectorStatus, error) {
	r := of(http.MethodPost, name, "restart")
	r.query = url.Values{}
	flag(r.query, "includeTasks", opts.IncludeTasks)
	flag(r.query, "onlyFailed", opts.OnlyFailed)
	return call[api.ConnectorStatus](ctx, c, r)
}

// RestartTask restarts one task.
func (c *Client) RestartTask(ctx context.Context, id api.TaskID) error {
	return c.send(ctx, of(http.MethodPost, id.Connector, "tasks", strconv.Itoa(id.Task), "restart"))
}

// of is a request for a connector, or for something of it.
func of(method, connector string, rest ...string) request {
	return request{method: method, path: append([]string{"connectors", connector}, rest...)}
}
