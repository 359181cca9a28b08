package simpledate

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What Java says to many more patterns is in the cases of package transform.

func TestTwoDigitYears(t *testing.T) {
	f, err := newAt("yy-MM-dd", time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for text, year := range map[string]int{"45-01-01": 2045, "46-06-30": 2046, "46-07-02": 1946, "47-01-01": 1947, "26-01-01": 2026, "2046-07-02": 2046, "3-01-01": 3} {
		millis, err := f.Parse(text)
		if got := time.UnixMilli(millis).UTC().Year(); err != nil || got != year && year > 1582 {
			t.Errorf("%s: year %d, %v; want %d", text, got, err, year)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	f, err := New("G yyyy-MM-dd'T'HH:mm:ss.SSS")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		millis := rapid.Int64Range(-100_000_000_000_000, 300_000_000_000_000).Draw(t, "millis")
		text := f.Format(millis)
		if back, err := f.Parse(text); err != nil || back != millis {
			t.Fatalf("%d became %s became %d, %v", millis, text, back, err)
		}
	})
}

// TestLikeGo compares the Gregorian calendar with that of package time.
func TestLikeGo(t *testing.T) {
	f, err := New("yyyy-MM-dd HH:mm:ss.SSS EEE DDD")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		millis := rapid.Int64Range((gregorian+100)*dayMillis, 200_000_000_000_000).Draw(t, "millis")
		if got, want := f.Format(millis), time.UnixMilli(millis).UTC().Format("2006-01-02 15:04:05.000 Mon 002"); got != want {
			t.Fatalf("%d: got %s, want %s", millis, got, want)
		}
	})
}

func TestLettersThatAreOnlyWritten(t *testing.T) {
	for _, letter := range []string{"Y", "w", "W", "F", "u"} {
		f, err := New(letter)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Parse("5"); err == nil || errors.Is(err, ErrNoMatch) {
			t.Errorf("%s: %v", letter, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("yyyy-MM-dd", "2024-01-02")
	f.Add("EEE MMM d HH:mm:ss zzz yyyy", "Tue Jan 2 03:04:05 GMT+01:00 2024")
	f.Add("'x''y'G yyX", "x'yAD 05+0130")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		form, err := New(pattern)
		if err != nil {
			return
		}
		millis, err := form.Parse(text)
		if err == nil {
			_ = form.Format(millis)
		}
	})
}
