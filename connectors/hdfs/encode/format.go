package encode

import (
	"fmt"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// The formats, by the last part of the names of Confluent's classes.
const (
	JSON      = "JsonFormat"      // one document to a line
	String    = "StringFormat"    // one text to a line
	ByteArray = "ByteArrayFormat" // values as they are, and a separator behind each
	Avro      = "AvroFormat"      // Avro object container files
	Parquet   = "ParquetFormat"   // Parquet files
)

// Options is the configured format of a task.
type Options struct {
	Class   string             // one of the formats above, with or without a package before it
	Payload connectors.Payload // what the values of the records hold

	// Of JSON, String and ByteArray.
	Separator   string // of ByteArray; empty for a line feed
	Extension   string // of ByteArray, with or without its dot; empty for none
	Compression string // one of Codecs; empty for none

	// Of formats with schemas.
	AvroCodec     string // null, deflate, snappy or zstandard; empty for null
	ParquetCodec  string // one of ParquetCodecs; empty for snappy
	Compatibility string // one of Compatibilities; empty for NONE; of JSON and String too
	NoMetadata    bool   // leaves out of Avro schemas what only Kafka Connect understands
	PlainEnums    bool   // writes enums that came from Avro as strings
	OptionalKeys  bool   // lets the keys of maps be texts although they are optional
	Cache         int    // how many schemas each output keeps ready; 0 for 1000
}

// Format is how the files of a task are written. It is safe for concurrent use.
type Format struct {
	extension     string
	payload       connectors.Payload
	compatibility compatibility
	raw           bool    // schemas do not matter
	infers        bool    // values without a schema need one
	plain         *schema // what values without a schema have, where nothing is to be inferred
	cache         int
	optionalKeys  bool              // those of maps count as required
	prepare       func(*plan) error // makes what files of a schema need
	newBody       func(*Schemas) body
	shows         bool // files show their schema
	free          segments
	flows         bool
}

// New makes a format. It fails for what is not known, and for values that the format cannot hold.
func New(o Options) (*Format, error) {
	c, err := parseCompatibility(o.Compatibility)
	if err != nil {
		return nil, err
	}
	f := &Format{payload: o.Payload, compatibility: c, cache: o.Cache, optionalKeys: o.OptionalKeys, prepare: func(*plan) error { return nil }}
	if f.cache <= 0 {
		f.cache = 1000
	}
	switch class := LastPart(o.Class); class {
	case JSON, String, ByteArray:
		err = f.text(class, o)
	case Avro:
		err = f.avro(o)
	case Parquet:
		err = f.parquet(o)
	default:
		err = fmt.Errorf("format.class %s is not known", o.Class)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// text makes it a format whose records stand behind one another.
func (f *Format) text(class string, o Options) error {
	line, ext := lines(class, o)
	packedExt, codec, err := textCodec(o.Compression)
	if err != nil {
		return err
	}
	f.flows, f.extension, f.raw = true, ext+packedExt, class == ByteArray || o.Payload != connectors.PayloadJSON
	f.newBody = func(s *Schemas) body { return &text{schemas: s, append: line, out: pieces{free: &f.free}} }
	if codec != nil {
		f.newBody = func(s *Schemas) body { return newPacked(s, line, codec(), &f.free) }
	}
	return nil
}

// structured makes it a format that needs a schema for its values.
func (f *Format) structured() {
	f.infers = f.payload == connectors.PayloadJSON
	switch f.payload {
	case connectors.PayloadString:
		f.plain = &schema{kind: stringKind, optional: true}
	case connectors.PayloadBytes:
		f.plain = &schema{kind: bytesKind, optional: true}
	default:
	}
}

func (f *Format) avro(o Options) error {
	codec, err := avroCodec(strings.ToLower(o.AvroCodec))
	if err != nil {
		return err
	}
	f.structured()
	f.extension, f.flows, f.shows = ".avro", true, true
	f.prepare = func(p *plan) (err error) {
		p.avro, err = newAvroPlan(p.schema, &o)
		return err
	}
	f.newBody = func(s *Schemas) body { return &avroFile{schemas: s, codec: codec, out: pieces{free: &f.free}} }
	return nil
}

// LastPart is the name of a class without its package.
func LastPart(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// Extension is what the names of the files end with: its dot included, or nothing at all.
func (f *Format) Extension() string { return f.extension }

// Flows tells whether a file is as good when it is taken in many parts. A Parquet file is not, because Take ends a row group.
func (f *Format) Flows() bool { return f.flows }

// NewSchemas follows the schema of one output: of all files that are to have the same one at a time.
func (f *Format) NewSchemas() *Schemas { return &Schemas{format: f} }

// NewFile makes an empty file of an output.
func (f *Format) NewFile(s *Schemas) *File { return &File{f.newBody(s)} }
