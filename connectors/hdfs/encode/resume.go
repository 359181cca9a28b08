package encode

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// errNoAvroSchema says that a file was written by something else.
var errNoAvroSchema = errors.New("it holds no Avro schema")

// Projects tells whether records are projected to the schema of the files before them, and a file shows that schema, so that
// Resume is of use.
func (f *Format) Projects() bool { return f.compatibility != compatNone && f.shows }

// Resume goes on with the schema of the newest committed file, as if that file had been the last one of this output: a record
// of an older schema does not bring the files back to it. A schema without a version, which no record can be compared with,
// does not count, nor does one that was inferred. It is called before the first Check.
//
// Source: TopicPartitionWriter of Confluent's connector, which does the same with the first record after its start.
func (s *Schemas) Resume(file Source) error {
	text, err := s.format.schemaOf(file)
	if err != nil {
		return fmt.Errorf("reading the schema of a file: %w", err)
	}
	read, err := parseAvroSchema(text)
	if err != nil {
		return fmt.Errorf("reading the schema of a file: %w", err)
	}
	if !read.versioned {
		return nil
	}
	p := &plan{schema: read}
	if err := s.format.prepare(p); err != nil {
		return fmt.Errorf("going on with the schema of a file: %w", err)
	}
	s.current, s.resumed = p, true
	return nil
}

// schemaOf is the Avro schema that a file shows.
func (f *Format) schemaOf(file Source) (text string, err error) {
	key := "avro.schema"
	if f.extension == ".avro" {
		var head avroHead
		if head, err = readAvroHead(bufio.NewReader(section(file))); err == nil {
			text = head.meta[key]
		}
	} else {
		var p *parquet.File
		p, err = parquet.OpenFile(file, file.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		if err == nil {
			if text = notes(p)["parquet."+key]; text == "" {
				text = notes(p)[key] // of older writers
			}
		}
	}
	if err == nil && text == "" {
		err = errNoAvroSchema
	}
	return text, err
}
