package plugins

import (
	"io"
	"log/slog"
)

// LogLevelKey names the environment variable with the least level that a plugin logs: debug, info, warn or error.
const LogLevelKey = "SLUICE_LOG_LEVEL"

// logOptions says where a plugin's log goes: one JSON object a line with time, level, msg and attributes, on standard
// error, from where the worker puts it into its own log.
type logOptions struct {
	out   io.Writer
	level slog.Level
}

func (l *logOptions) logger() *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewJSONHandler(l.out, &slog.HandlerOptions{Level: l.level}))
}

func parseLevel(s string) slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(s)) != nil {
		return slog.LevelInfo
	}
	return l
}
