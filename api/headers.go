package api

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// headerName is what RFC 9110 calls a token.
var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

// headerRules are the rules of response.http.headers.config.
type headerRules []headerRule

type headerRule struct {
	name, value string
	add         bool          // beside others of the name, not in place of them
	date        bool          // the value is the time of the answer plus after
	after       time.Duration // given in milliseconds
}

// parseHeaderRules reads "[set|add|setDate|addDate] name:value", separated by commas outside of double quotes.
func parseHeaderRules(s string) (headerRules, error) {
	var rules headerRules
	for _, text := range splitQuoted(s) {
		rule, err := parseHeaderRule(text)
		if err != nil {
			return nil, fmt.Errorf("invalid rule %q in configuration response.http.headers.config: %w", text, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseHeaderRule(text string) (headerRule, error) {
	action, header, _ := strings.Cut(text, " ")
	rule := headerRule{}
	switch strings.ToLower(action) {
	case "set":
	case "add":
		rule.add = true
	case "setdate":
		rule.date = true
	case "adddate":
		rule.add, rule.date = true, true
	default:
		return rule, fmt.Errorf("the action is %q; expected set, add, setDate or addDate, then a header as name:value", action)
	}
	name, value, found := strings.Cut(header, ":")
	rule.name, rule.value = strings.TrimSpace(name), strings.TrimSpace(value)
	switch {
	case !found:
		return rule, fmt.Errorf("%q has no colon; expected name:value", strings.TrimSpace(header))
	case !headerName.MatchString(rule.name):
		return rule, fmt.Errorf("%q is no name of a header", rule.name)
	case strings.ContainsFunc(rule.value, unicode.IsControl):
		return rule, fmt.Errorf("the value of %s has control characters", rule.name)
	}
	if rule.date {
		ms, err := strconv.ParseInt(rule.value, 10, 32)
		if err != nil {
			return rule, fmt.Errorf("the value of %s is %q; expected milliseconds from the time of the answer", rule.name, rule.value)
		}
		rule.after = time.Duration(ms) * time.Millisecond
	}
	return rule, nil
}

// splitQuoted splits at commas outside of double quotes, which it takes away.
func splitQuoted(s string) []string {
	var out []string
	var part strings.Builder
	quoted := false
	flush := func() {
		if text := strings.TrimSpace(part.String()); text != "" {
			out = append(out, text)
		}
		part.Reset()
	}
	for _, c := range s {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			flush()
		default:
			part.WriteRune(c)
		}
	}
	flush()
	return out
}

func (rules headerRules) middleware(next http.Handler) http.Handler {
	if len(rules) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, rule := range rules {
			value := rule.value
			if rule.date {
				value = time.Now().Add(rule.after).UTC().Format(http.TimeFormat)
			}
			if rule.add {
				w.Header().Add(rule.name, value)
			} else {
				w.Header().Set(rule.name, value)
			}
		}
		next.ServeHTTP(w, r)
	})
}
