package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/connectors/jsontext"
)

// Jackson's limits (StreamReadConstraints of 2.21).
const (
	maxDepth  = 1000
	maxDigits = 1000       // of one number: integer, fraction and exponent, without leading zeros
	maxName   = 50_000     // bytes in UTF-8, escapes resolved
	maxString = 20_000_000 // UTF-16 characters, escapes resolved
)

// SyntaxError says why a document was refused.
type SyntaxError struct {
	At      int // byte, from 0
	Problem string
}

// Error gives problem and place.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Problem, e.At) }

// CheckJSON refuses what [JSON] refuses.
func CheckJSON(b []byte) error {
	_, err := JSON(b)
	return err
}

// JSON checks a value and gives the one document that it holds, nil for null. The result is part of b except where numbers
// with leading zeros had to be rewritten. An error is a *[SyntaxError].
func JSON(b []byte) ([]byte, error) {
	start := skipSpace(b, 0)
	if start == 0 && len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		if len(b) == 3 {
			return nil, &SyntaxError{At: 3, Problem: "nothing behind the byte order mark"} // Connect refuses this too
		}
		start = skipSpace(b, 3)
	}
	if start == len(b) {
		return nil, nil // as in Connect: nothing is null
	}
	s := scanner{b: b, i: start}
	s.document()
	if s.problem != "" {
		if otherEncoding(b) {
			return nil, &SyntaxError{At: 0, Problem: "document in UTF-16 or UTF-32, only UTF-8 is supported,"}
		}
		return nil, &SyntaxError{At: s.i, Problem: s.problem}
	}
	doc := b[start:s.i:s.i]
	if len(doc) == 4 && string(doc) == "null" {
		return nil, nil
	}
	if s.zeros > 0 {
		doc = dropLeadingZeros(doc, s.zeros)
	}
	return doc, nil
}

type scanner struct {
	b       []byte
	i       int    // next byte; where the problem is, where there is one
	problem string // empty: none so far
	zeros   int    // leading zeros seen outside of strings
	depth   int
	object  [(maxDepth + 63) / 64]uint64 // whether the level is an object
}

func (s *scanner) refuse(at int, problem string) {
	if s.problem == "" {
		s.i, s.problem = at, problem
	}
}

// skipSpace is small enough to be inlined; most documents have no blanks.
func skipSpace(b []byte, i int) int {
	if i < len(b) && b[i] <= ' ' {
		return skipSpaces(b, i)
	}
	return i
}

func skipSpaces(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// document reads the first document. It leaves i behind it, and problem empty, when all is well.
func (s *scanner) document() {
	b := s.b
	var c byte
value:
	s.i = skipSpace(b, s.i)
	if s.i == len(b) {
		s.refuse(s.i, "unexpected end of document")
		return
	}
	switch c = b[s.i]; c {
	case '{':
		if !s.push(1) {
			return
		}
		s.i = skipSpace(b, s.i)
		if s.i < len(b) && b[s.i] == '}' {
			s.i++
			s.depth--
			goto after
		}
		goto name
	case '[':
		if !s.push(0) {
			return
		}
		s.i = skipSpace(b, s.i)
		if s.i < len(b) && b[s.i] == ']' {
			s.i++
			s.depth--
			goto after
		}
		goto value
	case '"':
		s.text(maxString, false)
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			s.refuse(s.i, "unexpected character")
			return
		}
		s.number()
	}
	if s.problem != "" {
		return
	}
after:
	if s.depth == 0 {
		return
	}
	s.i = skipSpace(b, s.i)
	if s.i == len(b) {
		s.refuse(s.i, "unexpected end of document")
		return
	}
	c = b[s.i]
	if s.object[(s.depth-1)>>6]&(1<<((s.depth-1)&63)) == 0 {
		switch c {
		case ',':
			s.i++
			goto value
		case ']':
			s.i++
			s.depth--
			goto after
		}
		s.refuse(s.i, "expected ',' or ']'")
		return
	}
	switch c {
	case ',':
		s.i = skipSpace(b, s.i+1)
		goto name
	case '}':
		s.i++
		s.depth--
		goto after
	}
	s.refuse(s.i, "expected ',' or '}'")
	return
name:
	if s.i == len(b) || b[s.i] != '"' {
		s.refuse(s.i, "expected a name in double quotes")
		return
	}
	s.text(maxName, true)
	if s.problem != "" {
		return
	}
	s.i = skipSpace(b, s.i)
	if s.i == len(b) || b[s.i] != ':' {
		s.refuse(s.i, "expected ':'")
		return
	}
	s.i++
	goto value
}

func (s *scanner) push(object uint64) bool {
	if s.depth == maxDepth {
		s.refuse(s.i, "nesting deeper than 1000 levels")
		return false
	}
	w, bit := s.depth>>6, s.depth&63
	s.object[w] = s.object[w]&^(1<<bit) | object<<bit
	s.depth++
	s.i++
	return true
}

// word reads true, false or null. Behind the whole value Jackson wants no character that could continue the word; within
// a container the next character is checked anyway.
func (s *scanner) word(w string) {
	end := s.i + len(w)
	if end > len(s.b) || string(s.b[s.i:end]) != w {
		s.refuse(s.i, "unexpected word")
		return
	}
	if s.depth == 0 && end < len(s.b) {
		c := s.b[end]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c >= 0x7F {
			s.refuse(s.i, "unexpected word")
			return
		}
	}
	s.i = end
}

func (s *scanner) number() {
	b, i, start := s.b, s.i, s.i
	if b[i] == '-' {
		i++
	}
	for i+1 < len(b) && b[i] == '0' && b[i+1] >= '0' && b[i+1] <= '9' {
		i++
		s.zeros++
	}
	first := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	digits := i - first
	if digits == 0 {
		s.refuse(start, "malformed number")
		return
	}
	fraction, exponent := 0, 0
	if i < len(b) && b[i] == '.' {
		i++
		first = i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		if fraction = i - first; fraction == 0 {
			s.refuse(start, "malformed number")
			return
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		negative := false
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			negative = b[i] == '-'
			i++
		}
		first = i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			if exponent <= math.MaxInt32 {
				exponent = exponent*10 + int(b[i]-'0')
			}
			i++
		}
		if i == first {
			s.refuse(start, "malformed number")
			return
		}
		digits += i - first
		// The bounds of Java's BigDecimal: exponent and scale are numbers of 32 bits.
		if exponent > math.MaxInt32 || negative && fraction+exponent > math.MaxInt32 {
			s.refuse(start, "exponent out of range")
			return
		}
	}
	if digits+fraction > maxDigits {
		s.refuse(start, "number of more than 1000 digits")
		return
	}
	if s.depth == 0 && i < len(b) && skipSpace(b, i) == i {
		s.refuse(i, "unexpected character behind a number") // Jackson: a number as the whole value ends with a blank
		return
	}
	s.i = i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text reads a string or a name, from its opening quote.
func (s *scanner) text(limit int, name bool) {
	b, i := s.b, s.i+1
	start := i
	plain := true // no escapes, ASCII only: bytes are characters
	for {
		// Eight bytes at a time while none is a quote, a backslash, a control character or beyond ASCII.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			q, e := w^(ones*'"'), w^(ones*'\\')
			if m := (w | (w - ones*0x20) | (q - ones) | (e - ones)) & highs; m != 0 {
				// The lowest mark is exact: a borrow only runs upward from a byte that is marked itself.
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			s.refuse(start-1, "string without end")
			return
		}
		switch c := b[i]; {
		case c == '"':
			if i-start > limit && (plain || length(b[start:i], name) > limit) {
				s.tooLong(start-1, name)
				return
			}
			s.i = i + 1
			return
		case c == '\\':
			plain = false
			n := escape(b[i:], name)
			if n == 0 {
				s.refuse(i, "malformed escape")
				return
			}
			i += n
		case c < 0x20:
			s.refuse(i, "control character in a string, it must be escaped,")
			return
		case c < 0x80:
			i++
		default:
			plain = false
			n := 0
			if n = multibyte(b[i:]); n == 0 {
				s.refuse(i, "invalid UTF-8")
				return
			}
			i += n
		}
	}
}

func (s *scanner) tooLong(at int, name bool) {
	if name {
		s.refuse(at, "name of more than 50000 bytes")
	} else {
		s.refuse(at, "string of more than 20000000 characters")
	}
}

func multibyte(b []byte) int {
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}

// escape gives the length of the escape at the beginning of b, 0 where it is malformed. In names Jackson wants surrogates
// in pairs, in strings it does not.
func escape(b []byte, name bool) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		u, ok := jsontext.Hex4(b)
		switch {
		case !ok:
			return 0
		case !name || u < 0xD800 || u > 0xDFFF:
			return 6
		case u >= 0xDC00:
			return 0
		}
		if low, ok := jsontext.Hex4(b[6:]); !ok || low < 0xDC00 || low > 0xDFFF {
			return 0
		}
		return 12
	}
	return 0
}

// length is the length of a checked string the way Jackson counts it: UTF-8 bytes for names, UTF-16 characters otherwise.
func length(b []byte, name bool) int {
	total := 0
	for i := 0; i < len(b); {
		r, n := rune(b[i]), 1
		if b[i] == '\\' {
			n = escape(b[i:], name)
			r = 0 // one byte, one character
			if n >= 6 {
				r, _ = jsontext.Hex4(b[i:])
			}
			if n == 12 {
				r = utf8.MaxRune // any beyond the basic plane
			}
		} else if r >= 0x80 {
			r, n = utf8.DecodeRune(b[i:])
		}
		i += n
		switch {
		case name:
			total += max(utf8.RuneLen(r), 1)
		case r > 0xFFFF:
			total += 2
		default:
			total++
		}
	}
	return total
}

// dropLeadingZeros copies a checked document without the leading zeros of its numbers.
func dropLeadingZeros(doc []byte, zeros int) []byte {
	out := make([]byte, 0, len(doc)-zeros)
	inString, inNumber := false, false
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		switch {
		case inString && c == '\\':
			out = append(out, c)
			i++
			c = doc[i]
		case c == '"':
			inString = !inString
		case inString:
		case c >= '0' && c <= '9':
			if !inNumber && c == '0' && i+1 < len(doc) && doc[i+1] >= '0' && doc[i+1] <= '9' {
				continue
			}
			inNumber = true
		default: // a minus before the number leaves it to begin; point, sign and e within it do not end it
			inNumber = inNumber && (c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-')
		}
		out = append(out, c)
	}
	return out
}

// otherEncoding says whether a refused document looks like UTF-16 or UTF-32 by Jackson's rules.
func otherEncoding(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	return b[0] == 0xFF && b[1] == 0xFE || b[0] == 0xFE && b[1] == 0xFF || b[0] == 0 || b[1] == 0
}
