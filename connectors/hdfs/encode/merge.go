package encode

import (
	"errors"
	"fmt"
	"io"
	"path"
)

// Source is a file to be merged, as an *io.SectionReader is.
type Source interface {
	io.ReaderAt
	Size() int64
}

// ErrDifferent says that files cannot be merged because their schemas or codecs are not the same.
var ErrDifferent = errors.New("the files have different schemas or codecs")

// Merge writes one file with all records of several, in their order. All have the same extension, with its dot: that of a
// format, perhaps with that of a codec behind it. Avro and Parquet files that do not have the same schema give
// ErrDifferent, before anything is written.
//
// Files of lines are copied one behind the other, which is a valid file also with every codec of Codecs. Of Avro files
// the blocks are copied as they are. Rows of Parquet files are written again, because small row groups are as bad as
// small files; no more than about mergeGroup bytes are in memory.
func Merge(w io.Writer, extension string, files ...Source) error {
	switch path.Ext(extension) {
	case ".avro":
		return mergeAvro(w, files)
	case ".parquet":
		return mergeParquet(w, files)
	}
	for _, f := range files {
		if _, err := io.Copy(w, section(f)); err != nil {
			return fmt.Errorf("copying a file: %w", err)
		}
	}
	return nil
}

func section(f Source) *io.SectionReader { return io.NewSectionReader(f, 0, f.Size()) }
