package encode

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
)

// syncSize is the length of the marker that stands between the blocks of an Avro file.
const syncSize = 16

// avroHead is the beginning of an Avro object container file.
//
// Source: the section "Object Container Files" of the Avro specification.
type avroHead struct {
	meta map[string]string
	sync [syncSize]byte
	raw  []byte
}

// maxAvroMeta bounds what is believed of a length in the head.
const maxAvroMeta = 64 << 20

var errAvroHead = errors.New("it does not begin as an Avro file")

// recorder keeps what is read through it.
type recorder struct {
	*bufio.Reader
	raw bytes.Buffer
}

func (r *recorder) ReadByte() (byte, error) {
	c, err := r.Reader.ReadByte()
	if err == nil {
		r.raw.WriteByte(c)
	}
	return c, err
}

func (r *recorder) text() (string, error) {
	n, err := binary.ReadVarint(r)
	if err != nil || n < 0 || n > maxAvroMeta {
		return "", errAvroHead
	}
	var b bytes.Buffer
	if m, err := io.CopyN(io.MultiWriter(&b, &r.raw), r.Reader, n); err != nil || m != n {
		return "", errAvroHead
	}
	return b.String(), nil
}

func readAvroHead(in *bufio.Reader) (h avroHead, err error) {
	r := &recorder{Reader: in}
	var magic [4]byte
	if _, err := io.ReadFull(in, magic[:]); err != nil || string(magic[:]) != "Obj\x01" {
		return h, errAvroHead
	}
	r.raw.Write(magic[:])
	h.meta = map[string]string{}
	for {
		n, err := binary.ReadVarint(r)
		if err != nil {
			return h, errAvroHead
		}
		if n == 0 {
			break
		}
		if n < 0 { // its size in bytes follows
			if _, err := binary.ReadVarint(r); err != nil {
				return h, errAvroHead
			}
			n = -n
		}
		for range n {
			key, err := r.text()
			if err != nil {
				return h, err
			}
			if h.meta[key], err = r.text(); err != nil {
				return h, err
			}
		}
	}
	if _, err := io.ReadFull(in, h.sync[:]); err != nil {
		return h, errAvroHead
	}
	h.raw = append(r.raw.Bytes(), h.sync[:]...)
	return h, nil
}

// mergeAvro copies the blocks of all files behind the head of the first. Only the markers between them are made the same.
func mergeAvro(w io.Writer, files []Source) error {
	var first avroHead
	for i, f := range files {
		h, err := readAvroHead(bufio.NewReader(section(f)))
		if err != nil {
			return fmt.Errorf("file %d: %w", i, err)
		}
		if i == 0 {
			first = h
		} else if !maps.Equal(h.meta, first.meta) {
			return ErrDifferent
		}
	}
	if _, err := w.Write(first.raw); err != nil {
		return err
	}
	for i, f := range files {
		in := bufio.NewReader(section(f))
		h, err := readAvroHead(in)
		if err == nil {
			err = copyBlocks(w, in, h.sync, first.sync)
		}
		if err != nil {
			return fmt.Errorf("file %d: %w", i, err)
		}
	}
	return nil
}

func copyBlocks(w io.Writer, in *bufio.Reader, from, to [syncSize]byte) error {
	var head []byte
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		count, err := binary.ReadVarint(in)
		if err != nil {
			return fmt.Errorf("a block: %w", err)
		}
		size, err := binary.ReadVarint(in)
		if err != nil || count < 0 || size < 0 {
			return fmt.Errorf("a block has %d records in %d bytes: %w", count, size, errors.Join(err, io.ErrUnexpectedEOF))
		}
		head = binary.AppendVarint(binary.AppendVarint(head[:0], count), size)
		if _, err := w.Write(head); err != nil {
			return err
		}
		if _, err := io.CopyN(w, in, size); err != nil {
			return fmt.Errorf("a block: %w", err)
		}
		var sync [syncSize]byte
		if _, err := io.ReadFull(in, sync[:]); err != nil || sync != from {
			return fmt.Errorf("a block does not end with the marker of its file: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		if _, err := w.Write(to[:]); err != nil {
			return err
		}
	}
}
