package task

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestTranslateRegex(t *testing.T) {
	for _, tc := range []struct {
		java    string
		match   []string
		noMatch []string
	}{
		{`events`, []string{"events"}, []string{"event", "events2", "my-events", "EVENTS"}},
		{`events.*`, []string{"events", "events-1"}, []string{"my-events"}},
		{`^events$`, []string{"events"}, []string{"events1"}},
		{`a|b`, []string{"a", "b"}, []string{"ab", "c"}},
		{`(?:web|app)-\d+`, []string{"web-1", "app-22"}, []string{"web-", "web-1x", "xweb-1"}},
		{`[a-c_]+`, []string{"abc", "a_c"}, []string{"abd", ""}},
		{`[^a-c]+`, []string{"xyz", "x-.9"}, []string{"xaz"}},
		{`[\w.-]{2,4}`, []string{"a.", "a-b_"}, []string{"a", "abcde"}},
		{`\Qa.b\E.c`, []string{"a.bxc"}, []string{"axbxc"}},
		{`(?i)Events`, []string{"events", "EVENTS"}, []string{"event"}},
		{`a.c`, []string{"abc", "a.c", "a-c"}, []string{"ac"}},
		{`a\.c`, []string{"a.c"}, []string{"abc"}},
		{`x{3}`, []string{"xxx"}, []string{"xx", "xxxx"}},
		{`x{2,}y??`, []string{"xx", "xxxxy"}, []string{"x", "xxyy"}},
		{`(ab)+?c*`, []string{"abab", "abccc"}, []string{"aba"}},
		{`\p{L}+`, []string{"abC"}, []string{"a1"}},
		{`[[:alpha:]]`, nil, nil}, // refused: in Java a class within a class
		{`ü*a`, []string{"a"}, []string{"b"}},
	} {
		pattern, err := translateRegex(tc.java)
		if tc.match == nil {
			if err == nil {
				t.Errorf("%s was accepted as %s", tc.java, pattern)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.java, err)
			continue
		}
		re, err := regexp.CompilePOSIX(pattern)
		if err != nil {
			t.Errorf("%s gave %s: %v", tc.java, pattern, err)
			continue
		}
		for _, s := range tc.match {
			if !re.MatchString(s) {
				t.Errorf("%s as %s does not match %s", tc.java, pattern, s)
			}
		}
		for _, s := range tc.noMatch {
			if re.MatchString(s) {
				t.Errorf("%s as %s matches %s", tc.java, pattern, s)
			}
		}
	}
}

func TestRegexRefused(t *testing.T) {
	for _, java := range []string{
		`a(`, `[a`, `(?=a)b`, `(?!a)b`, `(?<=a)b`, `(a)\1`, `a++`, `(?>a)`, `[a-z&&[^b]]`, `[a[bc]]`, `[]a]`, `\bword\b`, `a^b`, `a$b`, `\p{Alpha}`, `\h`, `(?x)a b`, `(?<name>a)\k<name>`,
	} {
		if pattern, err := translateRegex(java); err == nil {
			t.Errorf("%s was accepted as %s", java, pattern)
		}
	}
}

// FuzzRegex compares the translation with the pattern itself, by Go's reading of both, on names near the pattern.
func FuzzRegex(f *testing.F) {
	for _, s := range []string{`a|b`, `[^x]{1,3}`, `(?:page-)?\w+`, `a.b*`, `(a|(b|c)d)+`, `x{0}`, `\d\D\s`} {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, java string, seed uint64) {
		pattern, err := translateRegex(java)
		if err != nil {
			return
		}
		posix, err := regexp.CompilePOSIX(pattern)
		if err != nil {
			if strings.Contains(err.Error(), "repeat") || strings.Contains(err.Error(), "large") {
				return // Go's own limits, by its writing
			}
			t.Fatalf("%q gave %q: %v", java, pattern, err)
		}
		whole, err := regexp.Compile(`\A(?:` + java + `)\z`)
		if err != nil {
			return // unbalanced quoting such as \Q
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		for range 50 {
			name := make([]byte, 1+rng.IntN(8))
			for i := range name {
				if len(java) > 0 && rng.IntN(2) == 0 {
					name[i] = java[rng.IntN(len(java))]
				}
				if !strings.ContainsRune(topicAlphabet, rune(name[i])) || name[i] == 0 {
					name[i] = topicAlphabet[rng.IntN(len(topicAlphabet))]
				}
			}
			if a, b := whole.Match(name), posix.Match(name); a != b {
				t.Fatalf("%q gave %q: they differ on %q (%v, %v)", java, pattern, name, a, b)
			}
		}
	})
}
