package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/connectors/file"
	"github.com/sluice-connect/sluice/plugins"
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
	goleak.VerifyTestMain(m)
}

// actAs is the variable that says which program the test binary is.
const actAs = "SLUICE_TEST_ACT_AS"
