package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommandTable holds the table of CLI.md against the commands; -update writes it.
func TestCommandTable(t *testing.T) {
	const path, begin, end = "CLI.md", "<!-- commands -->\n", "<!-- /commands -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	had, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table: %s%s", path, begin, end)
	}
	var b strings.Builder
	b.WriteString("\n| command | what it does |\n| --- | --- |\n")
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if !sub.HasSubCommands() {
				use := strings.TrimSuffix(sub.UseLine(), " [flags]")
				b.WriteString("| `" + strings.ReplaceAll(use, "|", `\|`) + "` | " + sub.Short + " |\n")
			}
			add(sub)
		}
	}
	add(rootCommand())
	b.WriteString("\n")
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if had != b.String() {
		t.Errorf("the table of %s is not current; -update writes it:\n%s", path, b.String())
	}
}
