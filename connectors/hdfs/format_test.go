package hdfs

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// values makes a batch from offset on; nil is null.
func values(first int64, vs ...[]byte) *connectors.Batch {
	var b connectors.Builder
	for i, v := range vs {
		b.Append(first+int64(i), 0, nil, v)
	}
	return b.Batch(part)
}

func TestNullValues(t *testing.T) {
	for _, tc := range []struct {
		behaviour string
		rejected  []int64
	}{{nullFail, []int64{5, 7, 8}}, {nullIgnore, nil}} {
		t.Run(tc.behaviour, func(t *testing.T) {
			b := overModel(t, map[string]string{"flush.size": "2", "behavior.on.null.values": tc.behaviour})
			a := &reasons{acks: newAcks()}
			cw, err := b.Open(t.Context(), part, -1, a)
			if err != nil {
				t.Fatal(err)
			}
			w := cw.(*writer)
			if err := written(t.Context(), w, values(5, nil, []byte(""), nil, nil, []byte("x"))); err != nil {
				t.Fatal(err)
			}
			b.expectFiles(t, b.span(6, 9))
			if got := b.content(6, 9); string(got) != "\nx\n" {
				t.Errorf("the file holds %q", got)
			}
			durable, rejected, _, _ := a.state()
			if durable != 10 {
				t.Errorf("durable %d, want 10", durable)
			}
			if len(rejected) != len(tc.rejected) {
				t.Errorf("rejected %v, want %v", rejected, tc.rejected)
			}
			for i, o := range rejected {
				var e *connectors.Error
				if o != tc.rejected[i] || !errors.As(a.why[i], &e) || e.Code != connectors.CodeBadRecord || e.Partition != part || e.Offset != o ||
					!strings.Contains(e.Error(), "behavior.on.null.values=ignore") {
					t.Errorf("offset %d is rejected with %v", o, a.why[i])
				}
			}
			shut(t, w)
		})
	}
}

// A file moves the offset from which the next writer resumes beyond what was rejected: it waits for the dead letters.
func TestCommitWaitsForDeadLetters(t *testing.T) {
	b := overModel(t, map[string]string{"flush.size": "2"})
	a := newAcks()
	a.settled = make(chan struct{})
	w := openAt(t, b.task, -1, a)
	if err := w.Write(t.Context(), values(0, []byte("a"), nil, []byte("b"))); err != nil {
		t.Fatal(err)
	}
	if !w.flying() {
		t.Error("no commit waits")
	}
	b.expectFiles(t)
	close(a.settled)
	if err := settle(w); err != nil {
		t.Fatal(err)
	}
	b.expectFiles(t, b.span(0, 2))
	shut(t, w)

	a = newAcks()
	a.settled = make(chan struct{})
	w = openAt(t, newTaskOf(t, b.task), 0, a)
	if w.Resume() != 3 {
		t.Errorf("resumes at %d", w.Resume())
	}
	if err := w.Write(t.Context(), values(3, []byte("c"), []byte("d"), nil)); err != nil {
		t.Fatal(err)
	}
	shut(t, w) // in time, though nobody ever settles
	b.expectFiles(t, b.span(0, 2))
}

// Rejected records alone move the durable offset at once; behind records that wait they move it with their file.
func TestDurableAroundRejected(t *testing.T) {
	b := overModel(t, map[string]string{"flush.size": "2"})
	a := newAcks()
	w := openAt(t, b.task, -1, a)
	for _, step := range []struct {
		first   int64
		vs      [][]byte
		durable int64
	}{
		{0, [][]byte{nil, nil}, 2},
		{2, [][]byte{[]byte("a"), nil}, 2},
		{4, [][]byte{nil}, 2},
		{5, [][]byte{[]byte("b")}, 6},
		{9, [][]byte{nil}, 10}, // behind a gap
	} {
		if err := written(t.Context(), w, values(step.first, step.vs...)); err != nil {
			t.Fatal(err)
		}
		if d, _, _, _ := a.state(); d != step.durable {
			t.Errorf("after offset %d durable is %d, want %d", step.first, d, step.durable)
		}
	}
	b.expectFiles(t, b.span(2, 5))
	shut(t, w)
}
