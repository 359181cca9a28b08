package elasticsearch

import (
	"bytes"
	"fmt"
	"slices"
)

// op is what a line of a bulk request does.
type op uint8

const (
	opIndex op = iota
	opCreate
	opUpdate
	opDelete
)

// item is one operation of a bulk request.
type item struct {
	offset     int64
	start, end int    // its lines in the buffer
	sum        uint64 // hash of the id where order matters, else 0
	op         op
}

// bulk is a request in the making or under way. It is encoded once: what has to be sent again is a part of its buffer
// (invariant 4).
type bulk struct {
	buf   []byte
	items []item
	to    []destination // where documents go
	next  int64         // offset behind the last record taken in, whether it made an item or not
	seq   uint64        // its number in the writer's progress
	sums  []uint64      // hashes of all ids at the time of sending, where order matters
	held  [2]int        // records and bytes reserved from the limiter
	limit int           // most bytes to send at once; 0: as the task

	answer *answer // nil where there is none to be dealt with
	zipped bytes.Buffer
}

// answer is what the service says of the items of a bulk that were sent last.
type answer struct {
	body     []byte
	outcomes []outcome
}

func (b *bulk) add(it item) { b.items = append(b.items, it) }

// sample is how many items of a bulk tell how large it will be.
const sample = 256

// expect makes room for so many items, of the size of those that are there, within so many bytes, and some more: a buffer that grows by
// itself up to there leaves several times its size as garbage, and one that is short by a byte all of it.
func (b *bulk) expect(items, bytes int) {
	each := max(len(b.buf)/len(b.items), 1)
	items = min(items, bytes/each+1)
	if size := items * each; cap(b.buf) < size {
		b.buf = slices.Grow(b.buf, size+size/16-len(b.buf))
	}
	if cap(b.items) < items {
		b.items = slices.Grow(b.items, items-len(b.items))
	}
}

// payload is the request for the first n items. Items stand in the buffer without gaps.
func (b *bulk) payload(n int) []byte { return b.buf[b.items[0].start:b.items[n-1].end] }

// fit gives how many items make a request of at most limit bytes, at least one.
func (b *bulk) fit(limit int) int {
	start := b.items[0].start
	if b.items[len(b.items)-1].end-start <= limit {
		return len(b.items)
	}
	n := 1
	for n < len(b.items) && b.items[n].end-start <= limit {
		n++
	}
	return n
}

// keep drops those of the first n items for which again is false, and closes the gaps.
func (b *bulk) keep(n int, again func(i int) bool) {
	kept := b.items[:0]
	pos := -1 // nothing moves as long as nothing is kept before a gap
	for i, it := range b.items {
		if i < n && !again(i) {
			continue
		}
		if pos >= 0 && it.start != pos {
			copy(b.buf[pos:], b.buf[it.start:it.end])
			it.start, it.end = pos, pos+it.end-it.start
		}
		pos = it.end
		kept = append(kept, it)
	}
	b.items = kept
}

func (b *bulk) reset() {
	b.buf, b.items, b.sums, b.next, b.held, b.limit = b.buf[:0], b.items[:0], b.sums[:0], 0, [2]int{}, 0
	clear(b.to)
	b.to = b.to[:0]
}

// destination is an index, a data stream or an alias that a bulk writes to.
type destination struct {
	target
	shape *schema // of its documents; nil: unknown
}

// address notes a destination.
func (b *bulk) address(t target, shape *schema) {
	for i := len(b.to) - 1; i >= 0; i-- {
		if d := &b.to[i]; d.name == t.name {
			if d.shape == nil {
				d.shape = shape
			}
			return
		}
	}
	b.to = append(b.to, destination{t, shape})
}

// name says in messages where a bulk goes.
func (b *bulk) name() string {
	if len(b.to) == 1 {
		return b.to[0].name
	}
	return fmt.Sprintf("%s and %d others", b.to[0].name, len(b.to)-1)
}
