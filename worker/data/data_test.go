package data

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSchemaJSON(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema *Schema
		want   string
	}{
		{"none", nil, `null`},
		{"plain", Of(Float64), `{"type":"double","optional":false}`},
		{"all attributes", &Schema{
			Type: Int32, Optional: true, Name: "a\"b", Version: new(int32(3)), Doc: "what",
			Parameters: []Parameter{{"z", "1"}, {"a", "2"}}, Default: int32(7),
		}, `{"type":"int32","optional":true,"name":"a\"b","version":3,"doc":"what","parameters":{"z":"1","a":"2"},"default":7}`},
		{"decimal with default", &Schema{
			Type: Bytes, Name: DecimalName, Version: new(int32(1)), Parameters: []Parameter{{ScaleName, "2"}}, Default: NewDecimal(-12345, 2),
		}, `{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"default":"z8c="}`},
		{"struct", &Schema{Type: StructType, Name: "row", Fields: []Field{
			{"n", Of(Int8)},
			{"l", &Schema{Type: ArrayType, Value: OptionalOf(String)}},
			{"m", &Schema{Type: MapType, Key: Of(String), Value: Of(Float32), Optional: true}},
			{"d", DateSchema(false)},
		}}, `{"type":"struct","fields":[{"type":"int8","optional":false,"field":"n"},` +
			`{"type":"array","items":{"type":"string","optional":true},"optional":false,"field":"l"},` +
			`{"type":"map","keys":{"type":"string","optional":false},"values":{"type":"float","optional":false},"optional":true,"field":"m"},` +
			`{"type":"int32","optional":false,"name":"org.apache.kafka.connect.data.Date","version":1,"field":"d"}],"optional":false,"name":"row"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.schema.JSON()
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestValueJSON(t *testing.T) {
	row := &Schema{Type: StructType, Fields: []Field{{"a", &Schema{Type: Int64, Default: int64(5)}}, {"b", OptionalOf(String)}}}
	for _, c := range []struct {
		name   string
		schema *Schema
		value  any
		want   string // an error begins with !
	}{
		{"null without schema", nil, nil, `null`},
		{"null with default", &Schema{Type: String, Default: "x"}, nil, `"x"`},
		{"null required", Of(String), nil, `!Conversion error: null value for field that is required and has no default value`},
		{"wrong type", Of(Int32), "x", `!Invalid type for INT32: class java.lang.String`},
		{"instant without schema", nil, Instant(0), `!Java class class java.util.Date does not have corresponding schema type.`},
		{"text", nil, "a\"\\\n\x01é\xff", `"a\"\\\n\u0001é` + "\uFFFD\""},
		{"double 1", nil, 1.0, `1.0`},
		{"double large", nil, 1.5e7, `1.5E7`},
		{"double round and large", nil, 1e300, `1.0E300`},
		{"double small", nil, -1e-7, `-1.0E-7`},
		{"float", nil, float32(0.1), `0.1`},
		{"minus zero", nil, math.Copysign(0, -1), `-0.0`},
		{"no number", nil, math.NaN(), `"NaN"`},
		{"bytes", nil, []byte{1, 2, 255}, `"AQL/"`},
		{"map of others", nil, MapOf(int32(1), true), `[[1,true]]`},
		{"object", nil, MapOf("b", []any{int8(1), nil}, "a", MapOf()), `{"b":[1,null],"a":{}}`},
		{"struct with defaults", row, NewStruct(row), `{"a":5,"b":null}`},
		{"timestamp", TimestampSchema(false), Instant(-1), `-1`},
		{"date", DateSchema(false), Instant(2 * dayMillis), `2`},
		{"date with time", DateSchema(false), Instant(5), `!Kafka Connect Date type should not have any time fields set to non-zero values.`},
		{"time", TimeSchema(false), Instant(5), `5`},
		{"decimal", DecimalSchema(2, false), NewDecimal(150, 2), `"AJY="`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendJSON(nil, c.schema, c.value)
			if err != nil {
				got = []byte("!" + err.Error())
			}
			if string(got) != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
	numeric, err := JSONOptions{NumericDecimals: true}.Append(nil, DecimalSchema(2, false), NewDecimal(150, 2))
	if string(numeric) != "1.50" || err != nil {
		t.Errorf("numeric decimal: %s, %v", numeric, err)
	}
}

func TestCheck(t *testing.T) {
	inner := &Schema{Type: MapType, Key: Of(String), Value: &Schema{Type: ArrayType, Value: Of(Int16)}}
	for _, c := range []struct {
		name   string
		schema *Schema
		value  any
		want   string
	}{
		{"fits", Of(Int8), int8(1), ""},
		{"null", Of(Int8), nil, `Invalid value: null used for required field: "f", schema type: INT8`},
		{"wrong", Of(Int8), int16(1), `Invalid Java object for schema with type INT8: class java.lang.Short for field: "f"`},
		{"logical", TimestampSchema(false), int64(1), `Invalid Java object for schema "org.apache.kafka.connect.data.Timestamp" with type INT64: class java.lang.Long for field: "f"`},
		{"deep", inner, MapOf("k", []any{int16(1), nil}), `Invalid value: null used for required element of array value of map field: "f", schema type: INT16`},
		{"map key", inner, MapOf(int8(1), []any{}), `Invalid Java object for schema with type STRING: class java.lang.Byte for key of map field: "f"`},
		{"other struct", &Schema{Type: StructType}, NewStruct(&Schema{Type: StructType, Name: "x"}), "Struct schemas do not match."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := CheckField("f", c.schema, c.value); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDecimals(t *testing.T) {
	for text, d := range map[string]Decimal{
		"0": NewDecimal(0, 0), "0.00": NewDecimal(0, 2), "-1.23": NewDecimal(-123, 2), "0.000001": NewDecimal(1, 6),
		"1E-7": NewDecimal(1, 7), "1.2E+4": NewDecimal(12, -3), "1E+3": NewDecimal(1, -3), "0E-10": NewDecimal(0, 10), "-1.2E-9": NewDecimal(-12, 10),
	} {
		if got := d.String(); got != text {
			t.Errorf("%v with scale %d is %s, want %s", d.Unscaled, d.Scale, got, text)
		}
	}
	if got := NewDecimal(-12, -3).Plain() + " " + NewDecimal(1, 7).Plain(); got != "-12000 0.0000001" {
		t.Errorf("plain: %s", got)
	}
}

func TestDecimalBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "magnitude"))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(n)
		}
		b := Decimal{Unscaled: n}.Bytes()
		if back := DecimalOfBytes(b, 0); back.Unscaled.Cmp(n) != 0 {
			t.Fatalf("%v became % x became %v", n, b, back.Unscaled)
		}
		if len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
			t.Fatalf("%v in % x: a byte too many", n, b)
		}
	})
}

func TestMapKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, model, order := &Map{}, map[string]int{}, []string{}
		for i, key := range rapid.SliceOfN(rapid.StringMatching(`[a-e]{1,3}`), 0, 60).Draw(t, "keys") {
			if _, known := model[key]; !known {
				order = append(order, key)
			}
			model[key] = i
			m.Put(key, i)
			if strings.HasPrefix(key, "ab") {
				m.Delete(key)
				delete(model, key)
				order = order[:0]
				for k := range m.All() {
					order = append(order, k.(string))
				}
			}
		}
		if m.Len() != len(model) {
			t.Fatalf("%d entries, want %d", m.Len(), len(model))
		}
		for i, key := range order {
			if e := m.At(i); e.Key != key || e.Value != model[key] {
				t.Fatalf("entry %d is %v, want %s: %d", i, e, key, model[key])
			}
			if v, ok := m.Clone().Get(key); !ok || v != model[key] {
				t.Fatalf("%s is %v", key, v)
			}
		}
	})
}

// TestStringsAreJSON holds for all strings of valid UTF-8.
func TestStringsAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "string")
		var back string
		if err := json.Unmarshal(AppendJSONString(nil, s), &back); err != nil || back != s {
			t.Fatalf("%q became %q, %v", s, back, err)
		}
	})
}

func TestEqual(t *testing.T) {
	schema := func() *Schema {
		return &Schema{Type: StructType, Fields: []Field{{"a", &Schema{Type: Bytes, Default: []byte{1}, Version: new(int32(1))}}}, Parameters: []Parameter{{"a", "1"}, {"b", "2"}}}
	}
	a, b := schema(), schema()
	b.Parameters[0], b.Parameters[1] = b.Parameters[1], b.Parameters[0]
	if !a.Equal(b) {
		t.Error("the order of parameters matters")
	}
	if !Equal(NewStruct(a), NewStruct(b)) || !Equal([]any{MapOf("x", []byte("y"))}, []any{MapOf("x", []byte("y"))}) || Equal([]any{}, "x") || Equal("x", []byte("x")) {
		t.Error("values are compared wrongly")
	}
	b.Fields[0].Schema.Default = []byte{2}
	if a.Equal(b) || a.Equal(nil) || !(*Schema)(nil).Equal(nil) {
		t.Error("schemas are compared wrongly")
	}
}
