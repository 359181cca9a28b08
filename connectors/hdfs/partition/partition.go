package partition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// The partitioners, by the last part of Confluent's class names.
const (
	Default   = "DefaultPartitioner"   // partition=<Kafka partition>
	Field     = "FieldPartitioner"     // <field>=<value>/…
	Hourly    = "HourlyPartitioner"    // year=YYYY/month=MM/day=dd/hour=HH
	Daily     = "DailyPartitioner"     // year=YYYY/month=MM/day=dd
	TimeBased = "TimeBasedPartitioner" // by Options.PathFormat
)

// The extractors, by Confluent's short names; the last parts of its class names do as well.
const (
	Wallclock   = "Wallclock"   // when the record is written
	Record      = "Record"      // the record's timestamp
	RecordField = "RecordField" // a field of the record's value
)

// Options choose a partitioner.
type Options struct {
	Class  string   // one of the partitioners, with or without a package before it
	Fields []string // of Field; dots lead into nested fields

	Duration   time.Duration // of TimeBased: length of a folder's time
	PathFormat string        // of TimeBased: a pattern of Joda-Time's DateTimeFormat
	Locale     string        // a language, for the names of months and days
	Zone       string        // name of a time zone

	Extractor      string // one of the extractors
	TimestampField string // of RecordField; dots lead into nested fields
}

// Error says which option is wrong.
type Error struct {
	Option string // a field of Options
	Err    error
}

func (e *Error) Error() string { return e.Option + ": " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Partitioner is a checked choice. It is safe for concurrent use.
type Partitioner struct {
	class     string
	fields    []field
	extractor string
	stamp     field
	format    *pattern
	zone      *time.Location
	duration  int64 // milliseconds
}

// New checks options; the error is an *Error.
func New(o Options) (*Partitioner, error) {
	p := &Partitioner{class: lastPart(o.Class), extractor: Wallclock}
	switch p.class {
	case Default:
		return p, nil
	case Field:
		for _, name := range o.Fields {
			f, err := newField(name)
			if err != nil {
				return nil, &Error{"Fields", err}
			}
			p.fields = append(p.fields, f)
		}
		if len(p.fields) == 0 {
			return nil, &Error{"Fields", errors.New("Partition field name cannot be null or empty when using FieldPartitioner.")}
		}
		return p, nil
	case Hourly:
		o.Duration, o.PathFormat = time.Hour, "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH"
	case Daily:
		o.Duration, o.PathFormat = 24*time.Hour, "'year'=YYYY/'month'=MM/'day'=dd"
	case TimeBased:
	default:
		return nil, &Error{"Class", fmt.Errorf("partitioner must be one of %s, %s, %s, %s, %s", Default, Field, Hourly, Daily, TimeBased)}
	}
	return p, p.byTime(o)
}

func (p *Partitioner) byTime(o Options) (err error) {
	if p.duration = o.Duration.Milliseconds(); p.duration <= 0 {
		return &Error{"Duration", errors.New("Partition duration needs to be a positive.")}
	}
	format := strings.TrimSuffix(o.PathFormat, "/")
	if strings.TrimSpace(format) == "" {
		return &Error{"PathFormat", errors.New("Path format cannot be empty.")}
	}
	if strings.TrimSpace(o.Locale) == "" {
		return &Error{"Locale", errors.New("Locale cannot be empty.")}
	}
	if strings.TrimSpace(o.Zone) == "" {
		return &Error{"Zone", errors.New("Timezone cannot be empty.")}
	}
	if p.zone, err = Zone(o.Zone); err != nil {
		return &Error{"Zone", err}
	}
	if p.format, err = newPattern(format, o.Locale); err != nil {
		return &Error{"PathFormat", err}
	}
	switch strings.TrimSuffix(lastPart(strings.ReplaceAll(o.Extractor, "$", ".")), "TimestampExtractor") {
	case Wallclock:
	case Record:
		p.extractor = Record
	case RecordField:
		p.extractor = RecordField
		if p.stamp, err = newField(o.TimestampField); err != nil {
			return &Error{"TimestampField", err}
		}
	default:
		return &Error{"Extractor", fmt.Errorf("extractor must be one of %s, %s, %s", Wallclock, Record, RecordField)}
	}
	return nil
}

// Fixed tells whether all records of a Kafka partition go into one folder.
func (p *Partitioner) Fixed() bool { return p.class == Default }

// ByRecordTime tells whether time is that of the records, which rotation by an interval then follows, and not the clock's.
func (p *Partitioner) ByRecordTime() bool { return p.extractor != Wallclock }

// Locator locates the records of one Kafka partition. It is used by one goroutine at a time.
type Locator struct {
	p       *Partitioner
	payload connectors.Payload
	fixed   string
	clock   bucket
	types   types
}

// Locator makes one for a Kafka partition whose records have values of a payload.
func (p *Partitioner) Locator(partition int32, payload connectors.Payload) *Locator {
	return &Locator{p: p, payload: payload, fixed: "partition=" + strconv.Itoa(int(partition))}
}

// Locate appends the folder of record i, relative to that of its topic and without slashes around it, to dst. It also gives
// the record's time in milliseconds since 1970, by the extractor; 0 where the partitioner has none. now is the clock's
// time. An error is about the record, which can never be located.
func (l *Locator) Locate(dst []byte, b *connectors.Batch, i int, now int64) (folder []byte, at int64, err error) {
	switch l.p.class {
	case Default:
		return append(dst, l.fixed...), 0, nil
	case Field:
		folder, err = l.byFields(dst, b, i)
		return folder, 0, err
	}
	switch l.p.extractor {
	case Record:
		at = b.Timestamp(i)
		if at < 0 {
			return dst, 0, errors.New("the record has no timestamp, by which timestamp.extractor=Record finds its folder")
		}
	case RecordField:
		if at, err = l.stamp(b, i); err != nil {
			return dst, 0, err
		}
	default:
		at = now
	}
	name, err := l.clock.folder(l.p, at)
	return append(dst, name...), at, err
}

// maxName is the longest name of a folder that HDFS takes by default, in bytes.
const maxName = 255

// clean checks a folder that begins at start of dst, and takes doubled slashes out of it, as Hadoop does (invariant 2).
func clean(dst []byte, start int) ([]byte, error) {
	out, name := start, start
	end := func() error {
		switch s := string(dst[name:out]); { // it does not escape, and so is not allocated
		case s == "." || s == "..":
			return errors.New("its folder would be called " + s + ", which leads elsewhere")
		case len(s) > maxName:
			return fmt.Errorf("its folder would have a name of %d bytes; HDFS takes %d", len(s), maxName)
		}
		return nil
	}
	for _, c := range dst[start:] {
		switch c {
		case 0, ':':
			return dst[:start], fmt.Errorf("its folder would have %q in its name, which HDFS does not take", c)
		case '/':
			if out == name { // at the beginning, or after another one
				continue
			}
			if err := end(); err != nil {
				return dst[:start], err
			}
			name = out + 1
		}
		dst[out] = c
		out++
	}
	if out == name && out > start { // a slash at the end
		out--
	} else if err := end(); err != nil {
		return dst[:start], err
	}
	if out == start {
		return dst, errors.New("its folder would have no name")
	}
	return dst[:out], nil
}

func lastPart(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }
