package partition

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// field is the way to a field of a value.
type field struct {
	name string
	path []string
}

func newField(name string) (field, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return field{}, errors.New("Field name cannot be null or empty")
	}
	path := strings.Split(name, ".")
	for _, part := range path {
		if strings.TrimSpace(part) == "" {
			return field{}, errors.New("Field name cannot contain an empty or whitespace-only path segment")
		}
	}
	return field{name, path}, nil
}

// find gives the field's value in a JSON document that is known to be well-formed, nil where it has none. Of several
// members with one name the last one counts, as for Jackson.
func (f field) find(doc []byte) []byte {
	for _, name := range f.path {
		if doc = member(doc, name); doc == nil {
			return nil
		}
	}
	return doc
}

// member gives the value of an object's member.
func member(doc []byte, name string) (value []byte) {
	s := scan{doc, 0}
	if s.next() != '{' {
		return nil
	}
	s.pos++
	for {
		switch s.next() {
		case '"':
		case ',':
			s.pos++
			continue
		default:
			return value
		}
		key := s.value()
		if s.next() != ':' {
			return value
		}
		s.pos++
		s.next()
		v := s.value()
		if len(v) == 0 {
			return value
		}
		if is(key, name) {
			value = v
		}
	}
}

// is compares a JSON string with a text.
func is(quoted []byte, text string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return len(quoted) == len(text)+2 && string(quoted[1:len(quoted)-1]) == text
	}
	s, err := unquote(quoted)
	return err == nil && string(s) == text
}

// unquote gives the text of a JSON string.
func unquote(quoted []byte) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return []byte(s), err
}

// scan goes over a document, never beyond its end even where it is malformed.
type scan struct {
	doc []byte
	pos int
}

// next passes over blanks and gives what follows, 0 at the end.
func (s *scan) next() byte {
	for ; s.pos < len(s.doc); s.pos++ {
		switch c := s.doc[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// value passes over the value that begins here and gives it.
func (s *scan) value() []byte {
	start := s.pos
	depth := 0
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case '"':
			if !s.text() {
				return nil
			}
			if depth == 0 {
				return s.doc[start:s.pos]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.doc[start:s.pos]
			}
			if depth--; depth == 0 {
				s.pos++
				return s.doc[start:s.pos]
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return s.doc[start:s.pos]
			}
		}
		s.pos++
	}
	return s.doc[start:]
}

// text passes over a string; false where it does not end.
func (s *scan) text() bool {
	for from := s.pos + 1; from < len(s.doc); {
		end := bytes.IndexByte(s.doc[from:], '"')
		if end < 0 {
			break
		}
		from += end + 1
		slashes := 0
		for s.doc[from-2-slashes] == '\\' { // the quote at the beginning ends it
			slashes++
		}
		if slashes%2 == 0 {
			s.pos = from
			return true
		}
	}
	s.pos = len(s.doc)
	return false
}
