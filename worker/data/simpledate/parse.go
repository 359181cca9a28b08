package simpledate

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// ErrNoMatch says that a text does not fit the pattern.
var ErrNoMatch = errors.New("text does not match the pattern")

// zones are the offsets of time zone names in minutes, in upper case.
var zones = map[string]int64{ // constant
	"UTC": 0, "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180, "SAST": 120,
	"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600,
	"IST": 330, "HKT": 480, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780,
}

// fields is what was read so far; a field is set when its letter was met, and the later one of two that contradict counts.
type fields struct {
	bc                               bool
	year, month, day, ofYear         int64 // month from 0
	weekday                          int64
	hour, hourOfDay, half            int64
	minute, second, milli, offset    int64
	dayAt, ofYearAt, weekdayAt       int
	hourAt, hourOfDayAt, halfAt, met int
	twoDigits                        bool // of the first year that they may mean
}

// Parse reads a moment from the beginning of a text, in milliseconds since 1970. The error is [ErrNoMatch], or says which letter
// cannot be parsed.
func (f *Format) Parse(text string) (int64, error) {
	v := fields{year: 1970, day: 1}
	at := 0
	for i := range f.parts {
		p := &f.parts[i]
		if p.letter == 0 {
			if !strings.HasPrefix(text[at:], p.text) {
				return 0, ErrNoMatch
			}
			at += len(p.text)
			continue
		}
		// Where digits of two fields touch, the pattern says how many belong to the first.
		limit := len(text)
		exact := i+1 < len(f.parts) && f.parts[i+1].letter != 0
		if exact {
			limit = at + p.count
		}
		from := at
		for from < len(text) && (text[from] == ' ' || text[from] == '\t') {
			from++
		}
		if from == len(text) {
			return 0, ErrNoMatch
		}
		v.met++
		next, err := f.field(&v, p, text, at, from, limit)
		if err != nil {
			return 0, err
		}
		at = next
	}
	moment := v.moment()
	if v.twoDigits && moment < f.century.UnixMilli() {
		v.year += 100
		moment = v.moment()
	}
	return moment, nil
}

// field reads one field that begins at from; start is where the blanks before it begin, which numbers may have and names not.
func (f *Format) field(v *fields, p *part, text string, start, from, limit int) (next int, err error) {
	switch p.letter {
	case 'G':
		era, next := longest(text, start, []string{"BC", "AD", "Before Christ", "Anno Domini"})
		v.bc = era%2 == 0
		return next, matched(era)
	case 'M', 'L':
		if p.count > 2 {
			month, next := longest(text, start, months[:])
			short, shortNext := longest(text, start, shortened(months[:]))
			if month < 0 {
				month, next = short, shortNext
			}
			v.month = int64(month)
			return next, matched(month)
		}
	case 'E':
		day, next := longest(text, start, days[:])
		if day < 0 {
			day, next = longest(text, start, shortened(days[:]))
		}
		v.weekday, v.weekdayAt = int64(day), v.met
		return next, matched(day)
	case 'a':
		half, next := longest(text, start, halves[:])
		v.half, v.halfAt = int64(half), v.met
		return next, matched(half)
	case 'z', 'Z':
		return zone(v, text, from)
	case 'X':
		if text[from] == 'Z' {
			v.offset = 0
			return from + 1, nil
		}
		return numericZone(v, text, from, p.count, p.count == 3)
	case 'Y', 'w', 'W', 'F', 'u':
		return 0, fmt.Errorf("pattern letter %c is supported for writing only, not for reading a text", p.letter)
	}
	if limit > len(text) {
		return 0, ErrNoMatch
	}
	n, next, ok := integer(text[:limit], from)
	if !ok {
		return 0, ErrNoMatch
	}
	switch p.letter {
	case 'y':
		if p.count <= 2 && next-from == 2 && text[from] != '-' {
			first := int64(f.century.Year())
			v.twoDigits = n == first%100
			n += first / 100 * 100
			if n < first {
				n += 100
			}
		}
		v.year = n
	case 'M', 'L':
		v.month = n - 1
	case 'd':
		v.day, v.dayAt = n, v.met
	case 'D':
		v.ofYear, v.ofYearAt = n, v.met
	case 'H', 'k':
		if p.letter == 'k' && n == 24 {
			n = 0
		}
		v.hourOfDay, v.hourOfDayAt = n, v.met
	case 'K', 'h':
		if p.letter == 'h' && n == 12 {
			n = 0
		}
		v.hour, v.hourAt = n, v.met
	case 'm':
		v.minute = n
	case 's':
		v.second = n
	case 'S':
		v.milli = n
	}
	return next, nil
}

func matched(index int) error {
	if index < 0 {
		return ErrNoMatch
	}
	return nil
}

// longest finds the longest of the names that the text has at a place, whatever the case.
func longest(text string, at int, names []string) (index, next int) {
	index = -1
	for i, name := range names {
		end := at + len(name)
		if end <= len(text) && end > next && strings.EqualFold(text[at:end], name) {
			index, next = i, end
		}
	}
	return index, next
}

func shortened(names []string) []string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = name[:3]
	}
	return short
}

// integer reads a number as Java's DecimalFormat does, and cuts it to 32 bits as Java does.
func integer(text string, at int) (n int64, next int, ok bool) {
	negative := at < len(text) && text[at] == '-'
	if negative {
		at++
	}
	digits := at
	large := false
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		large = large || n > (math.MaxInt64-9)/10
		n = n*10 + int64(text[at]-'0')
		at++
	}
	if at == digits {
		return 0, 0, false
	}
	if large {
		n = math.MaxInt32
	}
	if negative {
		n = -n
	}
	return int64(int32(n)), at, true
}

// zone reads an offset, GMT with or without one, or a name.
func zone(v *fields, text string, at int) (next int, err error) {
	if text[at] == '+' || text[at] == '-' {
		return numericZone(v, text, at, 0, false)
	}
	if end := at + 3; end <= len(text) && strings.EqualFold(text[at:end], "GMT") {
		if end < len(text) && (text[end] == '+' || text[end] == '-') {
			return numericZone(v, text, end, 0, true)
		}
		v.offset = 0
		return end, nil
	}
	for size := 4; size >= 3; size-- {
		if end := at + size; end <= len(text) {
			if minutes, ok := zones[strings.ToUpper(text[at:end])]; ok {
				v.offset = minutes * 60_000
				return end, nil
			}
		}
	}
	return 0, ErrNoMatch
}

// numericZone reads a sign, hours and, unless count is 1, minutes.
func numericZone(v *fields, text string, at, count int, colon bool) (next int, err error) {
	digit := func() (int64, bool) {
		if at < len(text) && text[at] >= '0' && text[at] <= '9' {
			at++
			return int64(text[at-1] - '0'), true
		}
		return 0, false
	}
	sign := int64(1)
	switch text[at] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, ErrNoMatch
	}
	at++
	hours, ok := digit()
	if !ok {
		return 0, ErrNoMatch
	}
	if second, ok := digit(); ok {
		hours = hours*10 + second
	} else if count > 0 || !colon || at == len(text) {
		return 0, ErrNoMatch
	}
	if hours > 23 {
		return 0, ErrNoMatch
	}
	var minutes int64
	if count != 1 {
		if colon {
			if at == len(text) || text[at] != ':' {
				return 0, ErrNoMatch
			}
			at++
		}
		tens, ok := digit()
		ones, also := digit()
		if minutes = tens*10 + ones; !ok || !also || minutes > 59 {
			return 0, ErrNoMatch
		}
	}
	v.offset = sign * (hours*60 + minutes) * 60_000
	return at, nil
}

// moment puts the fields together.
func (v *fields) moment() int64 {
	year := v.year
	if v.bc {
		year = 1 - year
	}
	var day int64
	switch {
	case v.ofYearAt > v.dayAt:
		day = daysOf(year, 1, v.ofYear)
	case v.dayAt == 0 && v.weekdayAt > 0: // the first such day of the month
		first := daysOf(year, v.month+1, 1)
		day = first + floorMod(v.weekday-weekday(first), 7)
	default:
		day = daysOf(year, v.month+1, v.day)
	}
	hour := v.hourOfDay
	if v.hourOfDayAt == 0 || v.hourAt > 0 && v.halfAt > 0 && max(v.hourAt, v.halfAt) > v.hourOfDayAt {
		hour = v.hour + 12*v.half
	}
	return day*dayMillis + ((hour*60+v.minute)*60+v.second)*1000 + v.milli - v.offset
}
