package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api/client"
)

// remote is what commands that speak to a worker have in common: where it is, and how they show what it says.
type remote struct {
	urls                    []string
	user, cacert, cert, key string
	timeout                 time.Duration
	format                  string
}

const defaultURL = "http://127.0.0.1:8083"

// register adds the flags to a group of commands. Variables are read when a command runs, so that no help text shows what
// they hold.
func (r *remote) register(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringSliceVar(&r.urls, "url", nil, "URLs of workers of one cluster, between commas; the first that answers is asked (SLUICE_URL; default "+defaultURL+")")
	f.StringVar(&r.user, "user", "", "name for basic authentication (SLUICE_USER), with the password in SLUICE_PASSWORD")
	f.StringVar(&r.cacert, "cacert", "", "file with the authorities that sign the workers' certificates, PEM (SLUICE_CACERT)")
	f.StringVar(&r.cert, "cert", "", "file with the certificate to show to workers, PEM (SLUICE_CERT)")
	f.StringVar(&r.key, "key", "", "file with its key, PEM (SLUICE_KEY)")
	f.DurationVar(&r.timeout, "timeout", client.DefaultTimeout, "longest time for one request")
	f.StringVarP(&r.format, "output", "o", "table", "form of the output: table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

// client makes the client that the flags and variables describe.
func (r *remote) client() (*client.Client, error) {
	urls := r.urls
	if len(urls) == 0 {
		urls = strings.Split(cmp.Or(os.Getenv("SLUICE_URL"), defaultURL), ",")
	}
	tls, err := client.LoadTLS(cmp.Or(r.cacert, os.Getenv("SLUICE_CACERT")), cmp.Or(r.cert, os.Getenv("SLUICE_CERT")), cmp.Or(r.key, os.Getenv("SLUICE_KEY")))
	if err != nil {
		return nil, usage("%w", err)
	}
	c, err := client.New(client.Config{
		URLs: urls, TLS: tls, Timeout: r.timeout,
		User: cmp.Or(r.user, os.Getenv("SLUICE_USER")), Password: os.Getenv("SLUICE_PASSWORD"),
	})
	if err != nil {
		return nil, usage("%w", err)
	}
	return c, nil
}

// session is one command that speaks to a worker.
type session struct {
	*client.Client
	output
	ctx context.Context // the command's, as long as which the session lives
	cmd *cobra.Command
}

// run makes what a command runs of a function that is given a session.
func (r *remote) run(f func(s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if r.format != "table" && r.format != "json" {
			return usage("invalid value %q for --output: it is table or json", r.format)
		}
		c, err := r.client()
		if err != nil {
			return err
		}
		defer c.Close()
		s := &session{Client: c, ctx: cmd.Context(), cmd: cmd, output: output{w: cmd.OutOrStdout(), json: r.format == "json"}}
		return explain(f(s, args))
	}
}

// completeWithin bounds how long a shell waits for names.
const completeWithin = 2 * time.Second

// complete makes a completion of arguments of what a worker knows, for the first most of them.
func (r *remote) complete(most int, list func(context.Context, *client.Client) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := r.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		names, err := list(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// connectors completes names of connectors.
func (r *remote) connectors(most int) cobra.CompletionFunc {
	return r.complete(most, func(ctx context.Context, c *client.Client) ([]string, error) { return c.Connectors(ctx) })
}
