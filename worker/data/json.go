package data

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// jsonTypes are the names of the types in the JSON form of a schema, by [Type].
var jsonTypes = [...]string{"int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes", "array", "map", "struct"} // constant

// JSONName is the name of the type in the JSON form of a schema, such as "double" for FLOAT64.
func (t Type) JSONName() string { return jsonTypes[t] }

// TypeOfJSON is the type that has a name in the JSON form.
func TypeOfJSON(name string) (Type, bool) {
	for t, n := range jsonTypes {
		if n == name {
			return Type(t), true
		}
	}
	return 0, false
}

// JSON is the schema as Kafka Connect's JsonConverter writes it under "schema", "null" for no schema.
func (s *Schema) JSON() ([]byte, error) { return s.AppendJSON(nil) }

// AppendJSON is JSON behind what dst holds. It fails where a default does not fit its schema.
func (s *Schema) AppendJSON(dst []byte) ([]byte, error) { return s.appendJSON(dst, "") }

func (s *Schema) appendJSON(dst []byte, field string) ([]byte, error) {
	if s == nil {
		return append(dst, "null"...), nil
	}
	var err error
	dst = append(dst, `{"type":"`...)
	dst = append(dst, jsonTypes[s.Type]...)
	dst = append(dst, '"')
	switch s.Type {
	case ArrayType:
		dst = append(dst, `,"items":`...)
		if dst, err = s.Value.appendJSON(dst, ""); err != nil {
			return nil, err
		}
	case MapType:
		dst = append(dst, `,"keys":`...)
		if dst, err = s.Key.appendJSON(dst, ""); err != nil {
			return nil, err
		}
		dst = append(dst, `,"values":`...)
		if dst, err = s.Value.appendJSON(dst, ""); err != nil {
			return nil, err
		}
	case StructType:
		dst = append(dst, `,"fields":[`...)
		for i := range s.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = s.Fields[i].Schema.appendJSON(dst, s.Fields[i].Name); err != nil {
				return nil, err
			}
		}
		dst = append(dst, ']')
	default:
	}
	dst = append(dst, `,"optional":`...)
	dst = strconv.AppendBool(dst, s.Optional)
	if s.Name != "" {
		dst = AppendJSONString(append(dst, `,"name":`...), s.Name)
	}
	if s.Version != nil {
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(*s.Version), 10)
	}
	if s.Doc != "" {
		dst = AppendJSONString(append(dst, `,"doc":`...), s.Doc)
	}
	if len(s.Parameters) > 0 {
		dst = append(dst, `,"parameters":{`...)
		for i, p := range s.Parameters {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendJSONString(dst, p.Name), ':')
			dst = AppendJSONString(dst, p.Value)
		}
		dst = append(dst, '}')
	}
	if s.Default != nil {
		if dst, err = AppendJSON(append(dst, `,"default":`...), s, s.Default); err != nil {
			return nil, err
		}
	}
	if field != "" {
		dst = AppendJSONString(append(dst, `,"field":`...), field)
	}
	return append(dst, '}'), nil
}

// JSONOptions says how values become JSON. The zero value is what Kafka Connect's JsonConverter does by default.
type JSONOptions struct {
	NumericDecimals bool // decimals become numbers and not base64 of their bytes (decimal.format=NUMERIC)
	KeepNulls       bool // a null stays null where the schema has a default (replace.null.with.default=false)
}

// AppendJSON appends a value of a schema, or of none, as Kafka Connect's JsonConverter writes it.
func AppendJSON(dst []byte, s *Schema, value any) ([]byte, error) {
	return JSONOptions{}.Append(dst, s, value)
}

// Append is [AppendJSON] with options.
func (o JSONOptions) Append(dst []byte, s *Schema, value any) ([]byte, error) {
	if value == nil {
		switch {
		case s == nil:
			return append(dst, "null"...), nil
		case s.Default != nil && !o.KeepNulls:
			value = s.Default
		case s.Optional:
			return append(dst, "null"...), nil
		default:
			return nil, Errorf("Conversion error: null value for field that is required and has no default value")
		}
	}
	if s != nil {
		switch s.Name {
		case DecimalName, DateName, TimeName, TimestampName:
			return o.appendLogical(dst, s, value)
		}
		if !fits(s, value) {
			return nil, mismatch(s.Type, value)
		}
	}
	switch v := value.(type) {
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float32:
		return appendFloat(dst, float64(v), 32), nil
	case float64:
		return appendFloat(dst, v, 64), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return AppendJSONString(dst, v), nil
	case []byte:
		return appendBase64(dst, v), nil
	case []any:
		var elem *Schema
		if s != nil {
			elem = s.Value
		}
		var err error
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = o.Append(dst, elem, e); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case *Map:
		return o.appendMap(dst, s, v)
	case *Struct:
		if s != nil && v.schema != s && !v.schema.Equal(s) {
			return nil, Errorf("Mismatching schema.")
		}
		var err error
		dst = append(dst, '{')
		for i := range v.schema.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			f := &v.schema.Fields[i]
			dst = append(AppendJSONString(dst, f.Name), ':')
			if dst, err = o.Append(dst, f.Schema, v.values[i]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	// Without a schema Kafka Connect has none for these.
	return nil, Errorf("Java class class %s does not have corresponding schema type.", JavaClass(value))
}

func mismatch(t Type, value any) error {
	return Errorf("Invalid type for %s: class %s", t, JavaClass(value))
}

// appendMap writes an object where all keys are strings, else an array of pairs.
func (o JSONOptions) appendMap(dst []byte, s *Schema, m *Map) ([]byte, error) {
	var key, val *Schema
	object := true
	if s != nil {
		key, val = s.Key, s.Value
		object = key.Type == String
	} else {
		for _, e := range m.entries {
			if _, ok := e.Key.(string); !ok {
				object = false
				break
			}
		}
	}
	var err error
	brackets := "[]"
	if object {
		brackets = "{}"
	}
	dst = append(dst, brackets[0])
	for i, e := range m.entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		if object {
			name, ok := e.Key.(string)
			if !ok {
				name = "null" // Connect's answer to a null key of a map of strings is no better
			}
			dst = append(AppendJSONString(dst, name), ':')
			if dst, err = o.Append(dst, val, e.Value); err != nil {
				return nil, err
			}
			continue
		}
		dst = append(dst, '[')
		if dst, err = o.Append(dst, key, e.Key); err != nil {
			return nil, err
		}
		dst = append(dst, ',')
		if dst, err = o.Append(dst, val, e.Value); err != nil {
			return nil, err
		}
		dst = append(dst, ']')
	}
	return append(dst, brackets[1]), nil
}

const dayMillis = 24 * 60 * 60 * 1000

func (o JSONOptions) appendLogical(dst []byte, s *Schema, value any) ([]byte, error) {
	if s.Name == DecimalName {
		d, ok := value.(Decimal)
		switch {
		case !ok:
			return nil, Errorf("Invalid type for Decimal, expected BigDecimal but was class %s", JavaClass(value))
		case o.NumericDecimals:
			return append(dst, d.String()...), nil
		}
		if scale, _ := s.Parameter(ScaleName); scale != strconv.Itoa(int(d.Scale)) {
			return nil, Errorf("Decimal value has mismatching scale for given Decimal schema. Schema has scale %s, value has scale %d.", scale, d.Scale)
		}
		return appendBase64(dst, d.Bytes()), nil
	}
	i, ok := value.(Instant)
	if !ok {
		kind := map[string]string{DateName: "Date", TimeName: "Time", TimestampName: "Timestamp"}[s.Name]
		return nil, Errorf("Invalid type for %s, expected Date but was class %s", kind, JavaClass(value))
	}
	switch s.Name {
	case DateName:
		if i%dayMillis != 0 {
			return nil, Errorf("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		return strconv.AppendInt(dst, int64(i)/dayMillis, 10), nil
	case TimeName:
		if i < 0 || i > dayMillis {
			return nil, Errorf("Kafka Connect Time type should not have any date fields set to non-zero values.")
		}
	}
	return strconv.AppendInt(dst, int64(i), 10), nil
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendFloat writes a number as Java does: a decimal point always, an exponent beyond 10^-3 and 10^7. What is no number is a
// string.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(append(append(dst, '"'), FormatFloat(f, bits)...), '"')
	}
	return appendJavaFloat(dst, f, bits)
}

// FormatFloat is a number of 32 or 64 bits as Java's Float.toString and Double.toString write it.
func FormatFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return string(appendJavaFloat(nil, f, bits))
}

func appendJavaFloat(dst []byte, f float64, bits int) []byte {
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		from := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if bytes.IndexByte(dst[from:], '.') >= 0 {
			return dst
		}
		return append(dst, '.', '0')
	}
	var buffer [32]byte
	text := strconv.AppendFloat(buffer[:0], f, 'e', -1, bits) // such as -1.5e-07
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	mantissa, exponent := text[:e], text[e+1:]
	dst = append(dst, mantissa...)
	if bytes.IndexByte(mantissa, '.') < 0 {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	exponent = exponent[1:]
	for len(exponent) > 1 && exponent[0] == '0' {
		exponent = exponent[1:]
	}
	return append(dst, exponent...)
}

const hexDigits = "0123456789ABCDEF"

// AppendJSONString appends a string in quotes, escaped as Jackson does it. What is no valid UTF-8 becomes U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
