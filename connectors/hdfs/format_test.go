package hdfs

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func TestFormats(t *testing.T) {
	type lines = map[string]string // value → what is written
	for _, tc := range []struct {
		name    string
		set     map[string]string
		payload connectors.Payload
		ext     string
		want    lines
	}{
		{"JSON", map[string]string{"format.class": "JsonFormat"}, connectors.PayloadJSON, ".json", lines{
			`{"a":1}`: `{"a":1}` + "\n", `null`: "null\n", `"x"`: `"x"` + "\n", `{}`: "{}\n", `[]`: "[]\n", ` {"a" : 1} `: ` {"a" : 1} ` + "\n",
			"{\n\t\"a\": 1,\n\t\"b\": \"x\\ny\"\n}\n": `{ 	"a": 1, 	"b": "x\ny" } ` + "\n", "[\r\n1]": "[\r 1]\n", "\n\n1\n": "  1 \n", `{"ü":"€"}`: `{"ü":"€"}` + "\n",
		}},
		{"texts as JSON", map[string]string{"format.class": "JsonFormat"}, connectors.PayloadString, ".json", lines{
			"": `""` + "\n", "green": `"green"` + "\n", "a\nb": `"a\nb"` + "\n", `say "hi" \o/`: `"say \"hi\" \\o/"` + "\n", "<&>": `"<&>"` + "\n",
			"tab\there": `"tab\there"` + "\n", "ünïcode €": `"ünïcode €"` + "\n", "\x01": `"\u0001"` + "\n", "\xff": `"\ufffd"` + "\n",
		}},
		{"bytes as JSON", map[string]string{"format.class": "JsonFormat"}, connectors.PayloadBytes, ".json", lines{
			"": `""` + "\n", "\x00\x01\xff": `"AAH/"` + "\n", "ab": `"YWI="` + "\n",
		}},
		{"String", map[string]string{"format.class": "StringFormat"}, connectors.PayloadString, ".txt", lines{
			"": "\n", "green": "green\n", "a\nb": "a\nb\n", "\xff": "\xff\n", `"x"`: `"x"` + "\n",
		}},
		{"documents as String", map[string]string{"format.class": "StringFormat"}, connectors.PayloadJSON, ".txt", lines{
			"{\n\"a\":1}": `{ "a":1}` + "\n", "1": "1\n",
		}},
		{"bytes as String", map[string]string{"format.class": "StringFormat"}, connectors.PayloadBytes, ".txt", lines{"\x00x": "\x00x\n"}},
		{"ByteArray", map[string]string{"format.class": "ByteArrayFormat"}, connectors.PayloadBytes, ".bin", lines{
			"": "\n", "\x00\xff": "\x00\xff\n", "a\nb": "a\nb\n",
		}},
		{"ByteArray with separator and extension", map[string]string{
			"format.class":               "io.confluent.connect.hdfs.bytearray.ByteArrayFormat",
			"format.bytearray.separator": "--|", "format.bytearray.extension": "dat",
		}, connectors.PayloadBytes, ".dat", lines{"": "--|", "x": "x--|"}},
		{
			"ByteArray without extension",
			map[string]string{"format.class": "ByteArrayFormat", "format.bytearray.extension": ""},
			connectors.PayloadJSON, "",
			lines{"{\n}": "{\n}\n"},
		},
		{"no format.class", nil, connectors.PayloadJSON, ".json", lines{"1": "1\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := map[string]string{"store.url": "file:///d", "flush.size": "1"}
			maps.Copy(raw, tc.set)
			cfg, err := definition().Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			f := newFormat(cfg, tc.payload)
			if f.extension != tc.ext {
				t.Errorf("extension %q, want %q", f.extension, tc.ext)
			}
			for value, want := range tc.want {
				got, err := f.append([]byte("before"), []byte(value))
				if err != nil || string(got) != "before"+want {
					t.Errorf("%q becomes %q, %v; want %q", value, got, err, "before"+want)
				}
			}
		})
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

// values makes a batch from offset on; nil is null.
func values(first int64, vs ...[]byte) *connectors.Batch {
	var b connectors.Builder
	for i, v := range vs {
		b.Append(first+int64(i), 0, nil, v)
	}
	return b.Batch(part)
}

func TestNullValues(t *testing.T) {
	for _, tc := range []struct {
		behaviour string
		rejected  []int64
	}{{nullFail, []int64{5, 7, 8}}, {nullIgnore, nil}} {
		t.Run(tc.behaviour, func(t *testing.T) {
			b := overModel(t, map[string]string{"flush.size": "2", "behavior.on.null.values": tc.behaviour})
			a := &reasons{acks: newAcks()}
			cw, err := b.Open(t.Context(), part, -1, a)
			if err != nil {
				t.Fatal(err)
			}
			w := cw.(*writer)
			if err := w.Write(t.Context(), values(5, nil, []byte(""), nil, nil, []byte("x"))); err != nil {
				t.Fatal(err)
			}
			b.expectFiles(t, b.span(6, 9))
			if got := b.content(6, 9); string(got) != "\nx\n" {
				t.Errorf("the file holds %q", got)
			}
			durable, rejected, _, _ := a.state()
			if durable != 10 {
				t.Errorf("durable %d, want 10", durable)
			}
			if len(rejected) != len(tc.rejected) {
				t.Errorf("rejected %v, want %v", rejected, tc.rejected)
			}
			for i, o := range rejected {
				var e *connectors.Error
				if o != tc.rejected[i] || !errors.As(a.why[i], &e) || e.Code != connectors.CodeBadRecord || e.Partition != part || e.Offset != o ||
					!strings.Contains(e.Error(), "behavior.on.null.values=ignore") {
					t.Errorf("offset %d is rejected with %v", o, a.why[i])
				}
			}
			shut(t, w)
		})
	}
}

// Rejected records alone move the durable offset at once; behind records that wait they move it with their file.
func TestDurableAroundRejected(t *testing.T) {
	b := overModel(t, map[string]string{"flush.size": "2"})
	a := newAcks()
	w := openAt(t, b.task, -1, a)
	for _, step := range []struct {
		first   int64
		vs      [][]byte
		durable int64
	}{
		{0, [][]byte{nil, nil}, 2},
		{2, [][]byte{[]byte("a"), nil}, 2},
		{4, [][]byte{nil}, 2},
		{5, [][]byte{[]byte("b")}, 6},
		{9, [][]byte{nil}, 10}, // behind a gap
	} {
		if err := w.Write(t.Context(), values(step.first, step.vs...)); err != nil {
			t.Fatal(err)
		}
		if d, _, _, _ := a.state(); d != step.durable {
			t.Errorf("after offset %d durable is %d, want %d", step.first, d, step.durable)
		}
	}
	b.expectFiles(t, b.span(2, 5))
	shut(t, w)
}
