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
)

// Options is the configured format of a task.
type Options struct {
	Class       string             // one of the formats above, with or without a package before it
	Payload     connectors.Payload // what the values of the records hold
	Separator   string             // of ByteArray; empty for a line feed
	Extension   string             // of ByteArray, with or without its dot; empty for none
	Compression string             // of JSON, String and ByteArray: one of Codecs; empty for none
}

// Format is how the files of a task are written. It is safe for concurrent use.
type Format struct {
	extension string
	newBody   func() body
}

// New makes a format. It fails for a class that is not known.
func New(o Options) (*Format, error) {
	switch class := LastPart(o.Class); class {
	case JSON, String, ByteArray:
		line, ext := lines(class, o)
		packedExt, codec, err := textCodec(o.Compression)
		if err != nil {
			return nil, err
		}
		if codec != nil {
			return &Format{extension: ext + packedExt, newBody: func() body { return newPacked(line, codec()) }}, nil
		}
		return &Format{extension: ext, newBody: func() body { return &text{append: line} }}, nil
	default:
		return nil, fmt.Errorf("format.class %s is not known", o.Class)
	}
}

// LastPart is the name of a class without its package.
func LastPart(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// Extension is what the names of the files end with: its dot included, or nothing at all.
func (f *Format) Extension() string { return f.extension }

// NewSchemas follows the schema of one output: of all files that are to have the same one at a time.
func (f *Format) NewSchemas() *Schemas { return &Schemas{} }

// NewFile makes an empty file of an output.
func (f *Format) NewFile(*Schemas) *File { return &File{f.newBody()} }
