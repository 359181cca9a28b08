package hdfs

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

func TestDue(t *testing.T) {
	for _, tc := range []struct {
		name               string
		interval, schedule time.Duration
		zone               string
		began, want        string // "": never
	}{
		{"no clock", -1, -1, "UTC", "2026-01-05T10:20:30Z", ""},
		{"zero is never", 0, 0, "UTC", "2026-01-05T10:20:30Z", ""},
		{"interval", time.Minute, -1, "UTC", "2026-01-05T10:20:30Z", "2026-01-05T10:21:30Z"},
		{"schedule", -1, time.Hour, "UTC", "2026-01-05T10:20:30Z", "2026-01-05T11:00:00Z"},
		{"schedule on the dot", -1, time.Hour, "UTC", "2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z"},
		{"a moment before", -1, time.Hour, "UTC", "2026-01-05T10:59:59.999999999Z", "2026-01-05T11:00:00Z"},
		{"the sooner is the interval", time.Minute, time.Hour, "UTC", "2026-01-05T10:20:30Z", "2026-01-05T10:21:30Z"},
		{"the sooner is the schedule", time.Hour, time.Minute, "UTC", "2026-01-05T10:20:30Z", "2026-01-05T10:21:00Z"},
		{"daily", -1, 24 * time.Hour, "UTC", "2026-01-05T10:20:30Z", "2026-01-06T00:00:00Z"},
		{"daily in Berlin", -1, 24 * time.Hour, "Europe/Berlin", "2026-01-05T23:20:30Z", "2026-01-06T23:00:00Z"},
		{"hourly in Kolkata", -1, time.Hour, "Asia/Kolkata", "2026-01-05T10:20:00Z", "2026-01-05T10:30:00Z"},
		{"a time that does not divide the day ends with it", -1, 7 * time.Hour, "UTC", "2026-01-05T22:00:00Z", "2026-01-06T00:00:00Z"},
		{"longer than a day is a day", -1, 48 * time.Hour, "UTC", "2026-01-05T22:00:00Z", "2026-01-06T00:00:00Z"},
		// the day of 23 hours, 2026-03-29: 02:00 is 03:00
		{"daily when summer begins", -1, 24 * time.Hour, "Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-29T22:00:00Z"},
		{"daily on the day after", -1, 24 * time.Hour, "Europe/Berlin", "2026-03-29T22:30:00Z", "2026-03-30T22:00:00Z"},
		{"hourly when summer begins", -1, time.Hour, "Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z"},
		{"hourly in the first hour of summer", -1, time.Hour, "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		// the day of 25 hours, 2026-10-25: 03:00 is 02:00 again
		{"daily in the last hour when winter begins", -1, 24 * time.Hour, "Europe/Berlin", "2026-10-25T22:30:00Z", "2026-10-25T23:00:00Z"},
		{"hourly in the hour that comes first", -1, time.Hour, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"},
		{"hourly in the hour that comes again", -1, time.Hour, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"},
		// where midnight itself is left out, 2026-03-08 in Havana
		{"daily without midnight", -1, 24 * time.Hour, "America/Havana", "2026-03-08T04:30:00Z", "2026-03-08T05:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			zone, err := time.LoadLocation(tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			began, err := time.Parse(time.RFC3339Nano, tc.began)
			if err != nil {
				t.Fatal(err)
			}
			at, ok := rotation{interval: tc.interval, schedule: tc.schedule, zone: zone}.due(began)
			got := ""
			if ok {
				got = at.UTC().Format(time.RFC3339)
			}
			if got != tc.want {
				t.Errorf("due at %q, want %q", got, tc.want)
			}
		})
	}
}

// Whenever a file begins, anywhere, the schedule's time comes after it and within the period.
func TestScheduleAlwaysComes(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, schedule := range []time.Duration{10 * time.Minute, 5 * time.Hour, 24 * time.Hour} {
			r := rotation{schedule: schedule, zone: zone}
			for began := time.Date(2026, 1, 1, 0, 1, 7, 0, time.UTC); began.Year() == 2026; began = began.Add(29 * time.Minute) {
				if at, _ := r.due(began); !at.After(began) || at.Sub(began) > schedule {
					t.Fatalf("%s every %v: what begins at %v is due at %v", name, schedule, began.In(zone), at.In(zone))
				}
			}
		}
	}
}

// In a bubble of synctest time begins at 2000-01-01 00:00 UTC and moves when all wait.
func inBubble(t *testing.T, set map[string]string, f func(t *testing.T, b *bench, w *writer, a *acks)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, a := overModel(t, set), newAcks()
		w := openAt(t, b.task, -1, a)
		f(t, b, w, a)
		shut(t, w)
		if n := b.buffered.get(); n != 0 {
			t.Errorf("%d bytes are held after Close", n)
		}
		if names := b.temporary(); len(names) > 0 {
			t.Errorf("left behind: %v", names)
		}
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRotationByCount(t *testing.T) {
	inBubble(t, map[string]string{"flush.size": "4"}, func(t *testing.T, b *bench, w *writer, a *acks) {
		t.Helper()
		b.write(t, w, 0, 2)
		pass(1000 * time.Hour)
		b.expectFiles(t)
		b.write(t, w, 3, 9) // fills one file, and a second half
		b.expectFiles(t, b.span(0, 3), b.span(4, 7))
		if d, _, _, _ := a.state(); d != 8 {
			t.Errorf("durable %d, want 8", d)
		}
		if n := b.files.get(); n != 2 {
			t.Errorf("%d files counted", n)
		}
		if n := b.bytes.get(); n != 16 {
			t.Errorf("%d bytes counted", n)
		}
		if n := b.buffered.get(); n != 4 {
			t.Errorf("%d bytes held, want those of two records", n)
		}
	})
}

// The time counts from the first record of a file, whatever comes after it, and also when nothing does.
func TestRotationByInterval(t *testing.T) {
	for _, mode := range []string{modeFlush, modeAppend} {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, map[string]string{"rotate.interval.ms": "60000", "sluice.write.mode": mode}, func(t *testing.T, b *bench, w *writer, a *acks) {
				t.Helper()
				durable := func(want int64) {
					t.Helper()
					if d, _, _, _ := a.state(); d != want {
						t.Errorf("durable %d, want %d", d, want)
					}
				}
				pass(time.Hour) // an idle partition makes no files
				b.expectFiles(t)
				b.write(t, w, 0, 0)
				pass(59 * time.Second)
				b.write(t, w, 1, 1)
				durable(-1)
				pass(time.Second)
				durable(2)
				b.write(t, w, 2, 2)
				pass(59 * time.Second)
				durable(2)
				pass(time.Second)
				durable(3)
				if got := b.stored(t); len(got) != 3 {
					t.Errorf("stored are %v", got)
				}
				if mode == modeFlush {
					b.expectFiles(t, b.span(0, 1), b.span(2, 2))
				}
				pass(time.Hour)
				if n := b.files.get(); n != 2 {
					t.Errorf("%d commits, want 2", n)
				}
			})
		})
	}
}

// A file that was committed by its count leaves no clock behind that would cut the next one short.
func TestClockOfTheFileBefore(t *testing.T) {
	inBubble(t, map[string]string{"flush.size": "2", "rotate.interval.ms": "60000"}, func(t *testing.T, b *bench, w *writer, _ *acks) {
		t.Helper()
		b.write(t, w, 0, 0)
		pass(50 * time.Second)
		b.write(t, w, 1, 2)
		pass(59 * time.Second)
		b.expectFiles(t, b.span(0, 1))
		pass(time.Second)
		b.expectFiles(t, b.span(0, 1), b.span(2, 2))
	})
}

// The clock strikes while Write waits for HDFS; by the time that it has its turn, Write has begun another file.
func TestClockThatComesLate(t *testing.T) {
	set := map[string]string{"flush.size": "100", "sluice.buffer.bytes": "65536", "rotate.interval.ms": "60000"}
	inBubble(t, set, func(t *testing.T, b *bench, w *writer, _ *acks) {
		t.Helper()
		b.refuse(away("create", 2*time.Minute, errors.New("safe mode")))
		if err := written(t.Context(), w, batch(0, 149, big)); err != nil {
			t.Fatal(err)
		}
		pass(59 * time.Second)
		b.expectFiles(t, b.span(0, 99))
		pass(time.Second)
		b.expectFiles(t, b.span(0, 99), b.span(100, 149))
	})
}

func TestRotationBySchedule(t *testing.T) {
	// the bubble begins at 01:00 in Berlin
	set := map[string]string{"rotate.schedule.interval.ms": strconv.Itoa(6 * 3600 * 1000), "timezone": "Europe/Berlin"}
	inBubble(t, set, func(t *testing.T, b *bench, w *writer, _ *acks) {
		t.Helper()
		b.write(t, w, 0, 0)
		pass(5*time.Hour - time.Second)
		b.expectFiles(t)
		pass(time.Second) // 06:00
		b.expectFiles(t, b.span(0, 0))
		pass(5 * time.Hour)
		b.write(t, w, 1, 1) // 11:00
		pass(time.Hour)
		b.expectFiles(t, b.span(0, 0), b.span(1, 1))
		pass(11*time.Hour + 30*time.Minute)
		b.write(t, w, 2, 2) // 23:30
		pass(30 * time.Minute)
		b.expectFiles(t, b.span(0, 0), b.span(1, 1), b.span(2, 2))
	})
}

// On the day of 25 hours a daily file ends at midnight all the same.
func TestDailyRotationThroughDaylightSaving(t *testing.T) {
	set := map[string]string{"rotate.schedule.interval.ms": strconv.Itoa(24 * 3600 * 1000), "timezone": "Europe/Berlin"}
	inBubble(t, set, func(t *testing.T, b *bench, w *writer, a *acks) {
		t.Helper()
		time.Sleep(time.Until(time.Date(2000, 10, 29, 22, 30, 0, 0, time.UTC))) // 23:30 in Berlin
		b.write(t, w, 0, 0)
		pass(30*time.Minute - time.Millisecond)
		b.expectFiles(t)
		pass(time.Millisecond)
		b.expectFiles(t, b.span(0, 0))
	})
}

func TestRotationByBytes(t *testing.T) {
	inBubble(t, map[string]string{"sluice.file.bytes": "1048576"}, func(t *testing.T, b *bench, w *writer, a *acks) {
		t.Helper()
		quarter := make([]byte, 1<<18-1) // and its line feed
		if err := written(t.Context(), w, values(0, quarter, quarter, quarter)); err != nil {
			t.Fatal(err)
		}
		b.expectFiles(t)
		if err := written(t.Context(), w, values(3, quarter, []byte("x"))); err != nil {
			t.Fatal(err)
		}
		b.expectFiles(t, b.span(0, 3))
		if n := len(b.content(0, 3)); n != 1<<20 {
			t.Errorf("the file has %d bytes", n)
		}
		if d, _, _, _ := a.state(); d != 4 {
			t.Errorf("durable %d, want 4", d)
		}
	})
}

// A commit by the clock and Write, Flush and Close, which the framework may call at any time, do not meet.
func TestClockAgainstCalls(t *testing.T) {
	b := overModel(t, map[string]string{"rotate.interval.ms": "1", "flush.size": "50"})
	a := newAcks()
	w := openAt(t, b.task, -1, a)
	const total = 3000
	for o := int64(0); o < total; o += 10 {
		b.write(t, w, o, o+9)
		if o%70 == 0 {
			if err := w.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.until(t, "the clock has committed the rest", func(a *acks) bool { return a.durable == total })
	shut(t, w)
	got := b.stored(t)
	if len(got) != total {
		t.Fatalf("%d of %d records are stored", len(got), total)
	}
	for i, o := range got {
		if o != int64(i) {
			t.Fatalf("record %d is %d", i, o)
		}
	}
}

var _ connectors.Ack = (*acks)(nil)
