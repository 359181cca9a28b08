package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api/client"
)

func watchCommand(r *remote) *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "watch [NAME…]",
		Short: "Show the states of connectors as they change, until Ctrl-C",
		Long: `Show the states of connectors and tasks, and each change of them, until Ctrl-C; without names those of all connectors. As JSON
there is one object on each line. The exit code is 4 when something has failed at the end.`,
		ValidArgsFunction: r.connectors(1 << 10),
		RunE: r.run(func(s *session, args []string) error {
			if interval <= 0 {
				return usage("invalid value %s for --interval: it is a time above 0", interval)
			}
			w := watcher{Client: s.Client, out: s.output, errs: s.cmd.ErrOrStderr(), names: args, interval: interval, zone: time.Local}
			return w.run(s.ctx)
		}),
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "time between two looks")
	return cmd
}

// watcher looks at connectors again and again.
type watcher struct {
	*client.Client
	out      output
	errs     io.Writer
	names    []string // none: all
	interval time.Duration
	zone     *time.Location // of the times that are shown

	seen map[part]state
	lost bool // no worker answered the last time
}

// part is a connector, or with a number one of its tasks.
type part struct {
	connector string
	task      int // -1: the connector itself
}

func (p part) String() string {
	if p.task < 0 {
		return p.connector
	}
	return p.connector + "/" + strconv.Itoa(p.task)
}

type state struct{ state, worker, trace string }

// run looks until the context ends. The first look has to succeed; when the worker goes away later it is waited for.
func (w *watcher) run(ctx context.Context) error {
	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	for first := true; ; first = false {
		now, err := w.look(ctx, first)
		switch {
		case ctx.Err() != nil:
			return w.end()
		case err != nil && first:
			return err
		case err != nil:
			if !w.lost {
				fmt.Fprintln(w.errs, "sluice:", explain(err), "(still watching)")
			}
			w.lost = true
		default:
			w.lost = false
			if err := w.report(now); err != nil {
				return err
			}
			w.seen = now
		}
		select {
		case <-ctx.Done():
			return w.end()
		case <-tick.C:
		}
	}
}

// end is an error where something has failed by the last look.
func (w *watcher) end() error {
	var failures []string
	for p, s := range w.seen {
		if s.state == failed {
			failures = append(failures, plain(p.String()))
		}
	}
	if len(failures) == 0 {
		return nil
	}
	slices.Sort(failures)
	return &failedError{"failed: " + strings.Join(failures, ", ")}
}

// look gives the states of all connectors that are watched. One that was named and does not exist is an error the first
// time.
func (w *watcher) look(ctx context.Context, first bool) (map[part]state, error) {
	all, err := w.Expanded(ctx, client.WithStatus)
	if err != nil {
		return nil, err
	}
	for _, name := range w.names {
		if _, ok := all[name]; !ok && first {
			return nil, &client.Error{Status: http.StatusNotFound, Message: "Connector " + name + " not found"}
		}
	}
	now := map[part]state{}
	for name, c := range all {
		if c.Status == nil || len(w.names) > 0 && !slices.Contains(w.names, name) {
			continue
		}
		now[part{name, -1}] = state{c.Status.Connector.State, c.Status.Connector.WorkerID, c.Status.Connector.Trace}
		for _, t := range c.Status.Tasks {
			now[part{name, t.ID}] = state{t.State, t.WorkerID, t.Trace}
		}
	}
	return now, nil
}

// event is a change of a state.
type event struct {
	Time      time.Time `json:"time"`
	Connector string    `json:"connector"`
	Task      *int      `json:"task"` // nil: the connector itself
	From      string    `json:"from,omitempty"`
	To        string    `json:"to"` // GONE where it does not exist any more
	Worker    string    `json:"worker_id,omitempty"`
	Trace     string    `json:"trace,omitempty"`

	part part
}

const gone = "GONE"

// report writes a line for each part that has changed.
func (w *watcher) report(now map[part]state) error {
	parts := slices.Collect(maps.Keys(now))
	for p := range w.seen {
		if _, still := now[p]; !still {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.connector, b.connector), cmp.Compare(a.task, b.task))
	})
	for _, p := range parts {
		before, after := w.seen[p], now[p]
		if before == after {
			continue
		}
		e := event{Time: time.Now().In(w.zone), Connector: p.connector, From: before.state, To: cmp.Or(after.state, gone), Worker: after.worker, Trace: after.trace, part: p}
		if p.task >= 0 {
			e.Task = &p.task
		}
		if err := w.write(e); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) write(e event) error {
	if w.out.json {
		return json.NewEncoder(w.out.w).Encode(e)
	}
	text := e.To
	if e.From != "" && e.From != e.To {
		text = e.From + " → " + e.To
	}
	if e.Worker != "" {
		text += " on " + e.Worker
	}
	if first, _, _ := strings.Cut(e.Trace, "\n"); first != "" {
		text += ": " + first
	}
	_, err := fmt.Fprintf(w.out.w, "%s  %s  %s\n", e.Time.Format(time.TimeOnly), plain(e.part.String()), plain(text))
	return err
}
