package main

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSelectParams(t *testing.T) {
	tests := []struct {
		name, query string
		color, user string
		parameter   string // of the error; empty: none
		problem     string
	}{
		{name: "plain", query: "color=red&user=Ada", color: "red", user: "Ada"},
		{name: "other order, others ignored", query: "_=1&user=Ada&x&color=red&%zz=1", color: "red", user: "Ada"},
		{name: "encoded", query: "color=light%20blue&user=Zo%C3%AB+K", color: "light blue", user: "Zoë K"},
		{name: "encoded name", query: "c%6Flor=red&user=Ada", color: "red", user: "Ada"},
		{name: "semicolon is a character", query: "color=a;b&user=Ada", color: "a;b", user: "Ada"},
		{name: "spaces are kept", query: "color=red&user=+Ada+", color: "red", user: " Ada "},
		{name: "longest", query: "color=" + strings.Repeat("é", 64) + "&user=" + strings.Repeat("u", 128), color: strings.Repeat("é", 64), user: strings.Repeat("u", 128)},
		{name: "joined emoji", query: "color=red&user=" + url.QueryEscape("👩‍🚀"), color: "red", user: "👩‍🚀"},

		{name: "nothing", query: "", parameter: "color", problem: "is missing"},
		{name: "no color", query: "user=Ada", parameter: "color", problem: "is missing"},
		{name: "no user", query: "color=red", parameter: "user", problem: "is missing"},
		{name: "empty color", query: "color=&user=Ada", parameter: "color", problem: "is empty"},
		{name: "bare user", query: "color=red&user", parameter: "user", problem: "is empty"},
		{name: "blank user", query: "color=red&user=+%C2%A0", parameter: "user", problem: "is empty"},
		{name: "long color", query: "color=" + strings.Repeat("x", 65) + "&user=Ada", parameter: "color", problem: "is longer than 64 characters"},
		{name: "long user", query: "color=red&user=" + strings.Repeat("x", 129), parameter: "user", problem: "is longer than 128 characters"},
		{name: "new line", query: "color=red&user=a%0Ab", parameter: "user", problem: "contains a control character"},
		{name: "delete", query: "color=r%7Fd&user=Ada", parameter: "color", problem: "contains a control character"},
		{name: "C1 control", query: "color=red&user=a%C2%85b", parameter: "user", problem: "contains a control character"},
		{name: "NUL", query: "color=%00&user=Ada", parameter: "color", problem: "contains a control character"},
		{name: "not UTF-8", query: "color=red&user=%FF", parameter: "user", problem: "is not valid UTF-8"},
		{name: "raw bytes not UTF-8", query: "color=\xff&user=Ada", parameter: "color", problem: "is not valid UTF-8"},
		{name: "bad percent", query: "color=%zz&user=Ada", parameter: "color", problem: "is not properly percent-encoded"},
		{name: "cut percent", query: "color=red&user=%4", parameter: "user", problem: "is not properly percent-encoded"},
		{name: "color twice", query: "color=red&color=blue&user=Ada", parameter: "color", problem: "is given more than once"},
		{name: "user twice the same", query: "user=Ada&color=red&user=Ada", parameter: "user", problem: "is given more than once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			color, user, err := selectParams(tt.query)
			if tt.parameter == "" {
				if err != nil || color != tt.color || user != tt.user {
					t.Fatalf("got %q, %q, %v; want %q, %q", color, user, err, tt.color, tt.user)
				}
				return
			}
			var bad *paramError
			if !errors.As(err, &bad) || bad.parameter != tt.parameter || bad.problem != tt.problem {
				t.Fatalf("got %v, want %q about %s", err, tt.problem, tt.parameter)
			}
		})
	}
}

// Whatever the query, the answer is either two values within the rules, which net/url reads the same, or an error naming one of them.
func FuzzSelectParams(f *testing.F) {
	for _, q := range []string{
		"color=red&user=Ada", "color=%00&user=a", "user=%ff&color=x", "color=a&color=b&user=c", "color=a;b&user=%zz", "&&=&", "c%6flor=+&user=%C2%A0",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		color, user, err := selectParams(query)
		if err != nil {
			var bad *paramError
			if !errors.As(err, &bad) || bad.parameter != "color" && bad.parameter != "user" {
				t.Fatalf("%q: %v names no parameter", query, err)
			}
			return
		}
		for value, limit := range map[string]int{color: maxColor, user: max(maxUser, maxColor)} {
			if value == "" || !utf8.ValidString(value) || utf8.RuneCountInString(value) > limit || strings.ContainsFunc(value, unicode.IsControl) {
				t.Fatalf("%q let %q through", query, value)
			}
		}
		if utf8.RuneCountInString(color) > maxColor {
			t.Fatalf("%q let a color of %d characters through", query, utf8.RuneCountInString(color))
		}
		if strings.Contains(query, ";") {
			return // net/url refuses what we take as a character
		}
		values, _ := url.ParseQuery(query) // broken pairs of other names are none of our business
		if values.Get("color") != color || values.Get("user") != user || len(values["color"]) != 1 || len(values["user"]) != 1 {
			t.Fatalf("%q: got %q and %q, net/url reads %v", query, color, user, values)
		}
	})
}
