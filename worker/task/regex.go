package task

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
)

// topicAlphabet is every character that a topic's name may have.
const topicAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// translateRegex makes a pattern for librdkafka, POSIX extended and found anywhere, out of a Java pattern that must match a
// whole topic name. What POSIX does not have is refused; classes become the characters of topic names that are in them.
func translateRegex(java string) (string, error) {
	if err := javaOnly(java); err != nil {
		return "", err
	}
	re, err := syntax.Parse(java, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("pattern %q is not supported: %w", java, err)
	}
	for re.Op == syntax.OpConcat && len(re.Sub) > 0 && begins(re.Sub[0]) {
		re.Sub = re.Sub[1:] // the whole name is matched anyway
	}
	for re.Op == syntax.OpConcat && len(re.Sub) > 0 && ends(re.Sub[len(re.Sub)-1]) {
		re.Sub = re.Sub[:len(re.Sub)-1]
	}
	var b strings.Builder
	b.WriteString("^(")
	if err := posix(&b, re); err != nil {
		return "", fmt.Errorf("pattern %q is not supported: %w", java, err)
	}
	b.WriteString(")$")
	return b.String(), nil
}

// javaOnly refuses what Java and Go would read differently: unions and intersections of classes.
func javaOnly(java string) error {
	class, first := false, false
	for i := 0; i < len(java); i++ {
		switch c := java[i]; {
		case c == '\\':
			i++
			first = false
			if i < len(java) && java[i] == 'Q' {
				end := strings.Index(java[i:], `\E`)
				if end < 0 {
					return nil
				}
				i += end + 1
			}
		case !class && c == '[':
			class, first = true, true
		case class && first && c == '^':
		case class && first && c == ']':
			return fmt.Errorf("pattern %q is not supported: write \\] within a class", java)
		case class && c == ']':
			class = false
		case class && c == '[':
			return fmt.Errorf("pattern %q is not supported: class within a class", java)
		case class && c == '&' && strings.HasPrefix(java[i:], "&&"):
			return fmt.Errorf("pattern %q is not supported: intersection of classes", java)
		default:
			first = false
		}
	}
	return nil
}

func begins(re *syntax.Regexp) bool {
	return re.Op == syntax.OpBeginText || re.Op == syntax.OpBeginLine
}
func ends(re *syntax.Regexp) bool { return re.Op == syntax.OpEndText || re.Op == syntax.OpEndLine }

func posix(b *strings.Builder, re *syntax.Regexp) error {
	group := func(sub *syntax.Regexp) error {
		b.WriteByte('(')
		defer b.WriteByte(')')
		return posix(b, sub)
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		b.WriteString("()")
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return errors.New("anchors are only understood at the beginning and the end")
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			set(b, func(t rune) bool {
				return t == c || re.Flags&syntax.FoldCase != 0 && strings.EqualFold(string(t), string(c))
			})
		}
	case syntax.OpCharClass:
		set(b, func(t rune) bool {
			for i := 0; i < len(re.Rune); i += 2 {
				if re.Rune[i] <= t && t <= re.Rune[i+1] {
					return true
				}
			}
			return false
		})
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('.')
	case syntax.OpCapture:
		return group(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		if err := group(re.Sub[0]); err != nil {
			return err
		}
		switch re.Op {
		case syntax.OpStar:
			b.WriteByte('*')
		case syntax.OpPlus:
			b.WriteByte('+')
		case syntax.OpQuest:
			b.WriteByte('?')
		default:
			b.WriteByte('{')
			b.WriteString(strconv.Itoa(re.Min))
			if re.Max != re.Min {
				b.WriteByte(',')
			}
			if re.Max > re.Min {
				b.WriteString(strconv.Itoa(re.Max))
			}
			b.WriteByte('}')
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if sub.Op == syntax.OpAlternate {
				if err := group(sub); err != nil {
					return err
				}
			} else if err := posix(b, sub); err != nil {
				return err
			}
		}
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			if i > 0 {
				b.WriteByte('|')
			}
			if err := group(sub); err != nil {
				return err
			}
		}
	case syntax.OpNoMatch:
		b.WriteString("[,]") // no topic has a comma
	default:
		return errors.New("word boundaries")
	}
	return nil
}

// set writes the class of those characters of topic names that are in.
func set(b *strings.Builder, in func(rune) bool) {
	var members []byte
	for _, t := range topicAlphabet {
		if in(t) {
			members = append(members, byte(t))
		}
	}
	switch {
	case len(members) == 0:
		b.WriteString("[,]")
	case len(members) == 1 && members[0] != '.':
		b.WriteByte(members[0])
	default:
		b.WriteByte('[')
		b.Write(members) // the dash is the last of the alphabet, so that it stands for itself
		b.WriteByte(']')
	}
}
