package partition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/sluice-connect/sluice/connectors"
)

// types are the types of the fields in the present schema. Batches of one schema share its bytes.
type types struct {
	schema []byte
	of     map[string]schema
	err    error
}

// schema is what is needed of a schema in the JSON form of Kafka Connect's JsonConverter.
type schema struct {
	Type   string   `json:"type"`
	Name   string   `json:"name"`
	Field  string   `json:"field"`
	Fields []schema `json:"fields"`
}

// typeOf gives the type of a field; known is false where the values have no schema.
func (l *Locator) typeOf(b *connectors.Batch, f field) (t schema, known bool, err error) {
	text := b.ValueSchema()
	if text == nil {
		return schema{}, false, nil
	}
	if !bytes.Equal(text, l.types.schema) {
		l.types = types{schema: bytes.Clone(text), of: map[string]schema{}}
		var root schema
		if err := json.Unmarshal(text, &root); err != nil {
			l.types.err = fmt.Errorf("its schema cannot be read: %w", err)
		}
		for _, f := range append(slices.Clip(l.p.fields), l.p.stamp) {
			if at, ok := root.at(f.path); ok {
				l.types.of[f.name] = at
			}
		}
	}
	if l.types.err != nil {
		return schema{}, true, l.types.err
	}
	t, ok := l.types.of[f.name]
	if !ok {
		return schema{}, true, fmt.Errorf("its schema has no field %s", f.name)
	}
	return t, true, nil
}

func (s schema) at(path []string) (schema, bool) {
	for _, name := range path {
		found := false
		for _, f := range s.Fields {
			if f.Field == name {
				s, found = f, true
				break
			}
		}
		if !found {
			return schema{}, false
		}
	}
	return s, len(path) > 0
}

// object gives the document of a record whose fields are wanted.
func (l *Locator) object(b *connectors.Batch, i int) ([]byte, error) {
	if l.payload != connectors.PayloadJSON {
		return nil, fmt.Errorf("its value has no fields, because the converter gives %v", l.payload)
	}
	doc := b.Value(i)
	if s := (scan{doc, 0}); s.next() != '{' {
		return nil, errors.New("its value is no object, and so has no fields")
	}
	return doc, nil
}

// byFields appends <field>=<value>/…
func (l *Locator) byFields(dst []byte, b *connectors.Batch, i int) ([]byte, error) {
	doc, err := l.object(b, i)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	for n, f := range l.p.fields {
		t, known, err := l.typeOf(b, f)
		if err != nil {
			return dst[:start], err
		}
		if n > 0 {
			dst = append(dst, '/')
		}
		dst = append(append(dst, f.name...), '=')
		raw := f.find(doc)
		if raw == nil {
			dst = append(dst, "null"...)
			continue
		}
		switch kind := kindOf(raw); {
		case kind == null:
			dst = append(dst, "null"...)
		case known && t.Type == "string" && kind == text, !known && kind == text:
			s, err := unquote(raw)
			if err != nil {
				return dst[:start], fmt.Errorf("its field %s cannot be read: %w", f.name, err)
			}
			dst = append(dst, s...)
		case known && t.Type == "boolean" && kind == boolean, !known && kind == boolean:
			dst = append(dst, raw...)
		case known && isInteger(t.Type) && kind == integer, !known && kind == integer:
			if string(raw) == "-0" {
				raw = raw[1:]
			}
			dst = append(dst, raw...)
		case known:
			return dst[:start], fmt.Errorf("its field %s is %s; folders are named by strings, whole numbers and booleans", f.name, t.Type)
		default:
			return dst[:start], fmt.Errorf("its field %s is %.40s; folders are named by strings, whole numbers and booleans", f.name, raw)
		}
	}
	return clean(dst, start)
}

func isInteger(t string) bool { return t == "int8" || t == "int16" || t == "int32" || t == "int64" }

// kind is what a JSON value is.
type kind int

const (
	other kind = iota // objects and arrays
	null
	text
	boolean
	integer
	fraction
)

func kindOf(raw []byte) kind {
	switch c := raw[0]; {
	case c == '"':
		return text
	case c == 'n':
		return null
	case c == 't', c == 'f':
		return boolean
	case c == '-', c >= '0' && c <= '9':
		if bytes.ContainsAny(raw, ".eE") {
			return fraction
		}
		return integer
	default:
		return other
	}
}

// stamp gives the time that the record's field says.
func (l *Locator) stamp(b *connectors.Batch, i int) (int64, error) {
	doc, err := l.object(b, i)
	if err != nil {
		return 0, err
	}
	f := l.p.stamp
	t, known, err := l.typeOf(b, f)
	if err != nil {
		return 0, err
	}
	raw := f.find(doc)
	if raw == nil || kindOf(raw) == null {
		return 0, fmt.Errorf("it has no field %s, which timestamp.field names", f.name)
	}
	switch kind := kindOf(raw); {
	case kind == integer && (!known || t.Type == "int64" || t.Type == "int32" && t.Name == ""):
		at, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("its field %s is beyond 64 bits: %s", f.name, raw)
		}
		return at, nil
	case kind == fraction && !known:
		at, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || at < -1<<62 || at > 1<<62 {
			return 0, fmt.Errorf("its field %s is no time: %s", f.name, raw)
		}
		return int64(at), nil
	case kind == text && (!known || t.Type == "string"):
		s, err := unquote(raw)
		if err != nil {
			return 0, fmt.Errorf("its field %s cannot be read: %w", f.name, err)
		}
		at, err := parseTime(string(s))
		if err != nil {
			return 0, fmt.Errorf("its field %s is no time: %w", f.name, err)
		}
		return at, nil
	case known:
		return 0, fmt.Errorf("its field %s is %s %s; times are whole numbers, strings and timestamps", f.name, t.Type, t.Name)
	default:
		return 0, fmt.Errorf("its field %s is %.40s; times are numbers and strings", f.name, raw)
	}
}
