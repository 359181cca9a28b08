package transform

import (
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func flattenClasses() []*Class {
	delimiter := connectors.String("delimiter", "What stands between the names of the fields that lead to a value.", medium(connectors.Default("."))...)
	return sides("Flatten", "Makes one level of nested structs or maps. Arrays stay as they are.", connectors.Define(delimiter), nil,
		func(s side, cfg connectors.Config) (Transformation, error) {
			return &flatten{side: s, delimiter: delimiter.Get(cfg)}, nil
		})
}

type flatten struct {
	side      side
	delimiter string
	schemas   schemaCache
}

func (f *flatten) name(prefix, field string) string {
	if prefix == "" {
		return field
	}
	return prefix + f.delimiter + field
}

func (f *flatten) Apply(r *data.Record) (bool, error) {
	schema, value := f.side.get(r)
	if value == nil {
		return true, nil
	}
	if schema == nil {
		from, err := requireMap(value, "flattening")
		if err != nil {
			return false, err
		}
		flat := data.NewMap(from.Len())
		err = f.free(flat, from, "")
		f.side.set(r, nil, flat)
		return true, err
	}
	from, err := requireStruct(value, "flattening")
	if err != nil {
		return false, err
	}
	to, err := f.schemas.get(schema, f.schema)
	if err != nil {
		return false, err
	}
	flat := data.NewStruct(to)
	if _, err := f.fill(flat, from, from.Schema(), 0); err != nil {
		return false, err
	}
	f.side.set(r, to, flat)
	return true, nil
}

func (f *flatten) free(flat, from *data.Map, prefix string) error {
	for k, v := range from.All() {
		key, ok := k.(string)
		if !ok {
			return &data.Error{Class: "java.lang.ClassCastException", Message: "name of a field is no string: class " + data.JavaClass(k)}
		}
		name := f.name(prefix, key)
		if m, ok := v.(*data.Map); ok {
			if err := f.free(flat, m, name); err != nil {
				return err
			}
			continue
		}
		switch t, ok := inferType(v); {
		case v == nil:
		case !ok:
			return data.Errorf("Flatten transformation was passed a value of type class %s which is not supported by Connect's data API", data.JavaClass(v))
		case t == data.StructType:
			return data.Errorf("Flatten transformation does not support class %s for record without schemas (for field %s).", data.JavaClass(v), name)
		}
		flat.Put(name, v)
	}
	return nil
}

func (f *flatten) schema(from *data.Schema) (*data.Schema, error) {
	fields, err := fieldsOf(from)
	if err != nil {
		return nil, err
	}
	to := basics(from, data.StructType)
	standard, _ := from.Default.(*data.Struct)
	return to, f.addFields(to, fields, "", from.Optional, standard)
}

// addFields adds the fields of a struct to the flat one. They are optional where one of the structs around them is, and take
// their defaults out of those of the structs.
func (f *flatten) addFields(to *data.Schema, fields []data.Field, prefix string, optional bool, standard *data.Struct) error {
	for i, field := range fields {
		name, s := f.name(prefix, field.Name), field.Schema
		opt, def := optional || s.Optional, s.Default
		if def == nil && standard != nil {
			def = standard.At(i)
		}
		switch s.Type {
		case data.MapType:
			return data.Errorf("Flatten transformation does not support %s for record with schemas (for field %s).", s.Type, name)
		case data.StructType:
			inner, _ := def.(*data.Struct)
			if err := f.addFields(to, s.Fields, name, opt, inner); err != nil {
				return err
			}
			continue
		default:
		}
		flat := basics(s, s.Type)
		flat.Value, flat.Optional = s.Value, opt
		if err := setDefault(flat, def); err != nil {
			return err
		}
		if err := addField(to, name, flat); err != nil {
			return err
		}
	}
	return nil
}

// fill sets the fields of the flat struct from the one at index at on. from is nil where a struct is null.
func (f *flatten) fill(flat, from *data.Struct, schema *data.Schema, at int) (next int, err error) {
	for i := range schema.Fields {
		s := schema.Fields[i].Schema
		if s.Type == data.StructType {
			var inner *data.Struct
			if from != nil {
				inner, _ = from.At(i).(*data.Struct)
			}
			if at, err = f.fill(flat, inner, s, at); err != nil {
				return 0, err
			}
			continue
		}
		if from != nil {
			if err := flat.Set(at, from.At(i)); err != nil {
				return 0, err
			}
		}
		at++
	}
	return at, nil
}
