package partition

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"
)

// pattern is a pattern of Joda-Time's DateTimeFormat.
type pattern struct {
	parts []part
	names *names
}

// part is a run of one letter, or a text where the letter is 0.
type part struct {
	letter byte
	count  int
	text   string
}

func newPattern(s, locale string) (*pattern, error) {
	p := &pattern{names: namesOf(locale)}
	for i := 0; i < len(s); {
		if c := s[i]; isLetter(c) {
			n := 1
			for i+n < len(s) && s[i+n] == c {
				n++
			}
			if !strings.ContainsRune("GCxwyYeEDMdaKhHkmsSzZ", rune(c)) {
				return nil, fmt.Errorf("Illegal pattern component: %s", s[i:i+n])
			}
			if c == 'z' && n >= 4 {
				return nil, fmt.Errorf("%s, the long name of the time zone, is not supported; use z, or Z for its offset", s[i:i+n])
			}
			p.parts = append(p.parts, part{letter: c, count: n})
			i += n
			continue
		}
		text, quoted := []byte(nil), false
		for ; i < len(s) && (quoted || !isLetter(s[i])); i++ {
			switch {
			case s[i] != '\'':
				text = append(text, s[i])
			case i+1 < len(s) && s[i+1] == '\'':
				text = append(text, '\'')
				i++
			default:
				quoted = !quoted
			}
		}
		p.parts = append(p.parts, part{text: string(text)})
	}
	return p, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// append formats a time in its own zone.
func (p *pattern) append(dst []byte, t time.Time) []byte {
	for _, c := range p.parts {
		dst = p.part(dst, c, t)
	}
	return dst
}

func (p *pattern) part(dst []byte, c part, t time.Time) []byte {
	number := func(v int) []byte { return appendPadded(dst, int64(v), c.count) }
	year := func(v int) []byte {
		if c.count == 2 {
			return appendPadded(dst, int64(v%100), 2)
		}
		return number(v)
	}
	switch c.letter {
	case 0:
		return append(dst, c.text...)
	case 'G':
		if t.Year() > 0 {
			return append(dst, p.names.eras[1]...)
		}
		return append(dst, p.names.eras[0]...)
	case 'C':
		return number(t.Year() / 100)
	case 'y':
		return year(t.Year())
	case 'Y': // of the era
		if t.Year() <= 0 && c.count != 2 {
			return number(1 - t.Year())
		}
		return year(t.Year())
	case 'x':
		y, _ := t.ISOWeek()
		return year(y)
	case 'w':
		_, w := t.ISOWeek()
		return number(w)
	case 'e':
		return number((int(t.Weekday())+6)%7 + 1)
	case 'E':
		if c.count >= 4 {
			return append(dst, p.names.days[t.Weekday()]...)
		}
		return append(dst, p.names.shortDays[t.Weekday()]...)
	case 'D':
		return number(t.YearDay())
	case 'M':
		switch {
		case c.count >= 4:
			return append(dst, p.names.months[t.Month()-1]...)
		case c.count == 3:
			return append(dst, p.names.shortMonths[t.Month()-1]...)
		}
		return number(int(t.Month()))
	case 'd':
		return number(t.Day())
	case 'a':
		return append(dst, p.names.halves[t.Hour()/12]...)
	case 'K':
		return number(t.Hour() % 12)
	case 'h':
		return number((t.Hour()+11)%12 + 1)
	case 'H':
		return number(t.Hour())
	case 'k':
		return number((t.Hour()+23)%24 + 1)
	case 'm':
		return number(t.Minute())
	case 's':
		return number(t.Second())
	case 'S':
		milli := appendPadded(nil, int64(t.Nanosecond()/1e6), 3)
		for len(milli) < c.count {
			milli = append(milli, '0')
		}
		return append(dst, milli[:c.count]...)
	case 'Z':
		_, offset := t.Zone()
		switch c.count {
		case 1:
			return appendOffset(dst, offset, false)
		case 2:
			return appendOffset(dst, offset, true)
		}
		return append(dst, t.Location().String()...)
	default: // z
		name, offset := t.Zone()
		if name == "" || name[0] == '+' || name[0] == '-' { // the database has no abbreviation
			return appendOffset(dst, offset, true)
		}
		return append(dst, name...)
	}
}

// names are those of a language.
type names struct{ months, shortMonths, days, shortDays, halves, eras []string }

//go:embed names.tsv
var namesFile string

var languages = sync.OnceValue(func() map[string]*names {
	all := map[string]*names{}
	for line := range strings.Lines(namesFile) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		list := func(i int) []string { return strings.Split(c[i], "|") }
		all[c[0]] = &names{list(1), list(2), list(3), list(4), list(5), list(6)}
	}
	return all
})

// namesOf gives the names of a language. What is no language, like en-US, has names of its own in Java, and so it has here.
func namesOf(language string) *names {
	if n, ok := languages()[strings.ToLower(language)]; ok {
		return n
	}
	return languages()[""]
}
