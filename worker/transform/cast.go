package transform

import (
	"math"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func castClasses() []*Class {
	spec := connectors.List("spec", "Pairs of field and type, such as size:int32,price:float64, or one type for the whole value. Types are int8, int16, int32, int64, float32, float64, boolean and string; bytes become strings only.",
		high(connectors.Required(), valid("pairs of field and type, or one type"))...)
	return sides("Cast", "Gives fields, or the whole key or value, another type.", connectors.Define(spec, replaceNull), map[string]check{"spec": checkCasts},
		func(s side, cfg connectors.Config) (Transformation, error) {
			casts, whole, err := parseCasts(spec.Get(cfg))
			if err != nil {
				return nil, err
			}
			return &cast{side: s, casts: casts, whole: whole, withDefault: replaceNull.Get(cfg)}, nil
		})
}

type cast struct {
	side        side
	casts       []fieldCast
	whole       *data.Type
	withDefault bool
	schemas     schemaCache
}

type fieldCast struct {
	field string
	to    data.Type
}

func checkCasts(v given) string {
	if v.null || len(v.list()) == 0 {
		return "Must specify at least one field to cast."
	}
	if _, _, err := parseCasts(v.list()); err != nil {
		return err.Error()
	}
	return ""
}

func parseCasts(pairs []string) (casts []fieldCast, whole *data.Type, err error) {
	for _, pair := range pairs {
		parts := javaSplit(pair)
		if len(parts) > 2 {
			return nil, nil, configError(invalid("renames", shownList(pairs), "Invalid rename mapping: "+pair))
		}
		name := strings.TrimSpace(parts[len(parts)-1])
		to, ok := typeNamed(name)
		switch {
		case !ok:
			return nil, nil, configError("Invalid value java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type." +
				strings.ToUpper(name) + " for configuration Invalid type found in casting spec: " + name)
		case to > data.String:
			return nil, nil, configError("Cast transformation does not support casting to " + to.String() +
				"; supported types are [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]")
		case len(parts) == 1:
			whole = &to
		default:
			field := strings.TrimSpace(parts[0])
			i := 0
			for i < len(casts) && casts[i].field != field {
				i++
			}
			if i == len(casts) {
				casts = append(casts, fieldCast{field: field})
			}
			casts[i].to = to
		}
	}
	if whole != nil && len(pairs) > 1 {
		return nil, nil, configError("Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec")
	}
	return casts, whole, nil
}

// javaSplit splits at colons and drops empty parts at the end, as Java does.
func javaSplit(s string) []string {
	parts := strings.Split(s, ":")
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func typeNamed(name string) (data.Type, bool) {
	for t := data.Int8; t <= data.StructType; t++ {
		if t.String() == strings.ToUpper(name) {
			return t, true
		}
	}
	return 0, false
}

func (c *cast) to(field string) (data.Type, bool) {
	for i := range c.casts {
		if c.casts[i].field == field {
			return c.casts[i].to, true
		}
	}
	return 0, false
}

func (c *cast) Apply(r *data.Record) (bool, error) {
	schema, value := c.side.get(r)
	if value == nil {
		return true, nil
	}
	if schema == nil {
		return true, c.free(r, value)
	}
	to, err := c.schemas.get(schema, c.schema)
	if err != nil {
		return false, err
	}
	if c.whole != nil {
		v, err := castValue(schema, value, *c.whole)
		if err == nil {
			c.side.set(r, to, v)
		}
		return true, err
	}
	from, err := requireStruct(value, "cast types")
	if err != nil {
		return false, err
	}
	changed := data.NewStruct(to)
	for i := range from.Schema().Fields {
		f := &from.Schema().Fields[i]
		v := fieldValue(from, i, c.withDefault)
		if t, ok := c.to(f.Name); ok {
			if v, err = castValue(f.Schema, v, t); err != nil {
				return false, err
			}
		}
		if err := changed.Set(i, v); err != nil {
			return false, err
		}
	}
	c.side.set(r, to, changed)
	return true, nil
}

func (c *cast) free(r *data.Record, value any) error {
	if c.whole != nil {
		v, err := castValue(nil, value, *c.whole)
		if err == nil {
			c.side.set(r, nil, v)
		}
		return err
	}
	from, err := requireMap(value, "cast types")
	if err != nil {
		return err
	}
	changed := from.Clone()
	for _, f := range c.casts {
		v, _ := from.Get(f.field)
		if v, err = castValue(nil, v, f.to); err != nil {
			return err
		}
		changed.Put(f.field, v)
	}
	c.side.set(r, nil, changed)
	return nil
}

func (c *cast) schema(from *data.Schema) (*data.Schema, error) {
	to := basics(from, data.StructType)
	if c.whole != nil {
		to.Type = *c.whole
	} else {
		fields, err := fieldsOf(from)
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			field := f.Schema
			if t, ok := c.to(f.Name); ok {
				field = &data.Schema{Type: t, Optional: f.Schema.Optional}
				v, err := castValue(f.Schema, f.Schema.Default, t)
				if err != nil {
					return nil, err
				}
				if err := setDefault(field, v); err != nil {
					return nil, err
				}
			}
			if err := addField(to, f.Name, field); err != nil {
				return nil, err
			}
		}
	}
	to.Optional = from.Optional
	v, err := castValue(from, from.Default, to.Type)
	if err != nil {
		return nil, err
	}
	return to, setDefault(to, v)
}

// castValue gives a value another type; schema is that of the value.
func castValue(schema *data.Schema, value any, to data.Type) (any, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // null stays null
	}
	from, ok := inferType(value)
	if schema != nil {
		from, ok = schema.Type, true
	}
	switch {
	case !ok:
		return nil, data.Errorf("Cast transformation was passed a value of type class %s which is not supported by Connect's data API", data.JavaClass(value))
	case from > data.Bytes:
		return nil, data.Errorf("Cast transformation does not support casting from %s; supported types are [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]", from)
	case to == data.String:
		return data.Scalar(value), nil
	}
	if i, ok := value.(data.Instant); ok && schema != nil {
		var err error
		if value, err = encodeInstant(schema, i); err != nil {
			return nil, err
		}
	}
	if s, ok := value.(string); ok {
		v, ok := parseAs(s, to)
		if !ok {
			return nil, data.Errorf("Value (%s) was out of range for requested data type", s)
		}
		return v, nil
	}
	return castNumber(value, to)
}

// inferType is the type that Connect sees in a value without a schema.
func inferType(value any) (data.Type, bool) {
	switch value.(type) {
	case int8:
		return data.Int8, true
	case int16:
		return data.Int16, true
	case int32:
		return data.Int32, true
	case int64:
		return data.Int64, true
	case float32:
		return data.Float32, true
	case float64:
		return data.Float64, true
	case bool:
		return data.Boolean, true
	case string:
		return data.String, true
	case []byte:
		return data.Bytes, true
	case []any:
		return data.ArrayType, true
	case *data.Map:
		return data.MapType, true
	case *data.Struct:
		return data.StructType, true
	}
	return 0, false
}

// encodeInstant is the number behind a date, time or timestamp.
func encodeInstant(s *data.Schema, i data.Instant) (any, error) {
	const day = 24 * 60 * 60 * 1000
	switch s.Name {
	case data.DateName:
		if i%day != 0 {
			return nil, data.Errorf("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		return int32(i / day), nil
	case data.TimeName:
		if i < 0 || i >= day {
			return nil, data.Errorf("Kafka Connect Time type should not have any date fields set to non-zero values.")
		}
		return int32(i), nil
	case data.TimestampName:
		return int64(i), nil
	}
	return i, nil
}

// castNumber casts numbers and booleans.
func castNumber(value any, to data.Type) (any, error) {
	var n int64 // as Java's longValue
	var f float64
	bits := int32(0) // as intValue, of which the small types are cut
	switch v := value.(type) {
	case int8:
		n, f = int64(v), float64(v)
	case int16:
		n, f = int64(v), float64(v)
	case int32:
		n, f = int64(v), float64(v)
	case int64:
		n, f = v, float64(v)
	case float32:
		n, f = saturate(float64(v)), float64(v)
	case float64:
		n, f = saturate(v), v
	case data.Decimal:
		n, f = v.Int(), v.Float(64)
	case bool:
		if v {
			n, f = 1, 1
		}
	default:
		return nil, data.Errorf("Unexpected type in Cast transformation: class %s", data.JavaClass(value))
	}
	switch value.(type) {
	case float32, float64: // a floating-point number is cut to 32 bits by its value
		bits = int32(min(max(n, math.MinInt32), math.MaxInt32))
	default:
		bits = int32(n)
	}
	switch to {
	case data.Int8:
		return int8(bits), nil
	case data.Int16:
		return int16(bits), nil
	case data.Int32:
		return bits, nil
	case data.Int64:
		return n, nil
	case data.Float32:
		switch v := value.(type) {
		case int64:
			return float32(v), nil // not by way of float64, which would round twice
		case data.Decimal:
			return float32(v.Float(32)), nil
		}
		return float32(f), nil
	case data.Float64:
		return f, nil
	default:
		return n != 0, nil
	}
}

// saturate is a floating-point number as a whole one, as Java has it.
func saturate(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// parseAs reads a text as Java's parseByte … parseDouble and parseBoolean do.
func parseAs(s string, to data.Type) (any, bool) {
	var bits int
	switch to {
	case data.Boolean:
		return strings.EqualFold(s, "true"), true
	case data.Float32:
		f, ok := parseFloat(s, 32)
		return float32(f), ok
	case data.Float64:
		return first(parseFloat(s, 64))
	case data.Int8:
		bits = 8
	case data.Int16:
		bits = 16
	case data.Int32:
		bits = 32
	default:
		bits = 64
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return nil, false
	}
	switch to {
	case data.Int8:
		return int8(n), true
	case data.Int16:
		return int16(n), true
	case data.Int32:
		return int32(n), true
	default:
		return n, true
	}
}

func first(f float64, ok bool) (any, bool) { return f, ok }

// parseFloat takes blanks around a number and one letter behind it, and makes infinite what is too large.
func parseFloat(s string, bits int) (float64, bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	plain := strings.TrimLeft(s, "+-")
	if len(s)-len(plain) > 1 {
		return 0, false
	}
	switch plain {
	case "NaN", "Infinity":
		f, err := strconv.ParseFloat(strings.TrimPrefix(s, "+"), bits)
		if plain == "NaN" {
			return math.NaN(), true
		}
		return f, err == nil
	}
	hex := strings.HasPrefix(plain, "0x") || strings.HasPrefix(plain, "0X")
	if n := len(s); n > 1 && strings.IndexByte("fFdD", s[n-1]) >= 0 && (!hex || strings.ContainsAny(plain, "pP")) {
		s, plain = s[:n-1], plain[:len(plain)-1]
	}
	if plain == "" || !hex && strings.IndexFunc(plain, func(r rune) bool { return !strings.ContainsRune("0123456789.eE+-", r) }) >= 0 || strings.Contains(plain, "_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
