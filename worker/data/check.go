package data

// Check says whether a value fits a schema, in Kafka Connect's words.
func Check(s *Schema, value any) error { return check(s, value, "", "value") }

// CheckField is Check for the value of a field.
func CheckField(name string, s *Schema, value any) error {
	if quick(s, value) {
		return nil // most fields; the text below costs more than the check
	}
	return check(s, value, "", `field: "`+name+`"`)
}

// quick says of values of primitive types whether they fit; false for everything that needs a closer look.
func quick(s *Schema, value any) bool {
	if value == nil {
		return s.Optional
	}
	if s.Name != "" {
		return false
	}
	ok := false
	switch s.Type {
	case Int8:
		_, ok = value.(int8)
	case Int16:
		_, ok = value.(int16)
	case Int32:
		_, ok = value.(int32)
	case Int64:
		_, ok = value.(int64)
	case Float32:
		_, ok = value.(float32)
	case Float64:
		_, ok = value.(float64)
	case Boolean:
		_, ok = value.(bool)
	case String:
		_, ok = value.(string)
	case Bytes:
		_, ok = value.([]byte)
	default:
	}
	return ok
}

// check builds the place of a value (the parts of "key of map value of map field: ...") only where it is needed.
func check(s *Schema, value any, within, place string) error {
	if s == nil {
		return Errorf("No schema defined for %s%s", within, place)
	}
	if value == nil {
		if s.Optional {
			return nil
		}
		return Errorf("Invalid value: null used for required %s%s, schema type: %s", within, place, s.Type)
	}
	if !fits(s, value) {
		name := ""
		if s.Name != "" {
			name = ` "` + s.Name + `"`
		}
		return Errorf("Invalid Java object for schema%s with type %s: class %s for %s%s", name, s.Type, JavaClass(value), within, place)
	}
	switch v := value.(type) {
	case *Struct:
		if !v.schema.Equal(s) {
			return Errorf("Struct schemas do not match.")
		}
		return v.Validate()
	case []any:
		if s.Value == nil {
			return check(nil, nil, "element of array "+within, place)
		}
		for _, e := range v {
			if quick(s.Value, e) {
				continue
			}
			if err := check(s.Value, e, "element of array "+within, place); err != nil {
				return err
			}
		}
	case *Map:
		if s.Key == nil {
			return check(nil, nil, "key of map "+within, place)
		}
		if s.Value == nil {
			return check(nil, nil, "value of map "+within, place)
		}
		for _, e := range v.entries {
			if !quick(s.Key, e.Key) {
				if err := check(s.Key, e.Key, "key of map "+within, place); err != nil {
					return err
				}
			}
			if !quick(s.Value, e.Value) {
				if err := check(s.Value, e.Value, "value of map "+within, place); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// fits compares the kind of a value with the type. The name of a logical type goes before its type.
func fits(s *Schema, value any) bool {
	ok := false
	switch s.Name {
	case DecimalName:
		_, ok = value.(Decimal)
		return ok
	case DateName, TimeName, TimestampName:
		_, ok = value.(Instant)
		return ok
	}
	switch s.Type {
	case ArrayType:
		_, ok = value.([]any)
	case MapType:
		_, ok = value.(*Map)
	case StructType:
		_, ok = value.(*Struct)
	default:
		primitive := Schema{Type: s.Type}
		return quick(&primitive, value)
	}
	return ok
}

// JavaClass is the class that a value has in Kafka Connect, for messages.
func JavaClass(value any) string {
	switch value.(type) {
	case int8:
		return "java.lang.Byte"
	case int16:
		return "java.lang.Short"
	case int32:
		return "java.lang.Integer"
	case int64:
		return "java.lang.Long"
	case float32:
		return "java.lang.Float"
	case float64:
		return "java.lang.Double"
	case bool:
		return "java.lang.Boolean"
	case string:
		return "java.lang.String"
	case []byte:
		return "[B"
	case []any:
		return "java.util.ArrayList"
	case *Map:
		return "java.util.HashMap"
	case *Struct:
		return "org.apache.kafka.connect.data.Struct"
	case Decimal:
		return "java.math.BigDecimal"
	case Instant:
		return "java.util.Date"
	}
	return "null"
}
