package main

import (
	"os"
	"testing"

	"github.com/sluice-connect/sluice/connectors/file"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// TestMain makes the test binary three programs: the tests, sluice, and the plugin that its worker runs.
func TestMain(m *testing.M) {
	switch os.Getenv(actAs) {
	case "sluice":
		main()
		return
	case "file":
		plugins.Serve(file.New())
		return
	}
	embeddedtest.Main(m)
}

// actAs is the variable that says which program the test binary is.
const actAs = "SLUICE_TEST_ACT_AS"
