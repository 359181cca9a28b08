package elasticsearch

import (
	"strings"
	"testing"
	"time"
)

func TestNaming(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3*60*60))
	for _, tc := range []struct{ name, template, topic, want string }{
		{"topic", "", "Colors", "colors"},
		{"day", "logs-${topic}-${yyyy.MM.dd}", "Colors", "logs-colors-2026.03.04"},
		{"hour in UTC", "${topic}_${yyyy_MM_dd_HH}", "c", "c_2026_03_04_02"},
		{"two times", "${yyyy}-${topic}-${yyyyMM}", "c", "2026-c-202603"},
		{"leading characters", "${topic}-${yyyy}", "-_c", "c-2026"},
		{"leading characters inside", "x${topic}", "-c", "x-c"},
		{"long topic keeps the time", "${topic}-${yyyy}", strings.Repeat("x", 300), strings.Repeat("x", 250) + "-2026"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := parseNaming(tc.template)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.name(tc.topic, at); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	const at = 1795408912123 // 2026-11-23T04:41:52.123Z
	for _, tc := range []struct {
		raw  string
		want int64 // -1: none
	}{
		{`1795408912123`, at},
		{`"2026-11-23T04:41:52.123Z"`, at},
		{`"2026-11-23T04:41:52.123+0000"`, at},
		{`"2026-11-23T06:41:52.123+02:00"`, at},
		{`"2026-11-23T04:41:52"`, at - 123},
		{`"2026-11-23 04:41:52"`, at - 123},
		{`"2026-11-23"`, 1795392000000},
		{`"soon"`, -1},
		{`true`, -1},
		{`1.5`, -1},
		{`99999999999999999`, -1},
	} {
		got, err := parseTime([]byte(tc.raw))
		if (err != nil) != (tc.want < 0) || err == nil && got != tc.want {
			t.Errorf("%s: %d, %v; want %d", tc.raw, got, err, tc.want)
		}
	}
}

// FuzzNaming checks that what is accepted as a template makes names that Elasticsearch accepts.
func FuzzNaming(f *testing.F) {
	f.Add("logs-${topic}-${yyyy.MM.dd}", "Topic")
	f.Add("${topic}", "-_x")
	f.Fuzz(func(t *testing.T, template, topic string) {
		n, err := parseNaming(template)
		if err != nil || strings.Trim(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
			return
		}
		name := n.name(topic, time.UnixMilli(1795408912123))
		if len(name) > maxName && len(template) < maxName {
			t.Errorf("%q of %q and %q is too long", name, template, topic)
		}
		if strings.ContainsAny(name, "\\/*?\"<>| ,#:$") || name != strings.ToLower(name) || name == "." || name == ".." {
			t.Errorf("%q of %q and %q is no name", name, template, topic)
		}
	})
}
