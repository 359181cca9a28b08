package herder_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// TestMain makes the test binary three programs: the tests, the plugin that their workers run, and a worker to be killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(diaryVersion) != "":
		plugins.Serve(diary{})
		return
	case os.Getenv(childProps) != "":
		child()
		return
	}
	// A fenced consumer cannot be closed; what is left of it is one goroutine of the binding that waits for its log.
	embeddedtest.Main(m, goleak.IgnoreAnyFunction("github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).pollLogEvents"))
}
