package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

func loggerCommand() *cobra.Command {
	r := &remote{}
	cmd := group(
		&cobra.Command{Use: "logger", Aliases: []string{"loggers"}, Short: "Look at log levels of a running worker, and change them"},
		loggerListCommand(r), loggerGetCommand(r), loggerSetCommand(r),
	)
	r.register(cmd)
	return cmd
}

func loggerListCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the loggers that have a level of their own",
		Args:    arguments(cobra.NoArgs),
		RunE: r.run(func(s *session, _ []string) error {
			all, err := s.Loggers(s.ctx)
			if err != nil {
				return err
			}
			return s.show(all, func() string { return levelTable(all) })
		}),
	}
}

func levelTable(levels map[string]api.LoggerLevel) string {
	t := newTable("LOGGER", "LEVEL", "CHANGED")
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		changed := ""
		if at := levels[name].LastModified; at != nil {
			changed = time.UnixMilli(*at).UTC().Format(time.RFC3339)
		}
		t.row(name, levels[name].Level, changed)
	}
	return t.text()
}

func loggerGetCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:               "get LOGGER",
		Short:             "Show the level of a logger",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.loggers(),
		RunE: r.run(func(s *session, args []string) error {
			level, err := s.Logger(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(level, func() string { return levelTable(map[string]api.LoggerLevel{args[0]: level}) })
		}),
	}
}

func loggerSetCommand(r *remote) *cobra.Command {
	var cluster bool
	cmd := &cobra.Command{
		Use:   "set LOGGER LEVEL",
		Short: "Change the level of a logger, and of those below it, until the worker ends",
		Example: `  sluice logger set sluice debug
  sluice logger set root warn --cluster`,
		Args: arguments(cobra.ExactArgs(2)),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"trace", "debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp
			}
			return r.loggers()(cmd, args, typed)
		},
		RunE: r.run(func(s *session, args []string) error {
			changed, err := s.SetLogger(s.ctx, args[0], strings.ToUpper(args[1]), cluster)
			if err != nil {
				return err
			}
			if cluster {
				return s.done("set on all workers:", args[0])
			}
			return s.show(changed, func() string {
				var b strings.Builder
				if len(changed) == 0 {
					fmt.Fprintf(&b, "%s has the level %s already\n", plain(args[0]), plain(strings.ToUpper(args[1])))
				}
				for _, name := range changed {
					fmt.Fprintf(&b, "set %s to %s\n", plain(name), plain(strings.ToUpper(args[1])))
				}
				return b.String()
			})
		}),
	}
	cmd.Flags().BoolVar(&cluster, "cluster", false, "change it on all workers")
	return cmd
}

// loggers completes names of loggers.
func (r *remote) loggers() cobra.CompletionFunc {
	return r.complete(1, func(ctx context.Context, c *client.Client) ([]string, error) {
		all, err := c.Loggers(ctx)
		return slices.Sorted(maps.Keys(all)), err
	})
}
