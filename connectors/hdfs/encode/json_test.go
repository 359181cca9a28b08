package encode

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// tree gives a document as encoding/json would.
func tree(d *document, n int) any {
	switch nd := d.nodes[n]; nd.token {
	case isNull:
		return nil
	case isBool:
		return d.src[nd.start] == 't'
	case isInt, isNumber:
		f, _ := strconv.ParseFloat(string(d.source(n)), 64)
		return f
	case isText:
		return string(d.string(n))
	case isArray:
		all := []any{}
		for c := n + 1; c < int(nd.next); c = int(d.nodes[c].next) {
			all = append(all, tree(d, c))
		}
		return all
	default:
		all := map[string]any{}
		for c := n + 1; c < int(nd.next); c = int(d.nodes[c+1].next) {
			all[string(d.string(c))] = tree(d, c+1)
		}
		return all
	}
}

// FuzzDocument holds the parser against encoding/json.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` [1, -2.5e3, true,false,null,"a\n\u00e9\ud83d\ude00\ud800x"] `, `{"a":{"b":[{}]},"a":2}`, `"`, `{"a"}`, `[1,]`, `01`, `-`, `1.`, `1e`, `tru`, "\"\x01\"", `"\x"`, `"\u12"`, `{"a":1,}`, `1 2`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var d document
		err := d.parse(src)
		if (err == nil) != json.Valid(src) {
			t.Fatalf("%q: %v, valid %v", src, err, json.Valid(src))
		}
		if err != nil {
			return
		}
		var want any
		if err := json.Unmarshal(src, &want); err != nil || !strings.EqualFold(string(src), strings.ToValidUTF8(string(src), "?")) {
			return // numbers out of range; texts that are no UTF-8 stay what they are here
		}
		if got := tree(&d, 0); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %#v, want %#v", src, got, want)
		}
	})
}

func TestDocumentDepth(t *testing.T) {
	var d document
	if err := d.parse([]byte(strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth))); err != nil {
		t.Error(err)
	}
	if err := d.parse([]byte(strings.Repeat("[", 1<<20))); err == nil || !strings.Contains(err.Error(), "more than 1000 deep") {
		t.Error(err)
	}
}

func TestInt(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "-7": -7, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, "1e3": 1000, "2.0": 2,
	} {
		var d document
		if err := d.parse([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.int(0); got != want || err != nil {
			t.Errorf("%s is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"9223372036854775808", "-9223372036854775809", "1.5", "1e300", "99999999999999999999", "0.1"} {
		var d document
		if err := d.parse([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.int(0); err == nil {
			t.Errorf("%s is %d", s, got)
		}
	}
}
