package data

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseText finds out what a text means, as Kafka Connect's Values.parseString does: null, true, false, a number in the smallest
// type that holds it, a date, time or timestamp, an array or a map of such; everything else is a string. A null has no schema.
func ParseText(text string) (*Schema, any) {
	if text == "" {
		return Of(String), ""
	}
	p := textParser{text: text}
	schema, value, _ := p.value(false)
	return schema, value
}

// textParser cuts a text at unescaped : , { } [ ] and ".
type textParser struct {
	text     string
	at       int // behind the token looked at
	token    string
	looked   bool
	previous string
	depth    int
}

const nestingMost = 500 // Java has no limit but its stack

func (p *textParser) mark() int {
	if p.looked {
		return p.at - len(p.token)
	}
	return p.at
}

func (p *textParser) rewind(to int) { p.at, p.looked, p.previous = to, false, "" }

func (p *textParser) more() bool { return p.looked || p.at < len(p.text) }

func (p *textParser) next() string {
	if !p.looked {
		p.token = p.cut()
	}
	p.looked, p.previous = false, p.token
	return p.token
}

func (p *textParser) cut() string {
	from, escaped := p.at, false
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			escaped = !escaped
			continue
		case !escaped && strings.IndexByte(`:,{}[]"`, c) >= 0:
			if from == p.at {
				p.at++
			}
			return p.text[from:p.at]
		}
		escaped = false
	}
	return p.text[from:]
}

// take goes on when the next token, but for blanks around it, is this one.
func (p *textParser) take(want string) bool {
	if !p.looked {
		if p.at == len(p.text) {
			return false
		}
		p.token, p.looked = p.cut(), true
	}
	for trim(p.token) == "" && p.at < len(p.text) {
		p.token = p.cut()
	}
	if trim(p.token) != want {
		return false
	}
	p.looked = false
	return true
}

// trim is Java's.
func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

// value reads a value; ok is false where something embedded cannot be understood.
func (p *textParser) value(embedded bool) (s *Schema, v any, ok bool) {
	if !p.more() {
		return nil, nil, true
	}
	if embedded && p.take(`"`) {
		s, v = p.quoted()
		return s, v, true
	}
	for _, literal := range []struct {
		token string
		value any
	}{{"null", nil}, {"true", true}, {"false", false}} {
		start := p.mark()
		if p.take(literal.token) && (embedded || !p.more()) {
			if literal.value == nil {
				return nil, nil, true
			}
			return Of(Boolean), literal.value, true
		}
		p.rewind(start)
	}
	start := p.mark()
	if p.depth < nestingMost {
		p.depth++
		if p.take("[") {
			s, v, ok = p.array()
		} else if p.take("{") {
			s, v, ok = p.object()
		}
		p.depth--
		if ok {
			return s, v, true
		}
		p.rewind(start)
	}
	token := p.next()
	trimmed := trim(token)
	if trimmed == "" {
		return Of(String), token, true
	}
	first, _ := utf8.DecodeRuneInString(trimmed)
	digit := unicode.IsDigit(first)
	if digit {
		if s, v := p.instant(trimmed); s != nil {
			return s, v, true
		}
	}
	if digit || first == '+' || first == '-' {
		if d, ok := ParseDecimal(trimmed); ok {
			s, v = smallest(d)
			return s, v, true
		}
	}
	return Of(String), p.text, !embedded
}

func (p *textParser) quoted() (*Schema, any) {
	var content strings.Builder
	for p.more() && !p.take(`"`) {
		content.WriteString(p.next())
	}
	if s, v := parseInstant(content.String()); s != nil {
		return s, v
	}
	return Of(String), content.String()
}

// instant reads a time or timestamp, whose colons make five tokens of it, or what one token holds.
func (p *textParser) instant(token string) (*Schema, any) {
	start := p.mark()
	for range 4 {
		if !p.more() {
			p.rewind(start)
			return parseInstant(token)
		}
		p.next()
	}
	if s, v := parseInstant(token + p.text[start:p.at]); s != nil {
		return s, v
	}
	p.rewind(start)
	return parseInstant(token)
}

func smallest(d Decimal) (*Schema, any) {
	if n, ok := d.exact(); ok {
		switch {
		case n == int64(int8(n)):
			return Of(Int8), int8(n)
		case n == int64(int16(n)):
			return Of(Int16), int16(n)
		case n == int64(int32(n)):
			return Of(Int32), int32(n)
		}
		return Of(Int64), n
	}
	if d.Scale != 0 {
		if f := d.Float(32); f-f == 0 {
			return Of(Float32), float32(f)
		}
		if f := d.Float(64); f-f == 0 {
			return Of(Float64), f
		}
	}
	return DecimalSchema(d.Scale, false), d
}

func (p *textParser) array() (s *Schema, v any, ok bool) {
	list, elements := []any{}, merger{}
	for p.more() {
		if p.take("]") {
			for i := range list {
				if list[i], ok = align(elements.common, list[i]); !ok {
					return nil, nil, false
				}
			}
			return &Schema{Type: ArrayType, Value: elements.common}, list, true
		}
		if p.take(",") {
			return nil, nil, false
		}
		s, v, ok := p.value(true)
		if !ok {
			return nil, nil, false
		}
		elements.add(s)
		list = append(list, v)
		here := p.mark()
		if p.take("]") {
			p.rewind(here)
		} else if !p.take(",") {
			return nil, nil, false
		}
	}
	return nil, nil, false
}

func (p *textParser) object() (s *Schema, v any, ok bool) {
	found, keys, values := &Map{}, merger{}, merger{}
	for p.more() {
		if p.take("}") {
			s := &Schema{Type: MapType, Key: keys.common}
			if keys.common != nil {
				s.Value = values.common
			}
			m := NewMap(found.Len())
			for k, v := range found.All() {
				key, ok := align(s.Key, k)
				value, also := align(s.Value, v)
				if !ok || !also {
					return nil, nil, false
				}
				m.Put(key, value)
			}
			return s, m, true
		}
		if p.take(",") {
			return nil, nil, false
		}
		ks, k, ok := p.value(true)
		if !ok || k == nil || !p.take(":") {
			return nil, nil, false
		}
		vs, v, ok := p.value(true)
		if !ok {
			return nil, nil, false
		}
		found.Put(k, v)
		p.take(",")
		keys.add(ks)
		values.add(vs)
	}
	return nil, nil, false
}

// merger finds a schema that fits all elements; nil: there was none, or there is none that fits.
type merger struct {
	common *Schema
	failed bool
}

func (m *merger) add(s *Schema) {
	switch {
	case s == nil || m.failed:
	case m.common == nil:
		m.common = s
	default:
		m.common = merge(m.common, s)
		m.failed = m.common == nil
	}
}

func merge(a, b *Schema) *Schema {
	switch {
	case a.Type == b.Type:
		return b // all of these are required
	case a.Type > Float64 || b.Type > Float64:
		return nil
	case a.Type > b.Type:
		return a
	}
	return b
}

// align makes a number the one that a schema wants. Null fits no schema here.
func align(s *Schema, value any) (aligned any, ok bool) {
	if s == nil {
		return value, true
	}
	if value == nil {
		return nil, false
	}
	return number(s, value), true
}

func number(s *Schema, value any) any {
	var n int64
	var f float64
	switch v := value.(type) {
	case int8:
		n, f = int64(v), float64(v)
	case int16:
		n, f = int64(v), float64(v)
	case int32:
		n, f = int64(v), float64(v)
	case int64:
		n, f = v, float64(v)
	case float32:
		n, f = int64(v), float64(v)
	case float64:
		n, f = int64(v), v
	default:
		return value
	}
	switch s.Name {
	case DateName:
		return Instant(int64(int32(n)) * dayMillis)
	case TimeName:
		return Instant(int32(n))
	case TimestampName:
		return Instant(n)
	}
	switch s.Type {
	case Int8:
		return int8(n)
	case Int16:
		return int16(n)
	case Int32:
		return int32(n)
	case Int64:
		return n
	case Float32:
		return float32(f)
	case Float64:
		return f
	default:
		return value
	}
}
