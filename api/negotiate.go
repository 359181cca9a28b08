package api

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What stands for JSON in Accept and Content-Type.
var jsonTypes = []string{"application/json", "application/*", "*/*", "*"}

// mediaRange is an element of Accept.
type mediaRange struct {
	text   string // as it was sent
	kind   string // type and subtype
	params map[string]string
	weight float64
}

// accepted takes Accept apart, what is wanted most first.
func accepted(r *http.Request) []mediaRange {
	var ranges []mediaRange
	for _, header := range r.Header.Values("Accept") {
		for _, element := range splitList(header) {
			kind, params, err := mime.ParseMediaType(element)
			if err != nil {
				kind = ""
			}
			weight := 1.0
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
			ranges = append(ranges, mediaRange{element, kind, params, weight})
		}
	}
	slices.SortStableFunc(ranges, func(a, b mediaRange) int { return cmp.Compare(b.weight, a.weight) })
	return ranges
}

// acceptsJSON says whether a client takes JSON. A weight of nothing refuses it no more than in Connect.
func acceptsJSON(r *http.Request) bool {
	ranges := accepted(r)
	return len(ranges) == 0 || slices.ContainsFunc(ranges, func(m mediaRange) bool { return slices.Contains(jsonTypes, m.kind) })
}

// answerType is the Content-Type of JSON for a client: with the parameters that it asked for, as Connect gives them back; another
// charset than UTF-8 excepted, which the body does not have.
func answerType(r *http.Request) string {
	const plain = "application/json"
	ranges := accepted(r)
	i := slices.IndexFunc(ranges, func(m mediaRange) bool { return slices.Contains(jsonTypes, m.kind) })
	if i < 0 || ranges[i].kind != plain {
		return plain
	}
	params := ranges[i].params
	delete(params, "q")
	if charset, has := params["charset"]; has {
		if params["charset"] = strings.ToLower(charset); params["charset"] != "utf-8" {
			delete(params, "charset")
		}
	}
	return strings.ReplaceAll(mime.FormatMediaType(plain, params), "; ", ";")
}

// wellFormed says whether a request has no Content-Type, or one that is a media type.
func wellFormed(r *http.Request) bool {
	header := r.Header.Values("Content-Type")
	if len(header) == 0 {
		return true
	}
	t, _, err := mime.ParseMediaType(header[0])
	return err == nil && strings.Contains(t, "/")
}

// consumesJSON says whether a Content-Type can stand for JSON; a request without one says nothing of its body.
func consumesJSON(r *http.Request) bool {
	header := r.Header.Values("Content-Type")
	if len(header) == 0 {
		return true
	}
	t, _, _ := mime.ParseMediaType(header[0])
	return slices.Contains(jsonTypes, t)
}

// isJSON says whether a Content-Type is that of JSON, whatever its parameters say of the charset.
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}

// options says what a resource allows: in words to those who want text most.
func options(w http.ResponseWriter, r *http.Request, allowed []string) {
	w.Header().Set("Allow", strings.Join(allowed, ","))
	ranges := accepted(r)
	if len(ranges) == 0 || slices.Contains([]string{"text/plain", "text/*", "*/*", "*"}, ranges[0].kind) {
		write(w, http.StatusOK, "text/plain", []byte(strings.Join(allowed, ", ")))
		return
	}
	write(w, http.StatusOK, ranges[0].text, nil)
}
