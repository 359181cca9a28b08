package convert

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// stricter names what Connect accepts and JSON refuses, as doc.go says.
func stricter(name string, doc []byte) bool {
	for _, encoding := range []string{"utf-16", "utf-32"} {
		if strings.HasPrefix(name, encoding) {
			return true
		}
	}
	if bytes.IndexByte(doc, 0) == 1 || bytes.IndexByte(doc, 0) == 0 {
		return true // UTF-16 by its zeros
	}
	return !utf8.Valid(doc)
}

func TestJSONAnswersLikeConnect(t *testing.T) {
	golden, err := os.Open("testdata/json.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	lines := bufio.NewScanner(golden)
	cases, differences := 0, 0
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) != 3 {
			t.Fatalf("line %q", lines.Text())
		}
		cases++
		name, want, doc := columns[0], columns[1], expand(t, columns[2])
		answer := "accept"
		got, err := JSON(doc)
		switch {
		case err != nil:
			answer = "refuse"
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.At < 0 || syntax.At > len(doc) {
				t.Errorf("%s: error %v", name, err)
			}
		case got == nil:
			answer = "null"
		default:
			// Invariant 1, by encoding/json, which is slow with the longest.
			if len(got) < 1<<20 && !json.Valid(got) || !utf8.Valid(got) {
				t.Errorf("%s: gave %.80q", name, got)
			}
		}
		if answer == "refuse" && want == "accept" && stricter(name, doc) {
			differences++
			continue
		}
		if answer != want {
			t.Errorf("%s: %s, Connect says %s (%v)", name, answer, want, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if cases < 500 {
		t.Errorf("%d cases only", cases)
	}
	t.Logf("%d cases, %d stricter than Connect", cases, differences)
}

func expand(t *testing.T, document string) []byte {
	t.Helper()
	var b []byte
	for part := range strings.SplitSeq(document, ",") {
		digits, times, repeated := strings.Cut(part, "*")
		once, err := hex.DecodeString(digits)
		count := 1
		if err == nil && repeated {
			count, err = strconv.Atoi(times)
		}
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, bytes.Repeat(once, count)...)
	}
	return b
}

func TestJSONGivesTheDocument(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"as it is", `{"a":1}`, `{"a":1}`},
		{"without blanks around", " \n{ \"a\" : 1 }\r\n", `{ "a" : 1 }`},
		{"without what follows", `{"a":1} {"b":2}`, `{"a":1}`},
		{"without byte order mark", "\ufeff[1]", `[1]`},
		{"without leading zeros", `{"007":[007,-01.50,00,000e05,0.10,-0,"00\"00", 10]} 01`, `{"007":[7,-1.50,0,0e05,0.10,-0,"00\"00", 10]}`},
		{"numbers that follow one another", `[01,002 , 03]`, `[1,2 , 3]`},
		{"root number", " 007 ", "7"},
		{"escape at the end of a string", `["\\",00]`, `["\\",0]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := JSON([]byte(tc.in))
			if err != nil || string(got) != tc.want {
				t.Errorf("JSON(%q) = %q, %v, wanted %q", tc.in, got, err, tc.want)
			}
		})
	}
}

func TestSyntaxErrorNamesThePlace(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`{"a":1,"b":tru}`, "unexpected word at byte 11"},
		{`{"a":1`, "unexpected end of document at byte 6"},
		{`{"a"`, "expected ':' at byte 4"},
		{"{\"a\":\"x\ny\"}", "control character in a string, it must be escaped, at byte 7"},
		{"\xff\xfe{\x00}\x00", "document in UTF-16 or UTF-32, only UTF-8 is supported, at byte 0"},
		{`color=red`, "unexpected character at byte 0"},
	} {
		if err := CheckJSON([]byte(tc.in)); err == nil || err.Error() != tc.want {
			t.Errorf("CheckJSON(%q) = %v, wanted %s", tc.in, err, tc.want)
		}
	}
}

// FuzzJSON compares with encoding/json, minding the known differences: what follows the document, null, the limits,
// leading zeros, the byte order mark (JSON's side), and invalid UTF-8, surrogates in names (encoding/json's side).
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"x\u00e9",null,true]}`, `[]x`, `"é`, `-0.1E+9`, `[007]`, "\ufeff{}", `"\ud800"`, "", `{"a":"b\\"}`, `[1 ,2 ]`, "1\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		doc, err := JSON(b)
		if !bytes.Equal(b, before) {
			t.Fatalf("input changed")
		}
		if err != nil {
			if json.Valid(b) && utf8.Valid(b) && len(b) < maxDigits && !bytes.Contains(b, []byte(`\u`)) && !bytes.ContainsAny(b, "eE") {
				t.Fatalf("refused %q: %v", b, err)
			}
			return
		}
		if doc == nil {
			var v any = 1
			trimmed := bytes.Trim(bytes.TrimPrefix(b, []byte("\ufeff")), " \t\r\n")
			if len(trimmed) > 0 && (!bytes.HasPrefix(trimmed, []byte("null")) || json.Unmarshal(trimmed[:4], &v) != nil || v != nil) {
				t.Fatalf("null for %q", b)
			}
			return
		}
		if !json.Valid(doc) || !utf8.Valid(doc) {
			t.Fatalf("%q gave %q", b, doc)
		}
		if again, err := JSON(doc); err != nil || !bytes.Equal(again, doc) {
			t.Fatalf("%q gave %q, then %q, %v", b, doc, again, err)
		}
	})
}

var event = []byte(`{"event":"select-color","color":"#1e90ff","session":"b7e0c1f2-93aa-4a1d-8f57-1d2c3b4a5e6f","page":"/products/42?ref=mail","ts":1795410819698,"viewport":{"w":1280,"h":720},"tags":["a","b"],"ok":true}`)

func TestJSONDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if err := CheckJSON(event); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJSON(b *testing.B) {
	text := []byte(`{"text":"` + strings.Repeat("all of it in one plain string of words ", 5)[:185] + `","n":1}`)
	accents := []byte(`{"text":"` + strings.Repeat("Größe, Übermaß, café; ", 8) + `"}`)
	for _, bc := range []struct {
		name string
		doc  []byte
	}{{"event", event}, {"text", text}, {"accents", accents}} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(bc.doc)))
			b.ReportAllocs()
			for b.Loop() {
				if err := CheckJSON(bc.doc); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bc.name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(bc.doc)))
			for b.Loop() {
				if !json.Valid(bc.doc) {
					b.Fatal("invalid")
				}
			}
		})
	}
}
