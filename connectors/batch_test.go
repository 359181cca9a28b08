package connectors

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type flat struct {
	Offset, Timestamp int64
	Key, Value        []byte
	Headers           []Header
}

func flatten(b *Batch) []flat {
	var out []flat
	for i, r := range b.All() {
		f := flat{Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
		for h := range b.Headers(i) {
			f.Headers = append(f.Headers, h)
		}
		out = append(out, f)
	}
	return out
}

// What goes into a builder comes out of the batch: every record, its nulls and its empty values, its headers.
func TestBuilderRoundTrip(t *testing.T) {
	bytesOrNil := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 20))
	rapid.Check(t, func(t *rapid.T) {
		var b Builder
		for round := range 2 { // the second round uses the memory of the first
			var want []flat
			offset := rapid.Int64Range(0, 1<<40).Draw(t, "base")
			for range rapid.IntRange(1, 20).Draw(t, "records") {
				f := flat{
					Offset:    offset,
					Timestamp: rapid.Int64Range(-1, 1<<42).Draw(t, "timestamp"),
					Key:       bytesOrNil.Draw(t, "key"),
					Value:     bytesOrNil.Draw(t, "value"),
				}
				for range rapid.IntRange(0, 3).Draw(t, "headers") {
					f.Headers = append(f.Headers, Header{rapid.String().Draw(t, "name"), bytesOrNil.Draw(t, "content")})
				}
				b.Append(f.Offset, f.Timestamp, f.Key, f.Value, f.Headers...)
				want = append(want, f)
				offset += rapid.Int64Range(1, 5).Draw(t, "gap")
			}
			got := b.Batch(Partition{"t", 1})
			if diff := cmp.Diff(want, flatten(got)); diff != "" {
				t.Fatalf("round %d (-in +out):\n%s", round, diff)
			}
			if got.First() != want[0].Offset || got.Last() != want[len(want)-1].Offset || got.Len() != len(want) {
				t.Fatalf("first %d, last %d, len %d of %v", got.First(), got.Last(), got.Len(), want)
			}
			if b.Next() != got.Last()+1 {
				t.Fatalf("next is %d after %d", b.Next(), got.Last())
			}
			b.Reset()
		}
	})
}

func TestBuilderGrows(t *testing.T) {
	const records, size = 1000, 100
	value := make([]byte, size)
	var b *Builder
	got := testing.AllocsPerRun(10, func() {
		b = new(Builder)
		b.Grow(records, records*size)
		for i := range records {
			b.Append(int64(i), int64(i), nil, value)
		}
	})
	if got > 6 { // the builder and its five columns
		t.Errorf("%v allocations", got)
	}
	if b.Len() != records {
		t.Errorf("%d records", b.Len())
	}
}

func TestNewBatchRefusesMalformedColumns(t *testing.T) {
	good := func() Columns {
		return Columns{Records: 2, ValueLengths: []int32{1, 2}, Arena: []byte("abc")}
	}
	for _, tc := range []struct {
		name   string
		damage func(*Columns)
	}{
		{"no records", func(c *Columns) { c.Records = 0 }},
		{"fewer lengths than records", func(c *Columns) { c.ValueLengths = c.ValueLengths[:1] }},
		{"keys for some records only", func(c *Columns) { c.KeyLengths = []int32{-1} }},
		{"length below null", func(c *Columns) { c.ValueLengths[0] = -2 }},
		{"key length below null", func(c *Columns) { c.KeyLengths = []int32{-1, -7} }},
		{"arena too short", func(c *Columns) { c.Arena = c.Arena[:2] }},
		{"arena too long", func(c *Columns) { c.Arena = append(c.Arena, 'd') }},
		{"offsets that stand still", func(c *Columns) { c.OffsetDeltas = []uint32{0, 0} }},
		{"first offset not the base", func(c *Columns) { c.OffsetDeltas = []uint32{1, 2} }},
		{"lengths that overflow", func(c *Columns) { c.ValueLengths = []int32{1<<31 - 1, 1<<31 - 1} }},
		{"more headers counted than there are", func(c *Columns) { c.HeaderCounts = []uint32{1, 1}; c.HeaderLengths = []int32{0, 0} }},
		{"fewer headers counted than there are", func(c *Columns) { c.HeaderCounts = []uint32{0, 0}; c.HeaderLengths = []int32{0, 0} }},
		{"header behind the arena", func(c *Columns) { c.HeaderCounts = []uint32{1, 0}; c.HeaderLengths = []int32{1, 0} }},
		{"half a header", func(c *Columns) { c.HeaderCounts = []uint32{1, 0}; c.HeaderLengths = []int32{0} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := good()
			if _, err := NewBatch(Partition{}, c); err != nil {
				t.Fatalf("undamaged columns: %v", err)
			}
			c = good()
			tc.damage(&c)
			if b, err := NewBatch(Partition{}, c); err == nil {
				t.Fatalf("accepted as %v", flatten(b))
			}
		})
	}
}

// Columns from a hostile peer are refused or readable, and never crash the reader.
func FuzzNewBatch(f *testing.F) {
	f.Add(2, int64(5), []byte{0, 1}, []byte{1, 2}, []byte{1, 0}, []byte{1, 1}, []byte("hx"), []byte("abcd"))
	f.Add(1, int64(0), []byte{}, []byte{255}, []byte{}, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, n int, base int64, deltas, values, counts, hlens, harena, arena []byte) {
		c := Columns{Records: n, BaseOffset: base, HeaderArena: harena, Arena: arena}
		for _, d := range deltas {
			c.OffsetDeltas = append(c.OffsetDeltas, uint32(d))
		}
		for i, v := range values {
			c.ValueLengths = append(c.ValueLengths, int32(int8(v)))
			if i%2 == 1 {
				c.KeyLengths = append(c.KeyLengths, int32(int8(v)), 0)
			}
		}
		for _, v := range counts {
			c.HeaderCounts = append(c.HeaderCounts, uint32(v))
		}
		for _, v := range hlens {
			c.HeaderLengths = append(c.HeaderLengths, int32(int8(v)))
		}
		b, err := NewBatch(Partition{"t", 0}, c)
		if err != nil {
			return
		}
		var total int
		for _, r := range flatten(b) {
			total += len(r.Key) + len(r.Value)
		}
		if total != len(arena) {
			t.Fatalf("records hold %d bytes of an arena of %d", total, len(arena))
		}
	})
}

func BenchmarkBuilder(b *testing.B) {
	value := bytes.Repeat([]byte{'x'}, 200)
	var bl Builder
	b.ReportAllocs()
	b.SetBytes(200)
	for i := range b.N {
		if !bl.Fits(int64(i), 200, 1<<20) {
			bl.Reset()
		}
		bl.Append(int64(i), int64(i), nil, value)
	}
}
