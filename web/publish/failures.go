package publish

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// failureWindow is the least time between two log lines about events that had the same trouble.
const failureWindow = 10 * time.Second

// failureLog logs the first event with a trouble at once and the rest as one line with their number in each window, so that a burst of
// failures neither floods the log nor goes unseen.
type failureLog struct {
	logger  *slog.Logger
	level   slog.Level
	message string

	mu    sync.Mutex
	kinds map[string]int64 // reason → events since the last line; present while its window lasts
}

func newFailureLog(logger *slog.Logger, level slog.Level, message string) *failureLog {
	return &failureLog{logger: logger, level: level, message: message, kinds: make(map[string]int64)}
}

// add records one event. Reasons are Kafka's error texts, a small closed set.
func (f *failureLog) add(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, running := f.kinds[reason]; running {
		f.kinds[reason]++
		return
	}
	f.kinds[reason] = 0
	f.log(reason, 1)
}

// flush ends a window: it logs what came together, and forgets reasons that were quiet.
func (f *failureLog) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, reason := range slices.Sorted(maps.Keys(f.kinds)) {
		n := f.kinds[reason]
		if n == 0 {
			delete(f.kinds, reason)
			continue
		}
		f.kinds[reason] = 0
		f.log(reason, n)
	}
}

func (f *failureLog) log(reason string, events int64) {
	f.logger.Log(context.Background(), f.level, f.message, "reason", reason, "events", events)
}
