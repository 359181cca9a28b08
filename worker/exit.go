package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api/client"
)

// The exit codes.
const (
	exitError    = 1
	exitUsage    = 2 // a command, flag or argument that does not exist or fit
	exitNotFound = 3 // a connector, task, plugin or logger that does not exist
	exitFailed   = 4 // a connector or task that has failed
)

func exitCode(err error) int {
	var wrong *usageError
	var failed *failedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		return exitUsage
	case errors.As(err, &failed):
		return exitFailed
	case client.IsNotFound(err):
		return exitNotFound
	default:
		return exitError
	}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// failedError says that something has failed that the command was to look at.
type failedError struct{ text string }

func (e *failedError) Error() string { return e.text }

// arguments makes a mistake of what a check of arguments refuses.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage("%w", err)
		}
		return nil
	}
}

// group makes a command of commands: it does nothing itself, and what it does not know is a mistake.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := ""
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			hint = "; did you mean " + strings.Join(like, " or ") + "?"
		}
		return usage("unknown command %q of %s%s", args[0], cmd.CommandPath(), hint)
	}
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(commands...)
	return cmd
}

// explained is an error in words for the one who typed the command.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// explain says what an error of the client means, and what can be done.
func explain(err error) error {
	var answer *client.Error
	var done *explained
	switch {
	case err == nil, errors.As(err, &done):
		return err
	case errors.Is(err, context.Canceled):
		return &explained{"interrupted", err}
	case client.IsUnreachable(err):
		return &explained{err.Error() + "; " + reach(err), err}
	case errors.As(err, &answer):
		return &explained{said(answer), err}
	case errors.Is(err, context.DeadlineExceeded):
		return &explained{"no answer in time; --timeout gives the worker more: " + err.Error(), err}
	default:
		return err
	}
}

// reach says how a worker can be reached that does not answer.
func reach(err error) string {
	var unknown x509.UnknownAuthorityError
	switch text := err.Error(); {
	case errors.As(err, &unknown):
		return "--cacert names the file with the authority that signed its certificate"
	case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate"):
		return "it wants a certificate of yours: --cert and --key"
	case strings.Contains(text, "HTTP response to HTTPS client"):
		return "it does not speak TLS: use a URL that begins with http://"
	default:
		return "start one with `sluice dev`, or say where it is with --url or SLUICE_URL"
	}
}

// said is what a worker says, with what can be done about it.
func said(e *client.Error) string {
	text := e.Message
	if i := strings.Index(text, "\nYou can also find the above list of errors"); i >= 0 {
		text = text[:i]
	}
	text = lines(text)
	switch {
	case e.Status == http.StatusNotFound && strings.HasPrefix(text, "HTTP 404"):
		return "the worker does not know this operation: " + e.Error()
	case e.Status == http.StatusNotFound:
		return text
	case e.Status == http.StatusUnauthorized:
		return "the worker wants other credentials: give a name with --user or SLUICE_USER, and the password in SLUICE_PASSWORD"
	case client.IsRebalancing(e):
		return text + "\nTry again in a moment: the cluster is settling."
	case e.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("%s\nThe log of the worker tells more (%d, %s).", text, e.Status, e.Request)
	default:
		return text
	}
}
