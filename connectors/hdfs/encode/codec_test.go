package encode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/sluice-connect/sluice/connectors"
)

// unpack reads a compressed file back.
func unpack(tb testing.TB, codec string, data []byte) []byte {
	tb.Helper()
	var r io.Reader
	var err error
	switch codec {
	case Gzip:
		r, err = gzip.NewReader(bytes.NewReader(data))
	case Deflate:
		r, err = zlib.NewReader(bytes.NewReader(data))
	case Zstd:
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1))
		if err == nil {
			defer d.Close()
		}
		r = d
	case Snappy:
		var out []byte
		for len(data) > 0 {
			want, n := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
			block, err := snappy.Decode(nil, data[8:8+n])
			if err != nil || len(block) != int(want) {
				tb.Fatalf("block of %d, want %d: %v", len(block), want, err)
			}
			out, data = append(out, block...), data[8+n:]
		}
		return out
	default:
		return data
	}
	if err != nil {
		tb.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestCodecs(t *testing.T) {
	for _, codec := range Codecs() {
		t.Run(codec, func(t *testing.T) {
			f, file := open(t, Options{Class: JSON, Payload: connectors.PayloadJSON, Compression: codec})
			ext := map[string]string{None: ".json", Gzip: ".json.gz", Zstd: ".json.zst", Snappy: ".json.snappy", Deflate: ".json.deflate"}[codec]
			if f.Extension() != ext {
				t.Errorf("extension %q, want %q", f.Extension(), ext)
			}
			for round := range 3 { // of one file, reset
				var want strings.Builder
				var got []byte
				for i := range 4_000 {
					v := fmt.Sprintf(`{"round":%d,"i":%d,"text":"some text that is much the same"}`, round, i)
					want.WriteString(v + "\n")
					if err := file.Append(batch("", v), 0); err != nil {
						t.Fatal(err)
					}
					if round == 1 {
						got = append(got, slices.Concat(file.Take()...)...)
					}
				}
				rest, err := joined(file.Finish())
				if err != nil {
					t.Fatal(err)
				}
				again, err := joined(file.Finish())
				if err != nil || !bytes.Equal(rest, again) {
					t.Errorf("finishing again gives other bytes, %v", err)
				}
				got = append(got, rest...)
				if file.Size() != int64(len(got)) {
					t.Errorf("size %d of %d bytes", file.Size(), len(got))
				}
				if string(unpack(t, codec, got)) != want.String() {
					t.Errorf("round %d does not come back", round)
				}
				if codec != None && len(got) > want.Len()/5 {
					t.Errorf("%d bytes became %d", want.Len(), len(got))
				}
				file.Reset()
			}
			if rest, err := joined(file.Finish()); len(rest) != 0 || err != nil {
				t.Errorf("an empty file has %d bytes, %v", len(rest), err)
			}
		})
	}
}
