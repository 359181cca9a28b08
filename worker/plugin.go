package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

func pluginCommand() *cobra.Command {
	r := &remote{}
	cmd := group(
		&cobra.Command{Use: "plugin", Aliases: []string{"plugins"}, Short: "Look at plugins, and check configurations for them"},
		pluginListCommand(r), describeCommand(r), validateCommand(r),
	)
	r.register(cmd)
	return cmd
}

func pluginListCommand(r *remote) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the plugins of the worker",
		Args:    arguments(cobra.NoArgs),
		RunE: r.run(func(s *session, _ []string) error {
			plugins, err := s.Plugins(s.ctx, !all)
			if err != nil {
				return err
			}
			if len(plugins) == 0 && !s.json {
				fmt.Fprintln(s.cmd.ErrOrStderr(), "no plugins; put their binaries into a folder of the worker's plugin.path")
				return nil
			}
			return s.show(plugins, func() string {
				t := newTable("CLASS", "TYPE", "VERSION")
				for _, p := range plugins {
					t.row(p.Class, p.Type, p.Version)
				}
				return t.text()
			})
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "list converters and the like too")
	return cmd
}

// classes completes the classes of connectors.
func (r *remote) classes() cobra.CompletionFunc {
	return r.complete(1, func(ctx context.Context, c *client.Client) ([]string, error) {
		plugins, err := c.Plugins(ctx, true)
		names := make([]string, len(plugins))
		for i, p := range plugins {
			names[i] = p.Class
		}
		return names, err
	})
}

func describeCommand(r *remote) *cobra.Command {
	var versions string
	cmd := &cobra.Command{
		Use:               "describe CLASS",
		Short:             "Describe the configuration keys of a plugin",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.classes(),
		RunE: r.run(func(s *session, args []string) error {
			keys, err := s.PluginConfig(s.ctx, args[0], versions)
			if err != nil {
				return err
			}
			return s.show(keys, func() string { return describe(keys) })
		}),
	}
	cmd.Flags().StringVar(&versions, "plugin-version", "", "version of the plugin, or a range such as [1.0,2.0); the latest by default")
	return cmd
}

// describe is a table of keys, group by group, in the order in which the plugin has them.
func describe(keys []api.ConfigKeyInfo) string {
	keys = slices.Clone(keys)
	order := map[string]int{}
	for _, k := range keys {
		if g := groupOf(k); order[g] == 0 {
			order[g] = len(order) + 1
		}
	}
	slices.SortStableFunc(keys, func(a, b api.ConfigKeyInfo) int { return order[groupOf(a)] - order[groupOf(b)] })
	var b strings.Builder
	for len(keys) > 0 {
		group := groupOf(keys[0])
		n := slices.IndexFunc(keys, func(k api.ConfigKeyInfo) bool { return groupOf(k) != group })
		if n < 0 {
			n = len(keys)
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		if group != "" {
			b.WriteString(plain(group) + ":\n")
		}
		t := newTable("KEY", "TYPE", "DEFAULT", "MEANING")
		for _, k := range keys[:n] {
			t.row(k.Name, strings.ToLower(k.Type), defaultOf(k), k.Doc)
		}
		b.WriteString(t.text())
		keys = keys[n:]
	}
	return b.String()
}

func groupOf(k api.ConfigKeyInfo) string {
	if k.Group == nil {
		return ""
	}
	return *k.Group
}

func defaultOf(k api.ConfigKeyInfo) string {
	switch {
	case k.Required:
		return "required"
	case k.DefaultValue == nil:
		return "none"
	case *k.DefaultValue == "":
		return "empty"
	default:
		return *k.DefaultValue
	}
}

func validateCommand(r *remote) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "validate (-f FILE-OR-FOLDER | NAME KEY=VALUE…)",
		Short: "Check configurations without making connectors; exit code 1 when something is wrong",
		Long: `Check configurations without making connectors; the exit code is 1 when something is wrong. NAME is that of the connector to be;
without a key connector.class it is the class, too.`,
		Example: `  sluice plugin validate -f colours.json
  sluice plugin validate FileStreamSink topics=select-color`,
		RunE: r.run(func(s *session, args []string) error {
			definitions, err := given(s, files, args)
			if err != nil {
				return err
			}
			wrong := 0
			for _, d := range definitions {
				if _, has := d.config["connector.class"]; !has && len(files) == 0 {
					d.config["connector.class"] = d.name
				}
				if err := d.classed(); err != nil {
					return err
				}
				infos, err := s.Validate(s.ctx, d.config["connector.class"], d.config)
				if err != nil {
					return err
				}
				wrong += infos.ErrorCount
				if err := s.show(infos, func() string { return verdict(d, infos) }); err != nil {
					return err
				}
			}
			if wrong > 0 {
				return fmt.Errorf("%d errors found", wrong)
			}
			return nil
		}),
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "JSON file, or folder of them; - is standard input")
	return cmd
}

func verdict(d definition, infos api.ConfigInfos) string {
	err := invalid(infos)
	if err == nil {
		return plain(d.name) + " is valid\n"
	}
	return plain(d.name) + " is not valid:\n" + indent(lines(err.Error()), "  ! ") + "\n"
}
