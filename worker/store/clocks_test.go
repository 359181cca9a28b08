package store

import (
	"testing"
	"time"
)

func TestClocksThatDiffer(t *testing.T) {
	type record struct {
		writer string
		at     time.Duration
		ahead  string // the answer
	}
	for _, c := range []struct {
		name    string
		records []record
	}{
		{"one that agrees", []record{{"a", 0, ""}, {"b", time.Second, ""}, {"a", 2 * time.Second, ""}}},
		{"a record that took long", []record{{"a", 40 * time.Second, ""}, {"b", 0, ""}, {"a", 41 * time.Second, ""}}},
		{"one that is behind", []record{{"a", time.Hour, ""}, {"b", 0, "a"}, {"b", time.Second, ""}}},
		{"one that is ahead", []record{{"a", 0, ""}, {"b", time.Hour, ""}, {"a", 0, "b"}}},
		{"each pair once", []record{{"a", time.Hour, ""}, {"b", 0, "a"}, {"c", 0, "a"}, {"b", 0, ""}}},
		{"one that is set right", []record{{"a", time.Hour, ""}, {"a", 0, ""}, {"b", time.Second, ""}}},
		{"nobody's", []record{{"a", time.Hour, ""}, {"", 0, ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen clocks
			for i, r := range c.records {
				ahead, by := seen.wrote(r.writer, time.Unix(1e9, 0).Add(r.at))
				if ahead != r.ahead || (ahead != "") != (by > 0) {
					t.Errorf("record %d: %q is ahead by %s, not %q", i, ahead, by, r.ahead)
				}
			}
			if ahead, _ := seen.wrote("z", time.Time{}); ahead != "" {
				t.Error("a record without a time tells of clocks")
			}
		})
	}
}
