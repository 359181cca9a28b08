package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/worker/store"
)

// Config is what a worker joins with.
type Config struct {
	Client  *store.Client
	Store   *store.AssignmentStore
	GroupID string // group.id of the worker
	URL     string // advertised: http://host:port, where other workers reach this one
	Version string // of sluice, for others to see
	// Plugins are the names that a connector.class may have here, each with the versions that are there: see SetPlugins.
	Plugins map[string][]string
	// Can tells whether a worker with such plugins can run a connector; nil: every worker can run all.
	Can func(plugins map[string][]string, class, version string) bool
	// SessionTimeout is the time without a heartbeat after which a worker counts as gone (10 s), and HeartbeatInterval the time
	// between two (1 s, or a third of the session timeout if that is less).
	SessionTimeout, HeartbeatInterval time.Duration
	// RebalanceDelay is the time for which the work of a worker that has gone without a word waits for it to return; zero gives it
	// to others at once.
	RebalanceDelay time.Duration
	// ReleaseTimeout is the time for which work that moves waits for the worker that has to let go of it (1 min).
	ReleaseTimeout time.Duration
	// LookInterval is the time between two looks of the leader at the group, beside those that a rebalance causes (10 s).
	LookInterval time.Duration
	// Generation is one that placements must be above, as that of the statuses that another kind of worker has left.
	Generation int64
	Logger     *slog.Logger
}

func (c *Config) complete() error {
	if c.Client == nil || c.Store == nil {
		return errors.New("no client or no assignment store")
	}
	if c.GroupID == "" {
		return errors.New("no group; set group.id")
	}
	if _, ok := workerID(c.URL); !ok {
		return fmt.Errorf("%q is not a URL that other workers can reach this one by", c.URL)
	}
	for d, fallback := range map[*time.Duration]time.Duration{
		&c.SessionTimeout: 10 * time.Second, &c.LookInterval: 10 * time.Second, &c.ReleaseTimeout: time.Minute,
	} {
		if *d <= 0 {
			*d = fallback
		}
	}
	if c.HeartbeatInterval <= 0 {
		c.HeartbeatInterval = time.Second
	}
	c.HeartbeatInterval = min(c.HeartbeatInterval, c.SessionTimeout/3)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// workerID is how a worker with an advertised URL is called in placements and status records: host:port, as in Connect.
func workerID(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", false
	}
	return u.Host, true
}

// InstanceID makes a group.instance.id of a name; Kafka allows the characters of a topic's name.
func InstanceID(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, name)
}
