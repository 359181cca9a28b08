// Package optiontable writes the declaration of configuration keys as Markdown, for READMEs, and holds READMEs against it.
//
// # Invariants
//
//  1. What a table says comes from the declaration and from nowhere else; Check fails where a README says something else.
//  2. Whatever a declaration has in its texts, a table stays a table, and what Markdown would take for HTML, emphasis or code
//     is escaped.
package optiontable

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// Markdown gives the tables: one for each group, in the order in which the groups appear, then one for the keys that are
// accepted and ignored.
func Markdown(keys []connectors.KeyDef) string {
	var ignored []connectors.KeyDef
	var groups []string
	members := map[string][]connectors.KeyDef{}
	for _, k := range keys {
		if k.Ignored != "" {
			ignored = append(ignored, k)
			continue
		}
		if !slices.Contains(groups, k.Group) {
			groups = append(groups, k.Group)
		}
		members[k.Group] = append(members[k.Group], k)
	}
	var b strings.Builder
	for _, g := range groups {
		if g != "" {
			fmt.Fprintf(&b, "### %s\n\n", plain(g))
		}
		b.WriteString("| option | type | default | valid values | meaning |\n| --- | --- | --- | --- | --- |\n")
		for _, k := range members[g] {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(k.Name), strings.ToLower(string(k.Type)), fallback(k), plain(k.Valid), plain(k.Doc))
		}
		b.WriteString("\n")
	}
	if len(ignored) > 0 {
		b.WriteString("### Accepted and ignored\n\n| option | why it has no effect |\n| --- | --- |\n")
		for _, k := range ignored {
			fmt.Fprintf(&b, "| %s | %s |\n", code(k.Name), plain(k.Ignored))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func fallback(k connectors.KeyDef) string {
	switch {
	case k.Required:
		return "**required**"
	case k.Default == nil:
		return "none"
	case *k.Default == "":
		return "empty"
	default:
		return code(*k.Default)
	}
}

// code is text as it is written; a table ends its cells at a vertical bar even there.
func code(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

var marks = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "<", `\<`, ">", `\>`, "`", "\\`", "\n", " ")

func plain(s string) string { return marks.Replace(s) }

// Check holds the part of a README between <!-- mark --> and <!-- /mark --> against a table, or writes it there.
func Check(tb testing.TB, readme, mark, table string, update bool) {
	tb.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		tb.Fatal(err)
	}
	want, err := splice(string(text), mark, table)
	switch {
	case err != nil:
		tb.Fatalf("%s %v", readme, err)
	case want == string(text):
	case update:
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			tb.Fatal(err)
		}
	default:
		tb.Errorf("%s is stale from line %d on: write its table anew with -update", readme, differsAt(want, string(text)))
	}
}

// splice puts a table between the marks.
func splice(text, mark, table string) (string, error) {
	begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("lacks the marks %q and, behind it, %q", begin, end)
	}
	return before + begin + "\n" + table + end + after, nil
}

// differsAt is the number of the first line that differs.
func differsAt(a, b string) int {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return i + 1
		}
	}
	return min(len(x), len(y)) + 1
}
