package transform

import "github.com/sluice-connect/sluice/worker/data"

// schemaCache keeps what was made of the latest schemas. Converters give the same schema for the same bytes, so that most of the
// time the pointers are equal.
type schemaCache struct {
	known [16]struct{ from, to *data.Schema }
	next  int
}

func (c *schemaCache) get(from *data.Schema, make func(*data.Schema) (*data.Schema, error)) (*data.Schema, error) {
	for i := range c.known {
		if c.known[i].from == from && from != nil {
			return c.known[i].to, nil
		}
	}
	for i := range c.known {
		if c.known[i].from.Equal(from) {
			return c.known[i].to, nil
		}
	}
	to, err := make(from)
	if err != nil {
		return nil, err
	}
	c.known[c.next].from, c.known[c.next].to = from, to
	c.next = (c.next + 1) % len(c.known)
	return to, nil
}

// basics copies what a schema has whatever its type, but for whether it is optional and its default.
func basics(from *data.Schema, t data.Type) *data.Schema {
	return &data.Schema{Type: t, Name: from.Name, Version: from.Version, Doc: from.Doc, Parameters: from.Parameters}
}

// addField adds a field to a struct schema that is being made.
func addField(s *data.Schema, name string, field *data.Schema) error {
	if name == "" {
		return &data.Error{Class: data.SchemaBuilderException, Message: "fieldName cannot be null."}
	}
	if _, twice := s.Field(name); twice {
		return &data.Error{Class: data.SchemaBuilderException, Message: "Cannot create field because of field name duplication " + name}
	}
	s.Fields = append(s.Fields, data.Field{Name: name, Schema: field})
	return nil
}

// setDefault gives a schema that is being made its default.
func setDefault(s *data.Schema, value any) error {
	if value == nil {
		return nil
	}
	if err := data.Check(s, value); err != nil {
		return &data.Error{Class: data.SchemaBuilderException, Message: "Invalid default value"}
	}
	s.Default = value
	return nil
}
