package elasticsearch

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBulkKeepsWhatIsRepeated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bulk
		var want []string
		for i := range rapid.IntRange(1, 40).Draw(t, "items") {
			text := fmt.Sprintf("%d%s\n", i, strings.Repeat("x", rapid.IntRange(0, 20).Draw(t, "size")))
			start := len(b.buf)
			b.buf = append(b.buf, text...)
			b.add(item{offset: int64(i), start: start, end: len(b.buf)})
			want = append(want, text)
		}
		for len(b.items) > 0 {
			limit := rapid.IntRange(1, 200).Draw(t, "limit")
			n := b.fit(limit)
			if got := string(b.payload(n)); got != strings.Join(want[:n], "") {
				t.Fatalf("payload(%d) = %q, want %q", n, got, want[:n])
			}
			if n > 1 && len(b.payload(n)) > limit || n < len(want) && len(b.payload(n+1)) <= limit {
				t.Fatalf("fit(%d) = %d", limit, n)
			}
			var again []bool
			var rest []string
			for i := range n {
				again = append(again, rapid.IntRange(0, 3).Draw(t, "again") == 0)
				if again[i] {
					rest = append(rest, want[i])
				}
			}
			want = append(rest, want[n:]...)
			b.keep(n, func(i int) bool { return again[i] })
			if len(b.items) != len(want) {
				t.Fatalf("%d items, want %d", len(b.items), len(want))
			}
		}
	})
}
