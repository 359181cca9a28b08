package encode

import (
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// mergeGroup is about how many bytes a row group of a merged Parquet file has.
const mergeGroup = 32 << 20

func mergeParquet(w io.Writer, files []Source) error {
	opened := make([]*parquet.File, len(files))
	for i, f := range files {
		p, err := parquet.OpenFile(f, f.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		if err != nil {
			return fmt.Errorf("file %d: %w", i, err)
		}
		if i > 0 && (!parquet.EqualNodes(p.Schema(), opened[0].Schema()) || !maps.Equal(notes(p), notes(opened[0])) || codecOf(p) != codecOf(opened[0])) {
			return ErrDifferent
		}
		opened[i] = p
	}
	if len(opened) == 0 {
		return nil
	}
	options := []parquet.WriterOption{
		opened[0].Schema(), parquet.Compression(parquet.LookupCompressionCodec(codecOf(opened[0]))), parquet.DataPageVersion(1),
		parquet.PageBufferSize(parquetPage), parquet.DictionaryMaxBytes(parquetDictionary), parquet.CreatedBy("sluice", "1", ""),
	}
	for k, v := range notes(opened[0]) {
		options = append(options, parquet.KeyValueMetadata(k, v))
	}
	m := parquetMerger{out: parquet.NewGenericWriter[any](w, options...), rows: make([]parquet.Row, ask)}
	for i, p := range opened {
		for _, g := range p.RowGroups() {
			if err := m.copy(g); err != nil {
				return fmt.Errorf("file %d: %w", i, err)
			}
		}
	}
	return m.out.Close()
}

// parquetMerger writes the rows of several files into one.
type parquetMerger struct {
	out   *parquet.GenericWriter[any]
	rows  []parquet.Row
	group int64 // where the present row group begins
}

func (m *parquetMerger) copy(g parquet.RowGroup) error {
	rows := g.Rows()
	defer func() { _ = rows.Close() }() // they are only read
	for {
		n, err := rows.ReadRows(m.rows)
		if n > 0 {
			if _, err := m.out.WriteRows(m.rows[:n]); err != nil {
				return err
			}
			if m.out.Size()-m.group >= mergeGroup {
				if err := m.out.Flush(); err != nil {
					return err
				}
				m.group = m.out.Size()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// notes are the texts that a file has about itself.
func notes(p *parquet.File) map[string]string {
	all := map[string]string{}
	for _, kv := range p.Metadata().KeyValueMetadata {
		all[kv.Key] = kv.Value
	}
	return all
}

// codecOf is the codec of a file's columns, which all have the same.
func codecOf(p *parquet.File) format.CompressionCodec {
	for _, g := range p.Metadata().RowGroups {
		for _, c := range g.Columns {
			return c.MetaData.Codec
		}
	}
	return format.Uncompressed
}
