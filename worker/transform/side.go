package transform

import "github.com/sluice-connect/sluice/worker/data"

// side is the part of a record that a transformation works on.
type side uint8

const (
	keySide side = iota
	valueSide
)

func (s side) String() string {
	if s == keySide {
		return "Key"
	}
	return "Value"
}

func (s side) get(r *data.Record) (*data.Schema, any) {
	if s == keySide {
		return r.KeySchema, r.Key
	}
	return r.ValueSchema, r.Value
}

func (s side) set(r *data.Record, schema *data.Schema, value any) {
	if s == keySide {
		r.KeySchema, r.Key = schema, value
	} else {
		r.ValueSchema, r.Value = schema, value
	}
}

func className(value any) string {
	if value == nil {
		return "null"
	}
	return data.JavaClass(value)
}

func requireMap(value any, purpose string) (*data.Map, error) {
	if m, ok := value.(*data.Map); ok {
		return m, nil
	}
	return nil, data.Errorf("Only Map objects supported in absence of schema for [%s], found: %s", purpose, className(value))
}

func requireStruct(value any, purpose string) (*data.Struct, error) {
	if s, ok := value.(*data.Struct); ok {
		return s, nil
	}
	return nil, data.Errorf("Only Struct objects supported for [%s], found: %s", purpose, className(value))
}

func requireStructOrNull(value any, purpose string) (*data.Struct, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // no struct is an answer here
	}
	return requireStruct(value, purpose)
}

// fieldsOf are the fields of a struct; another schema has none.
func fieldsOf(s *data.Schema) ([]data.Field, error) {
	if s.Type != data.StructType {
		return nil, data.Errorf("Cannot list fields on non-struct type")
	}
	return s.Fields, nil
}

// nullPointer is a problem that Java finds by itself.
func nullPointer(message string) error {
	return &data.Error{Class: "java.lang.NullPointerException", Message: message}
}

func illegalArgument(message string) error {
	return &data.Error{Class: "java.lang.IllegalArgumentException", Message: message}
}

// value is the value of field i, for null its default if that is wanted.
func fieldValue(s *data.Struct, i int, withDefault bool) any {
	if withDefault {
		return s.At(i)
	}
	return s.Raw(i)
}
