// Command sluice is the Kafka Connect worker: it hosts sink connectors as plugins and serves Kafka Connect's REST API.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Set by the linker.
var (
	version = "dev"
	commit  = "unknown"
)

func main() {
	keepSmall()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // what lives is small, and what passes through is large
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs a command line and gives its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(err)
	if err != nil {
		fmt.Fprintln(errs, "sluice:", err)
	}
	if code == exitUsage {
		fmt.Fprintf(errs, "`%s --help` tells how it is used\n", cmd.CommandPath())
	}
	return code
}

func rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "sluice",
		Short: "Kafka Connect's sinks, each in a process of its own",
		Long: `Kafka Connect's sinks, each in a process of its own.

Exit codes: 0 done, 1 error, 2 wrong use of a command, 3 no such connector, task, plugin or logger, 4 a connector or
task has failed.`,
		Version:       version + " (" + commit + ")",
		SilenceUsage:  true,
		SilenceErrors: true,
	})
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run a worker:"}, &cobra.Group{ID: "manage", Title: "Speak to a worker:"})
	for _, cmd := range []*cobra.Command{workerCommand(), devCommand()} {
		cmd.GroupID = "run"
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{connectorCommand(), pluginCommand(), loggerCommand(), clusterCommand()} {
		cmd.GroupID = "manage"
		root.AddCommand(cmd)
	}
	return root
}
