package javaregex

import (
	"strings"
	"testing"

	"github.com/dlclark/regexp2/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { regexp2.StopTimeoutClock() }))
}

// What Java says to more patterns is in the cases of package transform.

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{`a|ab`, "ab", true},
		{`(?i:AB)c`, "abc", true},
		{`(?i)a(?-i)B`, "AB", true},
		{`(?i)a(?-i)B`, "Ab", false},
		{`\Qa.b\E+`, "a.bbb", true},
		{`\Qa.b`, "axb", false},
		{`\p{Alnum}+-\P{Digit}`, "a1-x", true},
		{`[\p{Upper}_]+`, "A_B", true},
		{`\d\w\s`, "٣é ", false},
		{`(?<a>.)\k<a>(.)\2`, "aabb", true},
		{`(a)(?:b)\1`, "aba", true},
		{`a{2,3}?b{1}c{0,}`, "aab", true},
		{`[a\-z]+`, "a-z", true},
		{`[^\w]`, "-", true},
		{`\h\R\v`, "\t\r\n\n", true},
		{`a}b]`, "a}b]", true},
		{`\x{41}\cA\e`, "A\x01\x1b", true},
		{`(?>a+)b`, "aab", true},
		{`x(?<=x)y(?<!x)`, "xy", true},
		{`^a$`, "a", true},
		{`\p{IsLatin}\p{script=Greek}\p{L}\pL`, "aαbc", true},
	} {
		r, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got, err := r.Matches(c.text); got != c.want || err != nil {
			t.Errorf("%s of %q: %v, %v", c.pattern, c.text, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		`a++`: "possessive", `a?+`: "possessive", `a{2}+`: "possessive", `[a[b]]`: "class within a class", `[a&&b]`: "intersection", `(?x)a`: "flag x",
		`(?U)a`: "flag U", `\X`: `\X`, `\p{InGreek}`: "InGreek", `[]a]`: "beginning", `(`: "Unclosed group", `a)`: "Unmatched closing", `[a`: "Unclosed character class",
		`*a`: "Dangling meta character '*'", `a{x}`: "Illegal repetition", `{`: "Illegal repetition", `(?<1>a)`: "does not start with", `(?<a>x)(?<a>y)`: "already defined",
		`\k<b>`: "does not exist", `\xZZ`: "hexadecimal", `\u12`: "hexadecimal", `\09`: "octal", `\`: "error", `(?z)`: "Unknown inline modifier", `a**`: "Dangling", `\p{Nonsense}`: "Nonsense", `[b-a]`: "range",
	} {
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// The texts are those of Java 17.
func TestRefusedInJavasWords(t *testing.T) {
	for pattern, want := range map[string]string{
		`[`: "Unclosed character class near index 0\n[\n^", `a[b`: "Unclosed character class near index 2\na[b\n  ^", `[]`: "Unclosed character class near index 1\n[]\n ^",
		`[^]`: "Unclosed character class near index 2\n[^]\n  ^", `[[`: "Unclosed character class near index 1\n[[\n ^", `ä[`: "Unclosed character class near index 1\nä[\n ^",
		`a(b`: "Unclosed group near index 3\na(b", `(?:`: "Unclosed group near index 3\n(?:", `a)`: "Unmatched closing ')' near index 0\na)\n^", `)`: "Unmatched closing ')'\n)",
		`a**`: "Dangling meta character '*' near index 2\na**\n  ^", `?`: "Dangling meta character '?' near index 0\n?\n^", `{`: "Illegal repetition near index 1\n{", `a{`: "Illegal repetition near index 2\na{",
		`x{a}`: "Illegal repetition near index 2\nx{a}\n  ^", `a{1`: "Unclosed counted closure near index 3\na{1", `a{2,1}`: "Illegal repetition range near index 5\na{2,1}\n     ^",
		`a\`: "Unexpected internal error near index 2\na\\", `(?<x`: "named capturing group is missing trailing '>' near index 4\n(?<x", `(?z)`: "Unknown inline modifier near index 2\n(?z)\n  ^",
	} {
		if _, err := Compile(pattern); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, p := range []string{`(a|b)*\1`, `[^a-z\d]{2,}?`, `\Qx\E\p{Lu}(?i)y`, `(?<n>a)\k<n>`, `\0101\x{41}`} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		if len(pattern) > 60 {
			return
		}
		r, err := Compile(pattern)
		if err != nil {
			return
		}
		if ok, err := r.Matches("events"); err == nil && ok {
			_, _ = r.ReplaceFirst("events", "$0-")
		}
	})
}
