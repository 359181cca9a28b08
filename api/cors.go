package api

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// cors tells browsers which other origins may call. A request from elsewhere is served like any other, without the
// headers: it is the browser that keeps its answer from the page. Preflight requests reach the resource as well, which
// answers OPTIONS. (No library does it like that; clients of Connect may rely on it.)
type cors struct {
	any      bool
	literal  []string
	patterns []*regexp.Regexp
	methods  string
}

// newCORS reads the two properties; nil means that there are no headers.
func newCORS(origins, methods string) (*cors, error) {
	list := splitList(origins)
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // no CORS is not an error
	}
	c := &cors{methods: "POST,HEAD,GET"}
	for _, origin := range list {
		switch {
		case origin == "*":
			c.any = true
		case !strings.ContainsAny(origin, `*+?()[]{}|\^$`):
			c.literal = append(c.literal, origin) // a dot is a dot
		default:
			p, err := regexp.Compile("^(?:" + origin + ")$")
			if err != nil {
				return nil, fmt.Errorf("invalid value %q for configuration access.control.allow.origin: neither *, nor an origin, nor a regular expression for one: %w", origin, err)
			}
			c.patterns = append(c.patterns, p)
		}
	}
	if allowed := splitList(methods); len(allowed) > 0 {
		slices.SortFunc(allowed, func(a, b string) int { return strings.Compare(b, a) })
		c.methods = strings.Join(slices.Compact(allowed), ",")
	}
	return c, nil
}

// splitList takes a list with commas apart.
func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (c *cors) allows(origin string) bool {
	if c == nil || origin == "" {
		return false
	}
	return c.any || slices.Contains(c.literal, origin) ||
		slices.ContainsFunc(c.patterns, func(p *regexp.Regexp) bool { return p.MatchString(origin) })
}

func (c *cors) middleware(next http.Handler) http.Handler {
	if c == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin") // of every answer: caches must keep those of different origins apart
		if origin := r.Header.Get("Origin"); c.allows(origin) {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			if isPreflight(r) {
				w.Header().Set("Access-Control-Allow-Methods", c.methods)
				w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
				w.Header().Set("Access-Control-Max-Age", "60")
			}
		}
		next.ServeHTTP(w, r)
	})
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
