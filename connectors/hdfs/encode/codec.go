package encode

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// The codecs of JSON, String and ByteArray files. They are those that Hadoop knows by the extension of a file; two
// compressed files one behind the other are a compressed file.
const (
	None    = "none"
	Gzip    = "gzip"    // RFC 1952, .gz
	Zstd    = "zstd"    // RFC 8878, .zst
	Snappy  = "snappy"  // Hadoop's framing of blocks, .snappy
	Deflate = "deflate" // RFC 1950, .deflate
)

// Codecs names the codecs of JSON, String and ByteArray files.
func Codecs() []string { return []string{None, Gzip, Zstd, Snappy, Deflate} }

// compressor compresses what is written to it. It starts no goroutines and holds nothing that is to be released.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

var (
	_ compressor = (*gzip.Writer)(nil)
	_ compressor = (*zstd.Encoder)(nil)
	_ compressor = (*zlib.Writer)(nil)
	_ compressor = (*hadoopSnappy)(nil)
)

// textCodec gives the extension and the compressor of a codec; neither for none.
func textCodec(name string) (extension string, make func() compressor, err error) {
	switch strings.ToLower(name) {
	case "", None:
		return "", nil, nil
	case Gzip:
		return ".gz", func() compressor { return gzip.NewWriter(nil) }, nil
	case Deflate:
		return ".deflate", func() compressor { return zlib.NewWriter(nil) }, nil
	case Snappy:
		return ".snappy", func() compressor { return &hadoopSnappy{} }, nil
	case Zstd:
		return ".zst", func() compressor { return newZstd() }, nil
	default:
		return "", nil, fmt.Errorf("codec %s is not known", name)
	}
}

// zstdWindow bounds the memory of an encoder to a few megabytes; readers need as much.
const zstdWindow = 1 << 20

func zstdOptions() []zstd.EOption {
	return []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true)} // one starts no goroutines
}

func newZstd() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstdOptions()...)
	if err != nil { // the options are constants, and valid
		panic("zstd: " + err.Error())
	}
	return e
}

// hadoopSnappy writes what Hadoop's SnappyCodec reads: for each block the length of its content, the length of its
// compressed form, both four bytes big-endian, and the compressed form.
type hadoopSnappy struct {
	w      io.Writer
	block  []byte
	packed []byte
}

// snappyBlock is less than the 256 KiB that Hadoop's decompressor has room for.
const snappyBlock = 128 << 10

func (s *hadoopSnappy) Reset(w io.Writer) { s.w, s.block = w, s.block[:0] }

func (s *hadoopSnappy) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := p[:min(len(p), snappyBlock-len(s.block))]
		s.block, p = append(s.block, part...), p[len(part):]
		if len(s.block) == snappyBlock {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (s *hadoopSnappy) flush() error {
	const head = 8
	if need := head + snappy.MaxEncodedLen(len(s.block)); cap(s.packed) < need {
		s.packed = make([]byte, need)
	}
	s.packed = s.packed[:cap(s.packed)]
	body := snappy.Encode(s.packed[head:], s.block)
	binary.BigEndian.PutUint32(s.packed, uint32(len(s.block)))
	binary.BigEndian.PutUint32(s.packed[4:], uint32(len(body)))
	s.block = s.block[:0]
	_, err := s.w.Write(s.packed[:head+len(body)])
	return err
}

func (s *hadoopSnappy) Close() error {
	if len(s.block) == 0 {
		return nil
	}
	return s.flush()
}
