package encode

import "github.com/sluice-connect/sluice/connectors"

// keep bounds the memory that a file holds on to when another one is begun.
const keep = 1 << 20

// text is a file whose records stand behind one another.
type text struct {
	schemas *Schemas
	append  lineFunc
	out     pieces
	taken   int64
}

var _ body = (*text)(nil)

// around is what most lines have around their values.
const around = 2

func (t *text) add(b *connectors.Batch, i int) error {
	v, err := t.schemas.value(b, i)
	if err != nil {
		return err
	}
	t.out.room(len(v) + around)
	line, err := t.append(t.out.last, v)
	if err == nil {
		t.out.last = line
	}
	return err
}

func (t *text) size() int64 { return t.taken + int64(t.out.len()) }
func (t *text) held() int   { return t.out.len() }

func (t *text) take() Bytes {
	part := t.out.take()
	t.taken += int64(part.Len())
	return part
}

func (t *text) finish() (Bytes, error) { return t.out.all(), nil }

func (t *text) reset() {
	t.taken = 0
	t.out.reset()
}
