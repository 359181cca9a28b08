package elasticsearch

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestSkipValue(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		rest     string
		bad      bool
	}{
		{name: "string", in: `"a\"b",x`, rest: ",x"},
		{name: "number", in: `-1.5e3}`, rest: "}"},
		{name: "object", in: `{"a":{"}":["]"]}},`, rest: ","},
		{name: "array", in: `[[],{},"["] `, rest: " "},
		{name: "open object", in: `{"a":1`, bad: true},
		{name: "wrong bracket", in: `{"a":[1}]`, bad: true},
		{name: "open string", in: `"abc\"`, bad: true},
		{name: "nothing", in: ``, bad: true},
		{name: "deepest", in: strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)},
		{name: "too deep", in: strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i, err := skipValue([]byte(tc.in), 0)
			if (err != nil) != tc.bad || err == nil && tc.in[i:] != tc.rest {
				t.Errorf("skipValue = %q, %v; want %q", tc.in[i:], err, tc.rest)
			}
		})
	}
}

// FuzzEachField compares the scanner with encoding/json on what that takes as valid.
func FuzzEachField(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[1,2,"}"]},"d":"x\"y"}`))
	f.Add([]byte(` { } `))
	f.Add([]byte(`{"a":`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		names := map[string]string{}
		end, err := eachField(doc, 0, func(name []byte, from, to int) (bool, error) {
			names[string(name)] = string(doc[from:to])
			return false, nil
		})
		if !json.Valid(doc) || !isObject(doc) || bytes.Count(doc, []byte("{"))+bytes.Count(doc, []byte("[")) > maxDepth {
			return
		}
		if err != nil || skipSpace(doc, end) != len(doc) {
			t.Fatalf("valid object refused: %v, rest %q", err, doc[end:])
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(doc, '\\') >= 0 || !bytes.Equal(bytes.ToValidUTF8(doc, nil), doc) {
			return // names are compared as written
		}
		if len(want) != len(names) {
			t.Fatalf("fields %q, want %q", names, want)
		}
		for n, v := range want {
			if names[n] != string(v) {
				t.Errorf("field %s is %q, want %q", n, names[n], v)
			}
		}
	})
}
