package encode

import (
	"fmt"
	"slices"
)

// appendValue adds a value as a JSON document that has the fields of the schema, in its order: those that are missing with
// their defaults, those that it does not know left out.
func (s *schema) appendValue(b []byte, d *document, n int) (_ []byte, err error) {
	if d.missing(n) {
		switch {
		case s.byDefault != "":
			return append(b, s.byDefault...), nil
		case s.optional:
			return append(b, "null"...), nil
		default:
			return b, errNoValue
		}
	}
	switch s.kind {
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
			b = append(appendQuoted(b, f.name), ':')
			if b, err = f.appendValue(b, d, int(d.slots[base+i])); err != nil {
				return b, fmt.Errorf("field %s: %w", f.name, err)
			}
		}
		d.slots = d.slots[:base]
		return append(b, '}'), nil
	case arrayKind:
		if d.nodes[n].token != isArray {
			return b, d.mismatch(n, "an array")
		}
		b = append(b, '[')
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if c > n+1 {
				b = append(b, ',')
			}
			if b, err = s.value.appendValue(b, d, c); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case mapKind:
		return s.appendEntries(b, d, n)
	case float32Kind, float64Kind:
		b = append(b, d.source(n)...)
		if d.nodes[n].token == isInt { // it was an integer in the schema of the record
			b = append(b, ".0"...)
		}
		return b, nil
	default:
		return append(b, d.json(n)...), nil
	}
}

func (s *schema) appendEntries(b []byte, d *document, n int) ([]byte, error) {
	if _, err := d.countEntries(n); err != nil {
		return b, err
	}
	ends, between, first := "{}", ":", true
	if d.nodes[n].token == isArray {
		ends, between = "[]", ","
	}
	b = append(b, ends[0])
	for k, v := range d.entries(n) {
		if !first {
			b = append(b, ',')
		}
		first = false
		var err error
		if ends == "[]" {
			b = append(b, '[')
		}
		b = slices.Concat(b, []byte(d.json(k)), []byte(between))
		if b, err = s.value.appendValue(b, d, v); err != nil {
			return b, err
		}
		if ends == "[]" {
			b = append(b, ']')
		}
	}
	return append(b, ends[1]), nil
}
