package connectors

import (
	"math"
	"slices"
)

// Builder collects records of one partition into columns. The zero value is ready; Reset makes it ready again with the
// same memory. It is used by one goroutine.
type Builder struct {
	c          Columns
	lastOffset int64
	gaps       bool
	times      bool
	keys       bool
}

// Describe says what the records have in common, as in [Columns]; it is called before the first one is added. The memory of
// the schemas is shared.
func (b *Builder) Describe(topic string, keySchema, valueSchema []byte) {
	b.c.Topic, b.c.KeySchema, b.c.ValueSchema = topic, keySchema, valueSchema
}

// Grow makes room for that many records, with so many bytes of keys and values together.
func (b *Builder) Grow(records, bytes int) {
	c := &b.c
	c.Arena = slices.Grow(c.Arena, bytes)
	c.OffsetDeltas = slices.Grow(c.OffsetDeltas, records)
	c.TimestampDeltas = slices.Grow(c.TimestampDeltas, records)
	c.KeyLengths = slices.Grow(c.KeyLengths, records)
	c.ValueLengths = slices.Grow(c.ValueLengths, records)
}

// Append adds a record behind the last one. The bytes are copied. Nil means null. Offsets ascend, and one batch spans
// fewer than 2^32 of them.
func (b *Builder) Append(offset, timestamp int64, key, value []byte, headers ...Header) {
	c := &b.c
	if c.Records == 0 {
		c.BaseOffset, c.BaseTimestamp = offset, timestamp
	} else if offset != b.lastOffset+1 {
		b.gaps = true
	}
	b.lastOffset = offset
	c.OffsetDeltas = append(c.OffsetDeltas, uint32(offset-c.BaseOffset))
	c.TimestampDeltas = append(c.TimestampDeltas, timestamp-c.BaseTimestamp)
	b.times = b.times || timestamp != c.BaseTimestamp
	if key == nil {
		c.KeyLengths = append(c.KeyLengths, -1)
	} else {
		b.keys = true
		c.KeyLengths = append(c.KeyLengths, int32(len(key)))
		c.Arena = append(c.Arena, key...)
	}
	if value == nil {
		c.ValueLengths = append(c.ValueLengths, -1)
	} else {
		c.ValueLengths = append(c.ValueLengths, int32(len(value)))
		c.Arena = append(c.Arena, value...)
	}
	if len(headers) > 0 || len(c.HeaderCounts) > 0 {
		b.appendHeaders(headers)
	}
	c.Records++
}

func (b *Builder) appendHeaders(headers []Header) {
	c := &b.c
	for len(c.HeaderCounts) < c.Records {
		c.HeaderCounts = append(c.HeaderCounts, 0) // earlier records had none
	}
	c.HeaderCounts = append(c.HeaderCounts, uint32(len(headers)))
	for _, h := range headers {
		c.HeaderArena = append(c.HeaderArena, h.Key...)
		vlen := int32(-1)
		if h.Value != nil {
			vlen = int32(len(h.Value))
			c.HeaderArena = append(c.HeaderArena, h.Value...)
		}
		c.HeaderLengths = append(c.HeaderLengths, int32(len(h.Key)), vlen)
	}
}

// Fits says whether a record of this many bytes, at this offset, can still be added to a batch of at most limit bytes.
// An empty builder takes a record of any size.
func (b *Builder) Fits(offset int64, bytes, limit int) bool {
	if b.c.Records == 0 {
		return true
	}
	return b.Size()+bytes <= limit && offset-b.c.BaseOffset < math.MaxUint32
}

// Len is the number of records so far.
func (b *Builder) Len() int { return b.c.Records }

// Size is the memory of the records so far, in bytes.
func (b *Builder) Size() int { return b.c.Size() }

// Next is the offset behind the last record; 0 when empty.
func (b *Builder) Next() int64 {
	if b.c.Records == 0 {
		return 0
	}
	return b.lastOffset + 1
}

// Columns gives what was collected, without the columns that say nothing. It shares the builder's memory and is valid
// until Reset.
func (b *Builder) Columns() Columns {
	c := b.c
	if !b.gaps {
		c.OffsetDeltas = nil
	}
	if !b.times {
		c.TimestampDeltas = nil
	}
	if !b.keys {
		c.KeyLengths = nil
	}
	return c
}

// Batch gives a batch of its own memory, for tests and for sinks that are called without a wire between.
func (b *Builder) Batch(p Partition) *Batch {
	c := b.Columns()
	c.OffsetDeltas = append([]uint32(nil), c.OffsetDeltas...)
	c.TimestampDeltas = append([]int64(nil), c.TimestampDeltas...)
	c.KeyLengths = append([]int32(nil), c.KeyLengths...)
	c.ValueLengths = append([]int32(nil), c.ValueLengths...)
	c.HeaderCounts = append([]uint32(nil), c.HeaderCounts...)
	c.HeaderLengths = append([]int32(nil), c.HeaderLengths...)
	c.HeaderArena = append([]byte(nil), c.HeaderArena...)
	c.Arena = append([]byte(nil), c.Arena...)
	batch, err := NewBatch(p, c)
	if err != nil {
		panic("builder made a malformed batch: " + err.Error()) // a bug of this file, nothing that input can cause
	}
	return batch
}

// Reset empties the builder and keeps its memory.
func (b *Builder) Reset() {
	c := &b.c
	*b = Builder{c: Columns{
		OffsetDeltas:    c.OffsetDeltas[:0],
		TimestampDeltas: c.TimestampDeltas[:0],
		KeyLengths:      c.KeyLengths[:0],
		ValueLengths:    c.ValueLengths[:0],
		HeaderCounts:    c.HeaderCounts[:0],
		HeaderLengths:   c.HeaderLengths[:0],
		HeaderArena:     c.HeaderArena[:0],
		Arena:           c.Arena[:0],
	}}
}
