package encode

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseAvroSchema reads an Avro schema as the schema of Kafka Connect that it was made of: the way back of avroSchema, for what
// that writes. Names of fields that were made fit for Avro stay so; see fitsAvro.
//
// Source: AvroData.toConnectSchema of Confluent's Schema Registry, without its general unions and fixed types.
func parseAvroSchema(text string) (*schema, error) {
	r := avroReader{defined: map[string]*schema{}}
	if err := r.doc.parse([]byte(text)); err != nil {
		return nil, err
	}
	return r.schema(0, "")
}

type avroReader struct {
	doc     document
	defined map[string]*schema // by full name
}

var errNotConnects = errors.New("it is no schema of Kafka Connect")

// get is the node of a property, or -1.
func (r *avroReader) get(n int, name string) int {
	d := &r.doc
	for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
		if string(d.string(c)) == name {
			return c + 1
		}
	}
	return -1
}

func (r *avroReader) text(n int, name string) string {
	if v := r.get(n, name); v >= 0 && r.doc.nodes[v].token == isText {
		return string(r.doc.string(v))
	}
	return ""
}

// schema reads the schema at a node. namespace is that of names without one.
func (r *avroReader) schema(n int, namespace string) (*schema, error) {
	d := &r.doc
	switch d.nodes[n].token {
	case isText:
		return r.named(string(d.string(n)), namespace)
	case isArray:
		return r.union(n, namespace)
	case isObject:
	default:
		return nil, errNotConnects
	}
	t := r.get(n, "type")
	if t < 0 {
		return nil, errNotConnects
	}
	if d.nodes[t].token != isText {
		return r.schema(t, namespace)
	}
	s, err := r.base(n, string(d.string(t)), namespace)
	if err != nil {
		return nil, err
	}
	return s, r.properties(s, n)
}

// avroKinds are the primitive types.
var avroKinds = map[string]kind{
	"boolean": boolKind, "int": int32Kind, "long": int64Kind, "float": float32Kind, "double": float64Kind, "bytes": bytesKind, "string": stringKind,
}

func (r *avroReader) named(name, namespace string) (*schema, error) {
	if k, ok := avroKinds[name]; ok {
		return &schema{kind: k}, nil
	}
	if known, ok := r.defined[fullAvroName(name, namespace)]; ok && known != nil {
		again := *known
		return &again, nil
	}
	return nil, fmt.Errorf("%w: type %q is not known, or within itself", errNotConnects, name)
}

func fullAvroName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

// union reads a type with null beside it.
func (r *avroReader) union(n int, namespace string) (*schema, error) {
	d := &r.doc
	other := -1
	if d.count(n) == 2 {
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if d.nodes[c].token != isText || string(d.string(c)) != "null" {
				other = c
			}
		}
	}
	if other < 0 {
		return nil, fmt.Errorf("%w: a union of other than a type and null", errNotConnects)
	}
	s, err := r.schema(other, namespace)
	if err == nil {
		s.optional = true
	}
	return s, err
}

func (r *avroReader) base(n int, kind, namespace string) (s *schema, err error) {
	switch kind {
	case "record":
		return r.record(n, namespace)
	case "enum":
		return r.enum(n, namespace)
	case "map":
		s = &schema{kind: mapKind, key: &schema{kind: stringKind}}
		s.value, err = r.inner(n, "values", namespace)
		return s, err
	case "array":
		s = &schema{kind: arrayKind}
		if s.value, err = r.inner(n, "items", namespace); err != nil {
			return nil, err
		}
		return entriesToMap(s), nil
	default:
		return r.named(kind, namespace)
	}
}

func (r *avroReader) inner(n int, name, namespace string) (*schema, error) {
	if v := r.get(n, name); v >= 0 {
		return r.schema(v, namespace)
	}
	return nil, fmt.Errorf("%w: %s are missing", errNotConnects, name)
}

// mapEntry marks the record of the entries of a map until the array around it is read.
const mapEntry kind = 255

func entriesToMap(s *schema) *schema {
	if e := s.value; e.kind == mapEntry && !e.optional {
		return &schema{kind: mapKind, key: e.fields[0].schema, value: e.fields[1].schema}
	}
	return s
}

func (r *avroReader) record(n int, namespace string) (*schema, error) {
	d := &r.doc
	full, namespace := r.define(n, namespace)
	s := &schema{kind: structKind}
	fields := r.get(n, "fields")
	if fields < 0 || d.nodes[fields].token != isArray {
		return nil, fmt.Errorf("%w: record %s has no fields", errNotConnects, full)
	}
	for f := fields + 1; f < int(d.nodes[fields].next); f = int(d.nodes[f].next) {
		name := r.text(f, "name")
		inner, err := r.inner(f, "type", namespace)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		if !s.add(name, inner) {
			return nil, fmt.Errorf("%w: two fields have the name %q", errNotConnects, name)
		}
	}
	switch {
	case len(s.fields) == 2 && (r.text(n, "connect.internal.type") == avroMapEntry || strings.HasPrefix(full, avroNamespace+"."+avroMapEntry)):
		s.kind = mapEntry
	case !strings.HasPrefix(full, avroNamespace+"."+avroDefaultName): // which it was given for want of a name
		s.name = full
	}
	r.defined[full] = s
	return s, nil
}

// define gives the full name of a named type, and the namespace of what is in it.
func (r *avroReader) define(n int, namespace string) (full, inner string) {
	if own := r.get(n, "namespace"); own >= 0 {
		namespace = r.text(n, "namespace")
	}
	full = fullAvroName(r.text(n, "name"), namespace)
	r.defined[full] = nil // not complete
	return full, full[:max(strings.LastIndexByte(full, '.'), 0)]
}

func (r *avroReader) enum(n int, namespace string) (*schema, error) {
	d := &r.doc
	full, _ := r.define(n, namespace)
	s := &schema{kind: stringKind, name: full, parameters: []parameter{{avroEnum, full}}}
	symbols := r.get(n, "symbols")
	if symbols < 0 || d.nodes[symbols].token != isArray {
		return nil, fmt.Errorf("%w: enum %s has no symbols", errNotConnects, full)
	}
	for c := symbols + 1; c < int(d.nodes[symbols].next); c = int(d.nodes[c].next) {
		symbol := string(d.string(c))
		s.parameters = append(s.parameters, parameter{avroEnum + "." + symbol, symbol})
	}
	r.defined[full] = s
	return s, nil
}

// properties takes over what Avro does not know of a schema.
func (r *avroReader) properties(s *schema, n int) error {
	d := &r.doc
	if doc := r.text(n, "connect.doc"); doc != "" {
		s.doc = doc
	}
	if v := r.get(n, "connect.version"); v >= 0 && d.nodes[v].token == isInt {
		version, ok := parseInt(d.source(v))
		s.version, s.versioned = int(version), ok
	}
	if ps := r.get(n, "connect.parameters"); ps >= 0 && d.nodes[ps].token == isObject {
		s.parameters = nil
		for c := ps + 1; c < int(d.nodes[ps].next); c = int(d.nodes[c+1].next) {
			s.parameters = append(s.parameters, parameter{string(d.string(c)), string(d.string(c + 1))})
		}
	}
	if name := r.text(n, "connect.name"); name != "" {
		s.name = name
	} else {
		r.logical(s, n)
	}
	switch r.text(n, "connect.type") {
	case int8Kind.String():
		s.kind = int8Kind
	case int16Kind.String():
		s.kind = int16Kind
	}
	if v := r.get(n, "connect.default"); v >= 0 {
		text, err := r.byDefault(nil, v, s)
		if err != nil {
			return fmt.Errorf("the default: %w", err)
		}
		s.byDefault = string(text)
	}
	return nil
}

// logical gives a type its meaning where only Avro's name of it is there.
func (r *avroReader) logical(s *schema, n int) {
	switch logical := r.text(n, "logicalType"); {
	case logical == "decimal" && s.kind == bytesKind:
		scale := int64(0)
		if v := r.get(n, "scale"); v >= 0 {
			scale, _ = parseInt(r.doc.source(v))
		}
		s.name, s.parameters = decimalName, append(s.parameters, parameter{scaleParameter, strconv.FormatInt(scale, 10)})
	case logical == "date" && s.kind == int32Kind:
		s.name = dateName
	case logical == "time-millis" && s.kind == int32Kind:
		s.name = timeName
	case logical == "timestamp-millis" && s.kind == int64Kind:
		s.name = timestampName
	}
}

// byDefault adds a default of Avro in the form of JsonConverter: bytes are in base64.
func (r *avroReader) byDefault(b []byte, n int, s *schema) (_ []byte, err error) {
	d := &r.doc
	switch {
	case d.missing(n):
		return append(b, "null"...), nil
	case s.kind == bytesKind && d.nodes[n].token == isText:
		var raw []byte
		for _, c := range string(d.string(n)) {
			raw = append(raw, byte(c))
		}
		return appendQuoted(b, base64.StdEncoding.EncodeToString(raw)), nil
	case s.kind == arrayKind && d.nodes[n].token == isArray:
		b = append(b, '[')
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if c > n+1 {
				b = append(b, ',')
			}
			if b, err = r.byDefault(b, c, s.value); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case (s.kind == structKind || s.kind == mapKind) && d.nodes[n].token == isObject:
		b = append(b, '{')
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
			inner := s.value
			if s.kind == structKind {
				i, ok := s.index[string(d.string(c))]
				if !ok {
					return b, fmt.Errorf("%w: a default with a field that is not known", errNotConnects)
				}
				inner = s.fields[i].schema
			}
			if c > n+1 {
				b = append(b, ',')
			}
			b = append(append(b, d.json(c)...), ':')
			if b, err = r.byDefault(b, c+1, inner); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	case s.kind == bytesKind, s.kind == arrayKind, s.kind == structKind, s.kind == mapKind:
		return b, fmt.Errorf("%w: a default of another type", errNotConnects)
	default:
		return append(b, d.json(n)...), nil
	}
}

// fitsAvro tells whether the names of all fields are the same in Avro.
func (s *schema) fitsAvro() bool {
	if s == nil {
		return true
	}
	for _, f := range s.fields {
		if scrub(f.name) != f.name || !f.fitsAvro() {
			return false
		}
	}
	return s.key.fitsAvro() && s.value.fitsAvro()
}
