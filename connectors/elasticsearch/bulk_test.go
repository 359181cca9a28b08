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

func TestExpect(t *testing.T) {
	for _, tc := range []struct {
		name         string
		items, bytes int // that a bulk may have
		has          int // bytes of memory that it has from before
		size, later  int // bytes of the items that are there, and of those that follow
		room, most   int // items that find room, bytes of the buffer at most
	}{
		{name: "as many as a bulk has", items: 2000, bytes: 5 << 20, size: 300, later: 300, room: 2000, most: 700_000},
		{name: "a byte larger", items: 2000, bytes: 5 << 20, size: 300, later: 301, room: 2000, most: 700_000},
		{name: "within the bytes", items: 2000, bytes: 1 << 20, size: 2000, later: 2000, room: 524, most: 1_300_000},
		{name: "many items", items: 1_000_000, bytes: 1 << 20, size: 100, later: 100, room: 10_485, most: 1_300_000},
		{name: "memory from before", items: 2000, bytes: 5 << 20, has: 610_000, size: 300, later: 300, room: 2000, most: 610_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &bulk{buf: make([]byte, 0, tc.has)}
			line := make([]byte, max(tc.size, tc.later))
			add := func(size int) {
				start := len(b.buf)
				b.buf = append(b.buf, line[:size]...)
				b.add(item{start: start, end: len(b.buf)})
			}
			for range sample {
				add(tc.size)
			}
			b.expect(tc.items, tc.bytes)
			buf, items := cap(b.buf), cap(b.items)
			if buf > tc.most || items > 2*tc.room+2 {
				t.Errorf("room for %d bytes and %d items", buf, items)
			}
			for len(b.items) < tc.room {
				add(tc.later)
			}
			if cap(b.buf) != buf || cap(b.items) != items {
				t.Errorf("grew from %d bytes and %d items to %d and %d", buf, items, cap(b.buf), cap(b.items))
			}
		})
	}
}
