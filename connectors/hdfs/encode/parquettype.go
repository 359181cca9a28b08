package encode

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/parquet-go/parquet-go/compress"
)

// parquetType is a schema made ready for taking values apart into columns.
type parquetType struct {
	*schema
	fallback   *document
	first      int // column, and those below it
	columns    int
	repetition int // level of the elements of an array or map
	fields     []*parquetType
	key, value *parquetType
	scale      int
	isDec      bool
}

// The limits of Parquet's levels, which the library keeps in a byte, and of a path.
const (
	maxLevels  = 250
	maxColumns = 1 << 15
)

var errColumns = errors.New("Parquet has no place for a struct without fields")

// parquetBuilder numbers the columns in the order of a schema.
type parquetBuilder struct {
	columns  int
	enhanced bool
}

// build gives the type of a schema and the node of the file that has its values. levels are the definition levels above,
// repetitions the repetition levels.
//
// The mapping is that of parquet-avro for the Avro schemas of AvroData: logical types, strings and enums annotated, null as
// absence, maps whose keys are no plain texts as lists of entries. Lists have the three levels of Parquet's specification,
// which can hold null; parquet-avro writes its older form with two by default.
func (p *parquetBuilder) build(s *schema, levels, repetitions int) (t *parquetType, n parquet.Node, err error) {
	t = &parquetType{schema: s, first: p.columns}
	if t.fallback, err = fallback(s); err != nil {
		return nil, nil, err
	}
	t.scale, t.isDec = s.decimal()
	if s.optional {
		levels++
	}
	if levels > maxLevels || p.columns > maxColumns {
		return nil, nil, errors.New("the schema is too deep or too wide for Parquet")
	}
	switch s.kind {
	case structKind:
		n, err = p.group(t, levels, repetitions)
	case arrayKind:
		t.repetition = repetitions + 1
		if t.value, n, err = p.build(s.value, levels+1, t.repetition); err == nil {
			n = parquet.List(n)
		}
	case mapKind:
		t.repetition = repetitions + 1
		n, err = p.mapping(t, levels+1)
	default:
		p.columns++
		n = p.leaf(s)
	}
	if err != nil {
		return nil, nil, err
	}
	t.columns = p.columns - t.first
	if s.optional {
		n = parquet.Optional(n)
	}
	return t, n, nil
}

func (p *parquetBuilder) group(t *parquetType, levels, repetitions int) (parquet.Node, error) {
	var g group
	taken := map[string]bool{}
	for _, f := range t.schema.fields {
		ft, n, err := p.build(f.schema, levels, repetitions)
		if errors.Is(err, errColumns) && t.optional { // of an inferred schema: nothing is known of it yet
			ft, err = &parquetType{schema: f.schema, first: p.columns}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
		t.fields = append(t.fields, ft)
		if n == nil {
			continue
		}
		name := scrub(f.name)
		if taken[name] {
			return nil, fmt.Errorf("two fields are called %s when their names are made fit for Avro", name)
		}
		taken[name] = true
		g = append(g, namedNode{n, name})
	}
	if len(g) == 0 {
		return nil, errColumns
	}
	return g, nil
}

func (p *parquetBuilder) mapping(t *parquetType, levels int) (parquet.Node, error) {
	var k, v parquet.Node
	var err error
	if t.key, k, err = p.build(t.schema.key, levels, t.repetition); err != nil {
		return nil, err
	}
	if t.value, v, err = p.build(t.schema.value, levels, t.repetition); err != nil {
		return nil, err
	}
	if t.textKeys() && !t.schema.key.optional {
		return parquet.Map(k, v), nil
	}
	return parquet.List(group{namedNode{k, "key"}, namedNode{v, "value"}}), nil
}

// leaf gives the node of a column. Texts and integers, which tend to come again, have a dictionary.
func (p *parquetBuilder) leaf(s *schema) parquet.Node {
	named := func(name string) bool { return strings.EqualFold(s.name, name) }
	dictionary := func(n parquet.Node) parquet.Node { return parquet.Encoded(n, &parquet.RLEDictionary) }
	switch s.kind {
	case boolKind:
		return parquet.Leaf(parquet.BooleanType)
	case int32Kind:
		switch {
		case named(dateName):
			return dictionary(parquet.Date())
		case named(timeName):
			return dictionary(parquet.Time(parquet.Millisecond))
		}
		return dictionary(parquet.Leaf(parquet.Int32Type))
	case int8Kind, int16Kind:
		return dictionary(parquet.Leaf(parquet.Int32Type))
	case int64Kind:
		if named(timestampName) {
			return dictionary(parquet.Timestamp(parquet.Millisecond))
		}
		return dictionary(parquet.Leaf(parquet.Int64Type))
	case float32Kind:
		return parquet.Leaf(parquet.FloatType)
	case float64Kind:
		return parquet.Leaf(parquet.DoubleType)
	case bytesKind:
		if scale, ok := s.decimal(); ok && scale >= 0 && scale <= s.precision() {
			return parquet.Decimal(scale, s.precision(), parquet.ByteArrayType)
		}
		return parquet.Leaf(parquet.ByteArrayType)
	default:
		if _, ok := s.parameter(avroEnum); ok && p.enhanced {
			return dictionary(parquet.Enum())
		}
		return dictionary(parquet.String())
	}
}

// group is a node whose fields have the order of the schema; those of the library's are sorted.
type group []parquet.Field

var _ parquet.Node = group{}

func (g group) ID() int                     { return 0 }
func (g group) String() string              { return "group" }
func (g group) Type() parquet.Type          { return parquet.Group{}.Type() }
func (g group) Optional() bool              { return false }
func (g group) Repeated() bool              { return false }
func (g group) Required() bool              { return true }
func (g group) Leaf() bool                  { return false }
func (g group) Fields() []parquet.Field     { return g }
func (g group) Encoding() encoding.Encoding { return nil }
func (g group) Compression() compress.Codec { return nil }
func (g group) GoType() reflect.Type        { return reflect.TypeFor[struct{}]() } // values never come as Go's

// namedNode is a field of a group.
type namedNode struct {
	parquet.Node
	name string
}

func (n namedNode) Name() string                          { return n.name }
func (n namedNode) Value(reflect.Value) (_ reflect.Value) { return }

// columns are the values of one record, by column.
type columns [][]parquet.Value

func (c columns) add(v parquet.Value, repetition, definition, column int) {
	c[column] = append(c[column], v.Level(repetition, definition, column))
}

// absent adds nulls to all columns of a type.
func (t *parquetType) absent(c columns, repetition, definition int) {
	for column := t.first; column < t.first+t.columns; column++ {
		c.add(parquet.Value{}, repetition, definition, column)
	}
}

// split takes the value at a node apart. definition is the level of what is there above it.
func (t *parquetType) split(c columns, d *document, n, repetition, definition int) error {
	if d.missing(n) {
		switch {
		case t.fallback != nil && !t.fallback.missing(0):
			return t.split(c, t.fallback, 0, repetition, definition)
		case t.optional:
			t.absent(c, repetition, definition)
			return nil
		default:
			return errNoValue
		}
	}
	if t.optional {
		definition++
	}
	switch t.kind {
	case structKind:
		if d.nodes[n].token != isObject {
			return d.mismatch(n, "an object")
		}
		base := d.pick(n, t.schema)
		for i, f := range t.fields {
			if err := f.split(c, d, int(d.slots[base+i]), repetition, definition); err != nil {
				return fmt.Errorf("field %s: %w", t.schema.fields[i].name, err)
			}
		}
		d.slots = d.slots[:base]
		return nil
	case arrayKind:
		if d.nodes[n].token != isArray {
			return d.mismatch(n, "an array")
		}
		if d.count(n) == 0 {
			t.absent(c, repetition, definition)
			return nil
		}
		for e := n + 1; e < int(d.nodes[n].next); e = int(d.nodes[e].next) {
			if err := t.value.split(c, d, e, repetition, definition+1); err != nil {
				return fmt.Errorf("an element: %w", err)
			}
			repetition = t.repetition
		}
		return nil
	case mapKind:
		return t.splitMap(c, d, n, repetition, definition)
	default:
		v, err := t.leaf(d, n)
		if err == nil {
			c.add(v, repetition, definition, t.first)
		}
		return err
	}
}

func (t *parquetType) splitMap(c columns, d *document, n, repetition, definition int) error {
	count, err := d.countEntries(n)
	if err != nil {
		return err
	}
	if count == 0 {
		t.absent(c, repetition, definition)
		return nil
	}
	for k, v := range d.entries(n) {
		if err := t.key.split(c, d, k, repetition, definition+1); err != nil {
			return fmt.Errorf("a key: %w", err)
		}
		if err := t.value.split(c, d, v, repetition, definition+1); err != nil {
			return fmt.Errorf("the value of key %s: %w", clip(d.source(k)), err)
		}
		repetition = t.repetition
	}
	return nil
}

// leaf is the value of a column. Bytes are not copied.
func (t *parquetType) leaf(d *document, n int) (parquet.Value, error) {
	switch t.kind {
	case boolKind:
		v, err := d.boolOf(n)
		return parquet.BooleanValue(v), err
	case int8Kind, int16Kind, int32Kind:
		v, err := d.intOf(n, t.kind)
		return parquet.Int32Value(int32(v)), err
	case int64Kind:
		v, err := d.intOf(n, t.kind)
		return parquet.Int64Value(v), err
	case float32Kind:
		v, err := d.floatOf(n, 32)
		return parquet.FloatValue(float32(v)), err
	case float64Kind:
		v, err := d.floatOf(n, 64)
		return parquet.DoubleValue(v), err
	case bytesKind:
		var v []byte
		var err error
		if t.isDec {
			v, err = d.decimalOf(n, t.scale)
		} else {
			v, err = d.bytesOf(n)
		}
		return parquet.ByteArrayValue(v), err
	default:
		v, err := d.textOf(n)
		return parquet.ByteArrayValue(v), err
	}
}
