package api

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestResponseHeaders(t *testing.T) {
	tests := []struct {
		name, rules, header string
		want                []string
	}{
		{"none", "", "X-A", nil},
		{"set", "set X-A: 1", "X-A", []string{"1"}},
		{"set twice keeps the last", "set X-A: 1, set X-A: 2", "X-A", []string{"2"}},
		{"add", "add X-A: 1, add X-A: 2", "X-A", []string{"1", "2"}},
		{"action in any case", "SET X-A: 1", "X-A", []string{"1"}},
		{"comma in quotes", `"set Cache-Control: no-cache, no-store, must-revalidate", set X-A: 1`, "Cache-Control", []string{"no-cache, no-store, must-revalidate"}},
		{"colon in the value", "set X-A: http://b:1", "X-A", []string{"http://b:1"}},
		{"empty value", "set X-A:", "X-A", []string{""}},
		{"empty rules", " , ,set X-A: 1,", "X-A", []string{"1"}},
		{"date", "setDate Expires: 60000", "Expires", []string{"Sat, 01 Jan 2000 00:01:00 GMT"}},
		{"date in the past", "addDate Expires: -1000, addDate Expires: 0", "Expires", []string{"Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a bubble's clock begins at midnight UTC 2000-01-01
				a := newHandler(t, newRunning(), Options{ResponseHeaders: tt.rules})
				for _, path := range []string{"/connectors", "/nope"} {
					resp, _ := ask(t, a, request{method: "GET", path: path})
					if got := resp.Header.Values(tt.header); !slices.Equal(got, tt.want) {
						t.Errorf("%s: %s %q, want %q", path, tt.header, got, tt.want)
					}
				}
			})
		})
	}
}

func TestDatesAreThoseOfTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newHandler(t, newRunning(), Options{ResponseHeaders: "setDate Expires: 0"})
		time.Sleep(time.Hour) // of the bubble: no time passes
		resp, _ := ask(t, a, request{method: "GET", path: "/"})
		if got, want := resp.Header.Get("Expires"), time.Now().UTC().Format(http.TimeFormat); got != want {
			t.Errorf("Expires %s, want %s", got, want)
		}
	})
}
