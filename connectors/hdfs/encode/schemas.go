package encode

import (
	"bytes"
	"errors"

	"github.com/sluice-connect/sluice/connectors"
)

// Schemas follows the schema of one output. It is used by one goroutine at a time, the same that appends to the files of
// the output; only a file that is finished is nobody's.
type Schemas struct {
	format   *Format
	doc      document
	read     bool             // doc holds the record that was checked last
	plans    map[string]*plan // by the bytes of the schema
	last     []byte           // the schema seen last
	lastPlan *plan
	current  *plan // of the open files; nil before the first record
	resumed  bool  // current is that of a file of an earlier writer
	project  bool  // the record checked last has another schema than the files
	buf      []byte
	inferred inference
}

// plan is a schema with what the format needs for it.
type plan struct {
	schema  *schema // nil where records have none
	learned bool    // inferred from the records
	avro    *avroPlan
	parquet *parquetPlan
	err     error // why no file can have this schema
}

// Check looks at record i of a batch before it is appended. It says whether the record needs another schema than the
// files that are open: these are to be committed first, and the record and those behind it go to new ones. Asking again
// for the same record says no. An error is that of a record that no file can hold.
func (s *Schemas) Check(b *connectors.Batch, i int) (rotate bool, err error) {
	s.read, s.project = false, false
	if s.format.raw {
		return false, nil
	}
	p, err := s.planOf(b, i)
	if err != nil {
		return false, err
	}
	return s.fit(p)
}

func (s *Schemas) planOf(b *connectors.Batch, i int) (*plan, error) {
	src := b.ValueSchema()
	if src == nil && s.format.infers {
		return s.infer(b, i)
	}
	if s.lastPlan == nil || !bytes.Equal(src, s.last) {
		s.last, s.lastPlan = append(s.last[:0], src...), s.plan(src)
	}
	return s.lastPlan, s.lastPlan.err
}

// plan makes, or finds, the plan of a schema.
func (s *Schemas) plan(src []byte) *plan {
	if p, ok := s.plans[string(src)]; ok {
		return p
	}
	if s.plans == nil || len(s.plans) >= s.format.cache {
		s.plans = map[string]*plan{}
	}
	p := &plan{}
	switch {
	case len(src) > 0:
		p.schema, p.err = parseSchema(src)
		if s.format.optionalKeys {
			p.schema.requireKeys()
		}
	case s.format.plain != nil:
		p.schema = s.format.plain
	}
	if p.err == nil && p.schema != nil {
		if s.current != nil && p.schema.same(s.current.schema) {
			p = s.current // written in another order
		} else {
			p.err = s.format.prepare(p)
		}
	}
	s.plans[string(src)] = p
	return p
}

// fit says whether records of a schema need other files than the open ones.
//
// Source: StorageSchemaCompatibility of Confluent's storage connectors, but that NONE lets records with and without
// schemas follow one another, and that what Confluent's sink fails for is an error of the record.
func (s *Schemas) fit(p *plan) (rotate bool, err error) {
	if s.resumed { // the first record
		s.resumed = false
		if p.schema == nil || p.learned || !p.schema.fitsAvro() { // the file's names of fields are not those of the records
			s.current = nil
		}
	}
	switch {
	case p == s.current:
		return false, nil
	case s.current == nil:
		s.current = p
		return false, nil
	case s.format.compatibility == compatNone || p.learned && s.current.learned:
		s.current = p
		return true, nil
	case p.schema == nil || s.current.schema == nil || p.learned != s.current.learned:
		return false, errors.New("records with and without a schema follow one another, which schema.compatibility allows with NONE only")
	case !p.schema.versioned || !s.current.schema.versioned:
		return false, errors.New("the schema has no version, which schema.compatibility needs unless it is NONE")
	case s.format.compatibility.fits(p.schema, s.current.schema):
		s.project = true
		return false, nil
	default:
		s.current = p
		return true, nil
	}
}

var errOtherSchema = errors.New("the file has another schema than the record")

// document gives record i of a batch, which was checked, ready for reading, and the plan of the file that it goes to:
// that of the present file, or the current one where the file is empty.
func (s *Schemas) document(b *connectors.Batch, i int, file *plan) (*document, *plan, error) {
	if s.current == nil {
		if _, err := s.Check(b, i); err != nil {
			return nil, nil, err
		}
	}
	if file != nil && file != s.current {
		return nil, nil, errOtherSchema
	}
	read := s.read
	s.read = false // it may be another record the next time
	if read {
		return &s.doc, s.current, nil
	}
	switch s.format.payload {
	case connectors.PayloadString:
		s.doc.only(isText, b.Value(i))
	case connectors.PayloadBytes:
		s.doc.only(isBytes, b.Value(i))
	default:
		if err := s.doc.parse(b.Value(i)); err != nil {
			return nil, nil, err
		}
	}
	return &s.doc, s.current, nil
}

// value gives the value of a record as the schema of the open files has it.
func (s *Schemas) value(b *connectors.Batch, i int) ([]byte, error) {
	if !s.project {
		return b.Value(i), nil
	}
	if err := s.doc.parse(b.Value(i)); err != nil {
		return nil, err
	}
	buf, err := s.current.schema.appendValue(s.buf[:0], &s.doc, 0)
	if err == nil {
		s.buf = buf
	}
	return buf, err
}
