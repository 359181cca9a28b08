package encode

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/sluice-connect/sluice/connectors"
)

// ParquetCodecs names the codecs of Parquet files. That of LZ4 is not among them: what the library writes with it does not
// come back.
func ParquetCodecs() []string { return []string{Snappy, Gzip, Zstd, "brotli", None} }

func parquetCodec(name string) (compress.Codec, error) {
	switch strings.ToLower(name) {
	case "", Snappy:
		return &parquet.Snappy, nil
	case Gzip:
		return &parquet.Gzip, nil
	case Zstd:
		return &parquet.Zstd, nil
	case "brotli":
		return &parquet.Brotli, nil
	case None, "uncompressed":
		return &parquet.Uncompressed, nil
	default:
		return nil, fmt.Errorf("parquet.codec %s is not supported; use one of %s", name, strings.Join(ParquetCodecs(), ", "))
	}
}

const (
	parquetPage       = 64 << 10 // bytes of a column before they become a page, as Confluent's sink has it
	parquetDictionary = 1 << 20  // bytes of a column's dictionary; a larger one is given up
)

// parquetPlan is what writing Parquet files of one schema takes.
type parquetPlan struct {
	root    *parquetType
	options []parquet.WriterOption
}

func newParquetPlan(s *schema, codec compress.Codec, o *Options) (*parquetPlan, error) {
	if s.kind != structKind {
		return nil, fmt.Errorf("Parquet files hold structs, and the values are of type %s; use AvroFormat", s.kind)
	}
	top := *s
	top.optional = false // a record is there
	root, node, err := (&parquetBuilder{enhanced: !o.PlainEnums}).build(&top, 0, 0)
	if err != nil {
		return nil, err
	}
	name, _ := strings.CutPrefix(scrubFull(s.name), ".")
	if name == "" {
		name = avroNamespace + "." + avroDefaultName
	}
	options := []parquet.WriterOption{
		parquet.NewSchema(name, node), parquet.Compression(codec), parquet.DataPageVersion(1), parquet.PageBufferSize(parquetPage),
		parquet.WriteBufferSize(0), parquet.DictionaryMaxBytes(parquetDictionary), parquet.CreatedBy("sluice", "1", ""),
	}
	if source, err := avroSchema(&top, !o.NoMetadata, !o.PlainEnums); err == nil { // without it readers see the same, but for Connect's names
		options = append(options, parquet.KeyValueMetadata("parquet.avro.schema", source))
	}
	_, err = parquet.NewWriterConfig(options...) // for a writer, what is wrong would be a panic
	return &parquetPlan{root, options}, err
}

// parquetFile is a Parquet file. A row group is in memory until Take or Finish.
type parquetFile struct {
	schemas *Schemas
	plan    *plan // of the present file; nil until it has a record
	writer  *parquet.GenericWriter[any]
	made    *plan // what the writer was made for
	columns columns
	row     parquet.Row
	rows    []parquet.Row
	out     pieces
	known   int64 // bytes of the file, the first of them taken, and of the row group, when it was last asked for
	since   int   // bytes since then, and records
	records int
	taken   int64
	ended   bool
	failed  error // of the writer; finish says it
}

var _ body = (*parquetFile)(nil)

// ask is after how many records the writer is asked for its size, which takes a look at each column.
const ask = 64

func (f *parquetFile) add(b *connectors.Batch, i int) error {
	d, p, err := f.schemas.document(b, i, f.plan)
	if err != nil {
		return err
	}
	t := p.parquet.root
	for len(f.columns) < t.columns {
		f.columns = append(f.columns, nil)
	}
	f.columns = f.columns[:t.columns]
	for c := range f.columns {
		f.columns[c] = f.columns[c][:0]
	}
	if err := t.split(f.columns, d, 0, 0, 0); err != nil {
		return err
	}
	if f.plan == nil {
		f.begin(p)
	}
	f.row = f.row[:0]
	for _, c := range f.columns {
		f.row = append(f.row, c...)
	}
	f.rows = append(f.rows[:0], f.row)
	if _, err := f.writer.WriteRows(f.rows); err != nil && f.failed == nil {
		f.failed = err // the buffer takes everything and the row fits the schema, so that this is a bug
	}
	clear(f.row) // so that nothing keeps the memory of the batch
	for _, c := range f.columns {
		clear(c)
	}
	if f.since += len(b.Value(i)); f.records%ask == 0 {
		f.known, f.since = f.writer.Size(), 0
	}
	f.records++
	return nil
}

func (f *parquetFile) begin(p *plan) {
	if f.made == p {
		f.writer.Reset(&f.out)
	} else {
		f.writer = parquet.NewGenericWriter[any](&f.out, p.parquet.options...)
	}
	f.plan, f.made = p, p
}

func (f *parquetFile) size() int64 {
	if f.ended || f.plan == nil {
		return f.taken + int64(f.out.len())
	}
	return f.known + int64(f.since)
}

func (f *parquetFile) held() int { return int(f.size() - f.taken) }

// take ends the row group.
func (f *parquetFile) take() Bytes {
	if f.plan == nil {
		return nil
	}
	if !f.ended && f.failed == nil {
		f.failed = f.writer.Flush()
	}
	part := f.out.take()
	f.taken += int64(part.Len())
	f.known, f.since, f.records = f.taken, 0, 0
	return part
}

func (f *parquetFile) finish() (Bytes, error) {
	if !f.ended && f.plan != nil && f.failed == nil {
		f.failed = f.writer.Close()
	}
	f.ended = true
	return f.out.all(), f.failed
}

func (f *parquetFile) reset() {
	f.out.reset()
	if f.known > keep { // the writer has grown with its columns
		f.writer, f.made = nil, nil
	}
	f.plan, f.known, f.since, f.records, f.taken, f.ended, f.failed = nil, 0, 0, 0, 0, false, nil
}

var errNotParquet = errors.New("Parquet files hold structs; use JsonConverter for value.converter, or another format")

func (f *Format) parquet(o Options) error {
	codec, err := parquetCodec(o.ParquetCodec)
	if err != nil {
		return err
	}
	if slices.Contains([]connectors.Payload{connectors.PayloadString, connectors.PayloadBytes}, f.payload) {
		return errNotParquet
	}
	f.structured()
	f.extension, f.shows = ".parquet", true
	f.prepare = func(p *plan) (err error) {
		p.parquet, err = newParquetPlan(p.schema, codec, &o)
		return err
	}
	f.newBody = func(s *Schemas) body { return &parquetFile{schemas: s, out: pieces{free: &f.free}} }
	return nil
}
