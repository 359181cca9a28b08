package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// openAPI describes the API; a test holds the routes, and recorded answers, against it.
//
//go:embed openapi.json
var openAPI []byte

//go:embed docs.html
var docsPage string

// pages are what there is beside the operations of Kafka Connect. They are read, whatever the client accepts.
func (a *Handler) pages(metrics http.Handler) map[string]http.Handler {
	docs := sync.OnceValues(func() ([]byte, error) { return renderDocs(openAPI) })
	all := map[string]http.Handler{
		"/openapi.json": a.document("application/json", func() ([]byte, error) { return openAPI, nil }),
		"/docs":         a.document("text/html; charset=utf-8", docs),
	}
	if metrics != nil {
		all["/metrics"] = metrics
	}
	return all
}

func (a *Handler) document(contentType string, render func() ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := render()
		if err != nil {
			a.fail(w, r, err)
			return
		}
		// The page has everything in it, and nothing that runs.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		write(w, http.StatusOK, contentType, body)
	})
}

// apiDocument is what the page shows of an OpenAPI document.
type apiDocument struct {
	Info struct{ Title, Summary, Version, Description string }
	Tags []struct{ Name string }
	// Paths by path and method.
	Paths      map[string]map[string]apiOperation
	Components struct {
		Parameters map[string]apiParameter
		Responses  map[string]apiResponse
		Schemas    map[string]json.RawMessage
	}
}

type apiOperation struct {
	Method, Path                      string `json:"-"`
	Tags                              []string
	OperationID, Summary, Description string
	Parameters                        []apiParameter
	RequestBody                       struct{ Content map[string]apiContent }
	Responses                         map[string]apiResponse
}

type apiParameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Schema                json.RawMessage
}

type apiResponse struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]apiContent
}

type apiContent struct{ Schema json.RawMessage }

// renderDocs makes the page of a document.
func renderDocs(document []byte) ([]byte, error) {
	var doc apiDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"operations": doc.operations,
		"schema":     schemaHTML,
	}).Parse(docsPage)
	if err != nil {
		return nil, fmt.Errorf("reading the page of the OpenAPI document: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, doc); err != nil {
		return nil, fmt.Errorf("writing the page of the OpenAPI document: %w", err)
	}
	return b.Bytes(), nil
}

// operations are those with a tag, in the order of their paths, with what they refer to in its place.
func (d apiDocument) operations(tag string) []apiOperation {
	var all []apiOperation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			op, has := d.Paths[path][method]
			if !has || !slices.Contains(op.Tags, tag) {
				continue
			}
			op.Method, op.Path = strings.ToUpper(method), path
			for i, p := range op.Parameters {
				if p.Ref != "" {
					op.Parameters[i] = d.Components.Parameters[lastOf(p.Ref)]
				}
			}
			for code, r := range op.Responses {
				if r.Ref != "" {
					op.Responses[code] = d.Components.Responses[lastOf(r.Ref)]
				}
			}
			all = append(all, op)
		}
	}
	return all
}

func lastOf(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// schemaRef is a reference to a schema, as it stands in escaped JSON.
var schemaRef = regexp.MustCompile(`\{\s*&#34;\$ref&#34;: &#34;#/components/schemas/(\w+)&#34;\s*\}`)

// schemaHTML shows a schema as JSON, in which references to others are links.
func schemaHTML(raw json.RawMessage) (template.HTML, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return "", err
	}
	text := template.HTMLEscapeString(b.String())
	return template.HTML(schemaRef.ReplaceAllString(text, `<a href="#$1">$1</a>`)), nil //nolint:gosec // escaped above
}
