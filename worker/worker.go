package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/worker/config"
)

func workerCommand() *cobra.Command {
	var logs logFlags
	var checkOnly bool
	cmd := &cobra.Command{
		Use:   "worker PROPERTIES",
		Short: "Run a worker with Kafka Connect's worker properties",
		Long: `Run a worker. The file has the form of Kafka Connect's worker properties, by Kafka Connect's names, so that a
connect-distributed.properties starts it. Plugins are binaries in the folders of plugin.path; without that, in the folder
plugins beside the sluice binary.

With --check nothing is started, joined, created or written: the command says who is in the group, what the topics hold, and
which connectors would run on, from which offsets. The exit code is 1 when a worker could not start.`,
		Example: "  sluice worker --check config/connect-distributed.properties\n  sluice worker config/connect-distributed.properties",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, levels, err := logs.logger(os.Stderr)
			if err != nil {
				return err
			}
			w, err := config.LoadWorker(args[0], log)
			if err != nil {
				return err
			}
			if len(w.PluginPath) == 0 {
				w.PluginPath = []string{besideBinary("plugins")}
			}
			if checkOnly {
				return check(cmd.Context(), w, log, cmd.OutOrStdout())
			}
			return serve(cmd.Context(), w, log, levels)
		},
	}
	cmd.Flags().BoolVar(&checkOnly, "check", false, "say what a worker with these properties would find and do, and do nothing")
	logs.register(cmd)
	return cmd
}

// besideBinary is a path in the folder of this program.
func besideBinary(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	return filepath.Join(filepath.Dir(self), name)
}

// serve runs a worker until the context ends.
func serve(ctx context.Context, w config.Worker, log *slog.Logger, levels levelControl) error {
	rt, err := startWorker(ctx, w, log, levels)
	if err != nil {
		return err
	}
	return rt.wait(ctx)
}
