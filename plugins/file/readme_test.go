package main

import (
	"flag"
	"testing"

	"github.com/sluice-connect/sluice/connectors/file"
	"github.com/sluice-connect/sluice/plugins/internal/optiontable"
)

var update = flag.Bool("update", false, "write the table of options in README.md anew")

func TestReadme(t *testing.T) {
	optiontable.Check(t, "README.md", "options", optiontable.Markdown(file.New().Spec().Config.Keys()), *update)
}
