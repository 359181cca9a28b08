package data

import (
	"bytes"
	"slices"
)

// Type is the type of a schema.
type Type uint8

// The types, in Kafka Connect's order.
const (
	Int8 Type = iota
	Int16
	Int32
	Int64
	Float32
	Float64
	Boolean
	String
	Bytes
	ArrayType
	MapType
	StructType
)

var typeNames = [...]string{"INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN", "STRING", "BYTES", "ARRAY", "MAP", "STRUCT"} // constant

// String is Connect's name of the type, such as INT8.
func (t Type) String() string { return typeNames[t] }

// Primitive says whether the type has no parts.
func (t Type) Primitive() bool { return t <= Bytes }

// Schema says what a value is. The zero value of an attribute means that there is none.
type Schema struct {
	Type       Type
	Optional   bool
	Name       string
	Version    *int32
	Doc        string
	Parameters []Parameter // in the order of their declaration
	Default    any         // a value of this schema; nil: none
	Fields     []Field     // of a struct, in order
	Key        *Schema     // of a map
	Value      *Schema     // of a map and of an array
}

// Parameter is an attribute that only some schemas have, such as the scale of a Decimal.
type Parameter struct{ Name, Value string }

// Field is a field of a struct.
type Field struct {
	Name   string
	Schema *Schema
}

// Of is the schema of a primitive type without further attributes.
func Of(t Type) *Schema { return &Schema{Type: t} }

// OptionalOf is the same for values that may be null.
func OptionalOf(t Type) *Schema { return &Schema{Type: t, Optional: true} }

// Field finds a field of a struct by its name.
func (s *Schema) Field(name string) (index int, ok bool) { return s.FieldNear(name, 0) }

// FieldNear is Field where the index is probably known: who copies one struct to a similar one finds most fields at once.
func (s *Schema) FieldNear(name string, hint int) (index int, ok bool) {
	if hint < len(s.Fields) && s.Fields[hint].Name == name {
		return hint, true
	}
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// Parameter gives the value of a parameter.
func (s *Schema) Parameter(name string) (value string, ok bool) {
	for _, p := range s.Parameters {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Equal says whether two schemas, nil among them, mean the same. The order of parameters does not matter.
func (s *Schema) Equal(o *Schema) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil || s.Type != o.Type || s.Optional != o.Optional || s.Name != o.Name || s.Doc != o.Doc ||
		(s.Version == nil) != (o.Version == nil) || s.Version != nil && *s.Version != *o.Version ||
		len(s.Parameters) != len(o.Parameters) || len(s.Fields) != len(o.Fields) {
		return false
	}
	for _, p := range s.Parameters {
		if v, ok := o.Parameter(p.Name); !ok || v != p.Value {
			return false
		}
	}
	for i := range s.Fields {
		if s.Fields[i].Name != o.Fields[i].Name || !s.Fields[i].Schema.Equal(o.Fields[i].Schema) {
			return false
		}
	}
	return s.Key.Equal(o.Key) && s.Value.Equal(o.Value) && Equal(s.Default, o.Default)
}

// Equal says whether two values are equal as Java's equals and Connect's structs have it.
func Equal(a, b any) bool {
	switch x := a.(type) {
	case []byte:
		y, ok := b.([]byte)
		return ok && bytes.Equal(x, y)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, Equal)
	case *Map:
		y, ok := b.(*Map)
		return ok && x.equal(y)
	case *Struct:
		y, ok := b.(*Struct)
		return ok && x.schema.Equal(y.schema) && slices.EqualFunc(x.values, y.values, Equal)
	case Decimal:
		y, ok := b.(Decimal)
		return ok && x.Scale == y.Scale && x.Unscaled.Cmp(y.Unscaled) == 0
	default:
		switch b.(type) {
		case []byte, []any:
			return false // these cannot be compared by ==
		}
		return a == b
	}
}
