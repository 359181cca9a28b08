package elasticsearch

import (
	"bytes"
	"errors"
)

// This file walks over JSON without decoding it. It finds where values end; whether a value is right inside is left to
// who decodes it.

var errJSON = errors.New("malformed JSON")

// maxDepth bounds nesting, as Elasticsearch and encoding/json do.
const maxDepth = 1000

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString gives the index behind the string that begins at i.
func skipString(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, errJSON
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
		}
	}
	return i, errJSON
}

// skipValue gives the index behind the value that begins at i.
func skipValue(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errJSON
	}
	switch c := b[i]; c {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	case '}', ']', ',', ':':
		return i, errJSON
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i, nil
		case '"', '{', '[', ':':
			return i, errJSON
		}
		i++
	}
	return i, nil
}

func skipNested(b []byte, i int) (int, error) {
	var open [maxDepth / 8]byte // one bit a level: set for an object
	depth := 0
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			var err error
			if i, err = skipString(b, i); err != nil {
				return i, err
			}
			continue
		case '{', '[':
			if depth == maxDepth {
				return i, errJSON
			}
			if bit := byte(1) << (depth % 8); c == '{' {
				open[depth/8] |= bit
			} else {
				open[depth/8] &^= bit
			}
			depth++
		case '}', ']':
			depth--
			if object := open[depth/8]>>(depth%8)&1 == 1; object != (c == '}') {
				return i, errJSON
			}
			if depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return i, errJSON
}

// eachField calls f for the fields of the object that begins at i, until f says stop, and gives the index behind the
// object (or behind the field at which it stopped). name is as written, without its quotes.
func eachField(b []byte, i int, f func(name []byte, from, to int) (stop bool, err error)) (int, error) {
	return walkFields(b, i, func(name []byte, from int) (to int, stop bool, err error) {
		if to, err = skipValue(b, from); err == nil {
			stop, err = f(name, from, to)
		}
		return to, stop, err
	})
}

// walkFields is eachField for an f that finds the end of each value itself, and gives the index behind it.
func walkFields(b []byte, i int, f func(name []byte, from int) (to int, stop bool, err error)) (int, error) {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '{' {
		return i, errJSON
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		n := i
		var err error
		if i, err = skipString(b, i); err != nil {
			return i, err
		}
		name := b[n+1 : i-1]
		if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
			return i, errJSON
		}
		var stop bool
		if i, stop, err = f(name, skipSpace(b, i+1)); stop || err != nil {
			return i, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, errJSON
		}
		switch b[i] {
		case '}':
			return i + 1, nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return i, errJSON
		}
	}
}

// eachElement calls f for the elements of the array that begins at i and gives the index behind it.
func eachElement(b []byte, i int, f func(from, to int) error) (int, error) {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '[' {
		return i, errJSON
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		from := i
		var err error
		if i, err = skipValue(b, from); err != nil {
			return i, err
		}
		if err := f(from, i); err != nil {
			return i, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, errJSON
		}
		switch b[i] {
		case ']':
			return i + 1, nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return i, errJSON
		}
	}
}

// find gives the value at a path of fields within an object, nil where there is none. The last field of a name counts.
func find(doc []byte, path []string) ([]byte, error) {
	var found []byte
	_, err := eachField(doc, 0, func(name []byte, from, to int) (bool, error) {
		if string(name) == path[0] {
			found = doc[from:to]
		}
		return false, nil
	})
	if err != nil || found == nil || len(path) == 1 {
		return found, err
	}
	if !isObject(found) {
		return nil, nil
	}
	return find(found, path[1:])
}

// isNull says whether a JSON document is null.
func isNull(doc []byte) bool { return len(doc) < 64 && string(bytes.TrimSpace(doc)) == "null" }

// isObject says whether a document begins like a JSON object.
func isObject(doc []byte) bool {
	i := skipSpace(doc, 0)
	return i < len(doc) && doc[i] == '{'
}
