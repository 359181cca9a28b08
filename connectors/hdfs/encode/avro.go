package encode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/sluice-connect/sluice/connectors"
)

// avroType is a schema made ready for writing values in Avro's binary form.
type avroType struct {
	*schema
	null     int // place of null in the union: 0 first, 1 last
	fallback *document
	fields   []*avroType
	key      *avroType // of a map that is an array of entries
	value    *avroType
	symbols  map[string]int
	scale    int
	isDec    bool
}

func newAvroType(s *schema, enhanced bool) (*avroType, error) {
	t := &avroType{schema: s}
	if nullLast(s) {
		t.null = 1
	}
	t.scale, t.isDec = s.decimal()
	var err error
	if t.fallback, err = fallback(s); err != nil {
		return nil, err
	}
	if (&avroWriter{enhanced: enhanced}).isEnum(s) {
		t.symbols = map[string]int{}
		for i, symbol := range s.symbols() {
			t.symbols[symbol] = i
		}
	}
	for _, f := range s.fields {
		ft, err := newAvroType(f.schema, enhanced)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
		t.fields = append(t.fields, ft)
	}
	if s.value != nil {
		if t.value, err = newAvroType(s.value, enhanced); err != nil {
			return nil, err
		}
	}
	if s.key != nil && (!s.textKeys() || s.key.optional) {
		if t.key, err = newAvroType(s.key, enhanced); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// fallback is the default of a schema, ready for reading; nil where there is none.
func fallback(s *schema) (*document, error) {
	if s.byDefault == "" {
		return nil, nil
	}
	d := &document{}
	if err := d.parse([]byte(s.byDefault)); err != nil {
		return nil, fmt.Errorf("the default: %w", err)
	}
	return d, nil
}

var errNoValue = errors.New("no value, and the schema has no default and is not optional")

// append adds the binary form of the value at a node. A value that is missing becomes the default, or null.
func (t *avroType) append(b []byte, d *document, n int) ([]byte, error) {
	if d.missing(n) {
		switch {
		case t.fallback != nil && !t.fallback.missing(0):
			return t.append(b, t.fallback, 0)
		case t.optional:
			return binary.AppendVarint(b, int64(t.null)), nil
		default:
			return b, errNoValue
		}
	}
	if t.optional {
		b = binary.AppendVarint(b, int64(1-t.null))
	}
	switch t.kind {
	case boolKind:
		v, err := d.boolOf(n)
		if v {
			return append(b, 1), err
		}
		return append(b, 0), err
	case int8Kind, int16Kind, int32Kind, int64Kind:
		v, err := d.intOf(n, t.kind)
		return binary.AppendVarint(b, v), err // Avro's zigzag form is the same
	case float32Kind:
		v, err := d.floatOf(n, 32)
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v))), err
	case float64Kind:
		v, err := d.floatOf(n, 64)
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), err
	case bytesKind:
		return t.appendBytes(b, d, n)
	case stringKind, unknown:
		return t.appendText(b, d, n)
	case arrayKind:
		return t.appendArray(b, d, n)
	case mapKind:
		return t.appendMap(b, d, n)
	default:
		return t.appendStruct(b, d, n)
	}
}

func (t *avroType) appendBytes(b []byte, d *document, n int) ([]byte, error) {
	var v []byte
	var err error
	if t.isDec {
		v, err = d.decimalOf(n, t.scale)
	} else {
		v, err = d.bytesOf(n)
	}
	return append(binary.AppendVarint(b, int64(len(v))), v...), err
}

func (t *avroType) appendText(b []byte, d *document, n int) ([]byte, error) {
	v, err := d.textOf(n)
	if err != nil {
		return b, err
	}
	if t.symbols != nil {
		i, ok := t.symbols[string(v)]
		if !ok {
			return b, fmt.Errorf("%q is none of the symbols of its enum", clip(v))
		}
		return binary.AppendVarint(b, int64(i)), nil
	}
	return append(binary.AppendVarint(b, int64(len(v))), v...), nil
}

func (t *avroType) appendArray(b []byte, d *document, n int) (_ []byte, err error) {
	if d.nodes[n].token != isArray {
		return b, d.mismatch(n, "an array")
	}
	if count := d.count(n); count > 0 {
		b = binary.AppendVarint(b, int64(count))
		for c := n + 1; c < int(d.nodes[n].next); c = int(d.nodes[c].next) {
			if b, err = t.value.append(b, d, c); err != nil {
				return b, fmt.Errorf("an element: %w", err)
			}
		}
	}
	return append(b, 0), nil
}

func (t *avroType) appendMap(b []byte, d *document, n int) ([]byte, error) {
	count, err := d.countEntries(n)
	if err != nil {
		return b, err
	}
	if count > 0 {
		b = binary.AppendVarint(b, int64(count))
		for k, v := range d.entries(n) {
			if t.key != nil {
				b, err = t.key.append(b, d, k)
			} else {
				var key []byte
				key, err = d.textOf(k)
				b = append(binary.AppendVarint(b, int64(len(key))), key...)
			}
			if err != nil {
				return b, fmt.Errorf("a key: %w", err)
			}
			if b, err = t.value.append(b, d, v); err != nil {
				return b, fmt.Errorf("the value of key %s: %w", clip(d.source(k)), err)
			}
		}
	}
	return append(b, 0), nil
}

func (t *avroType) appendStruct(b []byte, d *document, n int) (_ []byte, err error) {
	if d.nodes[n].token != isObject {
		return b, d.mismatch(n, "an object")
	}
	base := d.pick(n, t.schema)
	for i, f := range t.fields {
		if b, err = f.append(b, d, int(d.slots[base+i])); err != nil {
			return b, fmt.Errorf("field %s: %w", t.schema.fields[i].name, err)
		}
	}
	d.slots = d.slots[:base]
	return b, nil
}

// avroPlan is what writing Avro files of one schema takes.
type avroPlan struct {
	root   *avroType
	parsed *avro.Schema
}

func newAvroPlan(s *schema, o *Options) (*avroPlan, error) {
	source, err := avroSchema(s, !o.NoMetadata, !o.PlainEnums)
	if err != nil {
		return nil, err
	}
	parsed, err := avro.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("the schema has no form in Avro: %w", err)
	}
	root, err := newAvroType(s, !o.PlainEnums)
	return &avroPlan{root, parsed}, err
}

// avroCodec gives one of Avro's codecs.
func avroCodec(name string) (func() (ocf.Codec, error), error) {
	switch name {
	case "", "null", None:
		return func() (ocf.Codec, error) { return nil, nil }, nil
	case Deflate:
		const level = 6
		return func() (ocf.Codec, error) { return ocf.DeflateCodec(level), nil }, nil
	case Snappy:
		return func() (ocf.Codec, error) { return ocf.SnappyCodec(), nil }, nil
	case "zstandard", Zstd:
		return func() (ocf.Codec, error) { return ocf.ZstdCodec(zstdOptions(), nil) }, nil
	default:
		return nil, fmt.Errorf("avro.codec %s is not supported; use null, deflate, snappy or zstandard", name)
	}
}

// avroBlock is about how many bytes a block of an Avro file holds before it is compressed.
const avroBlock = 64 << 10

// avroFile is an Avro object container file.
type avroFile struct {
	schemas *Schemas
	codec   func() (ocf.Codec, error)
	plan    *plan // of the present file; nil until it has a record
	writer  *ocf.Writer
	made    *plan // what the writer was made for
	datum   []byte
	out     pieces
	pending int // bytes in the writer's block
	taken   int64
	ended   bool
	failed  error // of the writer; finish says it
}

var _ body = (*avroFile)(nil)

func (f *avroFile) add(b *connectors.Batch, i int) error {
	d, p, err := f.schemas.document(b, i, f.plan)
	if err != nil {
		return err
	}
	datum, err := p.avro.root.append(f.datum[:0], d, 0)
	if err != nil {
		return err
	}
	f.datum = datum
	if f.plan == nil {
		if err := f.begin(p); err != nil {
			return err
		}
	}
	before := f.out.len()
	if _, err := f.writer.Write(datum); err != nil && f.failed == nil {
		f.failed = err // the buffer takes everything and the datum fits the schema, so that this is a bug
	}
	if f.pending += len(datum); f.out.len() != before {
		f.pending = 0
	}
	return nil
}

// begin writes the head of a file.
func (f *avroFile) begin(p *plan) (err error) {
	if f.made == p {
		err = f.writer.Reset(&f.out)
	} else {
		if f.writer != nil {
			_ = f.writer.Close() // into a buffer that nobody reads
			f.writer, f.made = nil, nil
		}
		var codec ocf.Codec
		if codec, err = f.codec(); err != nil {
			return err
		}
		f.out.reset()
		f.writer, err = ocf.NewWriter(&f.out, p.avro.parsed, ocf.WithCodec(codec), ocf.WithBlockBytes(avroBlock))
	}
	if err == nil {
		f.plan, f.made = p, p
	}
	return err
}

func (f *avroFile) size() int64 { return f.taken + int64(f.held()) }
func (f *avroFile) held() int   { return f.out.len() + f.pending }

// take ends the block.
func (f *avroFile) take() Bytes {
	f.flush()
	part := f.out.take()
	f.taken += int64(part.Len())
	return part
}

func (f *avroFile) flush() {
	if f.plan != nil && !f.ended && f.failed == nil {
		f.failed, f.pending = f.writer.Flush(), 0
	}
}

func (f *avroFile) finish() (Bytes, error) {
	f.flush()
	f.ended = true
	return f.out.all(), f.failed
}

func (f *avroFile) reset() {
	if f.plan != nil && !f.ended && f.writer.Flush() != nil { // the writer must not hand its block to the next file
		f.made = nil
	}
	f.out.reset()
	if cap(f.datum) > keep {
		f.datum = nil
	}
	f.plan, f.pending, f.taken, f.ended, f.failed = nil, 0, 0, false, nil
}
