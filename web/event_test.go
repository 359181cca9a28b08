package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEventGolden(t *testing.T) {
	zone := time.FixedZone("somewhere", 5*3600+1800)
	picks := []struct {
		at                     time.Time
		userAgent, color, user string
	}{
		{time.Date(2026, 11, 23, 4, 41, 52, 123e6, time.UTC), "Mozilla/5.0 (X11; Linux x86_64)", "blue", "Ada"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "", "red", "whole second"},
		{time.Date(2026, 1, 2, 3, 4, 5, 7_999_999, time.UTC), "", "red", "milliseconds are cut, not rounded"},
		{time.Date(2026, 1, 1, 1, 0, 0, 0, zone), "", "red", "another zone and the year before"},
		{time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), `quote " backslash \ <b>&amp;`, "light/blue", "O'Brien & <sons>"},
		{time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), "\u2028", "синий", "Zoë 👩‍🚀"},
		{time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), "odd \xff\xfe bytes", "green", "strange browser"},
	}
	var got bytes.Buffer
	for _, p := range picks {
		value, err := encodeSelect(p.at, p.userAgent, p.color, p.user)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s\n", value)
	}
	golden := filepath.Join("testdata", "events.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestTidyUserAgent(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", ""},
		{"plain", "curl/8.0", "curl/8.0"},
		{"longest", strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		{"one too long", strings.Repeat("a", 1025), strings.Repeat("a", 1024)},
		{"cut before a character", strings.Repeat("a", 1023) + "é", strings.Repeat("a", 1023)},
		{"invalid bytes", "a\xc3b\xff\xffc", "a\uFFFDb\uFFFDc"},
		{"grows by repair", strings.Repeat("a\xff", 1000), strings.Repeat("a\uFFFD", 256)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tidyUserAgent(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(got) > maxUserAgent || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid=%t", len(got), utf8.ValidString(got))
			}
		})
	}
}
