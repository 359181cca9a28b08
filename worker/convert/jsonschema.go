package convert

import (
	"strconv"

	"github.com/sluice-connect/sluice/worker/data"
)

// schemaOf makes a schema of its JSON form, as JsonConverter.asConnectSchema of Kafka Connect does.
func (c *jsonConverter) schemaOf(n *node) (*data.Schema, error) {
	if n.kind == null {
		return nil, nil //nolint:nilnil // no schema is an answer
	}
	typ := n.get("type")
	if typ == nil || typ.kind != text {
		return nil, data.Errorf("Schema must contain 'type' field")
	}
	t, ok := data.TypeOfJSON(typ.string())
	if !ok {
		return nil, data.Errorf("Unknown schema type: %s", typ.string())
	}
	s := &data.Schema{Type: t}
	var err error
	switch t {
	case data.ArrayType:
		items := n.get("items")
		if items == nil || items.kind == null {
			return nil, data.Errorf("Array schema did not specify the element type")
		}
		if s.Value, err = c.schemaOf(items); err != nil {
			return nil, err
		}
	case data.MapType:
		keys, values := n.get("keys"), n.get("values")
		switch {
		case keys == nil:
			return nil, data.Errorf("Map schema did not specify the key type")
		case values == nil:
			return nil, data.Errorf("Map schema did not specify the value type")
		}
		if s.Key, err = c.schemaOf(keys); err != nil {
			return nil, err
		}
		if s.Value, err = c.schemaOf(values); err != nil {
			return nil, err
		}
		switch {
		case s.Key == nil:
			return nil, builderError("keySchema cannot be null.", nil)
		case s.Value == nil:
			return nil, builderError("valueSchema cannot be null.", nil)
		}
	case data.StructType:
		if err := c.fieldsOf(s, n.get("fields")); err != nil {
			return nil, err
		}
	default: // the primitive ones have no parts
	}
	return s, c.attributesOf(s, n)
}

func (c *jsonConverter) fieldsOf(s *data.Schema, fields *node) error {
	if fields == nil || fields.kind != array {
		return data.Errorf(`Struct schema's "fields" argument is not an array.`)
	}
	for i := range fields.items {
		f := &fields.items[i]
		name := f.get("field")
		if name == nil || name.kind != text {
			return data.Errorf("Struct schema's field name not specified properly")
		}
		fs, err := c.schemaOf(f)
		if err != nil {
			return err
		}
		field := name.string()
		if field == "" {
			return builderError("fieldName cannot be null.", nil)
		}
		if _, twice := s.Field(field); twice {
			return builderError("Cannot create field because of field name duplication "+field, nil)
		}
		s.Fields = append(s.Fields, data.Field{Name: field, Schema: fs})
	}
	return nil
}

func (c *jsonConverter) attributesOf(s *data.Schema, n *node) error {
	if o := n.get("optional"); o != nil {
		s.Optional = o.isTrue()
	}
	if name := n.get("name"); name != nil && name.kind == text {
		s.Name = name.string()
	}
	if v := n.get("version"); v != nil && v.integral() {
		version := int32(v.long())
		s.Version = &version
	}
	if doc := n.get("doc"); doc != nil && doc.kind == text {
		s.Doc = doc.string()
	}
	if params := n.get("parameters"); params != nil && params.kind == object {
		for i := range params.items {
			if params.items[i].kind != text {
				return data.Errorf("Schema parameters must have string values.")
			}
			s.Parameters = append(s.Parameters, data.Parameter{Name: params.names[i], Value: params.items[i].string()})
		}
	}
	d := n.get("default")
	if d == nil {
		return nil
	}
	value, err := c.value(s, d)
	if err != nil {
		return err
	}
	if s.Type == data.StructType && value != nil {
		// Kafka Connect compares the schema of the default with one that is still being built, and finds them different.
		return builderError("Invalid default value", data.Errorf("Struct schemas do not match."))
	}
	if err := data.Check(s, value); err != nil {
		return builderError("Invalid default value", err)
	}
	s.Default = value
	return nil
}

func builderError(message string, cause error) error {
	return &data.Error{Class: data.SchemaBuilderException, Message: message, Cause: cause}
}

// scaleOf is the scale of a Decimal's schema.
func scaleOf(s *data.Schema) (int32, error) {
	text, ok := s.Parameter(data.ScaleName)
	if !ok {
		return 0, data.Errorf("Invalid Decimal schema: scale parameter not found.")
	}
	scale, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, data.Errorf("Invalid scale parameter found in Decimal schema: ")
	}
	return int32(scale), nil
}
