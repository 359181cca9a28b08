package connectors

import (
	"errors"
	"fmt"
	"iter"
)

// Columns is a batch the way it crosses the wire: one byte arena with keys and values back to back (key of record 0,
// value of record 0, key of record 1, …), and packed columns beside it. A column that would say nothing is left out:
// OffsetDeltas where offsets follow one another, KeyLengths where all keys are null, Headers where there are none.
type Columns struct {
	Records         int
	BaseOffset      int64    // offset of record 0
	BaseTimestamp   int64    // timestamp of record 0, milliseconds since 1970
	OffsetDeltas    []uint32 // from BaseOffset; strictly ascending
	TimestampDeltas []int64  // from BaseTimestamp; empty where all are equal
	KeyLengths      []int32  // bytes; -1 is null
	ValueLengths    []int32  // bytes; -1 is null
	HeaderCounts    []uint32 // headers of each record
	HeaderLengths   []int32  // for each header the bytes of its key, then of its value; value -1 is null
	HeaderArena     []byte   // header keys and values back to back
	Arena           []byte

	// What all records of the batch have in common; a change begins another batch.
	Topic       string // name that transformations gave the topic; empty where it is that of the partition
	KeySchema   []byte // schema of all keys, in the JSON form of Kafka Connect's JsonConverter; nil where they have none
	ValueSchema []byte // the same for the values
}

// Size is the memory that the columns hold, in bytes; it is what back-pressure counts.
func (c *Columns) Size() int {
	return len(c.Arena) + len(c.HeaderArena) + len(c.Topic) + len(c.KeySchema) + len(c.ValueSchema) + 4*(len(c.OffsetDeltas)+len(c.KeyLengths)+len(c.ValueLengths)+
		len(c.HeaderCounts)+len(c.HeaderLengths)) + 8*len(c.TimestampDeltas)
}

// Header is one header of a record. A nil value is null.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record of a batch: a view into its memory, valid as long as the batch is. A nil key or value is null;
// an empty one is empty.
type Record struct {
	Offset    int64
	Timestamp int64 // milliseconds since 1970; -1 where the topic has none
	Key       []byte
	Value     []byte
}

// Batch is a run of records of one partition, in the order of their offsets.
type Batch struct {
	partition Partition
	c         Columns
	start     []uint32 // where each record begins in the arena
	hstart    []uint32 // index of each record's first header in HeaderLengths/2; not used without headers
	hpos      []uint32 // where each header begins in the header arena
	kept      bool
}

var errColumns = errors.New("malformed batch")

// NewBatch checks columns that came from elsewhere and makes them readable. It takes the memory over.
func NewBatch(p Partition, c Columns) (*Batch, error) {
	b := new(Batch)
	if err := b.Reset(p, c); err != nil {
		return nil, err
	}
	return b, nil
}

// Reset makes another batch of it, as NewBatch does, and uses the memory of its indexes again. It is for the framework.
func (b *Batch) Reset(p Partition, c Columns) error {
	n := c.Records
	if n <= 0 || len(c.ValueLengths) != n {
		return fmt.Errorf("%w: %d records with %d value lengths", errColumns, n, len(c.ValueLengths))
	}
	for _, col := range [...]struct {
		name string
		len  int
	}{
		{"offset deltas", len(c.OffsetDeltas)},
		{"timestamp deltas", len(c.TimestampDeltas)},
		{"key lengths", len(c.KeyLengths)},
		{"header counts", len(c.HeaderCounts)},
	} {
		if col.len != 0 && col.len != n {
			return fmt.Errorf("%w: %d records with %d %s", errColumns, n, col.len, col.name)
		}
	}
	for i, d := range c.OffsetDeltas {
		if i == 0 && d != 0 || i > 0 && d <= c.OffsetDeltas[i-1] {
			return fmt.Errorf("%w: offset deltas do not ascend at record %d", errColumns, i)
		}
	}
	// Views into an arena that is nil would be nil, and an empty value would look like null.
	if c.Arena == nil {
		c.Arena = []byte{}
	}
	if c.HeaderArena == nil {
		c.HeaderArena = []byte{}
	}
	*b = Batch{partition: p, c: c, start: again(b.start, n), hstart: b.hstart, hpos: b.hpos}
	pos := 0
	for i := range n {
		b.start[i] = uint32(pos)
		if len(c.KeyLengths) != 0 {
			if c.KeyLengths[i] < -1 {
				return fmt.Errorf("%w: key of record %d has length %d", errColumns, i, c.KeyLengths[i])
			}
			pos += int(max(c.KeyLengths[i], 0))
		}
		if c.ValueLengths[i] < -1 {
			return fmt.Errorf("%w: value of record %d has length %d", errColumns, i, c.ValueLengths[i])
		}
		pos += int(max(c.ValueLengths[i], 0))
		if pos > len(c.Arena) {
			return fmt.Errorf("%w: record %d ends at byte %d of an arena of %d", errColumns, i, pos, len(c.Arena))
		}
	}
	if pos != len(c.Arena) {
		return fmt.Errorf("%w: records fill %d bytes of an arena of %d", errColumns, pos, len(c.Arena))
	}
	return b.indexHeaders()
}

func (b *Batch) indexHeaders() error {
	c := &b.c
	if len(c.HeaderCounts) == 0 {
		return nil
	}
	if len(c.HeaderLengths)%2 != 0 {
		return fmt.Errorf("%w: odd number of header lengths", errColumns)
	}
	total := uint64(len(c.HeaderLengths) / 2)
	b.hstart = again(b.hstart, c.Records)
	var sum uint64
	for i, n := range c.HeaderCounts {
		b.hstart[i] = uint32(sum)
		sum += uint64(n)
		if sum > total {
			return fmt.Errorf("%w: header counts exceed the %d headers present", errColumns, total)
		}
	}
	if sum != total {
		return fmt.Errorf("%w: %d headers counted, %d present", errColumns, sum, total)
	}
	b.hpos = again(b.hpos, int(total))
	pos := 0
	for h := range int(total) {
		k, v := c.HeaderLengths[2*h], c.HeaderLengths[2*h+1]
		if k < 0 || v < -1 {
			return fmt.Errorf("%w: header %d has lengths %d and %d", errColumns, h, k, v)
		}
		b.hpos[h] = uint32(pos)
		pos += int(k) + int(max(v, 0))
		if pos > len(c.HeaderArena) {
			return fmt.Errorf("%w: header %d ends behind the header arena", errColumns, h)
		}
	}
	if pos != len(c.HeaderArena) {
		return fmt.Errorf("%w: headers fill %d bytes of an arena of %d", errColumns, pos, len(c.HeaderArena))
	}
	return nil
}

// again gives memory for n numbers, in place of what is not needed any more.
func again(old []uint32, n int) []uint32 {
	if cap(old) >= n {
		return old[:n]
	}
	return make([]uint32, n)
}

// Partition is where the records come from.
func (b *Batch) Partition() Partition { return b.partition }

// Topic is the name under which the records are to be stored: that of their partition unless a transformation changed it.
func (b *Batch) Topic() string {
	if b.c.Topic != "" {
		return b.c.Topic
	}
	return b.partition.Topic
}

// KeySchema is the schema that all keys of the batch have, or nil: a JSON document in the form that Kafka Connect's
// JsonConverter writes under "schema". Equal schemas of one task have equal bytes. Unlike records it stays valid.
func (b *Batch) KeySchema() []byte { return b.c.KeySchema }

// ValueSchema is the same for the values.
func (b *Batch) ValueSchema() []byte { return b.c.ValueSchema }

// Len is the number of records, at least 1.
func (b *Batch) Len() int { return b.c.Records }

// Size is the memory of the batch in bytes, as back-pressure counts it.
func (b *Batch) Size() int { return b.c.Size() }

// First is the offset of the first record.
func (b *Batch) First() int64 { return b.c.BaseOffset }

// Last is the offset of the last record.
func (b *Batch) Last() int64 { return b.Offset(b.c.Records - 1) }

// Offset is the offset of record i.
func (b *Batch) Offset(i int) int64 {
	if len(b.c.OffsetDeltas) == 0 {
		return b.c.BaseOffset + int64(i)
	}
	return b.c.BaseOffset + int64(b.c.OffsetDeltas[i])
}

// Timestamp is the timestamp of record i in milliseconds since 1970, or -1.
func (b *Batch) Timestamp(i int) int64 {
	if len(b.c.TimestampDeltas) == 0 {
		return b.c.BaseTimestamp
	}
	return b.c.BaseTimestamp + b.c.TimestampDeltas[i]
}

// Key is the key of record i, nil for null.
func (b *Batch) Key(i int) []byte {
	if len(b.c.KeyLengths) == 0 || b.c.KeyLengths[i] < 0 {
		return nil
	}
	s := int(b.start[i])
	e := s + int(b.c.KeyLengths[i])
	return b.c.Arena[s:e:e]
}

// Value is the value of record i, nil for null.
func (b *Batch) Value(i int) []byte {
	if b.c.ValueLengths[i] < 0 {
		return nil
	}
	s := int(b.start[i])
	if len(b.c.KeyLengths) != 0 {
		s += int(max(b.c.KeyLengths[i], 0))
	}
	e := s + int(b.c.ValueLengths[i])
	return b.c.Arena[s:e:e]
}

// Record is record i as a whole.
func (b *Batch) Record(i int) Record {
	return Record{Offset: b.Offset(i), Timestamp: b.Timestamp(i), Key: b.Key(i), Value: b.Value(i)}
}

// All yields the records with their indexes.
func (b *Batch) All() iter.Seq2[int, Record] {
	return func(yield func(int, Record) bool) {
		for i := range b.c.Records {
			if !yield(i, b.Record(i)) {
				return
			}
		}
	}
}

// Headers yields the headers of record i in order.
func (b *Batch) Headers(i int) iter.Seq[Header] {
	return func(yield func(Header) bool) {
		if len(b.c.HeaderCounts) == 0 {
			return
		}
		first := b.hstart[i]
		for h := first; h < first+b.c.HeaderCounts[i]; h++ {
			k, v := b.c.HeaderLengths[2*h], b.c.HeaderLengths[2*h+1]
			p := b.hpos[h]
			hd := Header{Key: string(b.c.HeaderArena[p : p+uint32(k)])}
			if v >= 0 {
				q := p + uint32(k)
				hd.Value = b.c.HeaderArena[q : q+uint32(v) : q+uint32(v)]
			}
			if !yield(hd) {
				return
			}
		}
	}
}

// Keep takes the memory of the batch over from the framework: it stays valid after Write has returned.
func (b *Batch) Keep() { b.kept = true }

// Kept tells the framework whether the sink took the memory over.
func (b *Batch) Kept() bool { return b.kept }
