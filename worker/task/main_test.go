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
	// A fenced consumer cannot be closed; what is left of it is one goroutine of the binding that waits for its log.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"), // ends by itself a moment after the last match
		goleak.IgnoreAnyFunction("github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).pollLogEvents"))
}
