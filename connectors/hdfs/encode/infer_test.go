package encode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/twmb/avro/ocf"
	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
)

// sink writes records to files as the sink does, and keeps what the files hold.
type sink struct {
	t       testing.TB
	schemas *Schemas
	file    *File
	records int
	files   [][]string // the records of each file, as JSON
}

func newSink(t testing.TB, o Options) *sink {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := f.NewSchemas()
	return &sink{t: t, schemas: s, file: f.NewFile(s)}
}

func (s *sink) write(schema, value string) (rotated bool, err error) {
	b := batch(schema, value)
	rotate, err := s.schemas.Check(b, 0)
	if err != nil {
		return false, err
	}
	rotated = rotate && s.records > 0
	if rotated {
		s.commit()
	}
	if err := s.file.Append(b, 0); err != nil {
		return rotated, err
	}
	s.records++
	return rotated, nil
}

func (s *sink) commit() {
	s.t.Helper()
	data, err := joined(s.file.Finish())
	if err != nil {
		s.t.Fatal(err)
	}
	s.files = append(s.files, avroRecords(s.t, data))
	s.file.Reset()
	s.records = 0
}

func avroRecords(t testing.TB, data []byte) (all []string) {
	t.Helper()
	r, err := ocf.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		var v any
		if err := r.Decode(&v); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
}

func TestInference(t *testing.T) {
	type step struct {
		value   string
		rotated bool
		refused string
	}
	for _, tc := range []struct {
		name  string
		steps []step
		files [][]string
	}{
		{"one shape", []step{{`{"a":1}`, false, ""}, {`{"a":2}`, false, ""}, {`{}`, false, ""}, {`{"a":null}`, false, ""}}, [][]string{{`{"a":1}`, `{"a":2}`, `{"a":null}`, `{"a":null}`}}},
		{"a new field", []step{{`{"a":1}`, false, ""}, {`{"b":"x"}`, true, ""}, {`{"a":3}`, false, ""}}, [][]string{{`{"a":1}`}, {`{"a":null,"b":"x"}`, `{"a":3,"b":null}`}}},
		{"a new field that is null", []step{{`{"a":1}`, false, ""}, {`{"a":2,"b":null}`, false, ""}}, [][]string{{`{"a":1}`, `{"a":2}`}}},
		{"a fraction", []step{{`{"a":1}`, false, ""}, {`{"a":1.5}`, true, ""}, {`{"a":2}`, false, ""}}, [][]string{{`{"a":1}`}, {`{"a":1.5}`, `{"a":2}`}}},
		{
			"other types",
			[]step{
				{`{"a":1,"s":"x","o":{"b":true},"l":[1]}`, false, ""},
				{`{"a":"1"}`, false, "field a: a string where a value of type int64 was before"},
				{`{"s":true}`, false, "field s: a boolean where a value of type string"},
				{`{"o":[1]}`, false, "field o: an array where a value of type struct"},
				{`{"o":{"b":1}}`, false, "field o: field b: an integer where a value of type boolean"},
				{`{"l":{}}`, false, "field l: an object where a value of type array"},
				{`{"l":["x"]}`, false, "field l: an element: a string where a value of type int64"},
				{`{"a":12345678901234567890}`, false, "no integer of 64 bits"},
				{`{"n":12345678901234567890}`, false, "field n: 12345678901234567890 is no integer of 64 bits"},
				{`[1]`, false, "an array where a value of type struct"},
				{`{"a":2,"s":"y","o":{},"l":[]}`, false, ""},
			},
			[][]string{{`{"a":1,"l":[1],"o":{"b":true},"s":"x"}`, `{"a":2,"l":[],"o":{"b":null},"s":"y"}`}},
		},
		{"elements that were not seen", []step{{`{"l":[]}`, false, ""}, {`{"l":[null]}`, false, ""}, {`{"l":[[1]]}`, true, ""}}, [][]string{{`{"l":[]}`, `{"l":[null]}`}, {`{"l":[[1]]}`}}},
		{"elements of two shapes", []step{{`{"l":[{"a":1},{"b":2.5},{"a":0.5}]}`, false, ""}}, [][]string{{`{"l":[{"a":1,"b":null},{"a":null,"b":2.5},{"a":0.5,"b":null}]}`}}},
		{"no objects", []step{{`1`, false, ""}, {`2`, false, ""}, {`0.5`, true, ""}, {`"x"`, false, "a string where"}, {`3`, false, ""}}, [][]string{{`1`, `2`}, {`0.5`, `3`}}},
		{"no JSON", []step{{`{"a":1`, false, "ends too early"}, {`{"a":1}`, false, ""}}, [][]string{{`{"a":1}`}}},
		{"two keys with one name for Avro", []step{{`{"a-b":1,"a_b":2}`, false, "two fields are called a_b"}, {`{"a-b":1}`, false, ""}}, [][]string{{`{"a_b":1}`}}},
		{"an empty key", []step{{`{"":1}`, false, "no form in Avro"}, {`{"a":1}`, false, ""}}, [][]string{{`{"a":1}`}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSink(t, Options{Class: Avro, Payload: connectors.PayloadJSON})
			for _, st := range tc.steps {
				rotated, err := s.write("", st.value)
				if st.refused == "" && err != nil || st.refused != "" && (err == nil || !strings.Contains(err.Error(), st.refused)) {
					t.Errorf("%s: %v, want %q", st.value, err, st.refused)
				}
				if rotated != st.rotated {
					t.Errorf("%s: rotated %v", st.value, rotated)
				}
			}
			s.commit()
			if got, want := fmt.Sprint(s.files), fmt.Sprint(tc.files); got != want {
				t.Errorf("files\n%s, want\n%s", got, want)
			}
		})
	}
}

// Keys that are data do not fill the memory.
func TestInferenceIsBounded(t *testing.T) {
	s := newSink(t, Options{Class: Avro, Payload: connectors.PayloadJSON})
	var wide strings.Builder
	for i := range maxInferred - 5 {
		fmt.Fprintf(&wide, `"key-%d":1,`, i)
	}
	if _, err := s.write("", "{"+strings.TrimSuffix(wide.String(), ",")+"}"); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range 10 {
		if _, err := s.write("", fmt.Sprintf(`{"more-%d":1}`, i)); err != nil {
			if refused++; !strings.Contains(err.Error(), "more than 1000 different fields") {
				t.Fatal(err)
			}
		}
	}
	if refused != 5 {
		t.Errorf("%d of 10 are refused", refused)
	}
}

// Whatever documents come: one that is not refused is in a file with all that it holds, in its place.
func TestInferenceKeepsAll(t *testing.T) {
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		plain := []*rapid.Generator[any]{
			rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.IntRange(-5, 5).AsAny(), rapid.Float64Range(-1, 1).AsAny(), rapid.SampledFrom([]string{"", "x", "é"}).AsAny(),
		}
		if depth == 0 {
			return rapid.OneOf(plain...)
		}
		keys := rapid.SampledFrom([]string{"a", "b", "c"})
		return rapid.OneOf(append(plain, rapid.MapOfN(keys, value(depth-1), 0, 3).AsAny(), rapid.SliceOfN(value(depth-1), 0, 3).AsAny())...)
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := newSink(t, Options{Class: Avro, Payload: connectors.PayloadJSON})
		var want []any
		for range rapid.IntRange(1, 12).Draw(rt, "records") {
			v := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), value(3), 0, 3).Draw(rt, "record")
			doc, err := json.Marshal(v)
			if err != nil {
				rt.Fatal(err)
			}
			if _, err := s.write("", string(doc)); err == nil {
				want = append(want, v)
			} else if !strings.Contains(err.Error(), "was before") {
				rt.Fatalf("%s: %v", doc, err)
			}
		}
		if s.records > 0 {
			s.commit()
		}
		var got []string
		for _, f := range s.files {
			got = append(got, f...)
		}
		if len(got) != len(want) {
			rt.Fatalf("%d records of %d", len(got), len(want))
		}
		for i := range want {
			var v any
			if err := json.Unmarshal([]byte(got[i]), &v); err != nil {
				rt.Fatal(err)
			}
			if !holds(v, want[i]) {
				rt.Fatalf("record %d is %s, was %v", i, got[i], want[i])
			}
		}
	})
}

// holds says whether a value has all of another; where that has nothing, null may stand.
func holds(got, want any) bool {
	switch w := want.(type) {
	case nil:
		return got == nil
	case map[string]any:
		g, ok := got.(map[string]any)
		for k, v := range w {
			ok = ok && holds(g[k], v)
		}
		for k, v := range g {
			if _, there := w[k]; !there {
				ok = ok && v == nil
			}
		}
		return ok
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !holds(g[i], w[i]) {
				return false
			}
		}
		return true
	case int:
		return got == float64(w)
	default:
		return got == want
	}
}

// With NONE each change of schema begins a file; records with and without a schema may follow one another.
func TestNone(t *testing.T) {
	const one = `{"type":"struct","fields":[{"field":"a","type":"int32"}]}`
	const two = `{"type":"struct","fields":[{"field":"a","type":"int64"}]}`
	s := newSink(t, Options{Class: Avro, Payload: connectors.PayloadJSON})
	for i, schema := range []string{one, one, two, one, "", "", two} {
		rotated, err := s.write(schema, `{"a":1}`)
		if want := i > 1 && i != 5; rotated != want || err != nil {
			t.Errorf("record %d: rotated %v, %v", i, rotated, err)
		}
	}
	f := newSink(t, Options{Class: Avro, Payload: connectors.PayloadJSON, Compatibility: "BACKWARD"})
	if _, err := f.write(`{"type":"struct","version":1,"fields":[{"field":"a","type":"int32"}]}`, `{"a":1}`); err != nil {
		t.Fatal(err)
	}
	if _, err := f.write("", `{"a":1}`); err == nil || !strings.Contains(err.Error(), "with NONE only") {
		t.Error(err)
	}
	for schema, part := range map[string]string{`{"type":"decimal"}`: "is not known", `{`: "ends too early", `[]`: "must be an object", `{"type":"array"}`: "must have items"} {
		if _, err := f.write(schema, `{"a":1}`); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

// JSON files follow schemas too, ByteArray files do not.
func TestLinesFollowSchemas(t *testing.T) {
	const one, two = `{"type":"int32"}`, `{"type":"int64"}`
	for class, want := range map[string]bool{JSON: true, String: true, ByteArray: false} {
		f, err := New(Options{Class: class, Payload: connectors.PayloadJSON})
		if err != nil {
			t.Fatal(err)
		}
		s := f.NewSchemas()
		for i, schema := range []string{one, two} {
			if rotate, err := s.Check(batch(schema, "1"), 0); rotate != (want && i == 1) || err != nil {
				t.Errorf("%s: schema %d: rotate %v, %v", class, i, rotate, err)
			}
		}
	}
}
