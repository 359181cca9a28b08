package main

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest values of the parameters, in characters (Unicode code points).
const (
	maxColor = 64
	maxUser  = 128
)

// paramError says which parameter is wrong and how.
type paramError struct {
	parameter string
	problem   string
}

func (e *paramError) Error() string { return e.parameter + " " + e.problem }

// selectParams reads color and user from a raw query string. Other parameters are ignored. The query is taken apart here rather than
// by net/url, which drops what it cannot decode: a person whose name is lost shall hear of it.
func selectParams(rawQuery string) (color, user string, err error) {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			continue // not one of ours, whatever it is
		}
		var into *string
		var limit int
		switch name {
		case "color":
			into, limit = &color, maxColor
		case "user":
			into, limit = &user, maxUser
		default:
			continue
		}
		if seen[name] {
			return "", "", &paramError{name, "is given more than once"}
		}
		seen[name] = true
		if *into, err = checkedValue(name, rawValue, limit); err != nil {
			return "", "", err
		}
	}
	for _, name := range []string{"color", "user"} {
		if !seen[name] {
			return "", "", &paramError{name, "is missing"}
		}
	}
	return color, user, nil
}

// checkedValue decodes one parameter and holds it against the rules.
func checkedValue(name, raw string, limit int) (string, error) {
	value, err := url.QueryUnescape(raw)
	switch {
	case err != nil:
		return "", &paramError{name, "is not properly percent-encoded"}
	case !utf8.ValidString(value):
		return "", &paramError{name, "is not valid UTF-8"}
	case strings.TrimSpace(value) == "":
		return "", &paramError{name, "is empty"}
	case utf8.RuneCountInString(value) > limit:
		return "", &paramError{name, fmt.Sprintf("is longer than %d characters", limit)}
	case strings.ContainsFunc(value, unicode.IsControl):
		return "", &paramError{name, "contains a control character"}
	}
	return value, nil
}
