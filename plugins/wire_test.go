package plugins

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

type record struct {
	offset, timestamp int64
	key, value        []byte
	headers           []connectors.Header
}

func drawBytes(t *rapid.T, name string) []byte {
	if rapid.Bool().Draw(t, name+" is null") {
		return nil
	}
	return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name)...)
}

func drawSchema(t *rapid.T, name string) []byte {
	return rapid.SampledFrom([][]byte{nil, []byte(`{"type":"string"}`)}).Draw(t, name)
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// TestBatchCrossesTheWire sends random batches through the wire format, using the messages again on both sides as Task.Send and
// serverTask.receive do.
func TestBatchCrossesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var message protocol.Batch
		var b connectors.Builder
		var arrived arrival
		for range 2 {
			b.Reset()
			topic := rapid.SampledFrom([]string{"", "renamed"}).Draw(t, "topic")
			keySchema, valueSchema := drawSchema(t, "key schema"), drawSchema(t, "value schema")
			b.Describe(topic, keySchema, valueSchema)
			offset := rapid.Int64Range(0, 1<<40).Draw(t, "offset")
			keys, headers := rapid.Bool().Draw(t, "keys"), rapid.Bool().Draw(t, "headers")
			var want []record
			for range rapid.IntRange(1, 20).Draw(t, "records") {
				r := record{offset: offset, timestamp: rapid.Int64Range(-1, 1<<42).Draw(t, "timestamp"), value: drawBytes(t, "value")}
				if keys {
					r.key = drawBytes(t, "key")
				}
				if headers {
					for i := range rapid.IntRange(0, 3).Draw(t, "headers") {
						r.headers = append(r.headers, connectors.Header{Key: fmt.Sprint("h", i), Value: drawBytes(t, "header")})
					}
				}
				b.Append(r.offset, r.timestamp, r.key, r.value, r.headers...)
				want = append(want, r)
				offset += rapid.Int64Range(1, 3).Draw(t, "gap")
			}
			c := b.Columns()
			setBatch(&message, 5, &c, int64(b.Size()))
			bytesOnWire, err := proto.Marshal(&message)
			if err != nil {
				t.Fatal(err)
			}
			if err := arrived.decode(bytesOnWire); err != nil {
				t.Fatal(err)
			}
			got, err := arrived.read(p0)
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() != len(want) || arrived.id != 5 || arrived.size != int64(b.Size()) || got.Partition() != p0 {
				t.Fatalf("%d records of %d, id %d, size %d of %d", got.Len(), len(want), arrived.id, arrived.size, b.Size())
			}
			if got.Topic() != cmp.Or(topic, p0.Topic) || !bytes.Equal(got.KeySchema(), keySchema) || !bytes.Equal(got.ValueSchema(), valueSchema) {
				t.Fatalf("topic %q with schemas %q and %q, want %q, %q, %q", got.Topic(), got.KeySchema(), got.ValueSchema(), topic, keySchema, valueSchema)
			}
			for i, r := range got.All() {
				w := want[i]
				if r.Offset != w.offset || r.Timestamp != w.timestamp || !same(r.Key, w.key) || !same(r.Value, w.value) {
					t.Fatalf("record %d is %+v, want %+v", i, r, w)
				}
				n := 0
				for h := range got.Headers(i) {
					if h.Key != w.headers[n].Key || !same(h.Value, w.headers[n].Value) {
						t.Fatalf("header %d of record %d is %+v, want %+v", n, i, h, w.headers[n])
					}
					n++
				}
				if n != len(w.headers) {
					t.Fatalf("record %d has %d headers, want %d", i, n, len(w.headers))
				}
			}
		}
	})
}

func TestErrorCrossesTheWire(t *testing.T) {
	cause := errors.New("cause")
	for name, c := range map[string]struct{ in, want error }{
		"nil":          {nil, nil},
		"retriable":    {connectors.Retriable("asking", cause, "wait"), connectors.Retriable("asking", cause, "wait")},
		"bad record":   {connectors.BadRecord(p0, 7, cause), connectors.BadRecord(p0, 7, cause)},
		"wrapped":      {fmt.Errorf("outside: %w", connectors.Unauthorized("asking", cause, "")), connectors.Unauthorized("asking", cause, "")},
		"plain":        {cause, connectors.Fatal("", cause, "")},
		"without one":  {&connectors.Error{Code: connectors.CodeMisconfigured, Op: "reading", Offset: -1}, &connectors.Error{Code: connectors.CodeMisconfigured, Op: "reading", Offset: -1}},
		"unknown code": {&connectors.Error{Code: 99, Op: "x", Offset: -1, Err: cause}, connectors.Fatal("x", cause, "")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := errOf(toError(c.in)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%#v, want %#v", got, c.want)
			}
		})
	}
}

// FuzzFromPlugin feeds the worker's side with what a hostile plugin may send.
func FuzzFromPlugin(f *testing.F) {
	for _, m := range []*protocol.FromPlugin{
		{},
		{Message: &protocol.FromPlugin_Opened{Opened: &protocol.Opened{Id: 1, Resume: -1}}},
		{Message: &protocol.FromPlugin_Rejected{Rejected: &protocol.Rejected{Id: 1, Error: toError(errors.New("x"))}}},
		{Message: &protocol.FromPlugin_Metrics{Metrics: &protocol.Metrics{Metrics: []*protocol.Metric{{Name: "x", Value: 1}}}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, in []byte) {
		var m protocol.FromPlugin
		if proto.Unmarshal(in, &m) != nil {
			return
		}
		e := fromEvent(&m)
		if (e == nil) != (m.Message == nil) {
			t.Errorf("%T for %v", e, &m)
		}
		_ = fmt.Sprintf("%+v", e)
	})
}

// FuzzBatch feeds a plugin's side with columns of any kind: they are refused, or every view lies within the batch; and it reads what
// Protobuf's decoder reads.
func FuzzBatch(f *testing.F) {
	var b connectors.Builder
	b.Append(5, 1, []byte("k"), []byte("v"), connectors.Header{Key: "h", Value: []byte("x")})
	b.Append(7, 2, nil, nil)
	c := b.Columns()
	var m protocol.Batch
	setBatch(&m, 1, &c, 10)
	seed, err := proto.Marshal(&m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		var a arrival
		if a.decode(in) != nil {
			return
		}
		var m protocol.Batch
		if proto.Unmarshal(in, &m) == nil {
			var again protocol.Batch
			setBatch(&again, a.id, &a.columns, a.size)
			m.ProtoReflect().SetUnknown(nil)
			if !proto.Equal(&m, &again) {
				t.Errorf("read %v, want %v", &again, &m)
			}
		}
		batch, err := a.read(p0)
		if err != nil {
			return
		}
		size := 0
		last := int64(-1 << 62)
		for i, r := range batch.All() {
			size += len(r.Key) + len(r.Value)
			if i > 0 && r.Offset <= last && batch.First() < 1<<62 && batch.First() > -1<<62 {
				t.Errorf("offset %d after %d", r.Offset, last)
			}
			last = r.Offset
			for h := range batch.Headers(i) {
				_ = h.Key
			}
		}
		if size != len(a.columns.Arena) {
			t.Errorf("%d bytes in records, %d in the arena", size, len(a.columns.Arena))
		}
	})
}
