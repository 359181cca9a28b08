package transform

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/worker/data"
)

// What the cases need to make records of JSON, and texts of records.

// envelope reads a schema and a payload.
func envelope(t testing.TB, raw json.RawMessage) (*data.Schema, any) {
	t.Helper()
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var e struct{ Schema, Payload json.RawMessage }
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	s := schemaOf(t, e.Schema)
	d := json.NewDecoder(bytes.NewReader(e.Payload))
	d.UseNumber()
	return s, typed(t, s, tree(t, d))
}

func schemaOf(t testing.TB, raw json.RawMessage) *data.Schema {
	t.Helper()
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var j struct {
		Type, Name, Doc, Field string
		Optional               bool
		Version                *int32
		Parameters             json.RawMessage
		Default                json.RawMessage
		Fields                 []json.RawMessage
		Items, Keys, Values    json.RawMessage
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		t.Fatal(err)
	}
	typ, ok := data.TypeOfJSON(j.Type)
	if !ok {
		t.Fatalf("no type %q", j.Type)
	}
	s := &data.Schema{Type: typ, Name: j.Name, Doc: j.Doc, Optional: j.Optional, Version: j.Version}
	if typ == data.ArrayType {
		s.Value = schemaOf(t, j.Items)
	}
	if typ == data.MapType {
		s.Key, s.Value = schemaOf(t, j.Keys), schemaOf(t, j.Values)
	}
	if len(j.Parameters) > 0 {
		d := json.NewDecoder(bytes.NewReader(j.Parameters))
		for k, v := range tree(t, d).(*data.Map).All() {
			s.Parameters = append(s.Parameters, data.Parameter{Name: k.(string), Value: v.(string)})
		}
	}
	for _, f := range j.Fields {
		var name struct{ Field string }
		if err := json.Unmarshal(f, &name); err != nil {
			t.Fatal(err)
		}
		s.Fields = append(s.Fields, data.Field{Name: name.Field, Schema: schemaOf(t, f)})
	}
	if len(j.Default) > 0 {
		d := json.NewDecoder(bytes.NewReader(j.Default))
		d.UseNumber()
		s.Default = typed(t, s, tree(t, d))
	}
	return s
}

// tree reads JSON with its order.
func tree(t testing.TB, d *json.Decoder) any {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, tree(t, d))
		}
		_, _ = d.Token()
		return list
	case json.Delim('{'):
		m := data.NewMap(0)
		for d.More() {
			name, _ := d.Token()
			m.Put(name, tree(t, d))
		}
		_, _ = d.Token()
		return m
	}
	return token
}

func typed(t testing.TB, s *data.Schema, v any) any {
	t.Helper()
	if v == nil {
		return nil
	}
	if s == nil {
		switch v := v.(type) {
		case json.Number:
			if n, err := v.Int64(); err == nil {
				return n
			}
			f, _ := v.Float64()
			return f
		case []any:
			for i := range v {
				v[i] = typed(t, nil, v[i])
			}
		case *data.Map:
			for k, e := range v.All() {
				v.Put(k, typed(t, nil, e))
			}
		}
		return v
	}
	number := func(bits int) int64 {
		n, err := strconv.ParseInt(v.(json.Number).String(), 10, bits)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const day = 24 * 60 * 60 * 1000
	switch s.Name {
	case data.DateName:
		return data.Instant(number(32) * day)
	case data.TimeName, data.TimestampName:
		return data.Instant(number(64))
	}
	switch s.Type {
	case data.Int8:
		return int8(number(8))
	case data.Int16:
		return int16(number(16))
	case data.Int32:
		return int32(number(32))
	case data.Int64:
		return number(64)
	case data.Float32:
		f, _ := v.(json.Number).Float64()
		return float32(f)
	case data.Float64:
		f, _ := v.(json.Number).Float64()
		return f
	case data.Bytes:
		b, err := base64.StdEncoding.DecodeString(v.(string))
		if err != nil {
			t.Fatal(err)
		}
		if s.Name == data.DecimalName {
			scale, _ := s.Parameter(data.ScaleName)
			n, _ := strconv.Atoi(scale)
			return data.DecimalOfBytes(b, int32(n))
		}
		return b
	case data.ArrayType:
		list := v.([]any)
		for i := range list {
			list[i] = typed(t, s.Value, list[i])
		}
		return list
	case data.MapType:
		m := data.NewMap(0)
		for k, e := range v.(*data.Map).All() {
			m.Put(typed(t, s.Key, k), typed(t, s.Value, e))
		}
		return m
	case data.StructType:
		st := data.NewStruct(s)
		for i, f := range s.Fields {
			e, _ := v.(*data.Map).Get(f.Name)
			if err := st.Set(i, typed(t, f.Schema, e)); err != nil {
				t.Fatal(err)
			}
		}
		return st
	default:
		return v
	}
}

// render is TransformCases.render.
func render(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return data.Scalar(v)
	case int8:
		return data.Scalar(v) + "b"
	case int16:
		return data.Scalar(v) + "s"
	case int32:
		return data.Scalar(v) + "i"
	case int64:
		return data.Scalar(v) + "l"
	case float32:
		return data.Scalar(v) + "f"
	case float64:
		return data.Scalar(v) + "d"
	case data.Decimal:
		return data.Scalar(v) + "m"
	case string:
		return string(data.AppendJSONString(nil, v))
	case data.Instant:
		return "@" + strconv.FormatInt(int64(v), 10)
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = render(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *data.Map:
		var parts []string
		for k, e := range v.All() {
			parts = append(parts, render(k)+":"+render(e))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case *data.Struct:
		parts := make([]string, len(v.Schema().Fields))
		for i, f := range v.Schema().Fields {
			parts[i] = f.Name + ":" + render(v.Raw(i))
		}
		return "<" + strings.Join(parts, ",") + ">"
	}
	return "?"
}

// problem is TransformCases.problem.
func problem(err error) string {
	e, ok := errors.AsType[*data.Error](err)
	switch {
	case !ok:
		return "no data.Error: " + err.Error()
	case e.Class == "java.lang.NullPointerException" || e.Class == "java.lang.ClassCastException":
		return e.Class
	}
	return e.Class + ": " + e.Message
}
