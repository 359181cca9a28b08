package api

import (
	"os"
	"strings"
	"testing"
)

// readmeOperations are the operations in the table of README.md: its first two columns.
func readmeOperations(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Operations\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var ops []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[2], "`/") {
			continue
		}
		path := strings.Trim(strings.TrimSpace(cells[2]), "`")
		ops = append(ops, strings.TrimSpace(cells[1])+" "+path)
	}
	return ops
}
