package elasticsearch

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

func TestSizes(t *testing.T) {
	s := newSizes(6400)
	want := func(n int) {
		t.Helper()
		if got := s.limit(0); got != n {
			t.Fatalf("limit %d, want %d", got, n)
		}
	}
	pass := func(times int) {
		for range times {
			s.passed(s.limit(0))
		}
	}
	want(6400)
	pass(100)
	want(6400)
	s.missed(3200, false)
	s.missed(3200, false) // at the same time
	want(1600)
	if got := s.limit(200); got != 200 {
		t.Errorf("a bulk with a limit of 200 may send %d", got)
	}
	for range 100 {
		s.passed(700) // proves nothing about 1600
	}
	want(1600)
	pass(calmest - 1)
	want(1600)
	pass(1)
	want(2001)
	if !s.tries(1700) || s.tries(1600) {
		t.Error("what is tried is more than 1600")
	}
	if next := s.missed(1900, false); next != 1600 {
		t.Errorf("what did not pass is sent again with %d", next)
	}
	want(1600)
	pass(calmest + 1)
	want(2001)
	if s.tries(1700) {
		t.Error("what has passed is still tried")
	}
	if next := s.missed(10, true); next != 5 {
		t.Errorf("the parts have %d bytes", next)
	}
	want(100) // the least
	pass(calmest)
	want(100) // time was lost
	pass(calmest)
	want(126)
	if !s.refused(4000) || s.refused(4000) {
		t.Error("news is what was not known before")
	}
	pass(100 * wariest)
	want(2000)
	s.refused(60)
	want(30)
	s.missed(30, true)
	want(30) // below the least already
}

// What was learned from one bulk serves the next ones, and is tried anew when the service has become faster.
func TestSizesAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		var mu sync.Mutex
		room, late := 4_000, 0
		most := 0
		s.before = func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
			if !isBulk(r) {
				return false
			}
			mu.Lock()
			over := len(body) > room
			most = max(most, len(body))
			if over {
				late++
			}
			mu.Unlock()
			if over {
				<-r.Context().Done() // no answer
			}
			return over
		}
		rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
		w := openWriter(t, s.inProcess(rt, map[string]string{"max.retries": "-1", "bulk.size.bytes": "40000"}), part, ack)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		offset := int64(0)
		send := func(bulks int) (missed, largest int) {
			t.Helper()
			mu.Lock()
			late, most = 0, 0
			mu.Unlock()
			for range bulks {
				if err := w.Write(ctx, documents(part, offset, 300, numbered)); err != nil {
					t.Fatal(err)
				}
				if offset += 300; w.Flush(ctx) != nil {
					t.Fatal("not flushed")
				}
			}
			mu.Lock()
			defer mu.Unlock()
			return late, most
		}
		first, _ := send(1)
		if first < 3 {
			t.Errorf("%d requests were too large at first, want some", first)
		}
		if missed, _ := send(5); missed > 3 {
			t.Errorf("%d requests of the next 5 bulks were too large, want at most 3 that try whether the service has become faster", missed)
		}
		mu.Lock()
		room = 1 << 20
		mu.Unlock()
		if _, largest := send(200); largest < 15_000 {
			t.Errorf("the largest request has %d bytes though the service takes all", largest)
		}
		if d, _, _ := ack.state(); d != offset || int64(len(s.live())) != offset {
			t.Errorf("durable %d, %d documents, want %d", d, len(s.live()), offset)
		}
	})
}
