package encode

import "github.com/sluice-connect/sluice/connectors"

// keep bounds the memory that a file holds on to when another one is begun.
const keep = 1 << 20

// text is a file whose records stand behind one another.
type text struct {
	schemas *Schemas
	append  lineFunc
	buf     []byte
	taken   int64
}

var _ body = (*text)(nil)

func (t *text) add(b *connectors.Batch, i int) error {
	v, err := t.schemas.value(b, i)
	if err != nil {
		return err
	}
	buf, err := t.append(t.buf, v)
	if err == nil {
		t.buf = buf
	}
	return err
}

func (t *text) size() int64 { return t.taken + int64(len(t.buf)) }
func (t *text) held() int   { return len(t.buf) }

func (t *text) take() []byte {
	part := t.buf
	t.taken += int64(len(part))
	t.buf = t.buf[:0]
	if len(part) == 0 {
		return nil
	}
	return part
}

func (t *text) finish() ([]byte, error) { return t.buf, nil }

func (t *text) reset() {
	t.taken, t.buf = 0, t.buf[:0]
	if cap(t.buf) > keep {
		t.buf = nil
	}
}
