package partition

import (
	"errors"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones where the system has none
)

// Zone reads the id of a time zone as Joda-Time does: a name of the time zone database, UTC, or an offset like +05:30.
func Zone(id string) (*time.Location, error) {
	id = strings.TrimSpace(id)
	if id != "" && (id[0] == '+' || id[0] == '-') {
		seconds, rest, err := parseOffset(id)
		if err != nil || rest != "" {
			return nil, errors.New("the datetime zone id '" + id + "' is not recognised")
		}
		return time.FixedZone(offsetID(seconds), seconds), nil
	}
	if id == "" || strings.EqualFold(id, "local") {
		return nil, errors.New("the datetime zone id '" + id + "' is not recognised")
	}
	zone, err := time.LoadLocation(id)
	if err != nil {
		return nil, errors.New("the datetime zone id '" + id + "' is not recognised")
	}
	return zone, nil
}

func offsetID(seconds int) string {
	if seconds == 0 {
		return "UTC"
	}
	return string(appendOffset(nil, seconds, true))
}

// appendOffset appends an offset like +0530 or +05:30.
func appendOffset(dst []byte, seconds int, colon bool) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = appendPadded(append(dst, sign), int64(seconds/3600), 2)
	if colon {
		dst = append(dst, ':')
	}
	return appendPadded(dst, int64(seconds/60%60), 2)
}

func appendPadded(dst []byte, v int64, width int) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	for n := len(strconv.FormatInt(v, 10)); n < width; n++ {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, v, 10)
}

// bucket is the folder of a duration of time, kept because most records go where the last one went.
type bucket struct {
	from, until int64 // milliseconds for which the offset of the zone is known
	offset      int64 // milliseconds
	number      int64 // local time divided by the duration
	name        []byte
	err         error
	valid       bool
}

// folder names the folder of a time in milliseconds since 1970.
func (k *bucket) folder(p *Partitioner, at int64) ([]byte, error) {
	if at < k.from || at >= k.until {
		k.from, k.until, k.offset = offsetAround(p.zone, at)
	}
	number := (at + k.offset) / p.duration
	if k.valid && number == k.number {
		return k.name, k.err
	}
	start := toUTC(p.zone, number*p.duration)
	k.name = p.format.append(k.name[:0], time.UnixMilli(start).In(p.zone))
	k.name, k.err = clean(k.name, 0)
	k.number, k.valid = number, true
	return k.name, k.err
}

// offsetAround gives the offset of a zone at a time, and for which times around it holds; all are in milliseconds.
func offsetAround(zone *time.Location, at int64) (from, until, offset int64) {
	t := time.UnixMilli(at).In(zone)
	_, seconds := t.Zone()
	start, end := t.ZoneBounds()
	from, until = -1<<63, 1<<63-1
	if !start.IsZero() {
		from = start.UnixMilli()
	}
	if !end.IsZero() {
		until = end.UnixMilli()
	}
	return from, until, int64(seconds) * 1000
}

// toUTC gives the time at which clocks of a zone show a local time. Where they never do, or do twice, it is as Joda-Time's
// convertLocalToUTC has it without strictness: a gap counts with the offset before it in zones west of Greenwich.
func toUTC(zone *time.Location, local int64) int64 {
	_, _, first := offsetAround(zone, local)
	_, _, offset := offsetAround(zone, local-first)
	if first != offset && first < 0 {
		if nextTransition(zone, local-first) != nextTransition(zone, local-offset) {
			offset = first
		}
	}
	return local - offset
}

func nextTransition(zone *time.Location, at int64) int64 {
	_, until, _ := offsetAround(zone, at)
	return until
}
