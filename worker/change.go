package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

func createCommand(r *remote) *cobra.Command {
	var files []string
	var state string
	cmd := &cobra.Command{
		Use:   "create (-f FILE | NAME KEY=VALUE…)",
		Short: "Create a connector of a JSON file, or of keys and values",
		Long: `Create a connector. A file is one of Kafka Connect's: {"name":…,"config":{…}}, or the configuration alone with a key
name. Keep secrets out of arguments, which others on this machine can see.`,
		Example: `  sluice connector create -f colours.json
  sluice connector create colours connector.class=FileStreamSink topics=select-color file=/tmp/colours.txt`,
		RunE: r.run(func(s *session, args []string) error {
			definitions, err := given(s, files, args)
			if err != nil {
				return err
			}
			for _, d := range definitions {
				if state != "" {
					if d.state, err = initialState(state); err != nil {
						return usage("--state: %w", err)
					}
				}
				if err := d.classed(); err != nil {
					return err
				}
				info, err := s.Create(s.ctx, api.CreateRequest{Name: d.name, Config: d.config, InitialState: d.state})
				if client.IsConflict(err) && !client.IsRebalancing(err) {
					return &explained{"connector " + plain(d.name) + " exists already; `sluice connector apply` changes it", err}
				}
				if err != nil {
					return err
				}
				if err := s.show(info, func() string { return "created " + plain(info.Name) + "\n" }); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "JSON file, or folder of them; - is standard input")
	cmd.Flags().StringVar(&state, "state", "", "state to begin in: running, paused or stopped")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"running", "paused", "stopped"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return cmd
}

// given reads the connectors of files or of arguments.
func given(s *session, files, args []string) ([]definition, error) {
	switch {
	case len(files) > 0 && len(args) > 0:
		return nil, usage("give a file, or a name with keys and values; not both")
	case len(files) > 0:
		return readDefinitions(files, s.cmd.InOrStdin())
	case len(args) < 2:
		return nil, usage("give a file with -f, or a name with keys and values")
	}
	d := definition{name: args[0], config: map[string]string{"name": args[0]}}
	for _, arg := range args[1:] {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, usage("%q is not of the form KEY=VALUE", arg)
		}
		d.config[key] = value
	}
	return []definition{d}, nil
}

// classed refuses a definition that no plugin could be found for.
func (d definition) classed() error {
	if strings.TrimSpace(d.config["connector.class"]) != "" {
		return nil
	}
	return fmt.Errorf("connector %s has no connector.class: give one of the classes that `sluice plugin list` shows, as connector.class=FileStreamSink", plain(d.name))
}

func patchCommand(r *remote) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "patch NAME (-f FILE | KEY=VALUE… KEY-…)",
		Short: "Change some keys of a configuration; KEY- removes one",
		Long: `Change some keys of a configuration and leave the others as they are. KEY- removes a key, and so does null in a file.
Keep secrets out of arguments, which others on this machine can see.`,
		Example: `  sluice connector patch colours tasks.max=3 errors.log.enable-
  echo '{"tasks.max":3,"errors.log.enable":null}' | sluice connector patch colours -f -`,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			patch, err := readPatch(file, args[1:], s.cmd.InOrStdin())
			if err != nil {
				return err
			}
			info, err := s.PatchConfig(s.ctx, args[0], patch)
			if err != nil {
				return err
			}
			return s.show(info, func() string { return "patched " + plain(args[0]) + "\n" })
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "JSON file with the keys to change; - is standard input")
	return cmd
}

func deleteCommand(r *remote) *cobra.Command {
	return eachCommand(r, "delete NAME…", "Remove connectors; their consumer groups keep their offsets", "deleted", (*client.Client).Delete)
}

// stateCommands change what connectors are to do.
func stateCommands(r *remote) []*cobra.Command {
	return []*cobra.Command{
		eachCommand(r, "pause NAME…", "Let connectors stop reading and keep their tasks", "paused", (*client.Client).Pause),
		eachCommand(r, "resume NAME…", "Let connectors go on after pause or stop", "resumed", (*client.Client).Resume),
		eachCommand(r, "stop NAME…", "End all tasks of connectors and keep their configurations", "stopped", (*client.Client).Stop),
	}
}

// eachCommand does something with each of the connectors that are named. One that fails does not keep it from the others.
func eachCommand(r *remote, use, short, done string, do func(*client.Client, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             short,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: r.connectors(1 << 10),
		RunE: r.run(func(s *session, args []string) error {
			var problems []error
			for _, name := range args {
				if err := do(s.Client, s.ctx, name); err != nil {
					problems = append(problems, explain(err))
					continue
				}
				if err := s.done(done, name); err != nil {
					return err
				}
			}
			return errors.Join(problems...)
		}),
	}
}

func restartCommand(r *remote) *cobra.Command {
	var opts api.RestartOptions
	task := -1
	cmd := &cobra.Command{
		Use:   "restart NAME",
		Short: "Restart a connector, with its tasks if asked, or one task",
		Example: `  sluice connector restart colours --include-tasks --only-failed
  sluice connector restart colours --task 0`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			if s.cmd.Flags().Changed("task") {
				if opts != (api.RestartOptions{}) || task < 0 {
					return usage("--task takes the number of one task, and no other flag of restart")
				}
				if err := s.RestartTask(s.ctx, api.TaskID{Connector: args[0], Task: task}); err != nil {
					return err
				}
				return s.done("restarted a task of", args[0])
			}
			status, err := s.Restart(s.ctx, args[0], opts)
			if err != nil {
				return err
			}
			if opts == (api.RestartOptions{}) {
				return s.done("restarted", args[0])
			}
			return s.show(status, func() string { return statusText(status) })
		}),
	}
	cmd.Flags().BoolVar(&opts.IncludeTasks, "include-tasks", false, "restart its tasks too")
	cmd.Flags().BoolVar(&opts.OnlyFailed, "only-failed", false, "restart only what has failed")
	cmd.Flags().IntVar(&task, "task", -1, "number of the one task to restart")
	return cmd
}
