package elasticsearch

// progress turns requests that end in any order into one offset that only grows (invariant 1). The zero value is ready.
type progress struct {
	base  uint64  // number of the first entry
	ends  []int64 // offset behind each request, in the order of sending
	ended []bool
}

// begin adds a request that covers everything up to next, and gives its number.
func (p *progress) begin(next int64) uint64 {
	p.ends, p.ended = append(p.ends, next), append(p.ended, false)
	return p.base + uint64(len(p.ends)) - 1
}

// end marks a request as done. moved says whether everything below durable is done now, and was not before.
func (p *progress) end(number uint64) (durable int64, moved bool) {
	p.ended[number-p.base] = true
	n := 0
	for n < len(p.ended) && p.ended[n] {
		durable, moved = p.ends[n], true
		n++
	}
	p.base += uint64(n)
	p.ends, p.ended = append(p.ends[:0], p.ends[n:]...), append(p.ended[:0], p.ended[n:]...)
	return durable, moved
}

// open is the number of requests that are not done, or wait for earlier ones.
func (p *progress) open() int { return len(p.ends) }
