package plugins

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

const (
	// ProtocolVersion is the version of the wire. A worker and a plugin with different ones do not work together.
	ProtocolVersion = 1

	// CookieKey and CookieValue tell a program that it runs as a plugin. They are no secret: they only keep people from
	// starting a plugin by hand and wondering what it waits for.
	CookieKey   = "SLUICE_PLUGIN"
	CookieValue = "5b2f1de7-sluice-sink"

	// LifelineKey names the environment variable with the number of a file descriptor that a plugin reads: leases, see [Lease], and
	// its end means that the worker is gone.
	LifelineKey = "SLUICE_LIFELINE"

	// MaxBatch bounds a batch, in bytes, unless it has a single record.
	MaxBatch = 1 << 20
	// MaxMessage bounds every message on the wire, in bytes, in both directions: far above MaxBatch and the largest record
	// that a broker takes by default (1 MiB), low enough that a hostile length cannot exhaust the memory of the other side.
	MaxMessage = 64 << 20

	sinkName = "sink" // of the one service in go-plugin's set
)

// Handshake is what worker and plugin agree on before they speak.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{ProtocolVersion: ProtocolVersion, MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}
}

// Set is the set of services for go-plugin. On the worker's side s is nil.
func Set(s connectors.Sink) plugin.PluginSet {
	return plugin.PluginSet{sinkName: &grpcPlugin{sink: s}}
}

// SinkName is the name of the service in the set.
func SinkName() string { return sinkName }

type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	sink connectors.Sink
	log  *logOptions
}

var _ plugin.GRPCPlugin = (*grpcPlugin)(nil)

func (g *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	protocol.RegisterSinkServer(s, newServer(g.sink, g.log))
	return nil
}

func (g *grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return NewClient(c), nil
}
