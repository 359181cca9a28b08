package elasticsearch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// maxName is the longest name of an index, in bytes.
const maxName = 255

// naming makes names of indices out of sluice.index.name: text, ${topic}, and patterns of time such as ${yyyy.MM.dd}.
type naming struct {
	template string
	parts    []namePart
	dated    bool // there is a time in it
}

type namePart struct {
	text   string
	topic  bool
	layout string // of time.Format
}

var (
	variables  = regexp.MustCompile(`\$\{([^}]*)\}`)
	timeLetter = regexp.MustCompile(`yyyy|MM|dd|HH|[-._]`)
	layouts    = map[string]string{"yyyy": "2006", "MM": "01", "dd": "02", "HH": "15"}
)

// parseNaming reads a template; an empty one is ${topic}.
func parseNaming(template string) (*naming, error) {
	if template == "" {
		template = "${topic}"
	}
	n := &naming{template: template}
	literal := func(s string) error {
		switch {
		case s == "":
			return nil
		case strings.ContainsAny(s, `\/*?"<>| ,#:$`), s != strings.ToLower(s):
			return errors.New(`names of indices are in lower case and hold none of \/*?"<>|,#: and no blank`)
		case len(n.parts) == 0 && strings.ContainsRune("-_+.", rune(s[0])):
			return errors.New("names of indices do not begin with - _ + or .")
		}
		n.parts = append(n.parts, namePart{text: s})
		return nil
	}
	from := 0
	for _, m := range variables.FindAllStringSubmatchIndex(template, -1) {
		if err := literal(template[from:m[0]]); err != nil {
			return nil, err
		}
		name := template[m[2]:m[3]]
		from = m[1]
		if name == "topic" {
			n.parts = append(n.parts, namePart{topic: true})
			continue
		}
		if name == "" || timeLetter.ReplaceAllString(name, "") != "" || !strings.Contains(name, "yyyy") {
			return nil, fmt.Errorf("${%s} is neither ${topic} nor a time of yyyy, MM, dd and HH with - . _ between, such as ${yyyy.MM.dd}", name)
		}
		n.dated = true
		n.parts = append(n.parts, namePart{layout: timeLetter.ReplaceAllStringFunc(name, func(s string) string {
			if l := layouts[s]; l != "" {
				return l
			}
			return s
		})})
	}
	return n, literal(template[from:])
}

// name gives the index of a topic at a time. The topic is in lower case, loses a leading - or _ where it begins the name,
// and is cut where the whole would be too long (https://www.elastic.co/guide/en/elasticsearch/reference/8.19/indices-create-index.html).
func (n *naming) name(topic string, at time.Time) string {
	at = at.UTC()
	topic = strings.ToLower(topic)
	room, topics := maxName, 0
	for _, p := range n.parts {
		room -= len(p.text) + len(p.layout)
		if p.topic {
			topics++
		}
	}
	var b strings.Builder
	for i, p := range n.parts {
		switch {
		case p.layout != "":
			b.WriteString(at.Format(p.layout))
		case p.topic:
			t := cut(topic, max(room, 0)/topics)
			if i == 0 {
				t = strings.TrimLeft(t, "-_")
			}
			b.WriteString(t)
		default:
			b.WriteString(p.text)
		}
	}
	name := b.String()
	if name == "." || name == ".." {
		name = strings.ReplaceAll(name, ".", "dot")
	}
	return name
}

var errTime = errors.New("is no time: milliseconds since 1970 or text such as 2026-11-23T04:41:52.123Z")

// timeLayouts are the forms of text that are read as times.
var timeLayouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"}

// maxMillis is the end of the year 9999, and minMillis the beginning of the year 0: names have four digits for a year.
const (
	minMillis = -62_167_219_200_000
	maxMillis = 253_402_300_799_999
)

// parseTime reads a JSON value as a time, in milliseconds since 1970.
func parseTime(raw []byte) (int64, error) {
	if len(raw) < 2 || raw[0] != '"' {
		n, err := parseWhole(raw)
		if err != nil || n < minMillis || n > maxMillis {
			return 0, errTime
		}
		return n, nil
	}
	text := string(raw[1 : len(raw)-1])
	for _, l := range timeLayouts {
		if t, err := time.Parse(l, text); err == nil && t.Year() >= 0 && t.Year() <= 9999 {
			return t.UnixMilli(), nil
		}
	}
	return 0, errTime
}
