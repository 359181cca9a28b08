package publish

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// failureWindow is the least time between two log lines about events that failed for the same reason.
const failureWindow = 10 * time.Second

// failureLog logs the first failure of a kind at once and the rest as one line with their number in each window, so that a
// burst of failures neither floods the log nor goes unseen.
type failureLog struct {
	logger *slog.Logger

	mu    sync.Mutex
	kinds map[string]int64 // reason → failures since the last line; present while its window lasts
}

func newFailureLog(logger *slog.Logger) *failureLog {
	return &failureLog{logger: logger, kinds: make(map[string]int64)}
}

// add records one failure. Reasons are Kafka's error texts, a small closed set.
func (f *failureLog) add(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, running := f.kinds[reason]; running {
		f.kinds[reason]++
		return
	}
	f.kinds[reason] = 0
	f.logger.Error("event not delivered", "reason", reason, "events", 1)
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
		f.logger.Error("events not delivered", "reason", reason, "events", n)
	}
}
