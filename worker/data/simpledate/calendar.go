package simpledate

// Days are counted from 1 January 1970; a year is astronomical: 0 is 1 BC.

const (
	dayMillis = 24 * 60 * 60 * 1000
	gregorian = -141427 // 15 October 1582, the first day of the Gregorian calendar
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// civil is a day of the calendar.
type civil struct {
	year  int64
	month int64 // from 1
	day   int64 // from 1
}

// date is the day in the calendar of its time. The year is taken to begin in March, so that a leap day comes last
// (after Howard Hinnant, chrono-Compatible Low-Level Date Algorithms).
func date(days int64) civil {
	var year, ofYear int64
	if days >= gregorian {
		z := days + 719468
		era := floorDiv(z, 146097)
		of := z - era*146097
		y := (of - of/1460 + of/36524 - of/146096) / 365
		year, ofYear = y+era*400, of-(365*y+y/4-y/100)
	} else {
		z := days + 719470 // from 1 March of the Julian year 0
		era := floorDiv(z, 1461)
		of := z - era*1461
		y := (of - of/1460) / 365
		year, ofYear = y+era*4, of-365*y
	}
	m := (5*ofYear + 2) / 153
	c := civil{year: year, month: m + 3, day: ofYear - (153*m+2)/5 + 1}
	if c.month > 12 {
		c.month -= 12
		c.year++
	}
	return c
}

// daysOf is the day of a date whose parts may overflow. A date that is said to be before 1582 is Julian.
func daysOf(year, month, day int64) int64 {
	julian := year < 1582
	year += floorDiv(month-1, 12)
	month = floorMod(month-1, 12) + 1
	y, m := year, month-3
	if m < 0 {
		m += 12
		y--
	}
	ofYear := (153*m+2)/5 + day - 1
	if g := 365*y + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) + ofYear - 719468; g >= gregorian && !julian {
		return g
	}
	return 365*y + floorDiv(y, 4) + ofYear - 719470
}

// weekday is 0 for Sunday.
func weekday(days int64) int64 { return floorMod(days+4, 7) }

// week is the week of the year that a day is in, and the year that week belongs to. Weeks begin on Sunday, and the first one has
// 1 January.
func week(days int64, year int64) (week, weekYear int64) {
	if next := daysOf(year+1, 1, 1); days+6-weekday(days) >= next {
		return 1, year + 1
	}
	first := daysOf(year, 1, 1)
	return (days-first+weekday(first))/7 + 1, year
}
