package encode

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The names that Confluent's AvroData gives what has none in Kafka Connect, and keeps in schemas that it made of Avro's.
const (
	avroNamespace   = "io.confluent.connect.avro"
	avroDefaultName = "ConnectDefault"
	avroMapEntry    = "MapEntry"
	avroEnum        = avroNamespace + ".Enum" // a parameter; with ".SYMBOL" behind it, one of the symbols
	avroRecordDoc   = avroNamespace + ".record.doc"
	avroFieldDoc    = avroNamespace + ".field.doc."
	avroEnumDoc     = avroNamespace + ".enum.doc."
	avroHasDefault  = avroNamespace + ".field.default"

	defaultPrecision = 64 // of decimals without a precision of their own
)

// avroWriter writes a schema of Kafka Connect as one of Avro, in the way of Confluent's AvroData: names, namespaces,
// logical types, null before the type of what is optional, and what Avro cannot say in properties that begin with
// "connect.". Names that Avro does not allow are spelled as AvroData does with scrub.invalid.names.
//
// Source: AvroData.fromConnectSchema of Confluent's Schema Registry, without its unions and fixed types.
type avroWriter struct {
	metadata bool              // connect.meta.data
	enhanced bool              // enhanced.avro.schema.support
	defined  map[string]string // full name → form of the schema that has it
	unnamed  map[string]string // form of a struct or map without a name → the name that it was given
	given    int
	entries  int
	seen     map[string]bool // names of the schemas of fields
}

// avroSchema gives the JSON text of the Avro schema.
func avroSchema(s *schema, metadata, enhanced bool) (string, error) {
	w := avroWriter{metadata: metadata, enhanced: enhanced, defined: map[string]string{}, unnamed: map[string]string{}, seen: map[string]bool{}}
	b, err := w.schema(nil, s)
	return string(b), err
}

// schema adds a schema, with null beside it where it is optional.
func (w *avroWriter) schema(b []byte, s *schema) ([]byte, error) {
	if !s.optional {
		return w.base(b, s)
	}
	var err error
	if nullLast(s) {
		if b, err = w.base(append(b, '['), s); err == nil {
			b = append(b, `,"null"]`...)
		}
		return b, err
	}
	if b, err = w.base(append(b, `["null",`...), s); err == nil {
		b = append(b, ']')
	}
	return b, err
}

// nullLast says that the type comes first in the union with null, because Avro wants the default to be of the first.
func nullLast(s *schema) bool { return s.byDefault != "" && s.kind != structKind }

func (w *avroWriter) base(b []byte, s *schema) ([]byte, error) {
	form := s
	if s.optional {
		required := *s
		required.optional = false
		form = &required
	}
	switch {
	case s.kind == structKind:
		return w.record(b, form)
	case w.isEnum(s):
		return w.enum(b, form)
	case s.kind == arrayKind:
		b, err := w.schema(append(b, `{"type":"array","items":`...), s.value)
		return append(w.properties(b, s), '}'), err
	case s.kind == mapKind && s.textKeys() && !s.key.optional:
		b, err := w.schema(append(b, `{"type":"map","values":`...), s.value)
		return append(w.properties(b, s), '}'), err
	case s.kind == mapKind:
		b, err := w.entry(append(b, `{"type":"array","items":`...), form)
		return append(w.properties(b, s), '}'), err
	}
	name, ok := map[kind]string{
		boolKind: "boolean", int8Kind: "int", int16Kind: "int", int32Kind: "int", int64Kind: "long", float32Kind: "float", float64Kind: "double",
		bytesKind: "bytes", stringKind: "string", unknown: "string",
	}[s.kind]
	if !ok {
		return b, fmt.Errorf("no Avro type for %s", s.kind)
	}
	b = appendQuoted(append(b, `{"type":`...), name)
	return append(w.properties(b, s), '}'), nil
}

// define begins a named type, or refers to it where it has been defined. A name with two meanings is an error.
func (w *avroWriter) define(b []byte, full, form string) (_ []byte, known bool, err error) {
	before, known := w.defined[full]
	switch {
	case known && before == form:
		return appendQuoted(b, full), true, nil
	case known:
		return b, true, fmt.Errorf("two schemas have the name %s, which Avro does not allow", full)
	}
	w.defined[full] = form
	return b, false, nil
}

func (w *avroWriter) fullName(s *schema, form string) string {
	if s.name != "" {
		return scrubFull(s.name)
	}
	if full, ok := w.unnamed[form]; ok {
		return full
	}
	w.given++
	full := avroNamespace + "." + avroDefaultName
	if w.given > 1 {
		full += strconv.Itoa(w.given)
	}
	w.unnamed[form] = full
	return full
}

// named begins the definition of a named type.
func named(b []byte, kind, full string) []byte {
	b = appendQuoted(append(b, `{"type":`...), kind)
	dot := strings.LastIndexByte(full, '.')
	b = appendQuoted(append(b, `,"name":`...), full[dot+1:])
	return appendQuoted(append(b, `,"namespace":`...), full[:max(dot, 0)])
}

func (w *avroWriter) record(b []byte, s *schema) ([]byte, error) {
	form := string(s.appendJSON(nil, ""))
	full := w.fullName(s, form)
	b, known, err := w.define(b, full, form)
	if known || err != nil {
		return b, err
	}
	b = named(b, "record", full)
	if doc, ok := s.parameter(avroRecordDoc); ok {
		b = appendQuoted(append(b, `,"doc":`...), doc)
	}
	b = append(b, `,"fields":[`...)
	taken := map[string]bool{}
	for i, f := range s.fields {
		name := scrub(f.name)
		if taken[name] {
			return b, fmt.Errorf("two fields are called %s when their names are made fit for Avro", name)
		}
		taken[name] = true
		if i > 0 {
			b = append(b, ',')
		}
		doc, _ := s.parameter(avroFieldDoc + f.name)
		if b, err = w.field(b, name, doc, f.schema); err != nil {
			return b, fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return append(w.properties(append(b, ']'), s), '}'), nil
}

func (w *avroWriter) field(b []byte, name, doc string, s *schema) (_ []byte, err error) {
	b = appendQuoted(append(b, `{"name":`...), name)
	again := s.name != "" && w.seen[s.name]
	w.seen[s.name] = true
	if b, err = w.schema(append(b, `,"type":`...), s); err != nil {
		return b, err
	}
	if doc != "" {
		b = appendQuoted(append(b, `,"doc":`...), doc)
	}
	switch {
	case s.byDefault != "":
		if s.kind == structKind && s.optional {
			break // null is first in the union, so that Avro allows no other default
		}
		def, err := avroDefault(s)
		if err != nil {
			return b, fmt.Errorf("the default: %w", err)
		}
		b = append(append(b, `,"default":`...), def...)
	case s.optional:
		b = append(b, `,"default":null`...)
	}
	if again && w.metadata && (s.kind == structKind || w.isEnum(s)) { // its definition, which has them, may be elsewhere
		if shown := s.shownParameters(); len(shown) > 0 {
			b = appendParameters(append(b, `,"connect.parameters":`...), shown)
		}
	}
	return append(b, '}'), nil
}

// shownParameters are those that go into an Avro schema.
func (s *schema) shownParameters() []parameter {
	return slices.DeleteFunc(slices.Clone(s.parameters), func(p parameter) bool { return p.name == avroHasDefault })
}

// entry writes the record for the entries of a map whose keys are no plain texts.
func (w *avroWriter) entry(b []byte, s *schema) ([]byte, error) {
	form := string(s.appendJSON(nil, ""))
	full := scrubFull(s.name)
	if s.name == "" {
		full = w.entryName(form)
	}
	b, known, err := w.define(b, full, form)
	if known || err != nil {
		return b, err
	}
	b = append(named(b, "record", full), `,"fields":[`...)
	if b, err = w.field(b, "key", "", s.key); err != nil {
		return b, err
	}
	if b, err = w.field(append(b, ','), "value", "", s.value); err != nil {
		return b, err
	}
	b = append(b, ']')
	if s.name != "" {
		b = append(b, `,"connect.internal.type":"`+avroMapEntry+`"`...)
	}
	return append(b, '}'), nil
}

// entryName numbers the entries of maps that are not the same, which AvroData does not, so that nobody can read its files.
func (w *avroWriter) entryName(form string) string {
	full, ok := w.unnamed[form]
	if !ok {
		full = avroNamespace + "." + avroMapEntry
		if w.entries++; w.entries > 1 {
			full += strconv.Itoa(w.entries)
		}
		w.unnamed[form] = full
	}
	return full
}

func (w *avroWriter) isEnum(s *schema) bool {
	_, ok := s.parameter(avroEnum)
	return ok && s.kind == stringKind && w.enhanced
}

// symbols are those of an enum, in their order.
func (s *schema) symbols() (all []string) {
	for _, p := range s.parameters {
		if symbol, ok := strings.CutPrefix(p.name, avroEnum+"."); ok {
			all = append(all, symbol)
		}
	}
	return all
}

func (w *avroWriter) enum(b []byte, s *schema) ([]byte, error) {
	full, _ := s.parameter(avroEnum)
	form := string(s.appendJSON(nil, ""))
	b, known, err := w.define(b, full, form)
	if known || err != nil {
		return b, err
	}
	symbols := s.symbols()
	if len(symbols) == 0 {
		return b, fmt.Errorf("enum %s has no symbols", full)
	}
	b = named(b, "enum", full)
	if doc, ok := s.parameter(avroEnumDoc + s.name[strings.LastIndexByte(s.name, '.')+1:]); ok {
		b = appendQuoted(append(b, `,"doc":`...), doc)
	}
	b = append(b, `,"symbols":[`...)
	for i, symbol := range symbols {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, symbol)
	}
	return append(w.properties(append(b, ']'), s), '}'), nil
}

// properties adds what Avro does not know of a schema, and the logical type.
func (w *avroWriter) properties(b []byte, s *schema) []byte {
	if w.metadata {
		if s.doc != "" {
			b = appendQuoted(append(b, `,"connect.doc":`...), s.doc)
		}
		if s.versioned {
			b = strconv.AppendInt(append(b, `,"connect.version":`...), int64(s.version), 10)
		}
		if shown := s.shownParameters(); len(shown) > 0 {
			b = appendParameters(append(b, `,"connect.parameters":`...), shown)
		}
		if _, avros := s.parameter(avroHasDefault); s.byDefault != "" && !avros {
			if def, err := avroDefault(s); err == nil { // the field has said what is wrong with it
				b = append(append(b, `,"connect.default":`...), def...)
			}
		}
		if s.name != "" {
			b = appendQuoted(append(b, `,"connect.name":`...), s.name)
		}
		if s.kind == int8Kind || s.kind == int16Kind {
			b = appendQuoted(append(b, `,"connect.type":`...), s.kind.String())
		}
	}
	return appendLogical(b, s)
}

func appendLogical(b []byte, s *schema) []byte {
	switch {
	case s.kind == bytesKind && strings.EqualFold(s.name, decimalName):
		scale, _ := s.decimal()
		precision := s.precision()
		b = strconv.AppendInt(append(b, `,"scale":`...), int64(scale), 10)
		b = strconv.AppendInt(append(b, `,"precision":`...), int64(precision), 10)
		b = append(b, `,"logicalType":"decimal"`...)
	case s.kind == int32Kind && strings.EqualFold(s.name, timeName):
		b = append(b, `,"logicalType":"time-millis"`...)
	case s.kind == int32Kind && strings.EqualFold(s.name, dateName):
		b = append(b, `,"logicalType":"date"`...)
	case s.kind == int64Kind && strings.EqualFold(s.name, timestampName):
		b = append(b, `,"logicalType":"timestamp-millis"`...)
	}
	for _, p := range s.parameters {
		if strings.HasPrefix(p.name, "avro") {
			b = appendQuoted(append(b, ','), p.name)
			b = appendQuoted(append(b, ':'), p.value)
		}
	}
	return b
}

// precision is the number of digits of a decimal.
func (s *schema) precision() int {
	if v, ok := s.parameter(precisionParameter); ok {
		if p, err := strconv.Atoi(v); err == nil {
			return p
		}
	}
	return defaultPrecision
}

// avroDefault gives the default of a schema as Avro writes it: bytes are a text whose characters are the bytes.
func avroDefault(s *schema) (json.RawMessage, error) {
	var d document
	if err := d.parse([]byte(s.byDefault)); err != nil {
		return nil, err
	}
	return d.avroDefault(nil, 0, s)
}

func (d *document) avroDefault(b []byte, n int, s *schema) (_ []byte, err error) {
	if d.missing(n) {
		return append(b, "null"...), nil
	}
	switch s.kind {
	case bytesKind:
		value, err := d.bytesOf(n)
		if scale, ok := s.decimal(); ok {
			value, err = d.decimalOf(n, scale)
		}
		runes := make([]rune, len(value))
		for i, c := range value {
			runes[i] = rune(c)
		}
		return appendQuoted(b, string(runes)), err
	case arrayKind:
		if d.nodes[n].token != isArray {
			return b, d.mismatch(n, "an array")
		}
		b = append(b, '[')
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if c > n+1 {
				b = append(b, ',')
			}
			if b, err = d.avroDefault(b, c, s.value); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case mapKind:
		return d.avroDefaultMap(b, n, s)
	case structKind:
		if d.nodes[n].token != isObject {
			return b, d.mismatch(n, "an object")
		}
		base := d.pick(n, s)
		b = append(b, '{')
		for i, f := range s.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, scrub(f.name)), ':')
			if b, err = d.avroDefault(b, int(d.slots[base+i]), f.schema); err != nil {
				return b, err
			}
		}
		d.slots = d.slots[:base]
		return append(b, '}'), nil
	default:
		return append(b, d.json(n)...), nil
	}
}

func (d *document) avroDefaultMap(b []byte, n int, s *schema) ([]byte, error) {
	count, err := d.countEntries(n)
	if err != nil {
		return b, err
	}
	if count > 0 && (!s.textKeys() || s.key.optional || d.nodes[n].token != isObject) {
		return b, errors.New("entries of a map without plain texts for keys cannot be a default")
	}
	if !s.textKeys() || s.key.optional {
		return append(b, "[]"...), nil
	}
	b = append(b, '{')
	first := true
	for k, v := range d.entries(n) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(b, d.json(k)...), ':')
		if b, err = d.avroDefault(b, v, s.value); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// scrubFull makes a name with a namespace fit for Avro.
func scrubFull(full string) string {
	parts := strings.Split(full, ".")
	for i, p := range parts {
		parts[i] = scrub(p)
	}
	return strings.Join(parts, ".")
}

// scrub makes a name fit for Avro, as AvroData does with scrub.invalid.names: what is no letter, digit or underscore of
// ASCII becomes an underscore, most of it with the two hexadecimal digits of each byte behind it.
func scrub(name string) string {
	fits := name != "" && (name[0] < '0' || name[0] > '9')
	for i := range len(name) {
		fits = fits && wordByte(name[i])
	}
	if fits || name == "" {
		return name
	}
	var b strings.Builder
	if name[0] >= '0' && name[0] <= '9' {
		b.WriteByte('x')
	}
	for i := range len(name) {
		switch c := name[i]; {
		case wordByte(c):
			b.WriteByte(c)
		case strings.IndexByte(".-* ", c) >= 0:
			b.WriteByte('_')
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}

func wordByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}
