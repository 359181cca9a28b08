package plugins

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-connect/sluice/plugins/protocol"
)

func batchOf(arena []byte) *protocol.ToPlugin {
	return &protocol.ToPlugin{Message: &protocol.ToPlugin_Batch{Batch: &protocol.Batch{Id: 7, Records: 1, Arena: arena, ValueLengths: []int32{int32(len(arena))}}}}
}

// A buffer that is used again shows nothing of what it held before, whatever comes in one piece or in several.
func TestCodec(t *testing.T) {
	c := newCodec()
	for _, size := range []int{1, MaxBatch, 3 * MaxBatch, 100, 0, 5000} {
		want := batchOf(bytes.Repeat([]byte{byte(size)}, size))
		data, err := c.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		whole := data.Materialize()
		data.Free()
		for _, pieces := range []mem.BufferSlice{{mem.SliceBuffer(whole)}, {mem.SliceBuffer(whole[:len(whole)/2]), mem.SliceBuffer(whole[len(whole)/2:])}} {
			var got protocol.ToPlugin
			if err := c.Unmarshal(pieces, &got); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(&got, want) {
				t.Errorf("an arena of %d bytes does not come back", size)
			}
		}
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
