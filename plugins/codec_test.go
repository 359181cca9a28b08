package plugins

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

func batchOf(arena []byte) *protocol.ToPlugin {
	return &protocol.ToPlugin{Message: &protocol.ToPlugin_Batch{Batch: &protocol.Batch{Id: 7, Records: 1, Arena: arena, ValueLengths: []int32{int32(len(arena))}}}}
}

// departing is the same batch on its way from the worker.
func departing(arena []byte, done func()) *departure {
	d := &departure{arena: arena, done: done}
	setBatch(&d.batch, 7, &connectors.Columns{Records: 1, ValueLengths: []int32{int32(len(arena))}}, 0)
	return d
}

// A batch is on the wire what Protobuf makes of it. Its arena is given back when the message was sent, once; and memory that is used
// again shows nothing of what it held before, whatever comes in one piece or in several.
func TestCodec(t *testing.T) {
	c := newCodec()
	var spare arrival
	for _, size := range []int{1, MaxBatch, 3 * MaxBatch, 100, 0, 5000, leastLent - 1, leastLent, 127, 128, 1 << 14} {
		arena := bytes.Repeat([]byte{byte(size)}, size)
		back := 0
		data, err := c.Marshal(departing(arena, func() { back++ }))
		if err != nil {
			t.Fatal(err)
		}
		if lent := size >= leastLent; lent != (back == 0) {
			t.Errorf("an arena of %d bytes is given back at once: %v", size, !lent)
		}
		whole := data.Materialize()
		data.Free()
		if back != 1 {
			t.Errorf("an arena of %d bytes is given back %d times", size, back)
		}
		var plain protocol.ToPlugin
		if err := proto.Unmarshal(whole, &plain); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(&plain, batchOf(arena)) {
			t.Errorf("an arena of %d bytes is not there for Protobuf", size)
		}
		for _, pieces := range []mem.BufferSlice{{mem.SliceBuffer(whole)}, {mem.SliceBuffer(whole[:len(whole)/2]), mem.SliceBuffer(whole[len(whole)/2:])}} {
			got := message{batch: &spare}
			if err := c.Unmarshal(pieces, &got); err != nil {
				t.Fatal(err)
			}
			if !got.isBatch || spare.id != 7 || !bytes.Equal(spare.columns.Arena, arena) {
				t.Errorf("an arena of %d bytes does not come back", size)
			}
			spare.release()
		}
	}
}

func TestCodecReadsOtherMessages(t *testing.T) {
	c := newCodec()
	for _, want := range []*protocol.ToPlugin{
		{Message: &protocol.ToPlugin_Open{Open: &protocol.Open{Id: 3, Topic: "events", Partition: 1, Committed: -1}}},
		{Message: &protocol.ToPlugin_Settled{Settled: &protocol.Settled{Id: 3, Next: 9}}},
		{},
	} {
		data, err := c.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := message{batch: new(arrival)}
		if err := c.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		data.Free()
		if got.isBatch || !proto.Equal(&got.ToPlugin, want) {
			t.Errorf("got %v, want %v", &got.ToPlugin, want)
		}
	}
}

// What is not a whole batch is refused.
func TestCodecRefuses(t *testing.T) {
	data, err := proto.Marshal(batchOf([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{
		"cut off":               data[:len(data)-1],
		"a column is cut off":   {fieldBatch<<3 | 2, 3, fieldValueLengths<<3 | 2, 1, 0x80},
		"an unending number":    {fieldBatch<<3 | 2, 2, fieldID << 3, 0x80},
		"too many records":      {fieldBatch<<3 | 2, 6, fieldRecords << 3, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F},
		"a tag that is no tag":  {fieldBatch<<3 | 2, 1, 0},
		"a field of wrong kind": {fieldBatch<<3 | 2, 1, fieldArena<<3 | 5},
	} {
		t.Run(name, func(t *testing.T) {
			got := message{batch: new(arrival)}
			if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(in)}, &got); err == nil {
				t.Errorf("got %+v", got.batch.columns)
			}
		})
	}
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	var b buffers
	large := make([]byte, largestBuffer+1)
	b.Put(&large)
	if got := b.Get(1); cap(*got) > largestBuffer {
		t.Errorf("a buffer of %d bytes is kept", cap(*got))
	}
}
