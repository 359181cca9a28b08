package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
)

// output shows things to people or to programs.
type output struct {
	w    io.Writer
	json bool
}

// show writes a value as JSON, or what the function says to people.
func (o output) show(v any, people func() string) error {
	text := ""
	if o.json {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			return err
		}
		text = b.String()
	} else {
		text = people()
	}
	_, err := io.WriteString(o.w, text)
	return err
}

// done says what was done with what.
func (o output) done(action, name string) error {
	if o.json {
		return json.NewEncoder(o.w).Encode(struct {
			Name   string `json:"name"`
			Action string `json:"action"`
		}{name, action})
	}
	_, err := fmt.Fprintf(o.w, "%s %s\n", action, plain(name))
	return err
}

// table writes rows in columns.
type table struct {
	b bytes.Buffer
	w *tabwriter.Writer
}

// newTable begins a table with its first row, which may be a head.
func newTable(cells ...string) *table {
	t := &table{}
	t.w = tabwriter.NewWriter(&t.b, 0, 8, 2, ' ', 0)
	t.row(cells...)
	return t
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = plain(cell)
	}
	_, _ = io.WriteString(t.w, strings.Join(cells, "\t")+"\n") // memory does not fail
}

// text is the table without spaces at the ends of lines.
func (t *table) text() string {
	_ = t.w.Flush()
	var out strings.Builder
	for line := range strings.Lines(t.b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}

// plain is a text of one line that does nothing to a terminal.
func plain(s string) string {
	if !strings.ContainsFunc(s, unfit) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// lines is a text of several lines that does nothing else to a terminal.
func lines(s string) string {
	out := strings.Split(strings.TrimRight(s, "\r\n"), "\n")
	for i, line := range out {
		out[i] = plain(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
	}
	return strings.Join(out, "\n")
}

// unfit says whether a terminal takes a character for an order.
func unfit(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

func indent(s, by string) string { return by + strings.ReplaceAll(s, "\n", "\n"+by) }
