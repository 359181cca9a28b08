package transform

import (
	"slices"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func maskFieldClasses() []*Class {
	fields := connectors.List("fields", "Names of the fields to mask.", high(connectors.Required(), valid("names"))...)
	replacement := connectors.String("replacement", "What stands in the place of numbers and strings; other fields cannot be masked by it.", low(valid("non-empty string"))...)
	return sides("MaskField", "Puts nothing in the place of fields: 0, false, an empty string, list or map, or a replacement.", connectors.Define(fields, replacement, replaceNull),
		map[string]check{"fields": distinct(false), "replacement": nonEmpty},
		func(s side, cfg connectors.Config) (Transformation, error) {
			m := &maskField{side: s, fields: fields.Get(cfg), withDefault: replaceNull.Get(cfg)}
			if cfg.IsSet(replacement.Name()) {
				text := replacement.Get(cfg)
				m.replacement = &text
			}
			return m, nil
		})
}

type maskField struct {
	side        side
	fields      []string
	replacement *string
	withDefault bool
}

func (m *maskField) Apply(r *data.Record) (bool, error) {
	schema, value := m.side.get(r)
	if schema == nil {
		from, err := requireMap(value, "mask fields")
		if err != nil {
			return false, err
		}
		changed := from.Clone()
		for _, name := range m.fields {
			v, _ := from.Get(name)
			if v, err = m.mask(v); err != nil {
				return false, err
			}
			changed.Put(name, v)
		}
		m.side.set(r, nil, changed)
		return true, nil
	}
	from, err := requireStruct(value, "mask fields")
	if err != nil {
		return false, err
	}
	changed := data.NewStruct(from.Schema())
	for i, f := range from.Schema().Fields {
		v := fieldValue(from, i, m.withDefault)
		if slices.Contains(m.fields, f.Name) {
			if v, err = m.mask(v); err != nil {
				return false, err
			}
		}
		if err := changed.Set(i, v); err != nil {
			return false, err
		}
	}
	m.side.set(r, schema, changed)
	return true, nil
}

func (m *maskField) mask(value any) (any, error) {
	switch {
	case value == nil:
		return nil, nil //nolint:nilnil // null stays null
	case m.replacement != nil:
		return replaced(value, *m.replacement)
	}
	switch value.(type) {
	case bool:
		return false, nil
	case int8:
		return int8(0), nil
	case int16:
		return int16(0), nil
	case int32:
		return int32(0), nil
	case int64:
		return int64(0), nil
	case float32:
		return float32(0), nil
	case float64:
		return float64(0), nil
	case string:
		return "", nil
	case data.Decimal:
		return data.NewDecimal(0, 0), nil
	case data.Instant:
		return data.Instant(0), nil
	case []any:
		return []any{}, nil
	case *data.Map:
		return data.NewMap(0), nil
	}
	return nil, data.Errorf("Cannot mask value of type: class %s", data.JavaClass(value))
}

// replaced is the replacement in the type of the value.
func replaced(value any, replacement string) (any, error) {
	d, ok := data.ParseDecimal(replacement)
	switch value.(type) {
	case string:
		return replacement, nil
	case data.Decimal:
		if !ok {
			return nil, data.Errorf("Unable to convert %s (class java.lang.String) to number", replacement)
		}
		return d, nil
	case int8, int16, int32, int64, float32, float64:
		if !ok {
			return nil, data.Errorf("Unable to convert %s (class java.lang.String) to a number", replacement)
		}
	default:
		return nil, data.Errorf("Cannot mask value of type class %s with custom replacement.", data.JavaClass(value))
	}
	switch value.(type) {
	case int8:
		return int8(d.Int()), nil
	case int16:
		return int16(d.Int()), nil
	case int32:
		return int32(d.Int()), nil
	case int64:
		return d.Int(), nil
	case float32:
		return float32(d.Float(64)), nil
	default:
		return d.Float(64), nil
	}
}
