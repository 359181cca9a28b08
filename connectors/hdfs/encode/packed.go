package encode

import "github.com/sluice-connect/sluice/connectors"

// packed is a file whose records stand behind one another and are compressed.
type packed struct {
	schemas *Schemas
	append  lineFunc
	codec   compressor
	line    []byte
	out     pieces
	taken   int64
	empty   bool // nothing has been written since reset
	ended   bool
	failed  error // of the codec, which has lost what it held
}

var _ body = (*packed)(nil)

func newPacked(s *Schemas, line lineFunc, codec compressor, free *segments) *packed {
	p := &packed{schemas: s, append: line, codec: codec, out: pieces{free: free}}
	p.reset()
	return p
}

func (p *packed) add(b *connectors.Batch, i int) error {
	v, err := p.schemas.value(b, i)
	if err != nil {
		return err
	}
	line, err := p.append(p.line[:0], v)
	if err != nil {
		return err
	}
	p.line, p.empty = line, false
	if _, err := p.codec.Write(line); err != nil && p.failed == nil {
		p.failed = err // the buffer takes everything, so that this is a bug; finish says it
	}
	return nil
}

func (p *packed) size() int64 { return p.taken + int64(p.out.len()) }
func (p *packed) held() int   { return p.out.len() }

func (p *packed) take() Bytes {
	part := p.out.take()
	p.taken += int64(part.Len())
	return part
}

func (p *packed) finish() (Bytes, error) {
	if !p.ended && p.failed == nil && !p.empty {
		p.failed = p.codec.Close()
	}
	p.ended = true
	return p.out.all(), p.failed
}

func (p *packed) reset() {
	p.out.reset()
	if cap(p.line) > keep {
		p.line = nil
	}
	p.codec.Reset(&p.out)
	p.taken, p.empty, p.ended, p.failed = 0, true, false, nil
}
