package encode

import (
	"errors"
	"fmt"

	"github.com/sluice-connect/sluice/connectors"
)

// inference is the schema that documents without one have shown so far. Its rule:
//
//   - An object is a struct, its keys are the fields in the order in which they came, an array is an array, a text a string,
//     true and false a boolean, a number without fraction and exponent an int64, any other number a double. Everything is
//     optional.
//   - null says nothing; nor does an empty array about its elements, which are strings until one is seen.
//   - A key that was not there before becomes a new field; an int64 becomes a double when a fraction comes. Both change the
//     schema: the open files are committed, the record and those behind it go to new ones. What was seen stays: records
//     without the field have null there, integers become doubles.
//   - Anything else that changes its type is refused, and so are integers that 64 bits do not hold and more than
//     maxInferred fields, because then the keys are data.
//
// It begins anew with each opening of a partition.
type inference struct {
	schema *schema
	plan   *plan
}

// maxInferred bounds the fields of an inferred schema, at all depths together.
const maxInferred = 1000

// infer reads record i and gives the plan of the schema that it, and all before, fit.
func (s *Schemas) infer(b *connectors.Batch, i int) (*plan, error) {
	if err := s.doc.parse(b.Value(i)); err != nil {
		return nil, err
	}
	s.read = true
	known := s.inferred.schema
	if known != nil && s.doc.shows(0, known) {
		return s.inferred.plan, s.inferred.plan.err
	}
	if known == nil {
		known = &schema{}
	}
	learned, err := s.doc.learn(0, known)
	if err != nil {
		return nil, fmt.Errorf("%w; the schema is inferred from the records before", err)
	}
	if learned.size() > maxInferred {
		return nil, fmt.Errorf("the records have more than %d different fields, so that a schema cannot be inferred", maxInferred)
	}
	learned.optional = false // a record is there
	p := &plan{schema: learned, learned: true}
	if err := s.format.prepare(p); err != nil {
		return nil, err
	}
	s.inferred = inference{learned, p}
	return p, nil
}

// shows says whether a value has nothing that the schema does not know.
func (d *document) shows(n int, s *schema) bool {
	switch d.nodes[n].token {
	case isNull:
		return true
	case isBool:
		return s.kind == boolKind
	case isInt:
		if s.kind == int64Kind {
			_, ok := parseInt(d.source(n))
			return ok
		}
		return s.kind == float64Kind
	case isNumber:
		return s.kind == float64Kind
	case isText:
		return s.kind == stringKind
	case isArray:
		if s.kind != arrayKind {
			return false
		}
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if !d.shows(c, s.value) {
				return false
			}
		}
		return true
	case isObject:
		if s.kind != structKind {
			return false
		}
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
			i, ok := s.index[unsafeString(d.string(c))]
			if ok && !d.shows(c+1, s.fields[i].schema) || !ok && d.nodes[c+1].token != isNull {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// learn gives a schema that the value fits as well as all that fitted the schema before. That one stays as it is.
func (d *document) learn(n int, s *schema) (*schema, error) {
	is := func(k kind) (*schema, error) {
		if s.kind != unknown && s.kind != k {
			return nil, fmt.Errorf("%s where a value of type %s was before", d.nodes[n].token, s.kind)
		}
		return &schema{kind: k, optional: true}, nil
	}
	switch d.nodes[n].token {
	case isNull:
		return s, nil
	case isBool:
		return is(boolKind)
	case isInt:
		if _, ok := parseInt(d.source(n)); !ok {
			return nil, fmt.Errorf("%s is no integer of 64 bits", clip(d.source(n)))
		}
		if s.kind == float64Kind {
			return s, nil
		}
		return is(int64Kind)
	case isNumber:
		if s.kind == int64Kind {
			return &schema{kind: float64Kind, optional: true}, nil
		}
		return is(float64Kind)
	case isText:
		return is(stringKind)
	case isArray:
		l, err := is(arrayKind)
		if err != nil {
			return nil, err
		}
		if l.value = s.value; l.value == nil {
			l.value = &schema{optional: true}
		}
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if l.value, err = d.learn(c, l.value); err != nil {
				return nil, fmt.Errorf("an element: %w", err)
			}
		}
		return l, nil
	case isObject:
		l, err := is(structKind)
		if err != nil {
			return nil, err
		}
		return l, d.learnFields(n, s, l)
	default:
		return nil, errors.New("bytes have no schema that could be inferred")
	}
}

// learnFields puts the fields of a schema before and those of an object into a schema that has none.
func (d *document) learnFields(n int, before, l *schema) error {
	for _, f := range before.fields {
		l.add(f.name, f.schema)
	}
	for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c+1].next) {
		if d.nodes[c+1].token == isNull {
			continue
		}
		name := string(d.string(c))
		i, ok := l.index[name]
		f := &schema{optional: true}
		if ok {
			f = l.fields[i].schema
		}
		f, err := d.learn(c+1, f)
		if err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		if ok {
			l.fields[i].schema = f
		} else {
			l.add(name, f)
		}
	}
	return nil
}

// size is the number of fields at all depths.
func (s *schema) size() int {
	n := len(s.fields)
	for _, f := range s.fields {
		n += f.size()
	}
	if s.value != nil {
		n += s.value.size()
	}
	return n
}
