package elasticsearch

import (
	"testing"

	"pgregory.net/rapid"
)

func TestProgress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p progress
		next, durable := int64(0), int64(0)
		ends := map[uint64]int64{} // of all requests
		flying := []uint64{}       // begun and not ended
		ended := map[uint64]bool{}
		var first uint64 // the oldest that is not below durable
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				next += rapid.Int64Range(1, 100).Draw(t, "records")
				n := p.begin(next)
				if _, twice := ends[n]; twice {
					t.Fatalf("number %d given twice", n)
				}
				ends[n] = next
				flying = append(flying, n)
			},
			"end": func(t *rapid.T) {
				if len(flying) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				n := flying[i]
				flying = append(flying[:i], flying[i+1:]...)
				ended[n] = true
				got, moved := p.end(n)
				want := durable
				for ended[first] {
					want = ends[first]
					first++
				}
				if moved != (want > durable) || moved && got != want {
					t.Fatalf("end(%d) = %d, %v; want %d after %d", n, got, moved, want, durable)
				}
				durable = want
			},
			"": func(t *rapid.T) {
				if got, want := p.open(), len(ends)-int(first); got != want {
					t.Fatalf("%d open, want %d", got, want)
				}
			},
		})
	})
}
