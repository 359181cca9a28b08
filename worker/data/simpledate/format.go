package simpledate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const letters = "GyMdkHmsSEDFwWahKzZYuXL"

var (
	months = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"} // constant
	days   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}                                             // constant
	halves = [...]string{"AM", "PM"}                                                                                                               // constant
)

// Format is a pattern that was understood.
type Format struct {
	pattern string
	parts   []part
	century time.Time // two-digit years are in the 100 years from here
}

// part is a field, or with letter 0 text.
type part struct {
	letter byte
	count  int
	text   string
}

// New reads a pattern. The errors are those of Java's IllegalArgumentException.
func New(pattern string) (*Format, error) { return newAt(pattern, time.Now()) }

func newAt(pattern string, now time.Time) (*Format, error) {
	f := &Format{pattern: pattern, century: now.UTC().AddDate(-80, 0, 0)}
	quoted := false
	literal := func(s string) {
		if n := len(f.parts); n > 0 && f.parts[n-1].letter == 0 {
			f.parts[n-1].text += s
			return
		}
		f.parts = append(f.parts, part{text: s})
	}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'' && strings.HasPrefix(pattern[i+1:], "'"):
			literal("'")
			i += 2
		case c == '\'':
			quoted = !quoted
			i++
		case !quoted && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'):
			if strings.IndexByte(letters, c) < 0 {
				return nil, fmt.Errorf("Illegal pattern character '%c'", c)
			}
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if c == 'X' && n > 3 {
				return nil, fmt.Errorf("invalid ISO 8601 format: length=%d", n)
			}
			f.parts = append(f.parts, part{letter: c, count: n})
			i += n
		default:
			_, size := utf8.DecodeRuneInString(pattern[i:])
			literal(pattern[i : i+size])
			i += size
		}
	}
	if quoted {
		return nil, errors.New("Unterminated quote")
	}
	return f, nil
}

// Pattern is the pattern.
func (f *Format) Pattern() string { return f.pattern }

// Format writes a moment, in milliseconds since 1970.
func (f *Format) Format(millis int64) string { return string(f.Append(nil, millis)) }

// Append is Format behind what dst holds.
func (f *Format) Append(dst []byte, millis int64) []byte {
	day, ofDay := floorDiv(millis, dayMillis), floorMod(millis, dayMillis)
	c := date(day)
	hour := ofDay / 3600_000
	for i := range f.parts {
		p := &f.parts[i]
		number, isNumber := int64(0), true
		switch p.letter {
		case 0:
			dst, isNumber = append(dst, p.text...), false
		case 'G':
			dst, isNumber = append(dst, era(c.year, p.count)...), false
		case 'y', 'Y':
			year := c.year
			if p.letter == 'Y' {
				_, year = week(day, c.year)
			}
			if year <= 0 && p.letter == 'y' {
				year = 1 - year
			}
			if p.count == 2 {
				year = floorMod(year, 100)
			}
			number = year
		case 'M', 'L':
			switch {
			case p.count >= 4:
				dst, isNumber = append(dst, months[c.month-1]...), false
			case p.count == 3:
				dst, isNumber = append(dst, months[c.month-1][:3]...), false
			default:
				number = c.month
			}
		case 'd':
			number = c.day
		case 'k':
			number = (hour+23)%24 + 1
		case 'H':
			number = hour
		case 'K':
			number = hour % 12
		case 'h':
			number = (hour+11)%12 + 1
		case 'm':
			number = ofDay / 60_000 % 60
		case 's':
			number = ofDay / 1000 % 60
		case 'S':
			number = ofDay % 1000
		case 'E':
			name := days[weekday(day)]
			if p.count < 4 {
				name = name[:3]
			}
			dst, isNumber = append(dst, name...), false
		case 'u':
			number = (weekday(day)+6)%7 + 1
		case 'D':
			number = day - daysOf(c.year, 1, 1) + 1
		case 'F':
			number = (c.day-1)/7 + 1
		case 'w':
			number, _ = week(day, c.year)
		case 'W':
			number = (c.day-1+weekday(day-c.day+1))/7 + 1
		case 'a':
			dst, isNumber = append(dst, halves[hour/12]...), false
		case 'z':
			name := "Coordinated Universal Time"
			if p.count < 4 {
				name = "UTC"
			}
			dst, isNumber = append(dst, name...), false
		case 'Z':
			dst, isNumber = append(dst, "+0000"...), false
		case 'X':
			dst, isNumber = append(dst, 'Z'), false
		}
		if isNumber {
			dst = appendPadded(dst, number, p.count)
		}
	}
	return dst
}

func era(year int64, count int) string {
	switch {
	case year > 0 && count < 4:
		return "AD"
	case year > 0:
		return "Anno Domini"
	case count < 4:
		return "BC"
	}
	return "Before Christ"
}

func appendPadded(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst, n, width = append(dst, '-'), -n, width-1
	}
	from := len(dst)
	dst = strconv.AppendInt(dst, n, 10)
	if missing := width - (len(dst) - from); missing > 0 {
		for range missing {
			dst = append(dst, '0')
		}
		copy(dst[from+missing:], dst[from:len(dst)-missing])
		for i := range missing {
			dst[from+i] = '0'
		}
	}
	return dst
}
