package task

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// abandoned is what a task leaves alone on purpose, because the client cannot be made to end it: the log of a fenced consumer, which
// cannot be closed, and commits and closings that wait for a broker that does not come back.
var abandoned = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).pollLogEvents"),
	goleak.IgnoreAnyFunction("github.com/sluice-connect/sluice/worker/task.(*run).shutdown.func1"),
	goleak.IgnoreAnyFunction("github.com/sluice-connect/sluice/worker/task.(*run).startCommit.func1"),
}

func TestMain(m *testing.M) {
	if os.Getenv(benchBroker) != "" {
		serveBenchBroker()
		return
	}
	goleak.VerifyTestMain(m, abandoned...)
}
