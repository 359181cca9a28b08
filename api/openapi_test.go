package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is the OpenAPI document, ready to be held against answers.
type contract struct {
	paths    map[string]any
	compiler *jsonschema.Compiler
	root     any
}

const documentURL = "http://worker1/openapi.json"

func newContract(t *testing.T) contract {
	t.Helper()
	_, body := ask(t, newHandler(t, nil, Options{}), request{method: "GET", path: "/openapi.json", header: http.Header{"Accept": {"text/html"}}})
	root, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	c := contract{compiler: jsonschema.NewCompiler(), root: root}
	if err := c.compiler.AddResource(documentURL, root); err != nil {
		t.Fatal(err)
	}
	c.paths, _ = at(root, "paths").(map[string]any)
	return c
}

// at walks down objects; nothing is nil.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// pathOf is the path of the document that a request goes to.
func (c contract) pathOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	for pattern := range c.paths {
		if matches(pattern, path) {
			return pattern
		}
	}
	return ""
}

// breach says in which way an answer is not what the document promises; empty: in none.
func (c contract) breach(q request, status int, contentType, body string) string {
	path, method := c.pathOf(q.path), strings.ToLower(q.method)
	if at(c.paths, path, method) == nil {
		return "the operation is not in the document"
	}
	pointer := "/paths/" + escapePointer(path) + "/" + method + "/responses/" + strconv.Itoa(status)
	answer := at(c.paths, path, method, "responses", strconv.Itoa(status))
	if ref, ok := at(answer, "$ref").(string); ok {
		pointer = strings.TrimPrefix(ref, "#")
		answer = at(c.root, strings.Split(pointer[1:], "/")...)
	}
	if answer == nil {
		return fmt.Sprintf("status %d is not in the document", status)
	}
	content, _ := at(answer, "content").(map[string]any)
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(content) == 0 && (body == "" || contentType == ""):
		return ""
	case content[media] == nil:
		return fmt.Sprintf("Content-Type %q with body %q is not in the document", contentType, body)
	case media != "application/json":
		return ""
	}
	schema, err := c.compiler.Compile(documentURL + "#" + pointer + "/content/application~1json/schema")
	if err != nil {
		return err.Error()
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		return fmt.Sprintf("%s\n%v", body, err)
	}
	return ""
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

// TestContractIsAll holds that the document has every route with every method, and nothing else.
func TestContractIsAll(t *testing.T) {
	var declared, documented []string
	a := new(Handler)
	for _, e := range a.routes() {
		for m := range e.methods {
			declared = append(declared, m+" "+e.pattern)
		}
	}
	for path := range a.pages(http.NotFoundHandler()) {
		declared = append(declared, "GET "+path)
	}
	c := newContract(t)
	for path, methods := range c.paths {
		for m, operation := range methods.(map[string]any) {
			documented = append(documented, strings.ToUpper(m)+" "+path)
			c.checkOperation(t, path, operation)
		}
	}
	slices.Sort(declared)
	slices.Sort(documented)
	if !slices.Equal(declared, documented) {
		t.Errorf("routes %q\ndocument %q", declared, documented)
	}
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// checkOperation holds that parameters of the path are declared, and that whatever is referred to is there.
func (c contract) checkOperation(t *testing.T, path string, operation any) {
	t.Helper()
	text, err := json.Marshal(operation)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range placeholder.FindAllStringSubmatch(path, -1) {
		if !bytes.Contains(text, []byte(`"#/components/parameters/`+m[1]+`"`)) {
			t.Errorf("%s: parameter %s is not declared", path, m[1])
		}
	}
	for _, m := range regexp.MustCompile(`"#/([^"]+)"`).FindAllSubmatch(text, -1) {
		if at(c.root, strings.Split(string(m[1]), "/")...) == nil {
			t.Errorf("%s: #/%s does not exist", path, m[1])
		}
	}
}

// TestContract holds the answers of all operations against the document, ours and those of Kafka Connect alike.
func TestContract(t *testing.T) {
	c := newContract(t)
	check := func(name string, q request, status int, header http.Header, body string) {
		t.Helper()
		if why := c.breach(q, status, header.Get("Content-Type"), body); why != "" {
			t.Errorf("%s: %s %s answered %d: %s", name, q.method, q.path, status, why)
		}
	}
	for _, op := range operations {
		resp, body := ask(t, newHandler(t, newRunning(), Options{}), op.ask)
		check(op.name, op.ask, resp.StatusCode, resp.Header, body)
	}
	for _, e := range exchanges(t) {
		resp, body := replay(t, e)
		if e.ask.method == http.MethodOptions || slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed}, e.status) && e.header.Get("Content-Type") == "" {
			continue // no resource took the request
		}
		if strings.HasPrefix(e.ask.path, "//") {
			continue // the path is none
		}
		check(e.name, e.ask, resp.StatusCode, resp.Header, body)
		check(e.name+", Kafka Connect", e.ask, e.status, e.header, e.body)
	}
	for _, path := range []string{"/openapi.json", "/docs"} {
		q := request{method: "GET", path: path}
		resp, body := ask(t, newHandler(t, nil, Options{}), q)
		check("page", q, resp.StatusCode, resp.Header, body)
	}
}

func TestDocsPage(t *testing.T) {
	a := newHandler(t, nil, Options{})
	resp, body := ask(t, a, request{method: "GET", path: "/docs"})
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("answered %d %v", resp.StatusCode, resp.Header)
	}
	for _, e := range a.routes() {
		for m := range e.methods {
			if !strings.Contains(body, "<summary><b>"+m+"</b> <code>"+e.pattern+"</code>") {
				t.Errorf("%s %s is not on the page", m, e.pattern)
			}
		}
	}
	for _, outside := range []string{"src=", "<script", "<link", "@import", "url(", "http://", "https://"} {
		if strings.Contains(body, outside) {
			t.Errorf("the page has %s: it must stand on its own", outside)
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if !strings.Contains(body, `id="`+strings.ReplaceAll(link[1], "%20", " ")+`"`) {
			t.Errorf("the page has a link to #%s, which is not there", link[1])
		}
	}
	resp, _ = ask(t, newHandler(t, nil, Options{Part: OnlyAdmin}), request{method: "GET", path: "/docs"})
	if resp.StatusCode != 404 {
		t.Errorf("on listeners of /admin it answered %d", resp.StatusCode)
	}
}

func TestDocumentThatCannotBe(t *testing.T) {
	if _, err := renderDocs([]byte("{")); err == nil || !strings.Contains(err.Error(), "reading the OpenAPI document") {
		t.Errorf("error %v", err)
	}
}
