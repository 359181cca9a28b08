package hdfs

import "time"

// rotation says when a file is due by the clock.
type rotation struct {
	interval time.Duration // from its first record; not positive: no limit
	// recordTime says that the interval is that of the records' times, not of the clock: a file ends before the first record
	// whose time is that much later than its first one's, and waits for such a record.
	recordTime bool
	schedule   time.Duration // multiples since midnight, and midnight; not positive: never
	zone       *time.Location
}

// due is when a file that began at the given time is to be committed; false: never by the clock.
func (r rotation) due(began time.Time) (time.Time, bool) {
	var at time.Time
	if r.interval > 0 && !r.recordTime {
		at = began.Add(r.interval)
	}
	if r.schedule > 0 {
		local := began.In(r.zone)
		midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, r.zone)
		next := midnight.Add((began.Sub(midnight)/r.schedule + 1) * r.schedule)
		// A day may have 23 or 25 hours, or end within a period: at midnight the count begins anew. Where a zone leaves
		// midnight out, the time package may give an hour before it, which can be over.
		if tomorrow := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, r.zone); tomorrow.Before(next) && tomorrow.After(began) {
			next = tomorrow
		}
		if at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at, !at.IsZero()
}

// overdue tells whether a record whose time is at is too late for files whose first record's was base, in milliseconds.
func (r rotation) overdue(base, at int64) bool {
	return r.recordTime && r.interval > 0 && at-base >= r.interval.Milliseconds()
}
