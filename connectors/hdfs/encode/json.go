package encode

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unsafe"

	"github.com/sluice-connect/sluice/connectors/jsontext"
)

// token is what a node of a document is.
type token uint8

const (
	isNull token = iota
	isBool
	isInt    // a number without fraction and exponent
	isNumber // any other number
	isText
	isBytes // bytes as they are; no JSON has them
	isArray
	isObject // its children are keys and values in turn
)

var tokenNames = [...]string{"null", "a boolean", "an integer", "a number", "a string", "bytes", "an array", "an object"}

func (t token) String() string { return tokenNames[t] }

// node is a value, or a key, of a document.
type node struct {
	token   token
	escaped bool   // a text with backslashes
	start   uint32 // of the content in the source; without the quotes of a text
	end     uint32
	next    uint32 // the node behind this one and all that it holds
}

// document is a value in the order of its text, without a tree. It is used again for the next value, and needs no memory of
// its own then.
type document struct {
	src     []byte
	nodes   []node
	scratch []byte // texts without their backslashes
	slots   []int32
}

// maxDepth is how deeply values may lie in one another; Kafka Connect's parser has the same limit.
const maxDepth = 1000

// idleNodes is how many nodes a document keeps room for when there are fewer bytes than that in the next one.
const idleNodes = 1 << 16

// parse reads a JSON document.
func (d *document) parse(src []byte) error {
	if len(src) < idleNodes && cap(d.nodes) > idleNodes {
		d.nodes, d.scratch = nil, nil
	}
	d.src, d.nodes, d.scratch, d.slots = src, d.nodes[:0], d.scratch[:0], d.slots[:0]
	end, err := d.value(d.blank(0), 0)
	if err == nil {
		if end = d.blank(end); end != len(src) {
			err = d.wrong(end)
		}
	}
	return err
}

// only makes a document of one value that is no JSON.
func (d *document) only(t token, src []byte) {
	d.src, d.scratch, d.slots = src, d.scratch[:0], d.slots[:0]
	d.nodes = append(d.nodes[:0], node{token: t, end: uint32(len(src)), next: 1})
}

func (d *document) wrong(at int) error {
	if at >= len(d.src) {
		return errors.New("the document ends too early")
	}
	return fmt.Errorf("unexpected character %q at byte %d", d.src[at], at)
}

func (d *document) blank(i int) int {
	for i < len(d.src) && (d.src[i] == ' ' || d.src[i] == '\n' || d.src[i] == '\t' || d.src[i] == '\r') {
		i++
	}
	return i
}

func (d *document) value(i, depth int) (end int, err error) {
	if i >= len(d.src) {
		return i, d.wrong(i)
	}
	switch d.src[i] {
	case '"':
		return d.text(i)
	case '{', '[':
		if depth == maxDepth {
			return i, fmt.Errorf("values lie more than %d deep in one another", maxDepth)
		}
		return d.compound(i, depth)
	case 't':
		return d.word(i, "true", isBool)
	case 'f':
		return d.word(i, "false", isBool)
	case 'n':
		return d.word(i, "null", isNull)
	default:
		return d.number(i)
	}
}

func (d *document) add(t token, start, end int) {
	d.nodes = append(d.nodes, node{token: t, start: uint32(start), end: uint32(end), next: uint32(len(d.nodes) + 1)})
}

func (d *document) word(i int, w string, t token) (int, error) {
	for k := range len(w) {
		if i+k >= len(d.src) || d.src[i+k] != w[k] {
			return i, d.wrong(i + k)
		}
	}
	d.add(t, i, i+len(w))
	return i + len(w), nil
}

func (d *document) digits(i int) (int, error) {
	start := i
	for i < len(d.src) && d.src[i] >= '0' && d.src[i] <= '9' {
		i++
	}
	if i == start {
		return i, d.wrong(i)
	}
	return i, nil
}

func (d *document) number(start int) (i int, err error) {
	i, t := start, isInt
	if d.src[i] == '-' {
		i++
	}
	if i < len(d.src) && d.src[i] == '0' {
		i++
	} else if i, err = d.digits(i); err != nil {
		return i, err
	}
	if i < len(d.src) && d.src[i] == '.' {
		t = isNumber
		if i, err = d.digits(i + 1); err != nil {
			return i, err
		}
	}
	if i < len(d.src) && (d.src[i] == 'e' || d.src[i] == 'E') {
		t = isNumber
		i++
		if i < len(d.src) && (d.src[i] == '+' || d.src[i] == '-') {
			i++
		}
		if i, err = d.digits(i); err != nil {
			return i, err
		}
	}
	d.add(t, start, i)
	return i, nil
}

func (d *document) text(i int) (int, error) {
	i++
	start, escaped := i, false
	for i < len(d.src) {
		switch c := d.src[i]; {
		case c == '"':
			d.add(isText, start, i)
			d.nodes[len(d.nodes)-1].escaped = escaped
			return i + 1, nil
		case c < ' ':
			return i, d.wrong(i)
		case c == '\\':
			escaped = true
			n, err := d.escape(i)
			if err != nil {
				return i, err
			}
			i += n
		default:
			i++
		}
	}
	return i, d.wrong(i)
}

// escape gives the length of what a backslash begins.
func (d *document) escape(i int) (int, error) {
	if i+1 >= len(d.src) {
		return 0, d.wrong(i + 1)
	}
	switch d.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
		if _, ok := jsontext.Hex4(d.src[i:]); !ok {
			return 0, d.wrong(i + 1)
		}
		return 6, nil
	default:
		return 0, d.wrong(i + 1)
	}
}

func (d *document) compound(i, depth int) (int, error) {
	at, t, last := len(d.nodes), isArray, byte(']')
	if d.src[i] == '{' {
		t, last = isObject, '}'
	}
	d.add(t, i, i)
	i = d.blank(i + 1)
	if i < len(d.src) && d.src[i] == last {
		d.nodes[at].end = uint32(i + 1)
		return i + 1, nil
	}
	for {
		var err error
		if t == isObject {
			if i >= len(d.src) || d.src[i] != '"' {
				return i, d.wrong(i)
			}
			if i, err = d.text(i); err != nil {
				return i, err
			}
			if i = d.blank(i); i >= len(d.src) || d.src[i] != ':' {
				return i, d.wrong(i)
			}
			i = d.blank(i + 1)
		}
		if i, err = d.value(i, depth+1); err != nil {
			return i, err
		}
		i = d.blank(i)
		switch {
		case i < len(d.src) && d.src[i] == ',':
			i = d.blank(i + 1)
		case i < len(d.src) && d.src[i] == last:
			d.nodes[at].end, d.nodes[at].next = uint32(i+1), uint32(len(d.nodes))
			return i + 1, nil
		default:
			return i, d.wrong(i)
		}
	}
}

// source is the text of a node: of a text without quotes and with its backslashes.
func (d *document) source(n int) []byte { return d.src[d.nodes[n].start:d.nodes[n].end] }

// string is the content of a text. It is valid until the next document.
func (d *document) string(n int) []byte {
	s := d.source(n)
	if !d.nodes[n].escaped {
		return s
	}
	start := len(d.scratch)
	d.scratch = jsontext.AppendUnescaped(d.scratch, s)
	return d.scratch[start:len(d.scratch):len(d.scratch)]
}

// int is the value of an integer, or of a number that has no fraction.
func (d *document) int(n int) (int64, error) {
	s := d.source(n)
	v, ok := parseInt(s)
	if !ok {
		if f, err := strconv.ParseFloat(string(s), 64); err == nil && d.nodes[n].token == isNumber && f == float64(int64(f)) && f > -1<<53 && f < 1<<53 {
			return int64(f), nil
		}
		return 0, fmt.Errorf("%s is no integer of 64 bits", clip(s))
	}
	return v, nil
}

// parseInt is strconv.ParseInt for digits with a minus perhaps, without a string.
func parseInt(s []byte) (int64, bool) {
	neg := len(s) > 0 && s[0] == '-'
	digits := s
	if neg {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var v uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0') // nineteen digits always fit
	}
	if neg {
		return -int64(v), v <= 1<<63
	}
	return int64(v), v < 1<<63
}

func clip(s []byte) string {
	const most = 40
	if len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(s)
}

// unsafeString lets functions that want a string look at bytes, without a copy. They must not keep it.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// pick finds the fields of a struct in an object. The node of field i is d.slots[base+i], or negative where the object has no
// such key; of several equal keys the last counts. The caller cuts d.slots to base when it has read them.
func (d *document) pick(n int, s *schema) (base int) {
	base = len(d.slots)
	for range s.fields {
		d.slots = append(d.slots, -1)
	}
	guess := 0 // keys mostly come in the order of the fields
	for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
		key, i := unsafeString(d.string(c)), guess
		if i >= len(s.fields) || s.fields[i].name != key {
			var known bool
			if i, known = s.index[key]; !known {
				continue
			}
		}
		d.slots[base+i] = int32(c + 1)
		guess = i + 1
	}
	return base
}

// missing says that there is no value at a node, or null.
func (d *document) missing(n int) bool { return n < 0 || d.nodes[n].token == isNull }

// entries yields the nodes of the keys and values of a map: of an object, or of an array of pairs.
func (d *document) entries(n int) iter.Seq2[int, int] {
	return func(yield func(key, value int) bool) {
		inner := 0
		if d.nodes[n].token == isArray {
			inner = 1
		}
		for c := n + 1; c < int(d.nodes[n].next); {
			key := c + inner
			value := int(d.nodes[key].next)
			if !yield(key, value) {
				return
			}
			c = int(d.nodes[value].next)
		}
	}
}

// countEntries gives the number of entries, or an error where the value is no map.
func (d *document) countEntries(n int) (count int, err error) {
	switch d.nodes[n].token {
	case isObject:
		for range d.entries(n) {
			count++
		}
		return count, nil
	case isArray:
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if d.nodes[c].token != isArray || d.count(c) != 2 {
				return 0, errors.New("an entry of a map is no pair of key and value")
			}
			count++
		}
		return count, nil
	default:
		return 0, d.mismatch(n, "a map")
	}
}

// count gives the number of elements of an array.
func (d *document) count(n int) (count int) {
	for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
		count++
	}
	return count
}
