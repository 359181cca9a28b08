package herder

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-connect/sluice/api"
)

// javaLoggers begins the names that operators know of Kafka Connect; they count as existing, with the level that they
// inherit.
const javaLoggers = "org.apache.kafka.connect."

// root is the logger that all others inherit their level from.
const root = "root"

// Levels holds the levels of the worker's loggers, by name; a logger without a level of its own has that of the closest
// ancestor in the dotted name, and in the end that of root.
type Levels struct {
	mu     sync.RWMutex
	levels map[string]setLevel
	lowest slog.Level // of all, to answer quickly whether anything can be logged
	now    func() time.Time
}

type setLevel struct {
	level slog.Level
	off   bool
	at    *int64 // nil: since the start
}

// NewLevels makes levels whose root begins at level.
func NewLevels(level slog.Level) *Levels {
	return &Levels{levels: map[string]setLevel{root: {level: level}}, lowest: level, now: time.Now}
}

// Enabled says whether a logger writes at a level.
func (l *Levels) Enabled(name string, level slog.Level) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := l.find(name)
	return !s.off && level >= s.level
}

func (l *Levels) find(name string) setLevel {
	for name != "" {
		if s, ok := l.levels[name]; ok {
			return s
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			break
		}
		name = name[:i]
	}
	return l.levels[root]
}

// The names of log4j, which clients of Kafka Connect know.
var levelNames = map[string]slog.Level{
	"TRACE": slog.LevelDebug - 4, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn,
	"ERROR": slog.LevelError, "FATAL": slog.LevelError + 4, "OFF": slog.LevelError + 100, "ALL": slog.LevelDebug - 8,
}

func (s setLevel) String() string {
	for name, level := range levelNames {
		if level == s.level {
			return name
		}
	}
	return s.level.String()
}

// upper is the name of a level as log4j reads it.
func upper(level string) string { return strings.ToUpper(strings.TrimSpace(level)) }

// set gives a logger and its descendants a level and lists those that had another.
func (l *Levels) set(name, level string) ([]string, error) {
	value, ok := levelNames[upper(level)]
	if !ok {
		return nil, &api.Error{Status: http.StatusNotFound, Message: "invalid log level '" + level + "'."}
	}
	if strings.EqualFold(name, root) {
		name = root
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.now().UnixMilli()
	to := setLevel{level: value, off: value == levelNames["OFF"], at: &at}
	changed := []string{}
	if is := l.find(name); is.level == value {
		if _, has := l.levels[name]; !has {
			l.levels[name] = setLevel{level: value, off: to.off} // what it had already, by its own name now
		}
	} else {
		l.levels[name], changed = to, append(changed, name)
	}
	for other, is := range l.levels {
		if other != name && is.level != value && (name == root || strings.HasPrefix(other, name+".")) {
			l.levels[other], changed = to, append(changed, other)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// Loggers lists all loggers with a level of their own.
func (h *Herder) Loggers(context.Context) (map[string]api.LoggerLevel, error) {
	h.levels.mu.RLock()
	defer h.levels.mu.RUnlock()
	out := make(map[string]api.LoggerLevel, len(h.levels.levels))
	for name, s := range h.levels.levels {
		out[name] = api.LoggerLevel{Level: s.String(), LastModified: s.at}
	}
	return out, nil
}

// Logger tells the level of a logger.
func (h *Herder) Logger(_ context.Context, name string) (api.LoggerLevel, error) {
	h.levels.mu.RLock()
	defer h.levels.mu.RUnlock()
	s, ok := h.levels.levels[name]
	if strings.EqualFold(name, root) {
		s, ok = h.levels.levels[root]
	}
	if !ok && strings.HasPrefix(name, javaLoggers) {
		s, ok = h.levels.find(name), true
	}
	if !ok {
		return api.LoggerLevel{}, notFound(fmt.Sprintf("Logger %s not found.", name))
	}
	return api.LoggerLevel{Level: s.String(), LastModified: s.at}, nil
}

// SetLogger gives a logger a level, on this worker or, through the config topic, on all.
func (h *Herder) SetLogger(ctx context.Context, name, level string, everywhere bool) ([]string, error) {
	if everywhere {
		if _, ok := levelNames[upper(level)]; !ok {
			return nil, &api.Error{Status: http.StatusNotFound, Message: "invalid log level '" + level + "'."}
		}
		return nil, h.configs.PutLogger(ctx, name, upper(level))
	}
	return h.levels.set(name, level)
}

// followLevels applies the levels of the config topic that are new.
func (h *Herder) followLevels(levels map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		if h.levelsSeen[name] == levels[name] {
			continue
		}
		h.levelsSeen[name] = levels[name]
		if _, err := h.levels.set(name, levels[name]); err != nil {
			h.log.Warn("log level of the config topic is not usable", "logger", name, "error", err)
		}
	}
}

// Handler filters an slog handler by the level of a logger's name.
func (l *Levels) Handler(name string, next slog.Handler) slog.Handler {
	return levelHandler{l, name, next}
}

type levelHandler struct {
	levels *Levels
	name   string
	slog.Handler
}

func (h levelHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.levels.Enabled(h.name, level)
}

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.levels, h.name, h.Handler.WithAttrs(attrs)}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.levels, h.name, h.Handler.WithGroup(name)}
}
