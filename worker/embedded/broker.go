package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says what broker to start. The zero value is a broker in memory on a free port of loopback.
type Config struct {
	// Listen is the address to listen on and to advertise, host:port. Empty is 127.0.0.1:0; port 0 takes a free one.
	// The host must be one that clients can reach, so 0.0.0.0 and [::] are refused.
	Listen string
	// Dir is the data folder; it is made where missing. Empty keeps everything in memory.
	Dir string
	// Sync makes every write durable before it is acknowledged, which costs throughput.
	Sync bool
	// Logger gets the broker's warnings and errors, and at level debug its requests. Nil drops them.
	Logger *slog.Logger
	// Brokers is how many brokers the cluster has, 1 where 0. More are for tests of leader changes, and need port 0.
	Brokers int
	// MinSessionTimeout is the shortest session.timeout.ms that consumers may ask for, 6 s where 0 as in Kafka.
	MinSessionTimeout time.Duration
}

// Broker is a running broker.
type Broker struct {
	cluster   *kfake.Cluster
	bootstrap string
	lock      *os.File // nil without a data folder
	close     func() error
}

// Start starts a broker. It accepts connections when Start returns.
func Start(cfg Config) (*Broker, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	host, port, err := address(cfg.Listen)
	if err != nil {
		return nil, err
	}
	cfg.Brokers = max(cfg.Brokers, 1)
	if cfg.Brokers > 1 && port != 0 {
		return nil, fmt.Errorf("starting embedded broker: %d brokers cannot share port %d; use port 0", cfg.Brokers, port)
	}
	opts := []kfake.Opt{
		kfake.ClusterID("sluice-embedded"),
		kfake.DefaultNumPartitions(1),
		kfake.Ports(make([]int, cfg.Brokers)...),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(context.Background(), network, net.JoinHostPort(host, strconv.Itoa(port)))
		}),
	}
	if cfg.MinSessionTimeout > 0 {
		opts = append(opts, kfake.GroupMinSessionTimeout(cfg.MinSessionTimeout))
	}
	if cfg.Logger != nil {
		opts = append(opts, kfake.WithLogger(logger{cfg.Logger}))
	}
	b := &Broker{}
	if cfg.Dir != "" {
		if b.lock, err = lockDir(cfg.Dir); err != nil {
			return nil, err
		}
		opts = append(opts, kfake.DataDir(filepath.Join(cfg.Dir, "data")))
		if cfg.Sync {
			opts = append(opts, kfake.SyncWrites())
		}
	}
	b.cluster, err = kfake.NewCluster(opts...)
	if err != nil {
		if b.lock != nil {
			err = errors.Join(err, b.lock.Close())
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("starting embedded broker on %s: %w; stop what listens there or choose another port", cfg.Listen, err)
		}
		return nil, fmt.Errorf("starting embedded broker on %s with data folder %q: %w", cfg.Listen, cfg.Dir, err)
	}
	b.bootstrap = strings.Join(b.cluster.ListenAddrs(), ",")
	b.close = sync.OnceValue(func() error {
		b.cluster.Close()
		if b.lock != nil {
			return b.lock.Close()
		}
		return nil
	})
	return b, nil
}

// Bootstrap is the value for bootstrap.servers.
func (b *Broker) Bootstrap() string { return b.bootstrap }

// Cluster is the broker itself, for tests that inject faults.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close stops the broker. What it holds in a data folder stays there. Calling it again does nothing.
func (b *Broker) Close() error { return b.close() }

func address(listen string) (host string, port int, err error) {
	addr, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return "", 0, fmt.Errorf("starting embedded broker: reading listen address %q: %w; write host:port, for example 127.0.0.1:9092", listen, err)
	}
	if addr.IP == nil || addr.IP.IsUnspecified() {
		return "", 0, fmt.Errorf("starting embedded broker: clients cannot dial %q; name one address of this machine, for example 127.0.0.1:9092", listen)
	}
	return addr.IP.String(), addr.Port, nil
}

// lockDir takes the folder for this process; the lock ends with the process at the latest (invariant 2).
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making data folder of the embedded broker: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking data folder of the embedded broker: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("locking data folder %s of the embedded broker: %w; another broker uses it", dir, err)
	}
	return f, nil
}

// logger hands the broker's log to slog. Its info lines are one per request: debug for us.
type logger struct{ to *slog.Logger }

var _ kfake.Logger = logger{}

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	var at slog.Level
	switch level {
	case kfake.LogLevelError:
		at = slog.LevelError
	case kfake.LogLevelWarn:
		at = slog.LevelWarn
	case kfake.LogLevelInfo:
		at = slog.LevelDebug
	default:
		return
	}
	if l.to.Enabled(context.Background(), at) {
		l.to.Log(context.Background(), at, fmt.Sprintf(format, args...))
	}
}
