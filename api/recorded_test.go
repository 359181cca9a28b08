package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exchange is a request that was sent to Kafka Connect, and its answer.
type exchange struct {
	name   string // folder/file
	ask    request
	status int
	header http.Header
	body   string
}

// readExchange reads a file of testdata/connect.
func readExchange(t *testing.T, path string) exchange {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e := exchange{name: filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path), header: http.Header{}}
	e.ask.header = http.Header{}
	sent, answered, ok := strings.Cut(string(text), "\n< HTTP/1.1 ")
	if !ok {
		t.Fatalf("%s has no answer", path)
	}
	for strings.HasPrefix(sent, "#") {
		_, sent, _ = strings.Cut(sent, "\n")
	}
	head, body, _ := strings.Cut(sent+"\n", "\n>\n")
	line, headers, _ := strings.Cut(head, "\n")
	words := strings.Fields(line)
	e.ask.method, e.ask.path, e.ask.body = words[1], words[2], strings.TrimSuffix(body, "\n")
	readHeaders(e.ask.header, headers, "> ")
	head, e.body, _ = strings.Cut(answered, "\n<\n")
	line, headers, _ = strings.Cut(head, "\n")
	if e.status, err = strconv.Atoi(line[:3]); err != nil {
		t.Fatal(err)
	}
	readHeaders(e.header, headers, "< ")
	e.body = strings.TrimSuffix(e.body, "\n")
	return e
}

func readHeaders(into http.Header, lines, prefix string) {
	for line := range strings.Lines(lines) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), prefix), ":")
		if ok {
			into.Add(name, strings.TrimSpace(value))
		}
	}
}

func exchanges(t *testing.T) []exchange {
	t.Helper()
	paths, err := filepath.Glob("testdata/connect/*/*.http")
	if err != nil || len(paths) == 0 {
		t.Fatal("no recorded answers in testdata/connect: ", err)
	}
	all := make([]exchange, len(paths))
	for i, path := range paths {
		all[i] = readExchange(t, path)
	}
	return all
}

// replay sends the request of an exchange to a worker as it was recorded from.
func replay(t *testing.T, e exchange) (*http.Response, string) {
	t.Helper()
	h, o := newFake(), Options{}
	switch folder, _, _ := strings.Cut(e.name, "/"); folder {
	case "running":
		h = newRunning()
		if strings.Contains(e.ask.path, "/g2/") && e.ask.method == http.MethodPatch { // it was there for a while
			h.connectors["g2"] = h.connectors["g1"]
		}
	case "cors":
		o.AllowOrigin, o.AllowMethods = "http://example.com", "GET,POST,PUT"
	case "noadmin":
		o.Part = WithoutAdmin
	}
	q := e.ask
	q.path = "http://worker1:8083" + q.path
	return ask(t, newHandler(t, h, o), q)
}

// difference says in which way an answer is not Connect's; empty: in none. Bodies are compared as JSON where they are.
func difference(e exchange, resp *http.Response, body string) string {
	if resp.StatusCode != e.status {
		return fmt.Sprintf("status %d, Connect says %d", resp.StatusCode, e.status)
	}
	for _, name := range []string{
		"Content-Type", "Location", "Allow", "Vary",
		"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age",
	} {
		if got, want := resp.Header.Values(name), e.header.Values(name); !slices.Equal(got, want) {
			return fmt.Sprintf("%s %q, Connect says %q", name, got, want)
		}
	}
	var got, want any
	if json.Unmarshal([]byte(e.body), &want) == nil && json.Unmarshal([]byte(body), &got) == nil {
		if reflect.DeepEqual(got, want) {
			return ""
		}
	} else if body == e.body {
		return ""
	}
	return fmt.Sprintf("body %s\nConnect says %s", body, e.body)
}

// TestRecorded holds answers against those of Kafka Connect (invariant 1). What differs is in the table of README.md, and
// nothing else is there.
func TestRecorded(t *testing.T) {
	var rows strings.Builder
	for _, e := range exchanges(t) {
		resp, body := replay(t, e)
		why := difference(e, resp, body)
		if why == "" {
			continue
		}
		if resp.StatusCode != http.StatusBadRequest || e.status != http.StatusInternalServerError && !strings.Contains(e.body, "<html>") {
			t.Errorf("%s: %s", e.name, why) // differs, and not because we say better what is wrong with the request
			continue
		}
		fmt.Fprintf(&rows, "| `%s %s` | %s | %s | %s |\n", e.ask.method, e.ask.path, sentText(e.ask.body), answerText(e.status, e.body), answerText(resp.StatusCode, body))
	}
	table := "| request | body | Kafka Connect | sluice |\n| --- | --- | --- | --- |\n" + rows.String()
	checkReadme(t, "recorded", table)
}

func sentText(body string) string {
	if body == "" {
		return "none"
	}
	return "`" + body + "`"
}

var htmlPages = regexp.MustCompile(`(?s)<html>.*<title>Error \d+ (.*)</title>.*`)

// answerText shows an answer in a table: the message of an error, shortened.
func answerText(status int, body string) string {
	var e errorBody
	text := htmlPages.ReplaceAllString(body, "a page of HTML: $1")
	if json.Unmarshal([]byte(body), &e) == nil {
		text = e.Message
	}
	text, _, _ = strings.Cut(text, "\n")
	if cut := 60; len(text) > cut && status >= http.StatusInternalServerError {
		text = text[:cut] + "…"
	}
	return fmt.Sprintf("%d `%s`", status, strings.ReplaceAll(text, "`", "'"))
}

// checkReadme holds the part of README.md between two marks against what the tests know.
func checkReadme(t *testing.T, mark, want string) {
	t.Helper()
	begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->\n"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks the marks %q and %q", begin, end)
	}
	switch {
	case got == want:
	case *update:
		if err := os.WriteFile("README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("README.md is stale; run go test ./api -update. The part %s should be:\n%s", mark, want)
	}
}
