package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
	"github.com/sluice-connect/sluice/worker/config"
)

func applyCommand(r *remote) *cobra.Command {
	var files []string
	var a applying
	cmd := &cobra.Command{
		Use:   "apply -f FILE-OR-FOLDER",
		Short: "Make connectors as files say: create what is missing, change what differs",
		Long: `Make connectors as files say: create what is missing, change what differs, and show the difference. Files are those of
Kafka Connect: {"name":…,"config":{…}}, or the configuration alone with a key name. A key that a file does not have is removed.

A secret that the worker shows as asterisks cannot be compared: it counts as no difference, and is written where something else
differs, or with --force. No secret is ever shown.`,
		Example: `  sluice connector apply -f connectors/ --dry-run
  sluice connector apply -f connectors/`,
		Args: arguments(cobra.NoArgs),
		RunE: r.run(func(s *session, _ []string) error {
			if len(files) == 0 {
				return usage("-f names the file or folder to apply")
			}
			definitions, err := readDefinitions(files, s.cmd.InOrStdin())
			if err != nil {
				return err
			}
			a.session = s
			return a.all(definitions)
		}),
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "JSON file, or folder of them; - is standard input")
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "show what would be done, check the configurations, and do nothing")
	cmd.Flags().BoolVar(&a.force, "force", false, "write configurations that do not differ too, for the sake of their secrets")
	cmd.Flags().BoolVar(&a.deleteOthers, "delete-others", false, "delete all connectors that no file has")
	return cmd
}

// applying is one run of apply.
type applying struct {
	*session
	dryRun, force, deleteOthers bool
}

// applied is what became of a connector.
type applied struct {
	Name        string   `json:"name"`
	Action      string   `json:"action"`                 // create, update, unchanged, delete
	Changes     []change `json:"changes"`                // none of a connector that is deleted
	NotCompared []string `json:"not_compared,omitempty"` // keys of secrets
	DryRun      bool     `json:"dry_run,omitempty"`
	Error       string   `json:"error,omitempty"` // why it was not done
}

// all applies one definition after the other; one that fails does not keep it from the others. Then it deletes what no
// definition has.
func (a applying) all(definitions []definition) error {
	others, err := a.others(definitions)
	if err != nil {
		return err
	}
	results := []applied{}
	failures := 0
	var lost error // the worker is away, so that there is no point in going on
	for _, step := range a.steps(definitions, others) {
		res, err := step()
		if client.IsUnreachable(err) || a.ctx.Err() != nil {
			lost = err
			break
		}
		if err != nil {
			failures++
			res.Error = explain(err).Error()
		}
		results = append(results, res)
		if !a.json {
			if err := a.show(nil, res.text); err != nil {
				return err
			}
		}
	}
	if a.json {
		if err := a.show(results, nil); err != nil {
			return err
		}
	}
	if lost != nil {
		return lost
	}
	if failures > 0 {
		return fmt.Errorf("%d of %d connectors are not as they should be", failures, len(results))
	}
	return nil
}

// steps are what is to be done, in order.
func (a applying) steps(definitions []definition, others []string) []func() (applied, error) {
	var steps []func() (applied, error)
	for _, d := range definitions {
		steps = append(steps, func() (applied, error) { return a.one(d) })
	}
	for _, name := range others {
		steps = append(steps, func() (applied, error) {
			res := applied{Name: name, Action: "delete", Changes: []change{}, DryRun: a.dryRun}
			if a.dryRun {
				return res, nil
			}
			return res, a.Delete(a.ctx, name)
		})
	}
	return steps
}

// others are the connectors to delete.
func (a applying) others(definitions []definition) ([]string, error) {
	if !a.deleteOthers {
		return nil, nil
	}
	names, err := a.Connectors(a.ctx)
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(definitions, func(d definition) bool { return d.name == name })
	}), err
}

// one applies a definition, or says what that would do.
func (a applying) one(d definition) (applied, error) {
	res := applied{Name: d.name, Action: "update", DryRun: a.dryRun}
	if err := d.classed(); err != nil {
		return res, err
	}
	stored, err := a.Config(a.ctx, d.name)
	switch {
	case client.IsNotFound(err):
		res.Action = "create"
	case err != nil:
		return res, err
	}
	secret := a.secrets(a.ctx, d.config["connector.class"])
	res.Changes, res.NotCompared = differences(stored, d.config, secret)
	if res.Action == "update" && len(res.Changes) == 0 && !a.force {
		res.Action = "unchanged"
		return res, nil
	}
	switch {
	case a.dryRun:
		return res, a.check(d)
	case res.Action == "create":
		_, err = a.Create(a.ctx, api.CreateRequest{Name: d.name, Config: d.config, InitialState: d.state})
	default:
		_, _, err = a.PutConfig(a.ctx, d.name, d.config)
	}
	return res, err
}

// check has the worker look at a configuration.
func (a applying) check(d definition) error {
	infos, err := a.Validate(a.ctx, d.config["connector.class"], d.config)
	if err != nil {
		return err
	}
	return invalid(infos)
}

// invalid is an error that names what is wrong with a configuration.
func invalid(infos api.ConfigInfos) error {
	var problems []error
	for _, c := range infos.Configs {
		for _, e := range c.Value.Errors {
			problems = append(problems, errors.New(c.Value.Name+": "+e))
		}
	}
	return errors.Join(problems...)
}

// secrets says of keys whether their values must not be shown: keys that the plugin declares to be passwords. Of a plugin
// that cannot be asked, every key may be one that not all sinks have.
func (a applying) secrets(ctx context.Context, class string) func(key string) bool {
	keys, err := a.PluginConfig(ctx, class, "")
	if err != nil {
		common := config.SinkDef()
		return func(key string) bool { return !common.Has(key) }
	}
	declared := map[string]bool{}
	for _, k := range keys {
		declared[k.Name] = k.Type == "PASSWORD"
	}
	return func(key string) bool { return declared[key] }
}

var actions = map[string][2]string{
	"create": {"created", "would create"},
	"update": {"updated", "would update"},
	"delete": {"deleted", "would delete"},
}

// text is a line for the connector, and one for each change.
func (r applied) text() string {
	var b strings.Builder
	words, known := actions[r.Action]
	switch {
	case r.Error != "":
		b.WriteString("failed to " + r.Action)
	case !known:
		b.WriteString(r.Action)
	case r.DryRun:
		b.WriteString(words[1])
	default:
		b.WriteString(words[0])
	}
	b.WriteString(" " + plain(r.Name))
	switch n := len(r.NotCompared); {
	case n > 0 && r.Action == "unchanged":
		fmt.Fprintf(&b, " (but for secrets that cannot be compared: %s; --force writes them)", plain(strings.Join(r.NotCompared, ", ")))
	case n > 0 && r.Action == "update":
		fmt.Fprintf(&b, " (with secrets that cannot be compared: %s)", plain(strings.Join(r.NotCompared, ", ")))
	}
	b.WriteString("\n")
	for _, c := range r.Changes {
		b.WriteString("  " + c.text() + "\n")
	}
	if r.Error != "" {
		b.WriteString(indent(lines(r.Error), "  ! ") + "\n")
	}
	return b.String()
}
