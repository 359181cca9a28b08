package encode

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// kind is a type of Kafka Connect's schemas.
type kind uint8

const (
	unknown kind = iota // of inferred schemas: no value has shown it yet
	boolKind
	int8Kind
	int16Kind
	int32Kind
	int64Kind
	float32Kind
	float64Kind
	bytesKind
	stringKind
	arrayKind
	mapKind
	structKind
)

// kindNames are the names of the types in the JSON form of schemas.
var kindNames = [...]string{"unknown", "boolean", "int8", "int16", "int32", "int64", "float", "double", "bytes", "string", "array", "map", "struct"}

func (k kind) String() string { return kindNames[k] }

// The names of schemas that give the values of another type a meaning.
const (
	decimalName   = "org.apache.kafka.connect.data.Decimal"
	dateName      = "org.apache.kafka.connect.data.Date"
	timeName      = "org.apache.kafka.connect.data.Time"
	timestampName = "org.apache.kafka.connect.data.Timestamp"

	scaleParameter     = "scale"
	precisionParameter = "connect.decimal.precision"
)

// schema is a schema of Kafka Connect.
type schema struct {
	kind       kind
	optional   bool
	name       string
	version    int
	versioned  bool // version is given
	doc        string
	parameters []parameter
	byDefault  string // JSON; empty where there is none
	fields     []field
	index      map[string]int // of the fields
	key, value *schema        // of a map; value also of an array
}

type field struct {
	name string
	*schema
}

type parameter struct{ name, value string }

// parameter gives the value of a parameter.
func (s *schema) parameter(name string) (string, bool) {
	for _, p := range s.parameters {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// decimal says whether the values are decimals, and with how many digits behind the point.
func (s *schema) decimal() (scale int, ok bool) {
	if s.kind != bytesKind || !strings.EqualFold(s.name, decimalName) {
		return 0, false
	}
	v, _ := s.parameter(scaleParameter)
	scale, err := strconv.Atoi(v)
	return scale, err == nil
}

// textKeys says whether the keys of a map are texts, so that a JSON object can hold it.
func (s *schema) textKeys() bool { return s.key.kind == stringKind }

// requireKeys makes the optional texts that are keys of maps required, at all depths: such a map is one to Avro, too.
func (s *schema) requireKeys() {
	if s == nil {
		return
	}
	if s.kind == mapKind && s.textKeys() {
		s.key.optional = false
	}
	s.key.requireKeys()
	s.value.requireKeys()
	for _, f := range s.fields {
		f.requireKeys()
	}
}

// parseSchema reads the JSON form that Kafka Connect's JsonConverter gives schemas.
func parseSchema(src []byte) (*schema, error) {
	var d document
	if err := d.parse(src); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	s, err := d.schema(0)
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	return s, nil
}

var errNoSchema = errors.New("a schema must be an object with a type")

// schema reads the schema at a node.
func (d *document) schema(n int) (*schema, error) {
	if d.nodes[n].token != isObject {
		return nil, errNoSchema
	}
	s := &schema{}
	for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
		if err := d.property(s, string(d.string(c)), c+1); err != nil {
			return nil, err
		}
	}
	switch {
	case s.kind == unknown:
		return nil, errNoSchema
	case s.kind == arrayKind && s.value == nil:
		return nil, errors.New("an array must have items")
	case s.kind == mapKind && (s.value == nil || s.key == nil):
		return nil, errors.New("a map must have keys and values")
	}
	if _, ok := s.decimal(); !ok && s.kind == bytesKind && strings.EqualFold(s.name, decimalName) {
		return nil, errors.New("a decimal must have a scale among its parameters")
	}
	return s, nil
}

// property takes one property of a schema over. Those that are not known say nothing about values.
func (d *document) property(s *schema, name string, n int) (err error) {
	t := d.nodes[n].token
	switch name {
	case "type":
		s.kind, err = parseKind(string(d.string(n)))
	case "optional":
		s.optional = t == isBool && d.src[d.nodes[n].start] == 't'
	case "name":
		if t == isText {
			s.name = string(d.string(n))
		}
	case "version":
		if t == isInt {
			v, ok := parseInt(d.source(n))
			s.version, s.versioned = int(v), ok
		}
	case "doc":
		if t == isText {
			s.doc = string(d.string(n))
		}
	case "parameters":
		if t == isObject {
			for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
				s.parameters = append(s.parameters, parameter{string(d.string(c)), string(d.string(c + 1))})
			}
		}
	case "default":
		if t != isNull {
			s.byDefault = d.json(n)
		}
	case "fields":
		err = d.fields(s, n)
	case "items", "values":
		s.value, err = d.schema(n)
	case "keys":
		s.key, err = d.schema(n)
	}
	return err
}

// json is the text of a node, quotes included.
func (d *document) json(n int) string {
	if d.nodes[n].token == isText {
		return `"` + string(d.source(n)) + `"`
	}
	return string(d.source(n))
}

func parseKind(name string) (kind, error) {
	for k, known := range kindNames {
		if name == known && k > 0 {
			return kind(k), nil
		}
	}
	return unknown, fmt.Errorf("type %q is not known", name)
}

func (d *document) fields(s *schema, n int) error {
	if d.nodes[n].token != isArray {
		return errors.New("fields must be an array")
	}
	for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
		f, err := d.schema(c)
		if err != nil {
			return err
		}
		name, ok := "", false
		for p := c + 1; p < int(d.nodes[c].next); p = int(d.nodes[p+1].next) {
			if string(d.string(p)) == "field" && d.nodes[p+1].token == isText {
				name, ok = string(d.string(p+1)), true
			}
		}
		if !ok {
			return errors.New("a field must have a name")
		}
		if !s.add(name, f) {
			return fmt.Errorf("two fields have the name %q", name)
		}
	}
	return nil
}

// add appends a field, unless there is one of this name.
func (s *schema) add(name string, f *schema) bool {
	if _, twice := s.index[name]; twice {
		return false
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[name] = len(s.fields)
	s.fields = append(s.fields, field{name, f})
	return true
}

// same says whether two schemas are equal in everything, as Kafka Connect compares them.
func (s *schema) same(o *schema) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil || s.kind != o.kind || s.optional != o.optional || s.name != o.name || s.versioned != o.versioned || s.version != o.version ||
		s.doc != o.doc || s.byDefault != o.byDefault || len(s.fields) != len(o.fields) || !sameParameters(s, o, nil) || !s.key.same(o.key) || !s.value.same(o.value) {
		return false
	}
	for i, f := range s.fields {
		if f.name != o.fields[i].name || !f.same(o.fields[i].schema) {
			return false
		}
	}
	return true
}

// sameParameters compares the parameters of two schemas in any order, but for those to leave out.
func sameParameters(a, b *schema, leave func(name string) bool) bool {
	return within(a, b, leave) && within(b, a, leave)
}

func within(a, b *schema, leave func(name string) bool) bool {
	for _, p := range a.parameters {
		if leave != nil && leave(p.name) {
			continue
		}
		if v, ok := b.parameter(p.name); !ok || v != p.value {
			return false
		}
	}
	return true
}

// appendJSON adds the JSON form of a schema; field is the name of the field that has it, if one does. Equal schemas have
// equal forms but for the order of their parameters.
func (s *schema) appendJSON(b []byte, field string) []byte {
	b = append(b, `{"type":`...)
	b = appendQuoted(b, s.kind.String())
	b = append(b, `,"optional":`...)
	b = strconv.AppendBool(b, s.optional)
	if s.kind == structKind {
		b = append(b, `,"fields":[`...)
		for i, f := range s.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = f.appendJSON(b, f.name)
		}
		b = append(b, ']')
	}
	if s.key != nil {
		b = s.key.appendJSON(append(b, `,"keys":`...), "")
	}
	if s.value != nil {
		name := `,"items":`
		if s.kind == mapKind {
			name = `,"values":`
		}
		b = s.value.appendJSON(append(b, name...), "")
	}
	if s.name != "" {
		b = appendQuoted(append(b, `,"name":`...), s.name)
	}
	if s.versioned {
		b = strconv.AppendInt(append(b, `,"version":`...), int64(s.version), 10)
	}
	if s.doc != "" {
		b = appendQuoted(append(b, `,"doc":`...), s.doc)
	}
	if len(s.parameters) > 0 {
		b = append(b, `,"parameters":`...)
		b = appendParameters(b, s.parameters)
	}
	if s.byDefault != "" {
		b = append(append(b, `,"default":`...), s.byDefault...)
	}
	if field != "" {
		b = appendQuoted(append(b, `,"field":`...), field)
	}
	return append(b, '}')
}

func appendParameters(b []byte, ps []parameter) []byte {
	b = append(b, '{')
	for i, p := range ps {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, p.name)
		b = append(b, ':')
		b = appendQuoted(b, p.value)
	}
	return append(b, '}')
}

// appendQuoted adds a text as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil { // no text can cause it
		panic("quoting a text: " + err.Error())
	}
	return append(b, q...)
}
