package publish

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func checkBalance(t interface{ Fatalf(string, ...any) }, l *ledger) {
	c := l.snapshot()
	if c.Accepted != c.Delivered+c.Failed+c.Buffered {
		t.Fatalf("the books do not balance: %+v", c)
	}
	if c.Buffered < 0 || c.Buffered > l.maxEvents || c.BufferedBytes < 0 || c.BufferedBytes > l.maxBytes {
		t.Fatalf("the buffer is out of its bounds of %d events and %d bytes: %+v", l.maxEvents, l.maxBytes, c)
	}
}

// Whatever is admitted and settled, in whatever order, the ledger agrees with a plain model of it.
func TestLedgerAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger(rapid.IntRange(1, 20).Draw(t, "maxEvents"), rapid.Int64Range(1, 500).Draw(t, "maxBytes"))
		var held []int64
		var want Counts
		closed := false
		take := func() int64 {
			i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
			size := held[i]
			held = append(held[:i], held[i+1:]...)
			want.Buffered--
			want.BufferedBytes -= size
			return size
		}
		t.Repeat(map[string]func(*rapid.T){
			"admit": func(t *rapid.T) {
				size := rapid.Int64Range(0, 100).Draw(t, "size")
				err := l.admit(size)
				fits := want.Buffered < l.maxEvents && want.BufferedBytes+size <= l.maxBytes
				switch {
				case closed && !errors.Is(err, ErrStopping), !closed && !fits && !errors.Is(err, ErrFull), !closed && fits && err != nil:
					t.Fatalf("admit(%d) = %v with %+v, closed=%t", size, err, want, closed)
				}
				if err != nil {
					want.Dropped++
					return
				}
				held = append(held, size)
				want.Accepted++
				want.Buffered++
				want.BufferedBytes += size
			},
			"deliver": func(t *rapid.T) {
				if len(held) == 0 {
					return // nothing to settle in this step
				}
				l.delivered(take())
				want.Delivered++
			},
			"fail": func(t *rapid.T) {
				if len(held) == 0 {
					return // nothing to settle in this step
				}
				l.failed(take())
				want.Failed++
			},
			"abandon": func(*rapid.T) {
				l.abandon()
				want.Failed += want.Buffered
				want.Buffered, want.BufferedBytes, held = 0, 0, nil
			},
			"close": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "close") == 0 {
					l.close()
					closed = true
				}
			},
			"": func(t *rapid.T) {
				checkBalance(t, l)
				if got := l.snapshot(); got != want {
					t.Fatalf("counts %+v, want %+v", got, want)
				}
			},
		})
	})
}

func TestLedgerBalancesUnderConcurrency(t *testing.T) {
	l := newLedger(50, 2000)
	done := make(chan struct{})
	var watch, work sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				c := l.snapshot()
				if c.Accepted != c.Delivered+c.Failed+c.Buffered || c.Buffered > 50 || c.BufferedBytes > 2000 {
					t.Errorf("seen while at work: %+v", c)
					return
				}
			}
		}
	})
	for n := range 4 {
		work.Go(func() {
			for i := range 5000 {
				size := int64(i%97 + n)
				if l.admit(size) != nil {
					continue
				}
				if i%3 == 0 {
					l.failed(size)
				} else {
					l.delivered(size)
				}
			}
		})
	}
	work.Wait()
	close(done)
	watch.Wait()
	c := l.snapshot()
	if c.Accepted+c.Dropped != 20000 || c.Buffered != 0 || c.BufferedBytes != 0 {
		t.Fatalf("at the end: %+v", c)
	}
}

func TestLedgerWaitReturnsWhenEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(10, 100)
		if err := l.wait(t.Context()); err != nil {
			t.Fatalf("wait on an empty ledger: %v", err)
		}
		for range 2 {
			if err := l.admit(5); err != nil {
				t.Fatal(err)
			}
		}
		returned := make(chan error, 2)
		for range 2 {
			go func() { returned <- l.wait(t.Context()) }()
		}
		l.delivered(5)
		synctest.Wait()
		if len(returned) != 0 {
			t.Fatal("wait returned with an event still buffered")
		}
		l.failed(5)
		synctest.Wait()
		if len(returned) != 2 {
			t.Fatalf("%d of 2 waiters returned", len(returned))
		}
		for range 2 {
			if err := <-returned; err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLedgerWaitGivesUp(t *testing.T) {
	l := newLedger(1, 1)
	if err := l.admit(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("wait = %v", err)
	}
}
