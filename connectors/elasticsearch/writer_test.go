package elasticsearch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
)

var part = connectors.Partition{Topic: "t", ID: 0}

func answerStatus(w http.ResponseWriter, status int, kind string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"type":%q,"reason":"because"},"status":%d}`, kind, status)
}

func isBulk(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/_bulk") }

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		task := s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON), map[string]string{"linger.ms": "500", "batch.size": "10"})
		ack := newAck(t)
		w := openWriter(t, task, part, ack)
		write := func(o int64, n int) {
			if err := w.Write(t.Context(), documents(part, o, n, numbered)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		write(0, 4)
		time.Sleep(400 * time.Millisecond)
		write(4, 4)
		if n := s.count(); n != 0 {
			t.Fatalf("%d requests before the time", n)
		}
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		if n := s.count(); n != 1 || len(s.live()) != 8 {
			t.Fatalf("%d requests with %d documents, want one with 8", n, len(s.live()))
		}
		write(8, 12) // the first ten are a full request
		if n := s.count(); n != 2 || len(s.live()) != 18 {
			t.Fatalf("%d requests with %d documents, want 2 with 18", n, len(s.live()))
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d, _, _ := ack.state(); d != 20 || s.count() != 3 {
			t.Errorf("durable %d after %d requests", d, s.count())
		}
	})
}

// Without load nothing waits; under load what comes while a request is under way goes with the next one.
func TestFillsWhileUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.before = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isBulk(r) {
				time.Sleep(time.Second)
			}
			return false
		}
		ack := newAck(t)
		w := openWriter(t, s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON), map[string]string{"batch.size": "100"}), part, ack)
		for o := range int64(50) {
			if err := w.Write(t.Context(), documents(part, o, 1, numbered)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := s.count(); n != 0 {
			t.Errorf("%d requests have ended", n)
		}
		time.Sleep(2 * time.Second)
		if n := s.count(); n != 2 || len(s.live()) != 50 {
			t.Errorf("%d requests with %d documents, want 2 with 50", n, len(s.live()))
		}
		if err := w.Write(t.Context(), documents(part, 50, 350, numbered)); err != nil { // full ones do not wait for each other
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
		if n := s.count(); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d, _, _ := ack.state(); d != 400 || s.count() != 6 {
			t.Errorf("durable %d after %d requests", d, s.count())
		}
	})
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 70; n++ {
		full := min(maxBackoff, 100*time.Millisecond<<min(n-1, 20))
		for range 20 {
			if d := backoff(100*time.Millisecond, n); d < full/2 || d > full {
				t.Fatalf("repetition %d waits %v, want %v to %v", n, d, full/2, full)
			}
		}
	}
	if d := backoff(0, 5); d != 0 {
		t.Errorf("without base: %v", d)
	}
}

// A service that is away for long: trouble is shown at once, after max.retries the caller is told, and the records
// arrive when it is back even if nobody calls.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		var mu sync.Mutex
		var tries []time.Time
		began := time.Now()
		s.before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !isBulk(r) || time.Since(began) > time.Minute {
				return false
			}
			mu.Lock()
			tries = append(tries, time.Now())
			mu.Unlock()
			answerStatus(w, 503, "unavailable")
			return true
		}
		rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
		w := openWriter(t, s.inProcess(rt, map[string]string{"max.retries": "3"}), part, ack)
		if err := w.Write(t.Context(), documents(part, 0, 5, numbered)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if _, _, trouble := ack.state(); trouble == nil || !strings.Contains(trouble.Error(), "503") || !strings.Contains(trouble.Error(), "http://es:9200") {
			t.Errorf("trouble %v", trouble)
		}
		err := w.Flush(t.Context())
		if connectors.CodeOf(err) != connectors.CodeRetriable || !strings.Contains(err.Error(), "503 Service Unavailable: unavailable: because") {
			t.Errorf("flush: %v", err)
		}
		mu.Lock()
		if len(tries) != 4 {
			t.Errorf("told after %d tries, want 4", len(tries))
		}
		mu.Unlock()
		if err := w.Write(t.Context(), documents(part, 5, 5, numbered)); connectors.CodeOf(err) != connectors.CodeRetriable {
			t.Errorf("write: %v", err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		d, _, trouble := ack.state()
		if d != 5 || trouble != nil || len(s.live()) != 5 {
			t.Errorf("durable %d, trouble %v, %d documents", d, trouble, len(s.live()))
		}
		if n := rt.metric("retries_unavailable_total").get(); n != int64(len(tries)) {
			t.Errorf("%d repetitions counted, %d made", n, len(tries))
		}
		if err := w.Write(t.Context(), documents(part, 5, 5, numbered)); err != nil {
			t.Errorf("write afterwards: %v", err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestDownAtOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.before = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { answerStatus(w, 502, "bad"); return true }
		ack := newAck(t)
		began := time.Now()
		w := openWriter(t, s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON), nil), part, ack)
		if time.Since(began) > 0 {
			t.Errorf("open took %v", time.Since(began))
		}
		synctest.Wait()
		if _, _, trouble := ack.state(); trouble == nil || !strings.Contains(trouble.Error(), "http://es:9200") {
			t.Errorf("trouble %v", trouble)
		}
		if err := w.Write(t.Context(), documents(part, 0, 5, numbered)); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Close(ctx); connectors.CodeOf(err) != connectors.CodeRetriable {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the error came after %v", took)
		}
	})
}

// A frozen service: the request ends at its deadline, and Close at its own.
func TestCloseHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.before = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isBulk(r) {
				<-r.Context().Done()
			}
			return false
		}
		ack := newAck(t)
		w := openWriter(t, s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON), nil), part, ack)
		if err := w.Write(t.Context(), documents(part, 0, 5, numbered)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := w.Close(ctx)
		if connectors.CodeOf(err) != connectors.CodeRetriable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("close took %v", took)
		}
		if d, _, trouble := ack.state(); d != -1 || trouble == nil || !strings.Contains(trouble.Error(), "deadline") {
			t.Errorf("durable %d, trouble %v", d, trouble)
		}
	})
}

func TestIdleFlushAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		ack := newAck(t)
		w := openWriter(t, s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON), nil), part, ack)
		if err := errors.Join(w.Flush(t.Context()), w.Close(t.Context())); err != nil {
			t.Error(err)
		}
		if w.Resume() != -1 || s.count() != 0 {
			t.Errorf("resume %d, %d requests", w.Resume(), s.count())
		}
	})
}

// An unreachable mapping, a missing id and so on: what becomes of records that cannot be stored.
func TestRefusals(t *testing.T) {
	refuse := func(op string, meta map[string]any) (int, string) {
		if id, _ := meta["_id"].(string); strings.HasSuffix(id, "+3") || strings.HasSuffix(id, "+7") {
			return 400, "document_parsing_exception"
		}
		return 0, ""
	}
	odd := func(o int64) []byte {
		if o == 3 || o == 7 {
			return []byte("[]")
		}
		return numbered(o)
	}
	for _, tc := range []struct {
		name     string
		set      map[string]string
		value    func(int64) []byte
		rejected []int64
		skipped  int64
		log      string
	}{
		{name: "malformed fails", rejected: []int64{3, 7}},
		{name: "malformed ignored", set: map[string]string{"behavior.on.malformed.documents": "ignore"}, skipped: 2},
		{name: "malformed warned of", set: map[string]string{"behavior.on.malformed.documents": "warn"}, skipped: 2, log: "left out"},
		{name: "malformed ignored with a dead letter queue", set: map[string]string{"behavior.on.malformed.documents": "ignore", "errors.tolerance": "all"}, rejected: []int64{3, 7}},
		{name: "invalid fails", value: odd, rejected: []int64{3, 7}},
		{name: "invalid dropped", set: map[string]string{"drop.invalid.message": "true"}, value: odd, skipped: 2, log: "left out"},
		{name: "invalid dropped with a dead letter queue", set: map[string]string{"drop.invalid.message": "true", "errors.tolerance": "all"}, value: odd, rejected: []int64{3, 7}, log: "left out"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				value := tc.value
				if value == nil {
					s.item, value = refuse, numbered
				}
				var log strings.Builder
				rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
				rt.log = &log
				w := openWriter(t, s.inProcess(rt, tc.set), part, ack)
				if err := w.Write(t.Context(), documents(part, 0, 10, value)); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				d, _, _ := ack.state()
				if d != 10 || len(s.live()) != 8 {
					t.Errorf("durable %d, %d documents", d, len(s.live()))
				}
				if diff := cmp.Diff(tc.rejected, ack.order); diff != "" {
					t.Errorf("rejected: %s", diff)
				}
				if n := rt.metric("skipped_total").get(); n != tc.skipped {
					t.Errorf("%d skipped, want %d", n, tc.skipped)
				}
				if got := log.String(); (tc.log != "") != (got != "") || !strings.Contains(got, tc.log) {
					t.Errorf("log %q, want %q", got, tc.log)
				}
			})
		})
	}
}

// One record spoils the request, or is too large alone: it is found and rejected, the others are stored.
func TestOneSpoilsAll(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, body []byte) bool
		most   int // requests
	}{
		{"validation", func(w http.ResponseWriter, body []byte) bool {
			if strings.Contains(string(body), `"t+0+700"`) {
				answerStatus(w, 400, "action_request_validation_exception")
				return true
			}
			return false
		}, 30},
		{"too large", func(w http.ResponseWriter, body []byte) bool {
			if len(body) > 8000 {
				w.Header().Del("X-Elastic-Product")
				w.WriteHeader(413)
				return true
			}
			return false
		}, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				requests := 0
				s.before = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
					if !isBulk(r) {
						return false
					}
					requests++
					return tc.answer(w, body)
				}
				rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
				w := openWriter(t, s.inProcess(rt, map[string]string{"max.in.flight.requests": "1"}), part, ack)
				if err := w.Write(t.Context(), documents(part, 0, 1000, func(o int64) []byte {
					if o == 700 {
						return fmt.Appendf(nil, `{"n":%d,"x":%q}`, o, strings.Repeat("x", 9000))
					}
					return numbered(o)
				})); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff([]int64{700}, ack.order); d != "" || len(s.live()) != 999 {
					t.Errorf("%d documents, rejected %s", len(s.live()), d)
				}
				if requests > tc.most || ack.troubles > 0 {
					t.Errorf("%d requests, %d troubles", requests, ack.troubles)
				}
			})
		})
	}
}

// A server under memory pressure that never takes the whole request takes its parts.
func TestBusyForWholeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.before = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if isBulk(r) && len(body) > 4000 {
				w.Header().Set("Retry-After", "2")
				answerStatus(w, 429, "es_rejected_execution_exception")
				return true
			}
			return false
		}
		rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
		w := openWriter(t, s.inProcess(rt, nil), part, ack)
		began := time.Now()
		if err := w.Write(t.Context(), documents(part, 0, 1000, numbered)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d, _, trouble := ack.state(); d != 1000 || trouble != nil || len(s.live()) != 1000 || ack.troubles == 0 {
			t.Errorf("durable %d, trouble %v (%d), %d documents", d, trouble, ack.troubles, len(s.live()))
		}
		if time.Since(began) < 4*time.Second || rt.metric("retries_busy_total").get() < 2 {
			t.Errorf("Retry-After was not kept: %v", time.Since(began))
		}
	})
}

// Only what was refused is sent again.
func TestItemsRefusedForNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		seen := map[string]int{}
		s.item = func(_ string, meta map[string]any) (int, string) {
			id := meta["_id"].(string)
			if seen[id]++; strings.HasSuffix(id, "5") && seen[id] < 3 {
				return 429, "es_rejected_execution_exception"
			}
			return 0, ""
		}
		rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
		w := openWriter(t, s.inProcess(rt, nil), part, ack)
		if err := w.Write(t.Context(), documents(part, 0, 100, numbered)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.live()) != 100 || len(s.log) != 120 {
			t.Errorf("%d documents after %d operations, want 100 after 120", len(s.live()), len(s.log))
		}
		if n := rt.metric("documents_total").get(); n != 100 {
			t.Errorf("%d documents counted", n)
		}
	})
}

// The index is deleted while the task runs, on a server that makes none by itself.
func TestIndexVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		exists := false
		s.before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			switch {
			case r.Method == http.MethodHead && !exists:
				w.WriteHeader(404)
				return true
			case r.Method == http.MethodPut:
				exists = true
			}
			return false
		}
		s.item = func(string, map[string]any) (int, string) {
			if !exists {
				return 404, "index_not_found_exception"
			}
			return 0, ""
		}
		ack := newAck(t)
		w := openWriter(t, s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON), nil), part, ack)
		for o := range int64(3) {
			if err := errors.Join(w.Write(t.Context(), documents(part, o, 1, numbered)), w.Flush(t.Context())); err != nil {
				t.Fatal(err)
			}
			exists = false
		}
		if err := w.Close(t.Context()); err != nil || len(s.live()) != 3 {
			t.Errorf("%v; %d documents", err, len(s.live()))
		}
	})
}

// Requests that fail in part, end in any order and repeat must leave what one writer after the other would have left.
func TestOrderOfWritesToOneID(t *testing.T) {
	for _, set := range []map[string]string{
		{"write.method": "upsert", "behavior.on.null.values": "delete"},
		{"behavior.on.null.values": "delete"},
		{},
	} {
		t.Run(fmt.Sprint(set), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				seed := rapid.Uint64().Draw(rt, "faults")
				keys := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 80).Draw(rt, "keys")
				topics := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "u", "v"}), len(keys), len(keys)).Draw(rt, "topics")
				deletes := set["behavior.on.null.values"] == "delete"
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					var mu sync.Mutex
					random := func(n uint64) bool { // splitmix64, so that a failing run can be repeated
						mu.Lock()
						defer mu.Unlock()
						seed += 0x9e3779b97f4a7c15
						z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
						z = (z ^ z>>27) * 0x94d049bb133111eb
						return (z^z>>31)%n == 0
					}
					s.before = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
						if !isBulk(r) {
							return false
						}
						if random(2) {
							time.Sleep(time.Second) // later ones may overtake
						}
						if random(5) {
							answerStatus(w, 429, "es_rejected_execution_exception")
							return true
						}
						if random(5) { // done, but the answer is lost
							s.apply(body)
							w.WriteHeader(502)
							return true
						}
						return false
					}
					s.item = func(string, map[string]any) (int, string) {
						if random(4) {
							return 429, "es_rejected_execution_exception"
						}
						return 0, ""
					}
					ack := newAck(t)
					w := openWriter(t, s.inProcess(newRuntime(connectors.PayloadString, connectors.PayloadJSON),
						with(set, "key.ignore", "false", "batch.size", "3", "max.in.flight.requests", "4", "max.buffered.records", "12", "max.retries", "1000", "linger.ms", "0")), part, ack)
					want := map[string]string{}
					for o, k := range keys {
						key, value := fmt.Sprintf("k%d", k), fmt.Appendf(nil, `{"o":%d}`, o)
						if topics[o] != "" {
							key = topics[o] + "/" + key
						}
						want[key] = string(value)
						if deletes && k%3 == o%3 {
							value = nil
							delete(want, key)
						}
						var b connectors.Builder
						b.Describe(topics[o], nil, nil)
						b.Append(int64(o), 1, []byte(fmt.Sprintf("k%d", k)), value)
						if err := w.Write(t.Context(), b.Batch(part)); err != nil {
							t.Fatal(err)
						}
					}
					if err := w.Close(t.Context()); err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(want, s.live()); d != "" {
						t.Errorf("%s\n%v", d, s.log)
					}
					if d, _, _ := ack.state(); d != int64(len(keys)) {
						t.Errorf("durable %d of %d", d, len(keys))
					}
				})
				if t.Failed() {
					rt.Fatal("see above")
				}
			})
		})
	}
}

// Many partitions share the bounds of their task; one of them in trouble stops no other.
func TestBoundsAndFairness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		var mu sync.Mutex
		flying, most := 0, 0
		s.before = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if !isBulk(r) {
				return false
			}
			mu.Lock()
			flying++
			most = max(most, flying)
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			flying--
			mu.Unlock()
			if strings.Contains(string(body), `"t+0+`) {
				answerStatus(w, 503, "unavailable")
				return true
			}
			return false
		}
		rt := newRuntime(connectors.PayloadString, connectors.PayloadJSON)
		made := s.inProcess(rt, map[string]string{"batch.size": "10", "max.in.flight.requests": "2", "max.buffered.records": "20", "max.retries": "1000000"})
		var all sync.WaitGroup
		for id := range int32(6) {
			p := connectors.Partition{Topic: "t", ID: id}
			w := openWriter(t, made, p, newAck(t))
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for o := int64(0); o < 200; o += 50 {
					if err := w.Write(ctx, documents(p, o, 50, numbered)); err != nil {
						if id != 0 {
							t.Error(err)
						}
						break
					}
				}
				if err := w.Close(ctx); (err != nil) != (id == 0) {
					t.Errorf("partition %d: %v", id, err)
				}
			})
		}
		all.Wait()
		if n := len(s.live()); n != 1000 {
			t.Errorf("%d documents, want 1000", n)
		}
		if most > 2 {
			t.Errorf("%d requests at once", most)
		}
		if held := made.(*task).limiter.held; held != [2]int{} {
			t.Errorf("%v are still reserved", held)
		}
	})
}

// A service that needs a long time for each request gets it, and is not sent the same again and again by all at once.
func TestSlowService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		var mu sync.Mutex
		var wasted, flying, most int
		began := time.Now()
		s.before = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			mu.Lock()
			flying++
			if time.Since(began) > time.Minute {
				most = max(most, flying)
			}
			mu.Unlock()
			time.Sleep(20 * time.Second)
			mu.Lock()
			flying--
			if r.Context().Err() != nil {
				wasted++
			}
			mu.Unlock()
			return false
		}
		rt := newRuntime(connectors.PayloadString, connectors.PayloadJSON)
		ack := newAck(t)
		w := openWriter(t, s.inProcess(rt, map[string]string{"batch.size": "10", "max.retries": "-1", "max.in.flight.requests": "8"}), part, ack)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := w.Write(ctx, documents(part, 0, 1000, numbered)); err != nil {
			d, _, trouble := ack.state()
			t.Fatal(err, d, trouble, wasted, rt.metric("bulk_requests_total").get())
		}
		if err := w.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if d, _, trouble := ack.state(); d != 1000 || len(s.live()) != 1000 || trouble != nil {
			t.Errorf("durable %d, %d documents, trouble %v", d, len(s.live()), trouble)
		}
		t.Logf("%d requests were wasted; at most %d at once; it took %v", wasted, most, time.Since(began))
		if wasted > 10 {
			t.Errorf("%d requests were wasted beside the 100 that were needed", wasted)
		}
	})
}

// A service that needs longer for a whole request than anybody waits gets it in parts.
func TestServiceTooSlowForWholeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.before = func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
			if isBulk(r) {
				time.Sleep(time.Duration(bytes.Count(body, []byte("\n"))/2) * 100 * time.Millisecond)
			}
			return r.Context().Err() != nil // what it cannot answer in time it does not do
		}
		rt, ack := newRuntime(connectors.PayloadString, connectors.PayloadJSON), newAck(t)
		w := openWriter(t, s.inProcess(rt, map[string]string{"max.retries": "-1"}), part, ack)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := w.Write(ctx, documents(part, 0, 2000, numbered)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if d, _, trouble := ack.state(); d != 2000 || trouble != nil || len(s.live()) != 2000 {
			t.Errorf("durable %d, trouble %v, %d documents", d, trouble, len(s.live()))
		}
		if rt.metric("bulk_splits_total").get() == 0 {
			t.Error("nothing was split")
		}
	})
}
