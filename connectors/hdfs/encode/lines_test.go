package encode

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// batch holds records with these values from offset 0 on.
func batch(schema string, vs ...string) *connectors.Batch {
	var b connectors.Builder
	if schema != "" {
		b.Describe("", nil, []byte(schema))
	}
	for i, v := range vs {
		b.Append(int64(i), 0, nil, []byte(v))
	}
	return b.Batch(connectors.Partition{Topic: "t"})
}

// open makes a format and a file of it.
func open(tb testing.TB, o Options) (*Format, *File) {
	tb.Helper()
	f, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return f, f.NewFile(f.NewSchemas())
}

func TestLines(t *testing.T) {
	type lines = map[string]string // value → what is written
	for _, tc := range []struct {
		name string
		o    Options
		ext  string
		want lines
	}{
		{"JSON", Options{Class: JSON, Payload: connectors.PayloadJSON}, ".json", lines{
			`{"a":1}`: `{"a":1}` + "\n", `null`: "null\n", `"x"`: `"x"` + "\n", `{}`: "{}\n", `[]`: "[]\n", ` {"a" : 1} `: ` {"a" : 1} ` + "\n",
			"{\n\t\"a\": 1,\n\t\"b\": \"x\\ny\"\n}\n": `{ 	"a": 1, 	"b": "x\ny" } ` + "\n", "[\r\n1]": "[\r 1]\n", "\n\n1\n": "  1 \n", `{"ü":"€"}`: `{"ü":"€"}` + "\n",
		}},
		{"texts as JSON", Options{Class: JSON, Payload: connectors.PayloadString}, ".json", lines{
			"": `""` + "\n", "green": `"green"` + "\n", "a\nb": `"a\nb"` + "\n", `say "hi" \o/`: `"say \"hi\" \\o/"` + "\n", "<&>": `"<&>"` + "\n",
			"tab\there": `"tab\there"` + "\n", "ünïcode €": `"ünïcode €"` + "\n", "\x01": `"\u0001"` + "\n", "\xff": `"\ufffd"` + "\n",
		}},
		{"bytes as JSON", Options{Class: JSON, Payload: connectors.PayloadBytes}, ".json", lines{
			"": `""` + "\n", "\x00\x01\xff": `"AAH/"` + "\n", "ab": `"YWI="` + "\n",
		}},
		{"String", Options{Class: String, Payload: connectors.PayloadString}, ".txt", lines{
			"": "\n", "green": "green\n", "a\nb": "a\nb\n", "\xff": "\xff\n", `"x"`: `"x"` + "\n",
		}},
		{"documents as String", Options{Class: String, Payload: connectors.PayloadJSON}, ".txt", lines{
			"{\n\"a\":1}": `{ "a":1}` + "\n", "1": "1\n",
		}},
		{"bytes as String", Options{Class: String, Payload: connectors.PayloadBytes}, ".txt", lines{"\x00x": "\x00x\n"}},
		{"ByteArray", Options{Class: ByteArray, Payload: connectors.PayloadBytes, Extension: ".bin"}, ".bin", lines{
			"": "\n", "\x00\xff": "\x00\xff\n", "a\nb": "a\nb\n",
		}},
		{"ByteArray with separator and extension", Options{
			Class: "io.confluent.connect.hdfs.bytearray.ByteArrayFormat", Payload: connectors.PayloadBytes, Separator: "--|", Extension: "dat",
		}, ".dat", lines{"": "--|", "x": "x--|"}},
		{
			"ByteArray without extension",
			Options{Class: ByteArray, Payload: connectors.PayloadJSON},
			"",
			lines{"{\n}": "{\n}\n"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, file := open(t, tc.o)
			if f.Extension() != tc.ext {
				t.Errorf("extension %q, want %q", f.Extension(), tc.ext)
			}
			var all string
			for value, want := range tc.want {
				if err := file.Append(batch("", value), 0); err != nil {
					t.Errorf("%q: %v", value, err)
				}
				all += want
				if n := int64(len(all)); file.Size() != n || int64(file.Held()) != n {
					t.Errorf("after %q size %d, held %d, want %d", value, file.Size(), file.Held(), n)
				}
			}
			for range 2 {
				if got, err := joined(file.Finish()); string(got) != all || err != nil {
					t.Errorf("finished with %q, %v; want %q", got, err, all)
				}
			}
			file.Reset()
			if file.Size() != 0 || file.Held() != 0 {
				t.Errorf("after Reset size %d, held %d", file.Size(), file.Held())
			}
		})
	}
}

// What Take gives and what Finish gives is the file.
func TestTake(t *testing.T) {
	_, file := open(t, Options{Class: String, Payload: connectors.PayloadString})
	if got := file.Take(); got != nil {
		t.Errorf("an empty file gives %q", got)
	}
	b := batch("", "a", "b", "c")
	for i := range 2 {
		if err := file.Append(b, i); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(slices.Concat(file.Take()...)); got != "a\nb\n" {
		t.Errorf("took %q", got)
	}
	if err := file.Append(b, 2); err != nil {
		t.Fatal(err)
	}
	if file.Size() != 6 || file.Held() != 2 {
		t.Errorf("size %d, held %d", file.Size(), file.Held())
	}
	if got, err := joined(file.Finish()); string(got) != "c\n" || err != nil {
		t.Errorf("finished with %q, %v", got, err)
	}
}

// Every document stays what it means and takes one line, whatever stands between its tokens.
func FuzzJSONLines(f *testing.F) {
	for _, s := range []string{`{}`, "[\n1,\n\"a\\nb\"]", "\n\"\\u000a\"\n", " null ", `{"a":{"b":[1.5e3,true,null]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if !json.Valid(value) {
			return
		}
		got, err := appendJSON(nil, value)
		if err != nil || strings.Count(string(got), "\n") != 1 || got[len(got)-1] != '\n' {
			t.Fatalf("%q becomes %q, %v", value, got, err)
		}
		if normal(t, got) != normal(t, value) {
			t.Fatalf("%q becomes %q, which means something else", value, got)
		}
	})
}

// FuzzTextLines holds the short cut for plain texts against encoding/json.
func FuzzTextLines(f *testing.F) {
	for _, s := range []string{"", "green", "a\nb", "\"\\", "\x7f", "\u2028", "\xc3\x28", "<&>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got, err := appendText(nil, value)
		if err != nil || strings.Count(string(got), "\n") != 1 || got[len(got)-1] != '\n' {
			t.Fatalf("%q becomes %q, %v", value, got, err)
		}
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != strings.ToValidUTF8(back, "") {
			t.Fatalf("%q becomes %q: %v", value, got, err)
		}
		if want, _ := json.Marshal(string(value)); normal(t, got) != normal(t, want) {
			t.Fatalf("%q becomes %q, want %s", value, got, want)
		}
	})
}

func normal(t *testing.T, doc []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatalf("%q: %v", doc, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Records of one line need no memory of their own.
func TestLinesDoNotAllocate(t *testing.T) {
	b := batch("", `{"a":1,"b":"some text"}`)
	for _, class := range []string{JSON, String, ByteArray} {
		for _, p := range []connectors.Payload{connectors.PayloadJSON, connectors.PayloadString, connectors.PayloadBytes} {
			f, file := open(t, Options{Class: class, Payload: p})
			schemas := f.NewSchemas()
			if n := testing.AllocsPerRun(1000, func() {
				if rotate, err := schemas.Check(b, 0); rotate || err != nil {
					t.Fatal(rotate, err)
				}
				if err := file.Append(b, 0); err != nil {
					t.Fatal(err)
				}
			}); n > 0.2 && (class != JSON || p != connectors.PayloadString) { // that one has quotes to escape
				t.Errorf("%s with %s: %v allocations per record", class, p, n)
			}
		}
	}
}
