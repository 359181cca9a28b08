package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/sluice-connect/sluice/connectors"
)

const (
	// windowBytes is the flow control window of a stream: several batches, so that one is under way while another is read.
	windowBytes = 4 << 20
	ioBuffer    = 128 << 10
)

// Serve runs a sink as a plugin; it is all that the main function of a plugin has to call. Started by hand, the binary
// answers "version" and "spec", and otherwise says what it is.
func Serve(s connectors.Sink) {
	if len(os.Args) > 1 || os.Getenv(CookieKey) != CookieValue {
		os.Exit(byHand(s, os.Args[1:], os.Stdout, os.Stderr))
	}
	log := &logOptions{out: os.Stderr, level: parseLevel(os.Getenv(LogLevelKey))}
	if fd, err := strconv.Atoi(os.Getenv(LifelineKey)); err == nil && fd > 2 {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		go watchLifeline(os.NewFile(uintptr(fd), "lifeline"), func() { os.Exit(0) })
	}
	streams := restoreStreams(os.Stdout, os.Stderr)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake(),
		Plugins:         plugin.PluginSet{sinkName: &grpcPlugin{sink: s, log: log}},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(slices.Concat(opts, serverOptions(), []grpc.ServerOption{grpc.UnaryInterceptor(streams)})...)
		},
	})
}

// restoreStreams gives the process its standard output and error back before the first call. go-plugin puts pipes in their place,
// whose content reaches the worker over gRPC and later: the last words of a process that ends itself would be lost.
func restoreStreams(out, errOut *os.File) grpc.UnaryServerInterceptor {
	var once sync.Once
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		once.Do(func() { os.Stdout, os.Stderr = out, errOut })
		return handle(ctx, req)
	}
}

func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage),
		grpc.InitialWindowSize(windowBytes), grpc.InitialConnWindowSize(2 * windowBytes),
		grpc.ReadBufferSize(ioBuffer), grpc.WriteBufferSize(ioBuffer),
	}
}

// DialOptions are those of the worker's side.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage), grpc.ForceCodecV2(newCodec())),
		grpc.WithInitialWindowSize(windowBytes), grpc.WithInitialConnWindowSize(2 * windowBytes),
		grpc.WithReadBufferSize(ioBuffer), grpc.WithWriteBufferSize(ioBuffer),
	}
}

// byHand is the plugin as a command for people.
func byHand(s connectors.Sink, args []string, out, errOut io.Writer) int {
	spec := s.Spec()
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Fprintf(out, "%s %s (sluice plugin protocol %d)\n", spec.Name, spec.Version, ProtocolVersion)
		return 0
	case len(args) == 1 && args[0] == "spec":
		_, probes := s.(connectors.Prober)
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(newSpecDocument(spec, probes)); err != nil {
			fmt.Fprintln(errOut, err)
			return 1
		}
		return 0
	default:
		fmt.Fprintf(errOut, `This is the sluice plugin %q, version %s: %s
It is not started by hand. Put it into a folder of plugin.path, and a running worker lists it.

  version   print name, version and protocol
  spec      print what it is and every configuration key, as JSON
`, spec.Name, spec.Version, spec.Summary)
		return 2
	}
}

// specDocument is what the command spec prints.
type specDocument struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Summary  string    `json:"summary"`
	Protocol int       `json:"protocol"`
	Classes  []string  `json:"classes"`
	Values   []string  `json:"values,omitempty"`
	Keys     []string  `json:"keys,omitempty"`
	Probes   bool      `json:"probes"`
	Config   []specKey `json:"config"`
}

type specKey struct {
	Name       string  `json:"name"`
	Type       string  `json:"type"`
	Required   bool    `json:"required"`
	Default    *string `json:"default"`
	Importance string  `json:"importance"`
	Group      string  `json:"group,omitempty"`
	Valid      string  `json:"valid,omitempty"`
	Doc        string  `json:"doc"`
	Ignored    string  `json:"ignored,omitempty"`
}

func newSpecDocument(s connectors.Spec, probes bool) specDocument {
	d := specDocument{Name: s.Name, Version: s.Version, Summary: s.Summary, Protocol: ProtocolVersion, Probes: probes}
	for _, c := range s.Classes {
		d.Classes = append(d.Classes, c.Name)
	}
	for _, p := range s.Values {
		d.Values = append(d.Values, p.String())
	}
	for _, p := range s.Keys {
		d.Keys = append(d.Keys, p.String())
	}
	for _, k := range s.Config.Keys() {
		d.Config = append(d.Config, specKey{
			Name: k.Name, Type: string(k.Type), Required: k.Required, Default: k.Default, Importance: string(k.Importance),
			Group: k.Group, Valid: k.Valid, Doc: k.Doc, Ignored: k.Ignored,
		})
	}
	return d
}
