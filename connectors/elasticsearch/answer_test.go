package elasticsearch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAnswer(t *testing.T) {
	const good = `{"took":3,"errors":true,"items":[{"index":{"status":201}},{"index":{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:6] failed to parse field [n]","caused_by":{"type":"number_format_exception","reason":"For input string"}}}}]}`
	for _, tc := range []struct {
		name, in string
		n        int
		status   []int
		bad      string
	}{
		{name: "all well", in: `{"errors":false,"took":1,"items":[{"index":{"status":201}},{"create":{"status":200}}]}`, n: 2, status: []int{201, 200}},
		{name: "one refused", in: good, n: 2, status: []int{201, 400}},
		{name: "blanks", in: " { \"items\" : [ { \"delete\" : { \"status\" : 404 } } ] } ", n: 1, status: []int{404}},
		{name: "too few items", in: good, n: 3, bad: "2 items for the 3"},
		{name: "too many items", in: good, n: 1, bad: "more than the 1 items"},
		{name: "no items", in: `{"took":1,"errors":false}`, n: 1, bad: "0 items"},
		{name: "cut off", in: good[:len(good)-20], n: 2, bad: "malformed"},
		{name: "something behind it", in: good + "x", n: 2, bad: "malformed"},
		{name: "no status", in: `{"items":[{"index":{"_id":"1"}}]}`, n: 1, bad: "without a status"},
		{name: "odd status", in: `{"items":[{"index":{"status":"201"}}]}`, n: 1, bad: "without a status"},
		{name: "empty item", in: `{"items":[{}]}`, n: 1, bad: "without a status"},
		{name: "items is no list", in: `{"items":{}}`, n: 1, bad: "malformed"},
		{name: "no comma", in: `{"items":[{"index":{"status":201}}{"index":{"status":201}}]}`, n: 2, bad: "malformed"},
		{name: "comma at the end", in: `{"items":[{"index":{"status":201}},]}`, n: 1, bad: "malformed"},
		{name: "no JSON", in: `<html>`, n: 1, bad: "malformed"},
		{name: "empty", in: ``, n: 1, bad: "malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseAnswer([]byte(tc.in), tc.n, nil)
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Fatalf("error %v, want one with %q", err, tc.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var status []int
			for _, o := range got {
				status = append(status, o.status)
			}
			if d := cmp.Diff(tc.status, status); d != "" {
				t.Error(d)
			}
		})
	}
	got, err := parseAnswer([]byte(good), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = "document_parsing_exception: [1:6] failed to parse field [n]; caused by number_format_exception: For input string"
	if e := parseItemError([]byte(good)[got[1].from:got[1].to]); e.Error() != want {
		t.Errorf("error %q, want %q", e, want)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"took":3,"errors":true,"items":[{"index":{"status":201}},{"index":{"status":400,"error":{"type":"a","reason":"b"}}}]}`), 2)
	f.Add([]byte(`{"items":[{}]}`), 1)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		outcomes, err := parseAnswer(body, n, nil)
		if err == nil && len(outcomes) != n {
			t.Fatalf("%d outcomes for %d items", len(outcomes), n)
		}
		for _, o := range outcomes {
			if o.from < 0 || o.from > o.to || o.to > len(body) {
				t.Fatalf("error at %d to %d of %d", o.from, o.to, len(body))
			}
			if o.to > 0 {
				_ = parseItemError(body[o.from:o.to]).Error()
			}
		}
		_ = parseRequestError(body).Error()
	})
}

func TestParseRequestError(t *testing.T) {
	for in, want := range map[string]string{
		`{"error":{"root_cause":[],"type":"es_rejected_execution_exception","reason":"full"},"status":429}`: "es_rejected_execution_exception: full",
		`{"error":"no handler found","status":400}`:                                                         "error: no handler found",

		`<html>bad gateway</html>`: ": <html>bad gateway</html>",
		``:                         "",
	} {
		if got := parseRequestError([]byte(in)).Error(); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestServerErrorIsBounded(t *testing.T) {
	e := &serverError{Type: "a", Reason: strings.Repeat("ü", 5000)}
	if n := len(e.Error()); n > maxReason+5 {
		t.Errorf("%d bytes", n)
	}
	if raw, err := json.Marshal(fmt.Sprint(e)); err != nil || strings.Contains(string(raw), "\\ufffd") {
		t.Errorf("cut within a character: %v", err)
	}
}
