package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProperties(t *testing.T) {
	const text = `# a comment
! another
a=1
b : two words
c three
  d   =   4
e=long \
   line
f=C:\\dir
g\ h=key with a blank
i\=j=k
tab=x\ty
u=\u00e9\ud83d\ude00
empty=
nothing
a=last wins
`
	want := map[string]string{
		"a": "last wins", "b": "two words", "c": "three", "d": "4", "e": "long line", "f": `C:\dir`, "g h": "key with a blank",
		"i=j": "k", "tab": "x\ty", "u": "é😀", "empty": "", "nothing": "",
	}
	got, err := ParseProperties(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestParsePropertiesNamesTheLine(t *testing.T) {
	_, err := ParseProperties(strings.NewReader("a=1\nb=\\u12"))
	if err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "value of b") {
		t.Fatalf("got %v", err)
	}
}

func FuzzParseProperties(f *testing.F) {
	f.Add("a=1\nb\\:c: d\\\n e")
	f.Add("\\")
	f.Add("k=\\uD83D\\uDE00\\uD83D")
	f.Fuzz(func(t *testing.T, text string) {
		props, err := ParseProperties(strings.NewReader(text))
		if err == nil && props == nil {
			t.Fatal("neither properties nor an error")
		}
	})
}
