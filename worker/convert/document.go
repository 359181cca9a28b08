package convert

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors/jsontext"
	"github.com/sluice-connect/sluice/worker/data"
)

// kind is the kind of a node, in the order of nodeTypes.
type kind uint8

const (
	missing kind = iota // there is no document
	null
	boolean
	number
	text
	array
	object
)

// nodeTypes are Jackson's names of the kinds, for messages.
var nodeTypes = [...]string{"MISSING", "NULL", "BOOLEAN", "NUMBER", "STRING", "ARRAY", "OBJECT"} // constant

func (k kind) String() string { return nodeTypes[k] }

// node is a value of a JSON document, as Jackson's tree has it.
type node struct {
	kind  kind
	raw   []byte // the text of a scalar, of a string without its quotes
	items []node // of an array, and the values of an object
	names []string
}

// parse makes a tree of a document that JSON has checked. Strings and numbers stay as they are written.
func parse(doc []byte) *node {
	p := parser{b: doc}
	n := p.value()
	return &n
}

type parser struct {
	b []byte
	i int
}

func (p *parser) value() node {
	p.i = skipSpace(p.b, p.i)
	n := node{}
	switch p.b[p.i] {
	case '{':
		n.kind = object
		p.i = skipSpace(p.b, p.i+1)
		for p.b[p.i] != '}' {
			name := unescape(p.text())
			p.i = skipSpace(p.b, p.i) + 1 // the colon
			v := p.value()
			if at := n.at(name); at >= 0 {
				n.items[at] = v // the last one of a name holds, at the place of the first
			} else {
				n.names, n.items = append(n.names, name), append(n.items, v)
			}
			p.separator()
		}
		p.i++
	case '[':
		n.kind = array
		p.i = skipSpace(p.b, p.i+1)
		for p.b[p.i] != ']' {
			n.items = append(n.items, p.value())
			p.separator()
		}
		p.i++
	case '"':
		n.kind, n.raw = text, p.text()
	default:
		n.raw = p.scalar()
		switch n.raw[0] {
		case 't', 'f':
			n.kind = boolean
		case 'n':
			n.kind = null
		default:
			n.kind = number
		}
	}
	return n
}

// scalar reads a number or a word.
func (p *parser) scalar() []byte {
	from := p.i
	for p.i < len(p.b) && p.b[p.i] > ' ' && p.b[p.i] != ',' && p.b[p.i] != ']' && p.b[p.i] != '}' {
		p.i++
	}
	return p.b[from:p.i]
}

// skip passes over a value and gives its text.
func (p *parser) skip() []byte {
	p.i = skipSpace(p.b, p.i)
	from := p.i
	for depth := 0; ; {
		switch p.b[p.i] {
		case '{', '[':
			depth++
			p.i++
		case '}', ']':
			depth--
			p.i++
		case '"':
			p.text()
		case ',', ':', ' ', '\t', '\r', '\n':
			p.i++
			continue // within a container
		default:
			p.scalar()
		}
		if depth == 0 {
			return p.b[from:p.i]
		}
	}
}

// envelope finds the two members of an envelope in a checked document; ok is false where it is none.
func envelope(doc []byte) (schema, payload []byte, ok bool) {
	if doc[0] != '{' {
		return nil, nil, false
	}
	p := parser{b: doc, i: skipSpace(doc, 1)}
	for doc[p.i] != '}' {
		name := p.text()
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unescape(name))
		}
		p.i = skipSpace(doc, p.i) + 1 // the colon
		value := p.skip()
		switch string(name) {
		case "schema":
			schema = value
		case "payload":
			payload = value
		default:
			return nil, nil, false
		}
		p.separator()
	}
	return schema, payload, schema != nil && payload != nil
}

// separator passes over a comma and the blanks around it.
func (p *parser) separator() {
	p.i = skipSpace(p.b, p.i)
	if p.b[p.i] == ',' {
		p.i = skipSpace(p.b, p.i+1)
	}
}

// text reads a string and gives what is between its quotes.
func (p *parser) text() []byte {
	p.i++
	from := p.i
	for {
		n := bytes.IndexByte(p.b[p.i:], '"')
		p.i += n
		slashes := 0
		for p.i-slashes > from && p.b[p.i-slashes-1] == '\\' {
			slashes++
		}
		p.i++
		if slashes%2 == 0 {
			return p.b[from : p.i-1]
		}
	}
}

// unescape gives a string as it is meant. A surrogate without its other half becomes U+FFFD.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	return string(jsontext.AppendUnescaped(make([]byte, 0, len(raw)), raw))
}

// at is the index of an object's member, -1 where there is none.
func (n *node) at(name string) int {
	for i := range n.names {
		if n.names[i] == name {
			return i
		}
	}
	return -1
}

// get is an object's member, nil where there is none or n is no object.
func (n *node) get(name string) *node {
	if i := n.at(name); i >= 0 {
		return &n.items[i]
	}
	return nil
}

// near is get where the index is probably known.
func (n *node) near(name string, hint int) *node {
	if hint < len(n.names) && n.names[hint] == name {
		return &n.items[hint]
	}
	return n.get(name)
}

func (n *node) string() string { return unescape(n.raw) }

func (n *node) isTrue() bool { return n.kind == boolean && n.raw[0] == 't' }

// integral says whether the node is a number without fraction and exponent.
func (n *node) integral() bool { return n.kind == number && !bytes.ContainsAny(n.raw, ".eE") }

// long is the number as Java's longValue has it: without its fraction, and its low 64 bits only. What is no number is 0.
func (n *node) long() int64 {
	if n.kind != number {
		return 0
	}
	if v, err := strconv.ParseInt(string(n.raw), 10, 64); err == nil {
		return v
	}
	d, ok := n.decimal()
	if !ok {
		return 0
	}
	whole := d.Unscaled
	switch {
	case d.Scale <= -64:
		return 0 // as many factors of two
	case d.Scale < 0:
		whole = new(big.Int).Mul(whole, pow10(-int(d.Scale)))
	case int(d.Scale) > len(n.raw):
		return 0 // a fraction only
	case d.Scale > 0:
		whole = new(big.Int).Quo(whole, pow10(int(d.Scale)))
	}
	low := new(big.Int).And(whole, new(big.Int).SetUint64(math.MaxUint64)) // in two's complement
	return int64(low.Uint64())
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// float is the number as Java's floatValue or doubleValue has it.
func (n *node) float(bits int) float64 {
	if n.kind != number {
		return 0
	}
	f, _ := strconv.ParseFloat(string(n.raw), bits) // infinite where it is out of range
	if f == 0 && !bytes.ContainsAny(digits(n.raw), "123456789") {
		return 0 // BigDecimal has no negative zero
	}
	return f
}

// digits is a number without its exponent.
func digits(raw []byte) []byte {
	if e := bytes.IndexAny(raw, "eE"); e >= 0 {
		return raw[:e]
	}
	return raw
}

// decimal is the number as Java's BigDecimal has it, with the scale in which it is written.
func (n *node) decimal() (data.Decimal, bool) {
	mantissa := digits(n.raw)
	exponent := int64(0)
	if len(mantissa) < len(n.raw) {
		var err error
		if exponent, err = strconv.ParseInt(string(n.raw[len(mantissa)+1:]), 10, 64); err != nil {
			return data.Decimal{}, false
		}
	}
	whole, fraction, _ := strings.Cut(string(mantissa), ".")
	unscaled, ok := new(big.Int).SetString(whole+fraction, 10)
	scale := int64(len(fraction)) - exponent
	if !ok || scale < math.MinInt32 || scale > math.MaxInt32 {
		return data.Decimal{}, false
	}
	return data.Decimal{Unscaled: unscaled, Scale: int32(scale)}, true
}

var errBase64 = errors.New("not in base64")

// binary is what a string holds in base64 as Jackson reads it: padding is needed, blanks may stand between groups of four
// characters, and bits left over do not matter.
func (n *node) binary() ([]byte, error) {
	s := strings.Trim(n.string(), trimmed)
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && !strings.ContainsAny(s, "\r\n") {
		return b, nil
	}
	out := []byte{}
	for i := 0; i < len(s); {
		if s[i] <= ' ' {
			i++
			continue
		}
		if i+4 > len(s) {
			return nil, errBase64
		}
		b, err := base64.StdEncoding.DecodeString(s[i : i+4])
		if err != nil || strings.ContainsAny(s[i:i+4], "\r\n") {
			return nil, errBase64
		}
		out = append(out, b...)
		i += 4
	}
	return out, nil
}

// trimmed are the characters that Java's String.trim takes away.
const trimmed = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f "
