package javaregex

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

const matchWithin = time.Second

// Regexp is a pattern that was understood.
type Regexp struct {
	pattern string
	whole   *regexp2.Regexp // must match all of a text
	first   *regexp2.Regexp // matches where it can
	groups  int
	names   map[string]int
}

// Compile reads a pattern.
func Compile(pattern string) (*Regexp, error) {
	t, err := translate(pattern)
	if err != nil {
		return nil, err
	}
	r := &Regexp{pattern: pattern, groups: t.groups, names: t.names}
	compile := func(expr string) *regexp2.Regexp {
		re, e := regexp2.Compile(expr, regexp2.RE2, regexp2.OptionMaintainCaptureOrder())
		if e != nil {
			err = e
			return nil
		}
		re.MatchTimeout = matchWithin
		return re
	}
	r.whole = compile(`\A(?:` + t.out.String() + `)\z`)
	r.first = compile(t.out.String()) // last, so that its error counts
	return r, err
}

// Matches says whether the pattern matches the whole text.
func (r *Regexp) Matches(text string) (bool, error) {
	ok, err := r.whole.MatchString(text)
	if err != nil {
		return false, r.failed(text, err)
	}
	return ok, nil
}

func (r *Regexp) failed(text string, err error) error {
	return fmt.Errorf("matching %q with the regular expression %q: %w", text, r.pattern, err)
}

// ErrNoGroup says that a replacement names a group by a number that the pattern has not.
var ErrNoGroup = errors.New("No group")

// ReplaceFirst replaces the first match in the text. In the replacement $1 and ${name} are groups, and \ makes the next
// character stand for itself.
func (r *Regexp) ReplaceFirst(text, replacement string) (string, error) {
	m, err := r.first.FindStringMatch(text)
	if err != nil {
		return "", r.failed(text, err)
	}
	if m == nil {
		return text, nil
	}
	from, length := m.ByteRange()
	var out strings.Builder
	out.WriteString(text[:from])
	for rest := replacement; rest != ""; {
		i := strings.IndexAny(rest, `$\`)
		if i < 0 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:i])
		if rest[i] == '\\' {
			if rest = rest[i+1:]; rest == "" {
				return "", errors.New("character to be escaped is missing")
			}
			out.WriteByte(rest[0]) // what follows of a longer character is copied with the rest
			rest = rest[1:]
			continue
		}
		var group int
		if group, rest, err = r.reference(rest[i+1:]); err != nil {
			return "", err
		}
		if group > r.groups {
			return "", fmt.Errorf("%w %d", ErrNoGroup, group)
		}
		out.WriteString(m.GroupByNumber(group).String())
	}
	out.WriteString(text[from+length:])
	return out.String(), nil
}

// reference reads what follows a $.
func (r *Regexp) reference(s string) (group int, rest string, err error) {
	switch {
	case s == "":
		return 0, "", errors.New("Illegal group reference: group index is missing")
	case s[0] == '{':
		end := 1
		for end < len(s) && isAlnum(s[end]) {
			end++
		}
		name := s[1:end]
		if name == "" || end == len(s) || s[end] != '}' {
			return 0, "", errors.New("named capturing group is missing trailing '}'")
		}
		if name[0] >= '0' && name[0] <= '9' {
			return 0, "", errors.New("capturing group name {" + name + "} starts with digit character")
		}
		group, ok := r.names[name]
		if !ok {
			return 0, "", errors.New("No group with name {" + name + "}")
		}
		return group, s[end+1:], nil
	case s[0] < '0' || s[0] > '9':
		return 0, "", errors.New("Illegal group reference")
	}
	group, s = int(s[0]-'0'), s[1:]
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		longer := group*10 + int(s[0]-'0')
		if longer > r.groups {
			break
		}
		group, s = longer, s[1:]
	}
	return group, s, nil
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
