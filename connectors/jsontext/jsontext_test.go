package jsontext

import (
	"encoding/json"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What Go's own reader makes of the same text is the measure.
func expect(t *testing.T, text []byte) {
	t.Helper()
	var want string
	if json.Unmarshal([]byte(`"`+string(text)+`"`), &want) != nil {
		return
	}
	if got := string(AppendUnescaped([]byte("before "), text)); got != "before "+want {
		t.Errorf("%s is %q, want %q", text, got, want)
	}
}

var texts = []string{
	``, `plain ä 😀`, `\"\\\/\b\f\n\r\t`, `a\nb`, `\\n`, `\u00e4\u00C4`, `\ud83d\ude00!`, `\ud83d`, `\ud83d!`, `\ude00\ud83d`, `\ud83d\u0041`, `\ud83d\ud83d\ude00`,
	`\ud83d\n`, `\\u0041`, `\u0000`,
}

func TestAppendUnescaped(t *testing.T) {
	for _, s := range texts {
		var any string
		if err := json.Unmarshal([]byte(`"`+s+`"`), &any); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		expect(t, []byte(s))
	}
}

func FuzzAppendUnescaped(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range text {
			if c >= 0x80 { // Go replaces what is no UTF-8; here it stays
				return
			}
		}
		expect(t, text)
	})
}

func TestHex4(t *testing.T) {
	for s, want := range map[string]rune{`\u00e4`: 'ä', `\u00E4…`: 'ä', `\uFFFF`: 0xffff, `\u00g0`: -1, `\x0041`: -1, ``: -1, `\u00@1`: -1, `\u00` + "\x16" + `1`: -1} {
		r, ok := Hex4([]byte(s))
		if ok != (want >= 0) || ok && r != want {
			t.Errorf("%q: %x, %v", s, r, ok)
		}
	}
}
