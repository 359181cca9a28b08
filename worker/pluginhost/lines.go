package pluginhost

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	maxLine   = 16 << 10 // of a line of a plugin's output; the rest is counted and left out
	tailLines = 20       // kept for the story of a process that died
	tailBytes = 4 << 10

	// A plugin may log this many lines a second for a while; what is above is counted and left out.
	linesPerSecond = 200
	lineBurst      = 2000
)

// lines puts what a plugin prints into the worker's log, line by line, and keeps the end of it. Whatever the bytes are,
// it holds at most one line and the tail, and logs a bounded number of lines (invariant 3).
type lines struct {
	log   *slog.Logger
	plain slog.Level // of lines that are not JSON
	now   func() time.Time

	mu      sync.Mutex
	buf     []byte
	dropped int // bytes of the present line
	tail    []string
	tokens  float64
	last    time.Time
	muted   int
}

func newLines(log *slog.Logger, plain slog.Level) *lines {
	return &lines{log: log, plain: plain, now: time.Now, tokens: lineBurst}
}

// Write implements io.Writer. It never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		if room := maxLine - len(l.buf); len(part) > room {
			l.dropped += len(part) - room
			part = part[:room]
		}
		l.buf = append(l.buf, part...)
		if i < 0 {
			break
		}
		l.line()
		p = p[i+1:]
	}
	return n, nil
}

// finish takes what was printed last without an end of line.
func (l *lines) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) > 0 {
		l.line()
	}
	l.unmute()
}

func (l *lines) line() {
	text := bytes.TrimRight(l.buf, "\r")
	dropped := l.dropped
	l.buf, l.dropped = l.buf[:0], 0
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	level, msg, attrs := l.read(text)
	if dropped > 0 {
		attrs = append(attrs, slog.Int("left_out_bytes", dropped))
	}
	l.keep(msg, attrs)
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	if !l.allowed() {
		l.muted++
		return
	}
	l.unmute()
	l.log.LogAttrs(context.Background(), level, msg, attrs...)
}

// allowed is a token bucket.
func (l *lines) allowed() bool {
	now := l.now()
	if !l.last.IsZero() {
		l.tokens = min(l.tokens+now.Sub(l.last).Seconds()*linesPerSecond, lineBurst)
	}
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

func (l *lines) unmute() {
	if l.muted > 0 {
		l.log.Warn("plugin logs too much; lines were left out", "lines", l.muted)
		l.muted = 0
	}
}

// read understands the JSON of the kit (time, level, msg) and that of hclog (@level, @message); all else is a message as
// it stands.
func (l *lines) read(text []byte) (slog.Level, string, []slog.Attr) {
	clean := strings.ToValidUTF8(string(text), "\uFFFD")
	if text[0] != '{' {
		return l.plain, clean, nil
	}
	var fields map[string]any
	if json.Unmarshal(text, &fields) != nil {
		return l.plain, clean, nil
	}
	msg, ok := textOf(fields, "msg", "@message")
	if !ok {
		return l.plain, clean, nil
	}
	level := l.plain
	if s, ok := textOf(fields, "level", "@level"); ok {
		level = levelOf(s, level)
	}
	for _, k := range []string{"time", "level", "msg", "@timestamp", "@level", "@message", "@module", "connector", "task"} {
		delete(fields, k)
	}
	attrs := make([]slog.Attr, 0, len(fields))
	for k, v := range fields {
		if utf8.ValidString(k) {
			attrs = append(attrs, slog.Any(k, v))
		}
	}
	return level, msg, attrs
}

func textOf(fields map[string]any, names ...string) (string, bool) {
	for _, n := range names {
		if s, ok := fields[n].(string); ok {
			return s, true
		}
	}
	return "", false
}

func levelOf(s string, fallback slog.Level) slog.Level {
	switch strings.ToLower(s) {
	case "trace", "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	default:
		return fallback
	}
}

// keep remembers the line for the story of the end.
func (l *lines) keep(msg string, attrs []slog.Attr) {
	var b strings.Builder
	b.WriteString(msg)
	for _, a := range attrs {
		b.WriteString(" " + a.Key + "=" + a.Value.String())
	}
	line := b.String()
	if len(line) > tailBytes/4 {
		line = strings.ToValidUTF8(line[:tailBytes/4], "") + "…"
	}
	l.tail = append(l.tail, line)
	if len(l.tail) > tailLines {
		l.tail = l.tail[len(l.tail)-tailLines:]
	}
}

// end gives the last lines.
func (l *lines) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := 0
	i := len(l.tail)
	for i > 0 && size+len(l.tail[i-1]) <= tailBytes {
		i--
		size += len(l.tail[i]) + 1
	}
	return strings.Join(l.tail[i:], "\n")
}
