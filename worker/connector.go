package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

func connectorCommand() *cobra.Command {
	r := &remote{}
	cmd := group(
		&cobra.Command{Use: "connector", Aliases: []string{"connectors"}, Short: "Create, look at and change connectors"},
		listCommand(r), getCommand(r), configCommand(r), statusCommand(r), topicsCommand(r), watchCommand(r),
		createCommand(r), applyCommand(r), patchCommand(r), offsetsCommand(r), restartCommand(r), deleteCommand(r),
	)
	cmd.AddCommand(stateCommands(r)...)
	r.register(cmd)
	return cmd
}

// What a connector or task can be.
const (
	running = "RUNNING"
	failed  = "FAILED"
)

func listCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List all connectors with their states",
		Args:    arguments(cobra.NoArgs),
		RunE: r.run(func(s *session, _ []string) error {
			all, err := s.Expanded(s.ctx, client.WithStatus, client.WithInfo)
			if err != nil {
				return err
			}
			if len(all) == 0 && !s.json {
				fmt.Fprintln(s.cmd.ErrOrStderr(), "no connectors; `sluice connector create` makes one")
				return nil
			}
			return s.show(all, func() string {
				t := newTable("NAME", "STATE", "TASKS", "TYPE", "CLASS")
				for _, name := range slices.Sorted(maps.Keys(all)) {
					t.row(listRow(name, all[name])...)
				}
				return t.text()
			})
		}),
	}
}

func listRow(name string, c client.Expanded) []string {
	row := []string{name, "", "", "", ""}
	if c.Status != nil {
		row[1], row[2], row[3] = c.Status.Connector.State, tasksAtAGlance(c.Status.Tasks), c.Status.Type
	}
	if c.Info != nil {
		class := c.Info.Config["connector.class"]
		row[4] = class[strings.LastIndex(class, ".")+1:]
	}
	return row
}

// tasksAtAGlance is how many tasks run of how many, and how many have failed.
func tasksAtAGlance(tasks []api.TaskStatus) string {
	count := map[string]int{}
	for _, t := range tasks {
		count[t.State]++
	}
	text := fmt.Sprintf("%d/%d", count[running], len(tasks))
	if n := count[failed]; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	return text
}

func getCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:               "get NAME",
		Short:             "Show a connector: type, tasks, configuration",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			info, err := s.Connector(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(info, func() string {
				head := newTable("Name:", info.Name)
				head.row("Type:", info.Type)
				head.row("Tasks:", strconv.Itoa(len(info.Tasks)))
				return head.text() + "\n" + configTable(info.Config)
			})
		}),
	}
}

func configCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "config NAME",
		Short: "Show the configuration of a connector; as JSON it is one that apply takes",
		Long: `Show the configuration of a connector. As JSON it is one that apply takes: secrets, which are shown as asterisks, stay as
they are when it is written back.`,
		Example:           "  sluice connector config colours -o json > colours.json",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			config, err := s.Config(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(config, func() string { return configTable(config) })
		}),
	}
}

func configTable(config map[string]string) string {
	t := newTable("KEY", "VALUE")
	for _, key := range slices.Sorted(maps.Keys(config)) {
		t.row(key, config[key])
	}
	return t.text()
}

func statusCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:               "status NAME",
		Short:             "Show the states of a connector and its tasks, and what troubles them",
		Long:              "Show the states of a connector and its tasks, and what troubles them. The exit code is 4 when one of them has failed.",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			status, err := s.Status(s.ctx, args[0])
			if err != nil {
				return err
			}
			if err := s.show(status, func() string { return statusText(status) }); err != nil {
				return err
			}
			return failure(status)
		}),
	}
}

func statusText(s api.ConnectorStatus) string {
	states := newTable("", "STATE", "WORKER", "VERSION")
	states.row(s.Name, s.Connector.State, s.Connector.WorkerID, s.Connector.Version)
	traces := ""
	trace := func(what, trace string) {
		if trace != "" {
			traces += "\n" + plain(what) + ":\n" + indent(lines(trace), "  ") + "\n"
		}
	}
	trace(s.Name, s.Connector.Trace)
	for _, t := range s.Tasks {
		task := "task " + strconv.Itoa(t.ID)
		states.row(task, t.State, t.WorkerID, t.Version)
		trace(task, t.Trace)
	}
	return states.text() + traces
}

// failure is an error where a connector or one of its tasks has failed.
func failure(s api.ConnectorStatus) error {
	n := 0
	for _, t := range s.Tasks {
		if t.State == failed {
			n++
		}
	}
	again := fmt.Sprintf("; `sluice connector restart %s --include-tasks --only-failed` starts what has failed", plain(s.Name))
	switch {
	case s.Connector.State == failed:
		return &failedError{fmt.Sprintf("connector %s has failed%s", plain(s.Name), again)}
	case n > 0:
		return &failedError{fmt.Sprintf("%d of %d tasks of connector %s failed%s", n, len(s.Tasks), plain(s.Name), again)}
	default:
		return nil
	}
}

func topicsCommand(r *remote) *cobra.Command {
	var reset bool
	cmd := &cobra.Command{
		Use:               "topics NAME",
		Short:             "List the topics that a connector has used, or forget them",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			if _, err := s.Connector(s.ctx, args[0]); err != nil { // of one that does not exist, Connect lists no topics
				return err
			}
			if reset {
				if err := s.ResetTopics(s.ctx, args[0]); err != nil {
					return err
				}
				return s.done("reset topics of", args[0])
			}
			topics, err := s.Topics(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(topics, func() string {
				t := newTable("TOPIC")
				for _, topic := range topics {
					t.row(topic)
				}
				return t.text()
			})
		}),
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "forget them")
	return cmd
}
