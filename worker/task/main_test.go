package task

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchBroker) != "" {
		serveBenchBroker()
		return
	}
	goleak.VerifyTestMain(m)
}
