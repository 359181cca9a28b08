package plugins

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-connect/sluice/plugins/protocol"
)

// departure is a batch that the worker sends. The arena, nearly all of it, is not copied into the message but lent (invariant 7).
type departure struct {
	batch protocol.Batch // without its arena
	arena []byte
	done  func() // gives the arena back
}

// leastLent is the least size of an arena, in bytes, that is not rather copied.
const leastLent = 16 << 10

// marshal gives the wire form of a protocol.ToPlugin with the batch.
func (d *departure) marshal(pool mem.BufferPool) (mem.BufferSlice, error) {
	columns := proto.Size(&d.batch)
	lent := len(d.arena) >= leastLent
	content, copied := columns, columns
	if len(d.arena) > 0 {
		content += protowire.SizeTag(fieldArena) + protowire.SizeBytes(len(d.arena))
		copied = content
	}
	if lent {
		copied -= len(d.arena)
	}
	buf := pool.Get(protowire.SizeTag(fieldBatch) + protowire.SizeVarint(uint64(content)) + copied)
	b := protowire.AppendTag((*buf)[:0], fieldBatch, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(content))
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, &d.batch)
	if err != nil {
		pool.Put(buf)
		return nil, err
	}
	if len(d.arena) > 0 {
		b = protowire.AppendTag(b, fieldArena, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(len(d.arena)))
	}
	out := make(mem.BufferSlice, 0, 2)
	if lent {
		arena := d.arena
		return append(out, mem.NewBuffer(buf, pool), mem.NewBuffer(&arena, loan(d.done))), nil
	}
	copy((*buf)[len(b):], d.arena)
	d.done()
	return append(out, mem.NewBuffer(buf, pool)), nil
}

// loan is the pool of one piece of memory that is not gRPC's: it is called when that is given back.
type loan func()

var _ mem.BufferPool = loan(nil)

// Get implements mem.BufferPool. Nobody asks a loan for memory.
func (loan) Get(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// Put implements mem.BufferPool.
func (l loan) Put(*[]byte) { l() }
