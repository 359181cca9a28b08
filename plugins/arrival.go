package plugins

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

// message is one of the worker's messages, as the plugin reads it. All but batches are decoded by Protobuf.
type message struct {
	protocol.ToPlugin
	batch   *arrival // memory for a batch
	isBatch bool     // the message is one, and is there
}

// arrival is a batch that has arrived. Its arena is the message itself, and all else is memory that serves one batch after the
// other (invariant 7).
type arrival struct {
	id      uint32
	size    int64 // credit that it takes
	columns connectors.Columns
	batch   connectors.Batch
	memory  mem.Buffer // of the arenas
}

var (
	errBatch    = errors.New("malformed batch")
	errUnpacked = errors.New("its numbers are not packed")
)

// batchIn gives the content of a message that is a batch.
func batchIn(b []byte) (content []byte, ok bool) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != fieldBatch || typ != protowire.BytesType {
		return nil, false
	}
	content, m := protowire.ConsumeBytes(b[n:])
	return content, m >= 0 && n+m == len(b)
}

// The numbers of fields in plugins/protocol/sluice.proto.
const (
	fieldBatch = 3 // of ToPlugin

	fieldID              = 1 // and the others, of Batch
	fieldRecords         = 2
	fieldBaseOffset      = 3
	fieldBaseTimestamp   = 4
	fieldOffsetDeltas    = 5
	fieldTimestampDeltas = 6
	fieldKeyLengths      = 7
	fieldValueLengths    = 8
	fieldHeaderCounts    = 9
	fieldHeaderLengths   = 10
	fieldHeaderArena     = 11
	fieldArena           = 12
	fieldSize            = 13
	fieldTopic           = 14
	fieldKeySchema       = 15
	fieldValueSchema     = 16
)

// decode reads the wire form of a protocol.Batch. It goes on using b until release.
func (a *arrival) decode(b []byte) error {
	a.clear()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", errBatch, protowire.ParseError(n))
		}
		b = b[n:]
		var err error
		switch typ {
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				err = a.number(int(num), v)
			}
		case protowire.BytesType:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 {
				err = a.bytes(int(num), v)
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			err = protowire.ParseError(n)
		}
		if err != nil {
			return fmt.Errorf("%w: field %d: %w", errBatch, num, err)
		}
		b = b[n:]
	}
	if a.columns.Records > maxRecords {
		return fmt.Errorf("%w: %d records", errBatch, a.columns.Records)
	}
	return nil
}

func (a *arrival) number(field int, v uint64) error {
	switch c := &a.columns; field {
	case fieldID:
		a.id = uint32(v)
	case fieldRecords:
		c.Records = int(uint32(v))
	case fieldBaseOffset:
		c.BaseOffset = int64(v)
	case fieldBaseTimestamp:
		c.BaseTimestamp = int64(v)
	case fieldSize:
		a.size = int64(v)
	case fieldOffsetDeltas, fieldTimestampDeltas, fieldKeyLengths, fieldValueLengths, fieldHeaderCounts, fieldHeaderLengths:
		return errUnpacked
	}
	return nil
}

func (a *arrival) bytes(field int, v []byte) (err error) {
	switch c := &a.columns; field {
	case fieldOffsetDeltas:
		c.OffsetDeltas, err = unpack(c.OffsetDeltas, v, false)
	case fieldTimestampDeltas:
		c.TimestampDeltas, err = unpack(c.TimestampDeltas, v, true)
	case fieldKeyLengths:
		c.KeyLengths, err = unpack(c.KeyLengths, v, true)
	case fieldValueLengths:
		c.ValueLengths, err = unpack(c.ValueLengths, v, true)
	case fieldHeaderCounts:
		c.HeaderCounts, err = unpack(c.HeaderCounts, v, false)
	case fieldHeaderLengths:
		c.HeaderLengths, err = unpack(c.HeaderLengths, v, true)
	case fieldHeaderArena:
		c.HeaderArena = v
	case fieldArena:
		c.Arena = v
	case fieldTopic:
		c.Topic = string(v)
	case fieldKeySchema: // sinks go on using schemas: their memory is no batch's
		c.KeySchema = bytes.Clone(v)
	case fieldValueSchema:
		c.ValueSchema = bytes.Clone(v)
	}
	return err
}

// unpack appends packed numbers.
func unpack[T int32 | uint32 | int64](to []T, b []byte, zigzag bool) ([]T, error) {
	for i := 0; i < len(b); {
		v := uint64(b[i])
		n := 1
		if v >= 0x80 {
			if v, n = protowire.ConsumeVarint(b[i:]); n < 0 {
				return to, protowire.ParseError(n)
			}
		}
		if zigzag {
			v = uint64(protowire.DecodeZigZag(v))
		}
		to = append(to, T(v))
		i += n
	}
	return to, nil
}

// read makes the batch readable.
func (a *arrival) read(p connectors.Partition) (*connectors.Batch, error) {
	if err := a.batch.Reset(p, a.columns); err != nil {
		return nil, err
	}
	return &a.batch, nil
}

// release gives the memory of the message back; nobody reads the batch any more.
func (a *arrival) release() {
	a.memory.Free()
	a.clear()
}

func (a *arrival) clear() {
	c := &a.columns
	a.id, a.size, a.memory = 0, 0, nil
	a.columns = connectors.Columns{
		OffsetDeltas: c.OffsetDeltas[:0], TimestampDeltas: c.TimestampDeltas[:0],
		KeyLengths: c.KeyLengths[:0], ValueLengths: c.ValueLengths[:0],
		HeaderCounts: c.HeaderCounts[:0], HeaderLengths: c.HeaderLengths[:0],
	}
}
