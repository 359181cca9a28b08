package transform

import (
	"math"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
	"github.com/sluice-connect/sluice/worker/data/simpledate"
)

const (
	asString    = "string"
	asUnix      = "unix"
	asDate      = "Date"
	asTime      = "Time"
	asTimestamp = "Timestamp"
)

func timestampConverterClasses() []*Class {
	types := []string{asString, asUnix, asDate, asTime, asTimestamp}
	precisions := []string{"nanoseconds", "microseconds", "milliseconds", "seconds"}
	field := connectors.String("field", "Field that has the timestamp; empty where the whole key or value is one.", high(connectors.Default(""))...)
	target := connectors.String("target.type", "What the timestamp becomes: a string, a number (unix), or a Date, Time or Timestamp.", high(connectors.Required(), valid(shownList(types)))...)
	format := connectors.String("format", "Pattern of timestamps that are strings, before or after, as for Java's SimpleDateFormat; the time is UTC.", medium(connectors.Default(""))...)
	precision := connectors.String("unix.precision", "Unit of timestamps that are numbers, before or after. What is below milliseconds is lost.", low(connectors.Default("milliseconds"), valid(shownList(precisions)))...)
	return sides("TimestampConverter", "Turns timestamps from one form into another.", connectors.Define(field, target, format, precision, replaceNull),
		map[string]check{"target.type": oneOf(types...), "unix.precision": oneOf(precisions...)},
		func(s side, cfg connectors.Config) (Transformation, error) {
			t := &timestampConverter{
				side: s, field: field.Get(cfg), target: target.Get(cfg), withDefault: replaceNull.Get(cfg),
				precision: slices.Index(precisions, precision.Get(cfg)),
			}
			pattern := format.Get(cfg)
			blank := strings.TrimSpace(pattern) == ""
			if blank && t.target == asString {
				return nil, configError("TimestampConverter requires format option to be specified when using string timestamps")
			}
			if !blank {
				var err error
				if t.format, err = simpledate.New(pattern); err != nil {
					return nil, configError(invalid("TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps", "java.lang.IllegalArgumentException: "+err.Error(), pattern))
				}
			}
			return t, nil
		})
}

type timestampConverter struct {
	side        side
	field       string
	target      string
	format      *simpledate.Format // nil: none
	precision   int                // an index of the precisions: from nanoseconds to seconds
	withDefault bool
	schemas     schemaCache
}

func (t *timestampConverter) Apply(r *data.Record) (bool, error) {
	schema, value := t.side.get(r)
	switch {
	case schema == nil && (value == nil || t.field == ""):
		v, err := t.convert(value, "")
		if err == nil {
			t.side.set(r, nil, v)
		}
		return true, err
	case schema == nil:
		from, err := requireMap(value, "converting timestamp formats")
		if err != nil {
			return false, err
		}
		v, _ := from.Get(t.field)
		if v, err = t.convert(v, ""); err != nil {
			return false, err
		}
		changed := from.Clone()
		changed.Put(t.field, v)
		t.side.set(r, nil, changed)
		return true, nil
	case t.field == "":
		form, err := formOf(schema)
		if err != nil {
			return false, err
		}
		v, err := t.convert(value, form)
		if err == nil {
			t.side.set(r, t.schemaOf(schema.Optional), v)
		}
		return true, err
	}
	from, err := requireStructOrNull(value, "converting timestamp formats")
	if err != nil {
		return false, err
	}
	to, err := t.schemas.get(schema, t.schema)
	if err != nil {
		return false, err
	}
	if from == nil {
		t.side.set(r, to, nil)
		return true, nil
	}
	changed, err := t.fields(from, to)
	if err == nil {
		t.side.set(r, to, changed)
	}
	return true, err
}

func (t *timestampConverter) fields(from *data.Struct, to *data.Schema) (*data.Struct, error) {
	changed := data.NewStruct(to)
	for i := range from.Schema().Fields {
		f := &from.Schema().Fields[i]
		v := fieldValue(from, i, t.withDefault)
		if f.Name == t.field {
			form, err := formOf(f.Schema)
			if err != nil {
				return nil, err
			}
			if v, err = t.convert(v, form); err != nil {
				return nil, err
			}
		}
		if err := changed.Set(i, v); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func (t *timestampConverter) schema(from *data.Schema) (*data.Schema, error) {
	fields, err := fieldsOf(from)
	if err != nil {
		return nil, err
	}
	to := basics(from, data.StructType)
	to.Optional = from.Optional
	for _, f := range fields {
		field := f.Schema
		if f.Name == t.field {
			field = t.schemaOf(field.Optional)
		}
		if err := addField(to, f.Name, field); err != nil {
			return nil, err
		}
	}
	if standard, ok := from.Default.(*data.Struct); ok {
		changed, err := t.fields(standard, to)
		if err != nil {
			return nil, err
		}
		to.Default = changed
	}
	return to, nil
}

// schemaOf is the schema of what timestamps become.
func (t *timestampConverter) schemaOf(optional bool) *data.Schema {
	switch t.target {
	case asString:
		return &data.Schema{Type: data.String, Optional: optional}
	case asUnix:
		return &data.Schema{Type: data.Int64, Optional: optional}
	case asDate:
		return data.DateSchema(optional)
	case asTime:
		return data.TimeSchema(optional)
	}
	return data.TimestampSchema(optional)
}

// formOf is the form that a timestamp of a schema has.
func formOf(s *data.Schema) (string, error) {
	switch {
	case s.Name == data.TimestampName:
		return asTimestamp, nil
	case s.Name == data.DateName:
		return asDate, nil
	case s.Name == data.TimeName:
		return asTime, nil
	case s.Type == data.String:
		return asString, nil
	case s.Type == data.Int64:
		return asUnix, nil
	}
	name := s.Type.String()
	if s.Name != "" {
		name = s.Name + ":" + name
	}
	return "", &data.Error{Class: data.ConnectException, Message: "Schema Schema{" + name + "} does not correspond to a known timestamp type format"}
}

// convert turns a timestamp into the form that is wanted; without a schema, form is empty, its Go type says what it is.
func (t *timestampConverter) convert(value any, form string) (any, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // null stays null
	}
	var millis int64
	switch v := value.(type) {
	case data.Instant:
		millis = int64(v)
	case int64:
		millis = t.fromUnix(v)
	case string:
		if t.format == nil {
			return nil, nullPointer("option format is needed to read timestamps that are strings")
		}
		var err error
		if millis, err = t.format.Parse(v); err != nil {
			problem := data.Errorf("Could not parse timestamp: value (%s) does not match pattern (%s)", v, t.format.Pattern())
			if err != simpledate.ErrNoMatch { //nolint:errorlint // it is never wrapped
				problem.Cause = err
			}
			return nil, problem
		}
	default:
		if form == "" {
			return nil, data.Errorf("TimestampConverter does not support class %s objects as timestamps", data.JavaClass(value))
		}
		return nil, data.Errorf("Expected %s to be a java.util.Date, but found class %s", form, data.JavaClass(value))
	}
	const day = 24 * 60 * 60 * 1000
	ofDay := (millis%day + day) % day
	switch t.target {
	case asString:
		return t.format.Format(millis), nil
	case asUnix:
		return t.toUnix(millis), nil
	case asDate:
		return data.Instant(millis - ofDay), nil
	case asTime:
		return data.Instant(ofDay), nil
	}
	return data.Instant(millis), nil
}

func (t *timestampConverter) fromUnix(n int64) int64 {
	switch t.precision {
	case 0:
		return n / 1_000_000
	case 1:
		return n / 1000
	case 3:
		return times(n, 1000)
	}
	return n
}

func (t *timestampConverter) toUnix(millis int64) int64 {
	switch t.precision {
	case 0:
		return times(millis, 1_000_000)
	case 1:
		return times(millis, 1000)
	case 3:
		return millis / 1000
	}
	return millis
}

// times multiplies and stays within 64 bits.
func times(n, by int64) int64 {
	switch {
	case n > math.MaxInt64/by:
		return math.MaxInt64
	case n < math.MinInt64/by:
		return math.MinInt64
	}
	return n * by
}
