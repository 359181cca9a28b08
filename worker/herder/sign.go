package herder

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/store"
)

var _ api.Peer = (*Herder)(nil)

// renewKey writes a new key for requests between workers when there is none or it is old. Only the leader does. The key is Kafka
// Connect's: of 256 random bits, for HmacSHA256.
func (h *Herder) renewKey(ctx context.Context, k *store.SessionKey) error {
	if k != nil && k.Algorithm == h.worker.KeyAlgorithm {
		if left := time.Until(k.Created.Add(h.worker.KeyTTL)); left > 0 && left <= h.worker.KeyTTL {
			h.wakeAt(left)
			return nil
		}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	if err := h.configs.PutSessionKey(ctx, store.SessionKey{Key: key, Algorithm: h.worker.KeyAlgorithm, Created: time.Now()}); err != nil {
		return fmt.Errorf("writing a new session key: %w", err)
	}
	h.wakeAt(h.worker.KeyTTL)
	return nil
}

// wakeAt has the loop look again after a time.
func (h *Herder) wakeAt(after time.Duration) {
	if h.alarm != nil {
		h.alarm.Stop()
	}
	h.alarm = time.AfterFunc(after, h.poke)
}

// SessionKey is what workers sign their requests to each other with.
func (h *Herder) SessionKey() (key []byte, algorithm string, ok bool) {
	k := h.configs.Snapshot().SessionKey
	if k == nil {
		return nil, "", false
	}
	return k.Key, k.Algorithm, true
}

// CatchUp reads what other workers have written by now.
func (h *Herder) CatchUp(ctx context.Context) error { return h.configs.Refresh(ctx) }
