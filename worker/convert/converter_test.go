package convert

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/worker/data"
)

// goldenCase is a line of testdata/converters.golden: a document, and Kafka Connect's answer.
type goldenCase struct {
	name, class string
	props       map[string]string
	doc         []byte
	answer      string
	rest        []string
}

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	b, err := os.ReadFile("testdata/converters.golden")
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		c := goldenCase{name: f[0], class: f[1], props: map[string]string{}, answer: f[4], rest: f[5:]}
		if f[2] != "-" {
			for p := range strings.SplitSeq(f[2], "|") {
				k, v, _ := strings.Cut(p, "=")
				c.props[k] = v
			}
		}
		switch digits, isHex := strings.CutPrefix(f[3], "hex:"); {
		case f[3] == "null:":
		case isHex:
			if c.doc, err = hex.DecodeString(digits); err != nil {
				t.Fatal(err)
			}
		default:
			c.doc = []byte(f[3])
		}
		cases = append(cases, c)
	}
	return cases
}

// onPurpose says of a case that it differs from Kafka Connect's answer, and is refused: text in other character sets.
func onPurpose(c goldenCase) bool { return strings.HasPrefix(c.name, "string in ") }

// alike are answers that differ and mean the same: an empty name counts as none, and Java's exception is a bug of its own.
func alike(c goldenCase, got []string) bool {
	switch c.name {
	case "decimal without scale, number":
		return got[0] == "unwritable"
	case "schema 29 with 1", `schema 29 with {"a":2}`:
		return strings.Replace(c.rest[0], `,"name":""`, "", 1) == got[1]
	}
	return false
}

func TestConvertersAnswerLikeConnect(t *testing.T) {
	converters := map[string]Converter{}
	for _, c := range goldenCases(t) {
		if onPurpose(c) {
			if _, err := New(c.class, "value", c.props); err == nil {
				t.Errorf("%s: accepted", c.name)
			}
			continue
		}
		key := c.class + " " + strings.Join(propsOf(c), "|")
		conv := converters[key]
		if conv == nil {
			var err error
			if conv, err = New(c.class, "value", c.props); err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			converters[key] = conv
		}
		before := bytes.Clone(c.doc)
		schema, value, err := conv.ToConnect(c.doc)
		if !bytes.Equal(before, c.doc) {
			t.Errorf("%s: changed its input", c.name)
		}
		got := answerOf(schema, value, err)
		if got[0] == "ok" && c.answer == "ok" && sameDocument(got[1], c.rest[0]) {
			continue
		}
		if alike(c, got) {
			continue
		}
		if want := append([]string{c.answer}, c.rest...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, %s:\n got %q\nwant %q", c.name, c.doc, got, want)
		}
	}
}

func propsOf(c goldenCase) []string {
	var all []string
	for _, k := range []string{"schemas.enable", "schema.content", "replace.null.with.default"} {
		if v, ok := c.props[k]; ok {
			all = append(all, k+"="+v)
		}
	}
	return all
}

// answerOf gives an outcome as the program that asked Kafka Connect does.
func answerOf(s *data.Schema, value any, err error) []string {
	if err != nil {
		var e *data.Error
		if !errors.As(err, &e) {
			return []string{"no data.Error", err.Error()}
		}
		return []string{"error", e.Class, e.Message}
	}
	if s == nil && value == nil {
		return []string{"ok", "null"}
	}
	schema, err := s.JSON()
	if err != nil {
		return []string{"unwritable", err.Error()}
	}
	payload, err := data.AppendJSON(nil, s, value)
	if err != nil {
		return []string{"unwritable", err.Error()}
	}
	return []string{"ok", `{"schema":` + string(schema) + `,"payload":` + string(payload) + `}`}
}

// sameDocument compares documents without minding the order of members, which Java's maps do not keep.
func sameDocument(a, b string) bool {
	var x, y any
	decode := func(s string, v *any) bool {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		return d.Decode(v) == nil
	}
	return decode(a, &x) && decode(b, &y) && same(x, y)
}

// same compares numbers as what they are: Java before version 19 writes some with more digits than they need.
func same(x, y any) bool {
	switch a := x.(type) {
	case json.Number:
		b, ok := y.(json.Number)
		if !ok || a == b {
			return ok
		}
		fa, _ := strconv.ParseFloat(a.String(), 32)
		fb, _ := strconv.ParseFloat(b.String(), 32)
		da, _ := a.Float64()
		db, _ := b.Float64()
		return strings.ContainsAny(a.String(), ".E") && strings.ContainsAny(b.String(), ".E") && (da == db || fa == fb && fa != 0)
	case map[string]any:
		b, ok := y.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := y.([]any)
		return ok && slices.EqualFunc(a, b, same)
	}
	return reflect.DeepEqual(x, y)
}
