package task

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A fenced consumer cannot be closed: librdkafka refuses, and the binding then waits for ever. What is left of it is one
// goroutine of the binding that waits for its log.
var fenced = goleak.IgnoreAnyFunction("github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).pollLogEvents")

func TestMain(m *testing.M) {
	if os.Getenv(benchBroker) != "" {
		serveBenchBroker()
		return
	}
	goleak.VerifyTestMain(patient{m}, fenced)
}

// patient waits for consumers that were left alone while their broker was away: they end by their own timeouts.
type patient struct{ m *testing.M }

func (p patient) Run() int {
	code := p.m.Run()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && goleak.Find(fenced) != nil; {
		time.Sleep(100 * time.Millisecond)
	}
	return code
}
