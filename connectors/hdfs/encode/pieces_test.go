package encode

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is written, taken and begun anew, in files that share their free segments: each gives the bytes that were written
// to it, and what was taken stays what it is until the next change of its file.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var free segments
		files := []*pieces{{free: &free}, {free: &free}}
		want := make([][]byte, len(files))
		fill := byte(0)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			i := rapid.IntRange(0, len(files)-1).Draw(t, "file")
			p := files[i]
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				p.reset()
				want[i] = nil
			case 1:
				part := p.take()
				if got := slices.Concat(part...); !bytes.Equal(got, want[i]) || part.Len() != len(want[i]) {
					t.Fatalf("took %d bytes of %d", len(got), len(want[i]))
				}
				want[i] = nil
			default:
				fill++
				b := bytes.Repeat([]byte{fill}, rapid.SampledFrom([]int{0, 1, 100, 700, 70_000, segment - 1, segment, segment + 1}).Draw(t, "bytes"))
				if n, err := p.Write(b); n != len(b) || err != nil {
					t.Fatal(n, err)
				}
				want[i] = append(want[i], b...)
			}
			for i, p := range files {
				if got := slices.Concat(p.all()...); !bytes.Equal(got, want[i]) || p.len() != len(want[i]) {
					t.Fatalf("file %d has %d bytes, %d were written", i, len(got), len(want[i]))
				}
			}
		}
	})
}
