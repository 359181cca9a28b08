package cluster

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// A fenced consumer cannot be closed; what is left of it is one goroutine of the binding that waits for its log.
func TestMain(m *testing.M) {
	embeddedtest.Main(m, goleak.IgnoreAnyFunction("github.com/confluentinc/confluent-kafka-go/v2/kafka.(*handle).pollLogEvents"))
}
