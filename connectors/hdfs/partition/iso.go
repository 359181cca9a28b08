package partition

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// parseTime reads a text as Confluent's RecordField extractor does: milliseconds since 1970, or what Joda-Time's
// ISODateTimeFormat.dateTimeParser reads:
//
//	date, date T time, or T time, the latter two with an offset behind them or none, which is UTC
//	date:   yyyy[-MM[-dd]], yyyy-DDD, or xxxx-Www[-e]
//	time:   HH[:mm[:ss]], the last of them with a fraction or none
//	offset: Z, +HH, +HH:mm, +HHmm, with - as well
func parseTime(s string) (int64, error) {
	if digits := strings.TrimPrefix(s, "-"); len(digits) >= 1 && len(digits) <= 19 && strings.Trim(digits, "0123456789") == "" {
		if at, err := strconv.ParseInt(s, 10, 64); err == nil {
			return at, nil
		}
	}
	date, clock, timed := strings.Cut(s, "T")
	day := time.Unix(0, 0).UTC()
	var err error
	if date != "" {
		day, err = parseDate(date)
	} else if !timed {
		err = errors.New("it is empty")
	}
	var since time.Duration
	offset := 0
	if err == nil && timed && clock != "" {
		since, clock, err = parseClock(clock, date != "")
		if err == nil && clock != "" {
			offset, clock, err = parseOffset(clock)
		}
		if err == nil && clock != "" {
			err = errors.New("something follows the time")
		}
	}
	if err == nil && timed && clock == "" && date == "" && s == "T" {
		err = errors.New("it has no hour")
	}
	if err != nil {
		return 0, errors.New(strconv.Quote(shorten(s)) + ": " + err.Error())
	}
	return day.Add(since).UnixMilli() - int64(offset)*1000, nil
}

func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most]
	}
	return s
}

// number reads up to most digits, with a sign where signed.
func number(s string, most int, signed bool) (v int, rest string, ok bool) {
	sign := ""
	if signed && s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	n := 0
	for n < len(s) && n < most && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	v, err := strconv.Atoi(s[:n])
	if sign == "-" {
		v = -v
	}
	return v, s[n:], err == nil
}

func parseDate(s string) (time.Time, error) {
	wrong := errors.New("it is no date")
	year, rest, ok := number(s, 9, true)
	if !ok {
		return time.Time{}, wrong
	}
	if rest == "" {
		return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	if rest, ok = strings.CutPrefix(rest, "-"); !ok {
		return time.Time{}, wrong
	}
	if week, isWeek := strings.CutPrefix(rest, "W"); isWeek {
		return parseWeek(year, week)
	}
	month, after, ok := number(rest, 3, false)
	if !ok {
		return time.Time{}, wrong
	}
	if len(rest)-len(after) == 3 {
		first := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		day := first.AddDate(0, 0, month-1)
		if after != "" || month < 1 || day.Year() != year {
			return time.Time{}, wrong
		}
		return day, nil
	}
	day := 1
	if after != "" {
		if after, ok = strings.CutPrefix(after, "-"); ok {
			day, after, ok = number(after, 2, false)
		}
		if !ok || after != "" {
			return time.Time{}, wrong
		}
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Year() != year || int(t.Month()) != month || t.Day() != day {
		return time.Time{}, wrong
	}
	return t, nil
}

func parseWeek(year int, s string) (time.Time, error) {
	wrong := errors.New("it is no date")
	week, rest, ok := number(s, 2, false)
	day := 1
	if ok && rest != "" {
		if rest, ok = strings.CutPrefix(rest, "-"); ok {
			day, rest, ok = number(rest, 1, false)
		}
	}
	if !ok || rest != "" || day < 1 || day > 7 || week < 1 {
		return time.Time{}, wrong
	}
	fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC) // is in week 1
	monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7)
	t := monday.AddDate(0, 0, 7*(week-1)+day-1)
	if y, w := t.ISOWeek(); y != year || w != week {
		return time.Time{}, wrong
	}
	return t, nil
}

// parseClock reads a time of day up to the offset. Behind a date it may be left out.
func parseClock(s string, optional bool) (d time.Duration, rest string, err error) {
	wrong := errors.New("it is no time of day")
	if optional && (s[0]|' ' == 'z' || s[0] == '+' || s[0] == '-') {
		return 0, s, nil
	}
	units := [...]struct {
		unit time.Duration
		most int
	}{{time.Hour, 23}, {time.Minute, 59}, {time.Second, 59}}
	for i, u := range units {
		if i > 0 {
			after, ok := strings.CutPrefix(s, ":")
			if !ok {
				break
			}
			s = after
		}
		v, after, ok := number(s, 2, false)
		if !ok || v > u.most {
			return 0, s, wrong
		}
		d, s = d+time.Duration(v)*u.unit, after
		if s != "" && (s[0] == '.' || s[0] == ',') {
			digits := len(s[1:]) - len(strings.TrimLeft(s[1:], "0123456789"))
			if digits == 0 {
				return 0, s, wrong
			}
			part := u.unit
			for _, c := range []byte(s[1 : 1+min(digits, 9)]) {
				part /= 10
				d += time.Duration(c-'0') * part
			}
			return d.Truncate(time.Millisecond), s[1+digits:], nil
		}
	}
	return d, s, nil
}

// parseOffset reads Z, +HH, +HH:mm, +HHmm, and with seconds; it gives seconds.
func parseOffset(s string) (seconds int, rest string, err error) {
	wrong := errors.New("it is no offset")
	if s != "" && s[0]|' ' == 'z' {
		return 0, s[1:], nil
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, s, wrong
	}
	negative := s[0] == '-'
	s = s[1:]
	for i, unit := range [...]int{3600, 60, 1} {
		after := s
		if i > 0 {
			after = strings.TrimPrefix(s, ":")
			if after == "" || after[0] < '0' || after[0] > '9' {
				if len(after) != len(s) {
					return 0, s, wrong
				}
				break
			}
		}
		v, left, ok := number(after, 2, false)
		if !ok || len(after)-len(left) != 2 || v > 59 || i == 0 && v > 23 {
			return 0, s, wrong
		}
		seconds, s = seconds+v*unit, left
	}
	if negative {
		seconds = -seconds
	}
	return seconds, s, nil
}
