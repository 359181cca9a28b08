package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
)

// Config is what a host works with.
type Config struct {
	Paths  []string // folders with plugin binaries; earlier ones win
	RunDir string   // where the folder for sockets is made
	Env    []string // names of environment variables that plugins get beside the usual ones
	MTLS   bool     // TLS between worker and plugins
	Logger *slog.Logger
}

// Plugin is a plugin binary that was found fit for use.
type Plugin struct {
	plugins.Description
	Path   string
	SHA256 string // of the file, in hex
	stamp  stamp
}

// Rejected is a file in a plugin folder that cannot be used.
type Rejected struct {
	Path   string
	Reason string
}

// Host finds and runs plugins.
type Host struct {
	cfg     Config
	log     *slog.Logger
	sockets *socketDir
	starter *starter
	spares  spares // of processes that validate

	scanning chan struct{} // a lock that can be waited for with a context
	stopping context.Context
	stop     context.CancelFunc
	launches sync.WaitGroup

	mu       sync.Mutex
	found    map[string]inspected // by path
	list     []Plugin             // usable ones, newest versions first within a name
	rejected []Rejected
	live     map[*Process]struct{}
	closed   bool
}

// New makes a host. It looks for nothing until Rescan.
func New(cfg Config) (*Host, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	sockets, err := newSocketDir(cfg.RunDir)
	if err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, log: cfg.Logger, sockets: sockets, starter: newStarter(), spares: spares{keep: spareFor},
		scanning: make(chan struct{}, 1), found: map[string]inspected{}, live: map[*Process]struct{}{},
	}
	h.stopping, h.stop = context.WithCancel(context.Background())
	return h, nil
}

// Plugins lists what was found by the last scan, by name, the highest version of each first.
func (h *Host) Plugins() []Plugin {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// Rejected lists the files that the last scan found unfit, with the reasons.
func (h *Host) Rejected() []Rejected {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.rejected)
}

// ErrNotFound is the error for a class that no plugin offers.
var ErrNotFound = errors.New("no plugin offers this class")

// Find gives the plugin that a connector.class names: by a full class name, by its last part, with or without the
// "Connector" at its end, or by the plugin's own name. Of several versions it is the highest that is in a range in Maven's notation,
// or of all where version is empty. Find looks at the last scan only and never waits.
func (h *Host) Find(class, version string) (Plugin, error) {
	wanted, err := parseVersionRange(version)
	if err != nil {
		return Plugin{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	unfit := VersionError{Range: wanted.String()}
	for _, p := range h.list {
		name, ok := p.answersTo(class)
		switch {
		case ok && wanted.has(p.Version):
			return p, nil
		case ok:
			unfit.Class, unfit.Available = name, append(unfit.Available, p.Version)
		}
	}
	if unfit.Class != "" {
		return Plugin{}, &unfit
	}
	return Plugin{}, fmt.Errorf("%w: %s", ErrNotFound, class)
}

// Versions lists the versions of a class that there are, the highest first.
func (h *Host) Versions(class string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, p := range h.list {
		if _, ok := p.answersTo(class); ok {
			all = append(all, p.Version)
		}
	}
	return all
}

// FindCurrent is Find for those who are about to start a process: a file that was dropped in or replaced since the last
// scan counts.
func (h *Host) FindCurrent(ctx context.Context, class, version string) (Plugin, error) {
	p, err := h.Find(class, version)
	if err == nil && p.stamp == stampOf(p.Path) {
		return p, nil
	}
	if err := h.Rescan(ctx); err != nil {
		return Plugin{}, err
	}
	return h.Find(class, version)
}

// answersTo says whether a class is the plugin's, and its full name.
func (p Plugin) answersTo(class string) (name string, ok bool) {
	if class == "" {
		return "", false
	}
	if class == p.Name {
		return class, true
	}
	for _, c := range p.Classes {
		if slices.Contains(aliases(c.Name), class) {
			return c.Name, true
		}
	}
	return "", false
}

// names are all that the plugin answers to.
func (p Plugin) names() []string {
	all := make([]string, 0, 1+3*len(p.Classes))
	all = append(all, p.Name)
	for _, c := range p.Classes {
		all = append(all, aliases(c.Name)...)
	}
	return all
}

// aliases are the names of a class: in full, its last part, and that without the "Connector" at its end.
func aliases(class string) []string {
	simple := class[strings.LastIndexByte(class, '.')+1:]
	return []string{class, simple, strings.TrimSuffix(simple, "Connector")}
}

// stopWithin is how long a process that was asked to end has for it.
const stopWithin = 2 * time.Second

// Launch starts a process of a plugin. connector only names it in logs. The process runs until Stop, Kill or Close.
func (h *Host) Launch(ctx context.Context, p Plugin, connector string) (*Process, error) {
	if now := stampOf(p.Path); now != p.stamp {
		return nil, connectors.Retriable("starting plugin "+p.Name, errors.New(p.Path+" was changed or removed since it was found"), "it is looked at again at the next start")
	}
	return h.launch(ctx, p.Path, p.Name, connector)
}

func (h *Host) launch(ctx context.Context, path, name, connector string) (*Process, error) {
	if !h.begin() {
		return nil, stoppingError(name)
	}
	defer h.launches.Done()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.stopping, cancel)()
	proc, err := startProcess(ctx, h, path, name, connector)
	if h.stopping.Err() != nil {
		if err == nil {
			proc.Kill()
		}
		return nil, stoppingError(name)
	}
	return proc, err
}

// begin counts something that starts processes, unless the host is closed; Close waits for it.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.launches.Add(1)
	return true
}

func stoppingError(plugin string) error {
	return connectors.Retriable("starting plugin "+plugin, errors.New("the worker is stopping"), "")
}

// begun takes a process into the list of those that Close ends.
func (h *Host) begun(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live[p] = struct{}{}
}

func (h *Host) gone(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.live, p)
}

// Close ends all processes, and waits for them. It does so once.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	again := h.closed
	h.closed = true
	h.mu.Unlock()
	if again {
		return nil
	}
	h.stop()
	h.launches.Wait() // they are killed
	h.spares.close()
	h.mu.Lock()
	live := make([]*Process, 0, len(h.live))
	for p := range h.live {
		live = append(live, p)
	}
	h.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range live {
		wg.Go(func() { _ = p.Stop(ctx) }) // how it ended is in its log
	}
	wg.Wait()
	h.starter.close()
	return h.sockets.remove()
}
