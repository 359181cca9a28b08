package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/worker/herder"
)

// levelControl is what changes log levels while the worker runs.
type levelControl = *herder.Levels

type logFlags struct{ level, format string }

func (f *logFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.level, "log-level", "info", "least level logged to stderr: debug, info, warn or error")
	cmd.Flags().StringVar(&f.format, "log-format", "text", "format of the log: text or json")
}

// logger makes the worker's logger. Levels are decided by name and can be changed over REST, so the handler behind lets
// everything through.
func (f *logFlags) logger(w io.Writer) (*slog.Logger, levelControl, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, nil, fmt.Errorf("invalid value %q for --log-level: it is debug, info, warn or error", f.level)
	}
	opts := &slog.HandlerOptions{Level: slog.LevelDebug - 8}
	var handler slog.Handler
	switch f.format {
	case "text":
		handler = slog.NewTextHandler(w, opts)
	case "json":
		handler = slog.NewJSONHandler(w, opts)
	default:
		return nil, nil, fmt.Errorf("invalid value %q for --log-format: it is text or json", f.format)
	}
	levels := herder.NewLevels(level)
	return slog.New(levels.Handler("sluice", handler)), levels, nil
}
