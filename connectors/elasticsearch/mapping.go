package elasticsearch

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// fieldTypes are the types of Elasticsearch for those of Kafka Connect, as Confluent's sink chooses them
// (https://www.elastic.co/guide/en/elasticsearch/reference/8.19/mapping-types.html).
var fieldTypes = map[string]string{
	"boolean": "boolean", "int8": "byte", "int16": "short", "int32": "integer", "int64": "long",
	"float": "float", "double": "double", typeString: "text", typeBytes: "binary",
}

// mapping gives the mapping of an index whose documents have this schema, {"properties":{…}}; nil where documents of it can be no
// objects. Arrays are what is in them. Maps have the fields key and value, compact or not, as with Confluent's sink.
func (s *schema) mapping() ([]byte, error) {
	if s.Type != typeStruct && s.Type != typeMap {
		return nil, nil
	}
	b, err := s.appendMapping([]byte{'{'})
	return append(b, '}'), err
}

// appendMapping adds the inside of the object that maps a field.
func (s *schema) appendMapping(b []byte) ([]byte, error) {
	switch s.Name {
	case nameDecimal:
		return appendPrimitive(b, "double", s.fallback), nil
	case nameDate, nameTime, nameTimestamp:
		millis := s.fallback
		if n, err := strconv.ParseInt(string(millis), 10, 64); s.Name == nameDate && err == nil {
			millis = strconv.AppendInt(nil, n*day, 10)
		}
		return appendPrimitive(b, "date", millis), nil
	}
	var err error
	switch s.Type {
	case typeArray:
		return s.Items.appendMapping(b)
	case typeMap:
		if b, err = s.Keys.appendMapping(append(b, `"properties":{"key":{`...)); err != nil {
			return b, err
		}
		b, err = s.Values.appendMapping(append(b, `},"value":{`...))
		return append(b, "}}"...), err
	case typeStruct:
		b = append(b, `"properties":{`...)
		n := len(b)
		for _, f := range s.Fields {
			name, err := json.Marshal(f.Field)
			if err != nil {
				return b, err
			}
			b = append(append(separate(b, n), name...), ":{"...)
			if b, err = f.appendMapping(b); err != nil {
				return b, err
			}
			b = append(b, '}')
		}
		return append(b, '}'), nil
	case typeString:
		return append(b, `"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}`...), nil
	case typeBytes:
		return append(b, `"type":"binary"`...), nil // which takes no null_value
	}
	kind, ok := fieldTypes[s.Type]
	if !ok {
		return b, fmt.Errorf("no type of Elasticsearch for %q", s.Type)
	}
	return appendPrimitive(b, kind, s.fallback), nil
}

// appendPrimitive maps a field to a type, with a value that stands for null unless there is none.
func appendPrimitive(b []byte, kind string, null []byte) []byte {
	b = append(append(append(b, `"type":"`...), kind...), '"')
	if null != nil {
		b = append(append(b, `,"null_value":`...), null...)
	}
	return b
}
