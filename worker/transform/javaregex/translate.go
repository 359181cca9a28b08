package javaregex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// translation turns a Java pattern into one for regexp2, from left to right.
type translation struct {
	in     string
	at     int
	out    strings.Builder
	groups int
	open   int
	names  map[string]int
}

func translate(pattern string) (*translation, error) {
	t := &translation{in: pattern, names: map[string]int{}}
	atom := false // something that a quantifier may follow
	for t.at < len(t.in) {
		c := t.in[t.at]
		var err error
		switch c {
		case '\\':
			err = t.escape(false)
			atom = true
		case '[':
			err = t.class()
			atom = true
		case '(':
			err = t.group()
			atom = false
		case ')':
			if t.open == 0 {
				return nil, t.problem("Unmatched closing ')'", t.at-1)
			}
			t.open--
			t.copy(1)
			atom = true
		case '*', '+', '?', '{':
			err = t.quantifier(atom)
			atom = false
		default:
			atom = c != '|' && c != '^'
			_, size := utf8.DecodeRuneInString(t.in[t.at:])
			if c == '}' || c == ']' {
				t.out.WriteByte('\\')
			}
			t.copy(size)
		}
		if err != nil {
			return nil, err
		}
	}
	if t.open > 0 {
		return nil, t.problem("Unclosed group", t.at)
	}
	return t, nil
}

// problem is worded as Java's PatternSyntaxException; at is where Java sees it, in bytes, which may be before the beginning.
func (t *translation) problem(what string, at int) error {
	if at < 0 {
		return fmt.Errorf("%s\n%s", what, t.in)
	}
	at = min(at, len(t.in))
	text := fmt.Sprintf("%s near index %d\n%s", what, utf8.RuneCountInString(t.in[:at]), t.in)
	if at < len(t.in) {
		text += "\n" + strings.Repeat(" ", utf8.RuneCountInString(t.in[:at])) + "^"
	}
	return errors.New(text)
}

func (t *translation) unsupported(what string) error {
	return fmt.Errorf("%s near index %d not supported by sluice\n%s", what, t.at, t.in)
}

func (t *translation) copy(n int) {
	t.out.WriteString(t.in[t.at : t.at+n])
	t.at += n
}

func (t *translation) peek(offset int) byte {
	if t.at+offset < len(t.in) {
		return t.in[t.at+offset]
	}
	return 0
}

func (t *translation) quantifier(atom bool) error {
	if t.in[t.at] == '{' {
		end := t.at + 1
		digits := func() (some bool) {
			for ; end < len(t.in) && t.in[end] >= '0' && t.in[end] <= '9'; end++ {
				some = true
			}
			return some
		}
		if !digits() || !atom {
			return t.problem("Illegal repetition", t.at+1)
		}
		least, most := t.in[t.at+1:end], ""
		if end < len(t.in) && t.in[end] == ',' {
			end++
			from := end
			digits()
			most = t.in[from:end]
		}
		if end == len(t.in) || t.in[end] != '}' {
			return t.problem("Unclosed counted closure", end)
		}
		if n, err := strconv.Atoi(least); err == nil && most != "" {
			if m, err := strconv.Atoi(most); err == nil && m < n {
				return t.problem("Illegal repetition range", end)
			}
		}
		t.copy(end + 1 - t.at)
	} else {
		if !atom {
			return t.problem("Dangling meta character '"+t.in[t.at:t.at+1]+"'", t.at)
		}
		t.copy(1)
	}
	switch t.peek(0) {
	case '+':
		return t.unsupported("possessive quantifier is")
	case '?':
		t.copy(1)
	}
	return nil
}

func (t *translation) group() error {
	t.open++
	if t.peek(1) != '?' {
		t.groups++
		t.copy(1)
		return nil
	}
	switch next := t.peek(2); next {
	case ':', '=', '!', '>':
		t.copy(3)
		return nil
	case '<':
		if n := t.peek(3); n == '=' || n == '!' {
			t.copy(4)
			return nil
		}
		end := t.at + 3
		for end < len(t.in) && isAlnum(t.in[end]) {
			end++
		}
		name := t.in[t.at+3 : end]
		if name == "" || name[0] >= '0' && name[0] <= '9' {
			return t.problem("capturing group name does not start with a Latin letter", t.at+3)
		}
		if end == len(t.in) || t.in[end] != '>' {
			return t.problem("named capturing group is missing trailing '>'", end)
		}
		if _, twice := t.names[name]; twice {
			return t.problem("Named capturing group <"+name+"> is already defined", end)
		}
		t.groups++
		t.names[name] = t.groups
		t.copy(end + 1 - t.at)
		return nil
	}
	// Flags, for a group or for the rest.
	end := t.at + 2
	var flags strings.Builder
	for ; end < len(t.in) && strings.IndexByte("imsu-", t.in[end]) >= 0; end++ {
		if t.in[end] != 'u' { // it is on anyway
			flags.WriteByte(t.in[end])
		}
	}
	if end < len(t.in) && strings.IndexByte("dxU", t.in[end]) >= 0 {
		return t.unsupported("flag " + t.in[end:end+1] + " is")
	}
	if end == len(t.in) || t.in[end] != ')' && t.in[end] != ':' {
		return t.problem("Unknown inline modifier", end)
	}
	text := strings.TrimSuffix(flags.String(), "-")
	if t.in[end] == ':' {
		t.out.WriteString("(?" + text + ":")
	} else {
		t.open--
		if text != "" {
			t.out.WriteString("(?" + text + ")")
		}
	}
	t.at = end + 1
	return nil
}

// class copies a class of characters.
func (t *translation) class() error {
	t.copy(1)
	if t.peek(0) == '^' {
		t.copy(1)
	}
	if t.peek(0) == ']' && strings.IndexByte(t.in[t.at+1:], ']') >= 0 {
		return t.unsupported("] at the beginning of a character class is")
	}
	first := t.at
	for t.at < len(t.in) {
		switch c := t.in[t.at]; {
		case c == ']' && t.at > first:
			t.copy(1)
			return nil
		case c == '[' && strings.IndexByte(t.in[t.at:], ']') >= 0:
			return t.unsupported("character class within a class is")
		case c == '&' && t.peek(1) == '&':
			return t.unsupported("intersection of character classes is")
		case c == '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		default:
			_, size := utf8.DecodeRuneInString(t.in[t.at:])
			t.copy(size)
		}
	}
	return t.problem("Unclosed character class", t.at-1)
}

const (
	horizontal = ` \t\xA0\u1680\u180E\u2000-\u200A\u202F\u205F\u3000`
	vertical   = `\n\x0B\f\r\x85\u2028\u2029`
)

// escape translates what begins with a backslash.
func (t *translation) escape(inClass bool) error {
	set := func(members string, negated bool) error {
		switch {
		case inClass && negated:
			return t.unsupported("negated class within a class is")
		case inClass:
			t.out.WriteString(members)
		case negated:
			t.out.WriteString("[^" + members + "]")
		default:
			t.out.WriteString("[" + members + "]")
		}
		t.at += 2
		return nil
	}
	c := t.peek(1)
	switch {
	case t.at+1 == len(t.in):
		return t.problem("Unexpected internal error", len(t.in))
	case c == 'Q':
		text, rest, _ := strings.Cut(t.in[t.at+2:], `\E`)
		for _, r := range text {
			t.literal(r)
		}
		t.at = len(t.in) - len(rest)
	case strings.IndexByte("dDwWsS", c) >= 0, !inClass && strings.IndexByte("AzZBG", c) >= 0, strings.IndexByte("tnrfae", c) >= 0:
		t.copy(2)
	case !inClass && c == 'b':
		if t.peek(2) == '{' {
			return t.unsupported(`\b{ is`)
		}
		t.copy(2)
	case c == 'h' || c == 'H':
		return set(horizontal, c == 'H')
	case c == 'v' || c == 'V':
		return set(vertical, c == 'V')
	case !inClass && c == 'R':
		t.out.WriteString(`(?>\r\n|[` + vertical + `])`)
		t.at += 2
	case c == '0':
		return t.octal()
	case c >= '1' && c <= '9' && !inClass:
		return t.backReference()
	case c == 'k' && !inClass:
		end := strings.IndexByte(t.in[t.at:], '>')
		if t.peek(2) != '<' || end < 0 {
			return t.problem(`\k is not followed by '<' for named capturing group`, t.at)
		}
		if _, ok := t.names[t.in[t.at+3:t.at+end]]; !ok {
			return t.problem("named capturing group <"+t.in[t.at+3:t.at+end]+"> does not exist", t.at)
		}
		t.copy(end + 1)
	case c == 'x' || c == 'u':
		return t.hex(c)
	case c == 'c':
		if t.at+2 == len(t.in) {
			return t.problem("Illegal control escape sequence", t.at)
		}
		t.literal(rune(t.peek(2) ^ 64))
		t.at += 3
	case c == 'p' || c == 'P':
		return t.property(inClass)
	case isAlnum(c):
		return t.unsupported(`\` + string(rune(c)) + " is")
	default:
		r, size := utf8.DecodeRuneInString(t.in[t.at+1:])
		t.literal(r)
		t.at += 1 + size
	}
	return nil
}

// literal writes a character that stands for itself.
func (t *translation) literal(r rune) {
	if r < utf8.RuneSelf && !isAlnum(byte(r)) {
		fmt.Fprintf(&t.out, `\x%02X`, r)
		return
	}
	t.out.WriteRune(r)
}

func (t *translation) octal() error {
	end := t.at + 2
	for most := t.at + 4; end < len(t.in) && t.in[end] >= '0' && t.in[end] <= '7'; end++ {
		if end == most && t.in[t.at+2] > '3' || end > most {
			break
		}
	}
	n, err := strconv.ParseUint(t.in[t.at+2:end], 8, 9)
	if err != nil {
		return t.problem("Illegal octal escape sequence", t.at)
	}
	t.literal(rune(n))
	t.at = end
	return nil
}

func (t *translation) hex(c byte) error {
	digits, next := "", 0
	switch {
	case c == 'x' && t.peek(2) == '{':
		end := strings.IndexByte(t.in[t.at:], '}')
		if end < 0 {
			return t.problem("Unclosed hexadecimal escape sequence", t.at)
		}
		digits, next = t.in[t.at+3:t.at+end], t.at+end+1
	default:
		size := 2
		if c == 'u' {
			size = 4
		}
		next = min(t.at+2+size, len(t.in))
		digits = t.in[t.at+2 : next]
		if len(digits) < size {
			digits = ""
		}
	}
	n, err := strconv.ParseUint(digits, 16, 21)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return t.problem("Illegal hexadecimal escape sequence", t.at)
	}
	t.literal(rune(n))
	t.at = next
	return nil
}

// backReference takes as many digits as make the number of a group.
func (t *translation) backReference() error {
	n, end := int(t.peek(1)-'0'), t.at+2
	if n > t.groups {
		t.out.WriteString("(?!)") // what a group has that is not there matches nowhere
		t.at = end
		return nil
	}
	for ; end < len(t.in) && t.in[end] >= '0' && t.in[end] <= '9'; end++ {
		longer := n*10 + int(t.in[end]-'0')
		if longer > t.groups {
			break
		}
		n = longer
	}
	fmt.Fprintf(&t.out, `(?:\%d)`, n)
	t.at = end
	return nil
}

// posix are Java's classes of ASCII.
var posix = map[string]string{ // constant
	"Lower": "a-z", "Upper": "A-Z", "ASCII": `\x00-\x7F`, "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9",
	"Punct": `!-/:-@\x5B-\x60{-~`, "Graph": "!-~", "Print": " -~", "Blank": ` \t`, "Cntrl": `\x00-\x1F\x7F`, "XDigit": "0-9a-fA-F", "Space": ` \t\n\x0B\f\r`,
}

// property translates \p and \P.
func (t *translation) property(inClass bool) error {
	negated := t.peek(1) == 'P'
	name, next := t.in[t.at+2:min(t.at+3, len(t.in))], t.at+3
	if name == "{" {
		end := strings.IndexByte(t.in[t.at:], '}')
		if end < 0 {
			return t.problem("Unclosed character family", t.at)
		}
		name, next = t.in[t.at+3:t.at+end], t.at+end+1
	}
	if members, ok := posix[name]; ok {
		switch {
		case inClass && negated:
			return t.unsupported("negated class within a class is")
		case inClass:
			t.out.WriteString(members)
		case negated:
			t.out.WriteString("[^" + members + "]")
		default:
			t.out.WriteString("[" + members + "]")
		}
		t.at = next
		return nil
	}
	switch name {
	case "javaLowerCase", "IsLowercase":
		name = "Ll"
	case "javaUpperCase", "IsUppercase":
		name = "Lu"
	case "IsAlphabetic", "IsLetter":
		name = "L"
	case "IsDigit":
		name = "Nd"
	case "IsPunctuation":
		name = "P"
	default:
		if strings.HasPrefix(name, "In") || strings.HasPrefix(name, "java") || strings.HasPrefix(name, "blk=") || strings.HasPrefix(name, "block=") || name == "" {
			return t.unsupported(`\p{` + name + "} is")
		}
		if _, after, ok := strings.Cut(name, "="); ok {
			name = after
		}
		name = strings.TrimPrefix(name, "Is")
	}
	fmt.Fprintf(&t.out, `\%c{%s}`, t.in[t.at+1], name)
	t.at = next
	return nil
}
