package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sluice-connect/sluice/api"
)

// Plugins lists the plugins of the worker: its connectors only, or everything that it has.
func (c *Client) Plugins(ctx context.Context, connectorsOnly bool) ([]api.PluginInfo, error) {
	q := url.Values{"connectorsOnly": {strconv.FormatBool(connectorsOnly)}}
	return call[[]api.PluginInfo](ctx, c, request{method: http.MethodGet, path: []string{"connector-plugins"}, query: q})
}

// PluginConfig describes the configuration keys of a plugin: of the latest version, or of one that is in a range such as
// "1.2.3" or "[1.0,2.0)".
func (c *Client) PluginConfig(ctx context.Context, plugin, version string) ([]api.ConfigKeyInfo, error) {
	r := request{method: http.MethodGet, path: []string{"connector-plugins", plugin, "config"}}
	if version != "" {
		r.query = url.Values{"version": {version}}
	}
	return call[[]api.ConfigKeyInfo](ctx, c, r)
}

// Validate checks a configuration. What is wrong with it is in the answer, key by key, and no error.
func (c *Client) Validate(ctx context.Context, plugin string, config map[string]string) (api.ConfigInfos, error) {
	return call[api.ConfigInfos](ctx, c, request{method: http.MethodPut, path: []string{"connector-plugins", plugin, "config", "validate"}, body: config})
}

// Cluster tells of the workers of the cluster, as the one that answers sees them. A worker of Kafka Connect does not.
func (c *Client) Cluster(ctx context.Context) (api.ClusterInfo, error) {
	return call[api.ClusterInfo](ctx, c, request{method: http.MethodGet, path: []string{"admin", "cluster"}})
}

// Loggers lists the loggers of the worker.
func (c *Client) Loggers(ctx context.Context) (map[string]api.LoggerLevel, error) {
	return call[map[string]api.LoggerLevel](ctx, c, request{method: http.MethodGet, path: []string{"admin", "loggers"}})
}

// Logger gives the level of a logger.
func (c *Client) Logger(ctx context.Context, name string) (api.LoggerLevel, error) {
	return call[api.LoggerLevel](ctx, c, request{method: http.MethodGet, path: []string{"admin", "loggers", name}})
}

// SetLogger changes the level of a logger, and of those below it: on the worker that answers, which says which it
// changed, or on all workers of the cluster.
func (c *Client) SetLogger(ctx context.Context, name, level string, cluster bool) (changed []string, err error) {
	r := request{method: http.MethodPut, path: []string{"admin", "loggers", name}, body: map[string]string{"level": level}}
	if cluster {
		r.query = url.Values{"scope": {"cluster"}}
	}
	return call[[]string](ctx, c, r)
}
