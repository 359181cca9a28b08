package main

import (
	"flag"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var (
	update   = flag.Bool("update", false, "write golden files and the README's table anew")
	pictures = flag.String("pictures", "", "folder to write screenshots of the page to")
)

// asProgram makes the test binary behave as sluice-web itself, for tests of the process as a whole.
const asProgram = "SLUICE_WEB_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func testLogger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}
