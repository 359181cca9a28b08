package hdfs

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// big makes records of 1 KiB each that begin with their offset.
func big(offset int64) string {
	s := strconv.FormatInt(offset, 10)
	return s + strings.Repeat(".", 1023-len(s))
}

var streaming = map[string]string{"sluice.buffer.bytes": "65536"}

// numbers are the offsets that a file of big records holds.
func numbers(t testing.TB, data []byte) (offsets []int64) {
	t.Helper()
	for line := range bytes.Lines(data) {
		head, _, _ := bytes.Cut(line, []byte("."))
		o, err := strconv.ParseInt(string(head), 10, 64)
		if err != nil || len(line) != 1024 {
			t.Fatalf("torn line of %d bytes %.20q", len(line), line)
		}
		offsets = append(offsets, o)
	}
	return offsets
}

func sequence(first, last int64) (s []int64) {
	for o := first; o <= last; o++ {
		s = append(s, o)
	}
	return s
}

// slowly is a pause between ten big records at which nobody expects them to fill the memory soon.
const slowly = 5 * time.Second

// A file larger than its share of memory goes to HDFS meanwhile, and shows itself as a whole.
func TestStreaming(t *testing.T) {
	inBubble(t, streaming, func(t *testing.T, b *bench, w *writer, a *acks) {
		t.Helper()
		const total = 1000
		var most int64
		for o := int64(0); o < total; o += 10 {
			if err := written(t.Context(), w, batch(o, o+9, big)); err != nil {
				t.Fatal(err)
			}
			most = max(most, b.buffered.get())
			_ = sleep(t.Context(), slowly)
		}
		if most < 32<<10 || most > 64<<10+1024 {
			t.Errorf("at most %d bytes were held", most)
		}
		b.expectFiles(t)
		if durable, _, _, _ := a.state(); durable != -1 {
			t.Errorf("durable %d before the file is committed", durable)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.expectFiles(t, b.span(0, total-1))
		if got := numbers(t, b.content(0, total-1)); !slices.Equal(got, sequence(0, total-1)) {
			t.Errorf("stored are %v", got)
		}
		if durable, _, _, _ := a.state(); durable != total || b.bytes.get() != total*1024 || b.buffered.get() != 0 {
			t.Errorf("durable %d, %d bytes committed, %d held", durable, b.bytes.get(), b.buffered.get())
		}
		b.write(t, w, total, total) // and a small one after it
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.expectFiles(t, b.span(0, total-1), b.span(total, total))
	})
}

// What ends a file ends a streamed one too: its bytes, its records, its time.
func TestStreamedFilesRotate(t *testing.T) {
	for _, tc := range []struct{ key, value string }{
		{"sluice.file.bytes", "1048576"}, {"flush.size", "1024"}, {"rotate.interval.ms", "60000"},
	} {
		t.Run(tc.key, func(t *testing.T) {
			inBubble(t, map[string]string{"sluice.buffer.bytes": "65536", tc.key: tc.value}, func(t *testing.T, b *bench, w *writer, _ *acks) {
				t.Helper()
				if err := written(t.Context(), w, batch(0, 1022, big)); err != nil {
					t.Fatal(err)
				}
				b.expectFiles(t)
				if err := written(t.Context(), w, batch(1023, 1023, big)); err != nil {
					t.Fatal(err)
				}
				pass(time.Hour)
				b.expectFiles(t, b.span(0, 1023))
			})
		})
	}
}

// Append mode has no way to stream: it commits early, and memory stays bounded all the same.
func TestAppendModeCommitsEarly(t *testing.T) {
	inBubble(t, map[string]string{"sluice.buffer.bytes": "65536", "sluice.write.mode": modeAppend}, func(t *testing.T, b *bench, w *writer, a *acks) {
		t.Helper()
		if err := written(t.Context(), w, batch(0, 199, big)); err != nil {
			t.Fatal(err)
		}
		if durable, _, _, _ := a.state(); durable != 195 || b.buffered.get() != 5*1024 {
			t.Errorf("durable %d, %d bytes held", durable, b.buffered.get())
		}
	})
}

// A streamed file that fails is lost: the task begins anew behind what is committed. What can be repeated is repeated.
func TestStreamedFileFails(t *testing.T) {
	boom := errors.New("datanode is gone")
	for _, tc := range []struct {
		call string
		lost bool
	}{
		{"create", false}, {"write", true}, {"close", true}, {"size", true}, {"rename", false},
	} {
		t.Run(tc.call, func(t *testing.T) {
			inBubble(t, streaming, func(t *testing.T, b *bench, w *writer, a *acks) {
				t.Helper()
				if tc.call != "create" {
					if err := written(t.Context(), w, batch(0, 99, big)); err != nil {
						t.Fatal(err)
					}
				}
				b.refuse(away(tc.call, time.Minute, boom))
				err := written(t.Context(), w, batch(100, 199, big))
				if err == nil {
					err = w.Flush(t.Context())
				}
				if !tc.lost {
					_, _, troubles, trouble := a.state()
					if err != nil || troubles == 0 || trouble != nil {
						t.Errorf("%v; %d troubles, the last %v", err, troubles, trouble)
					}
					return
				}
				if connectors.CodeOf(err) != connectors.CodeRetriable || !errors.Is(err, errLost) || !errors.Is(err, boom) {
					t.Errorf("%v", err)
				}
				if again := w.Flush(t.Context()); again == nil {
					t.Error("a lost file was flushed")
				}
				b.expectFiles(t)
				if durable, _, _, _ := a.state(); durable != -1 {
					t.Errorf("durable %d", durable)
				}
			})
		})
	}
}

// A successor takes the folder away under a file that is being streamed.
func TestStreamedFileIsFenced(t *testing.T) {
	b := overModel(t, streaming)
	old := openAt(t, b.task, -1, newAcks())
	if err := written(t.Context(), old, batch(0, 199, big)); err != nil {
		t.Fatal(err)
	}
	young := openAt(t, b.task, -1, newAcks())
	err := written(t.Context(), old, batch(200, 399, big))
	if err == nil {
		err = old.Flush(t.Context())
	}
	if connectors.CodeOf(err) != connectors.CodeRetriable {
		t.Errorf("the old writer: %v", err)
	}
	shut(t, old)
	if err := written(t.Context(), young, batch(0, 199, big)); err != nil {
		t.Fatal(err)
	}
	if err := young.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.expectFiles(t, b.span(0, 199))
	shut(t, young)
	if n := b.buffered.get(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
}

// A file that follows a large one goes to HDFS from its beginning, and so does one that will fill the memory soon. One that follows
// a small one and grows slowly stays in memory.
func TestStreamingAhead(t *testing.T) {
	inBubble(t, streaming, func(t *testing.T, b *bench, w *writer, _ *acks) {
		t.Helper()
		next := int64(0)
		file := func(records int64, pace time.Duration) (most int64) {
			first := next
			for ; next < first+records; next += 10 {
				if err := written(t.Context(), w, batch(next, next+9, big)); err != nil {
					t.Fatal(err)
				}
				most = max(most, b.buffered.get())
				_ = sleep(t.Context(), pace)
			}
			if err := w.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := numbers(t, b.content(first, next-1)); !slices.Equal(got, sequence(first, next-1)) {
				t.Errorf("stored are %v", got)
			}
			return most
		}
		for i, tc := range []struct {
			records, least, most int64
			pace                 time.Duration
		}{
			{200, 32 << 10, 66 << 10, slowly}, // large, as nobody could know
			{200, 1, 26 << 10, slowly},        // and so is this one
			{30, 1, 26 << 10, slowly},
			{30, 30 << 10, 30 << 10, slowly}, // the one before it was small
			{200, 1, 26 << 10, 0},            // will be large, as its pace says
			{30, 1, 26 << 10, slowly},
			{30, 30 << 10, 30 << 10, slowly},
			{200, 32 << 10, 66 << 10, slowly},
		} {
			if held := file(tc.records, tc.pace); held < tc.least || held > tc.most {
				t.Errorf("file %d: at most %d bytes were held, want %d to %d", i, held, tc.least, tc.most)
			}
		}
	})
}

// A record larger than the whole buffer passes.
func TestRecordLargerThanTheBuffer(t *testing.T) {
	inBubble(t, streaming, func(t *testing.T, b *bench, w *writer, _ *acks) {
		t.Helper()
		huge := bytes.Repeat([]byte("x"), 300<<10)
		if err := written(t.Context(), w, values(0, []byte("a"), huge, []byte("b"))); err != nil {
			t.Fatal(err)
		}
		if n := b.buffered.get(); n != 2 {
			t.Errorf("%d bytes are held", n)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.content(0, 2); len(got) != 300<<10+5 {
			t.Errorf("the file has %d bytes", len(got))
		}
	})
}

// Waiting for HDFS to take a part ends with the context.
func TestStreamingIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := overModel(t, streaming)
		w := openAt(t, b.task, -1, newAcks())
		b.refuse(away("create", time.Hour, errors.New("safe mode")))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := w.Write(ctx, batch(0, 99, big)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		shut(t, w)
		if n := b.buffered.get(); n != 0 {
			t.Errorf("%d bytes are held", n)
		}
	})
}
