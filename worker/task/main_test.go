package task

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchBroker) != "" {
		serveBenchBroker()
		return
	}
	embeddedtest.Main(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock")) // ends by itself a moment after the last match
}
