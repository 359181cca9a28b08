package main

import (
	"maps"
	"slices"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/config"
)

// change is a key whose value differs. Secrets are masked.
type change struct {
	Key  string  `json:"key"`
	From *string `json:"from"` // nil: there was none
	To   *string `json:"to"`   // nil: there is none any more
}

// differences compares a configuration that a worker shows with the one that is wanted. A stored value that the worker
// masks cannot be compared: where the wanted one is not masked too, its key is in notCompared.
func differences(stored, wanted map[string]string, secret func(key string) bool) (changes []change, notCompared []string) {
	masked := func(key string) bool { return stored[key] == connectors.MaskedValue || secret(key) }
	from, to := config.Mask(stored, masked), config.Mask(wanted, masked)
	changes = []change{}
	keys := maps.Clone(stored)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, wanted)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		old, had := stored[key]
		now, has := wanted[key]
		switch {
		case !has:
			changes = append(changes, change{Key: key, From: new(from[key])})
		case !had:
			changes = append(changes, change{Key: key, To: new(to[key])})
		case old == now:
		case old == connectors.MaskedValue:
			notCompared = append(notCompared, key)
		default:
			changes = append(changes, change{Key: key, From: new(from[key]), To: new(to[key])})
		}
	}
	return changes, notCompared
}

func (c change) text() string {
	switch {
	case c.From == nil:
		return "+ " + plain(c.Key) + " = " + plain(*c.To)
	case c.To == nil:
		return "- " + plain(c.Key) + " = " + plain(*c.From)
	default:
		return "~ " + plain(c.Key) + " = " + plain(*c.From) + " → " + plain(*c.To)
	}
}
