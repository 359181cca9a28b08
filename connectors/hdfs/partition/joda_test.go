package partition

import (
	_ "embed"
	"strconv"
	"strings"
	"testing"
	"time"
)

// joda are questions and Joda-Time 2.12.7's answers to them, by testdata/Joda.java.
//
//go:embed testdata/joda.tsv
var joda string

func TestLikeJodaTime(t *testing.T) {
	n := 0
	for line := range strings.Lines(joda) {
		q := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		question, want := q[:len(q)-1], q[len(q)-1]
		got := "refused"
		if q[0] == "parse" {
			if at, err := parseTime(q[1]); err == nil {
				got = strconv.FormatInt(at, 10)
			}
		} else {
			got = formatted(t, question)
		}
		if got != want {
			t.Errorf("%q is %q here, %q there", question, got, want)
		}
		n++
	}
	if n < 500 {
		t.Errorf("%d questions", n)
	}
}

func formatted(t *testing.T, q []string) string {
	t.Helper()
	zone, err := Zone(q[3])
	if err != nil {
		t.Fatal(err)
	}
	duration, err1 := strconv.ParseInt(q[4], 10, 64)
	at, err2 := strconv.ParseInt(q[5], 10, 64)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	f, err := newPattern(q[1], q[2])
	if err != nil {
		return "refused"
	}
	_, _, offset := offsetAround(zone, at)
	return string(f.append(nil, time.UnixMilli(toUTC(zone, (at+offset)/duration*duration)).In(zone)))
}

// The bucket that is kept gives what computing each time anew gives.
func TestBucketIsKeptRightly(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe"} {
		p, err := New(Options{Class: TimeBased, PathFormat: "yyyy-MM-dd/HH-mm-Z", Locale: "en", Zone: zone, Duration: 17 * time.Minute, Extractor: Record})
		if err != nil {
			t.Fatal(err)
		}
		var kept bucket
		for at := int64(1767225600000); at < 1767225600000+365*24*3600000; at += 11 * 60000 {
			got, err1 := kept.folder(p, at)
			var fresh bucket
			want, err2 := fresh.folder(p, at)
			if err1 != nil || err2 != nil || string(got) != string(want) {
				t.Fatalf("%s at %d: %s, %s, %v, %v", zone, at, got, want, err1, err2)
			}
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for line := range strings.Lines(joda) {
		if q := strings.Split(line, "\t"); q[0] == "parse" {
			f.Add(q[1])
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := parseTime(s); err != nil && len(err.Error()) > 400 {
			t.Errorf("a long error: %v", err)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("'year'=YYYY/'month'=MM", int64(1767612030123))
	f.Fuzz(func(t *testing.T, s string, at int64) {
		p, err := newPattern(s, "en")
		if err != nil || len(s) > 100 {
			return
		}
		text := p.append(nil, time.UnixMilli(at%1e15).UTC())
		if out, err := clean(text, 0); err == nil {
			for name := range strings.SplitSeq(string(out), "/") {
				if name == "" || name == "." || name == ".." || strings.ContainsAny(name, ":\x00") {
					t.Errorf("%q names %q", s, out)
				}
			}
		}
	})
}
