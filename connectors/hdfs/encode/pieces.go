package encode

import (
	"io"
	"slices"
	"sync"
)

// Bytes is the content of a file, or a part of it: what stands in its pieces, one behind the other.
type Bytes [][]byte

var _ io.WriterTo = Bytes(nil)

// Len is the length in bytes.
func (b Bytes) Len() (n int) {
	for _, p := range b {
		n += len(p)
	}
	return n
}

// WriteTo writes the pieces one by one. Unlike net.Buffers it leaves them as they are.
func (b Bytes) WriteTo(w io.Writer) (written int64, err error) {
	for _, p := range b {
		n, err := w.Write(p)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// segment is the size of a piece, once a file is not small any more. It is kept for other files when it is free: growing one
// piece to the size of a file would copy it again and again, and leave twice its memory behind.
const segment = 256 << 10

// segments are free ones, shared by the files of a format.
type segments struct{ pool sync.Pool }

func (s *segments) get() []byte {
	if a, ok := s.pool.Get().(*[segment]byte); ok {
		return a[:0]
	}
	return make([]byte, 0, segment)
}

func (s *segments) put(b []byte) {
	if cap(b) == segment {
		s.pool.Put((*[segment]byte)(b[:segment]))
	}
}

// pieces is a buffer that grows by segments.
type pieces struct {
	free *segments
	full Bytes
	last []byte // is being filled
	size int    // of what is full
	lent Bytes  // what take gave; free at the next change
	big  bool   // it was not small: pieces begin as segments
}

var _ io.Writer = (*pieces)(nil)

func (p *pieces) len() int { return p.size + len(p.last) }

// smallest is the first size of a piece.
const smallest = 512

// room makes room for n bytes in the last piece.
func (p *pieces) room(n int) {
	if p.lent != nil {
		p.release(p.lent)
		p.lent = nil
	}
	need := len(p.last) + n
	if need <= cap(p.last) {
		return
	}
	if need > segment {
		if len(p.last) > 0 {
			p.full, p.size, p.big = append(p.full, p.last), p.size+len(p.last), true
		}
		p.last = p.make(n)
		return
	}
	grown := append(p.make(max(need, 2*cap(p.last), smallest)), p.last...)
	p.free.put(p.last)
	p.last = grown
}

// make gives an empty piece for at least n bytes.
func (p *pieces) make(n int) []byte {
	if n <= segment && (p.big || n > segment/2) {
		return p.free.get()
	}
	return make([]byte, 0, n)
}

func (p *pieces) release(b Bytes) {
	for _, piece := range b {
		p.free.put(piece)
	}
}

func (p *pieces) Write(b []byte) (int, error) {
	p.room(len(b))
	p.last = append(p.last, b...)
	return len(b), nil
}

// all is the content; nil where there is none.
func (p *pieces) all() Bytes {
	if len(p.last) == 0 {
		return slices.Clip(p.full)
	}
	return append(slices.Clip(p.full), p.last)
}

// take gives the content and begins an empty one. The bytes stay as they are until the next call of room, Write or reset.
func (p *pieces) take() Bytes {
	if p.len() == 0 {
		return nil
	}
	p.release(p.lent)
	p.lent = p.all()
	p.full, p.last, p.size = nil, nil, 0
	return p.lent
}

// reset makes it empty.
func (p *pieces) reset() {
	p.release(p.lent)
	p.release(p.full)
	p.big = p.big && (len(p.full) > 0 || p.lent != nil) // the last file was
	p.full, p.lent, p.size = nil, nil, 0
	if cap(p.last) >= segment {
		p.free.put(p.last)
		p.last = nil
	}
	p.last = p.last[:0]
}
