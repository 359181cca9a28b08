package plugins

import (
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that codec stands before
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// codec is gRPC's codec for Protobuf, but for the memory of batches. gRPC's own takes a buffer of the next size that it has, up to
// four times as large as a batch, and fills all of it with zeros before each use: that costs more than sending the batch. And
// Protobuf's decoder allocates all of a batch anew.
type codec struct {
	encoding.CodecV2
	buffers mem.BufferPool
}

var _ encoding.CodecV2 = codec{}

func newCodec() codec { return codec{CodecV2: encoding.GetCodecV2("proto"), buffers: &buffers{}} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if d, ok := v.(*departure); ok {
		return d.marshal(c.buffers)
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buf := data.MaterializeToBuffer(c.buffers)
	content, ok := batchIn(buf.ReadOnlyData())
	if !ok {
		defer buf.Free()
		return proto.Unmarshal(buf.ReadOnlyData(), &m.ToPlugin)
	}
	if err := m.batch.decode(content); err != nil {
		buf.Free()
		return err
	}
	m.batch.memory, m.isBatch = buf, true
	return nil
}

// buffers are used again as they are. Whoever takes one overwrites all of it.
type buffers struct{ pool sync.Pool }

var _ mem.BufferPool = (*buffers)(nil)

// The largest buffer that is kept for another use, for batches are smaller, unless one record is larger; and what sizes are multiples of.
const (
	largestBuffer = 2 * MaxBatch
	bufferStep    = 16 << 10
)

// Get implements mem.BufferPool.
func (b *buffers) Get(size int) *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok && cap(*buf) >= size {
		*buf = (*buf)[:size]
		return buf
	}
	buf := make([]byte, size, (size+bufferStep-1)/bufferStep*bufferStep) // batches differ a little in size
	return &buf
}

// Put implements mem.BufferPool.
func (b *buffers) Put(buf *[]byte) {
	if cap(*buf) <= largestBuffer {
		b.pool.Put(buf)
	}
}
