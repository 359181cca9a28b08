package herder

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/store"
)

// keyring is a config topic of which only the session key matters.
type keyring struct {
	Configs
	key    *store.SessionKey
	writes int
}

func (k *keyring) PutSessionKey(_ context.Context, key store.SessionKey) error {
	k.key = &key
	k.writes++
	return nil
}

// Leaders whose clocks are an hour apart follow on each other: each writes a key at most once, and from then on again when it is old.
func TestSessionKeyOfOtherClocks(t *testing.T) {
	for _, c := range []struct {
		name   string
		made   time.Duration // after now, by the clock of this leader
		writes int           // at once
	}{
		{"none", 0, 1},
		{"by a clock that agrees", -time.Minute, 0},
		{"by one that is an hour behind", -time.Hour, 1},
		{"by one that is an hour ahead", time.Hour, 1},
		{"by one that is a little ahead", 5 * time.Second, 1},
		{"years ago", -5 * 365 * 24 * time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := &keyring{}
				h := &Herder{worker: config.Worker{KeyTTL: time.Hour, KeyAlgorithm: "HmacSHA256"}, configs: keys, wake: make(chan struct{}, 1)}
				if c.made != 0 {
					keys.key = &store.SessionKey{Key: []byte("of another"), Algorithm: "HmacSHA256", Created: time.Now().Add(c.made)}
				}
				look := func() {
					t.Helper()
					if err := h.renewKey(t.Context(), keys.key); err != nil {
						t.Fatal(err)
					}
				}
				for range 3 {
					look()
				}
				if keys.writes != c.writes {
					t.Errorf("%d keys are written, expected %d", keys.writes, c.writes)
				}
				if len(h.wake) != 0 {
					t.Error("the loop is woken already")
				}
				<-h.wake // the alarm, when the key is old
				before := keys.writes
				look()
				if keys.writes != before+1 {
					t.Error("a key that is old is not renewed")
				}
				h.alarm.Stop()
			})
		})
	}
}
