package plugins

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// Invariant 7: a builder whose memory was given back is used again, and so is what a batch arrived in, and every record comes as it was
// sent. A batch that the sink keeps stays as it is.
func TestMemoryServesManyBatches(t *testing.T) {
	const batches, each = 200, 10
	value := func(offset int64) []byte {
		size := []int{1, 100, leastLent / each, leastLent / 2}[offset/each%4]
		return fmt.Appendf(nil, "%d %s", offset, bytes.Repeat([]byte{byte('a' + offset%26)}, size))
	}
	intact := func(b *connectors.Batch) bool {
		for _, r := range b.All() {
			if !bytes.Equal(r.Value, value(r.Offset)) {
				return false
			}
		}
		return b.Len() == each
	}
	var kept []*connectors.Batch
	f := &fakeSink{write: func(_ context.Context, ack connectors.Ack, b *connectors.Batch) error {
		if !intact(b) {
			t.Errorf("the batch at offset %d is not what was sent", b.First())
		}
		if b.First()%30 == 0 {
			b.Keep()
			kept = append(kept, b)
		}
		ack.Durable(b.Last() + 1)
		return nil
	}}
	c, _ := serve(t, f)
	task, e := begin(t, c, 0)
	open(t, task, 1, p0)
	until(e, "opened", any1[Opened])
	spare := sync.Pool{New: func() any { return new(connectors.Builder) }}
	for i := range int64(batches) {
		b := spare.Get().(*connectors.Builder)
		for n := i * each; n < (i+1)*each; n++ {
			b.Append(n, 0, nil, value(n))
		}
		if err := task.Send(1, b.Columns(), int64(b.Size()), func() { b.Reset(); spare.Put(b) }); err != nil {
			t.Fatal(err)
		}
	}
	until(e, "the last record", func(d Durable) bool { return d.Next == batches*each })
	if err := task.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(kept) == 0 {
		t.Error("nothing was kept")
	}
	for _, b := range kept {
		if !intact(b) {
			t.Errorf("the batch at offset %d was kept and has changed", b.First())
		}
	}
}
