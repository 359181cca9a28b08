//go:build stack

package deadletter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// TestTooManyReplicas has Kafka refuse the topic; the answer says which key to change.
func TestTooManyReplicas(t *testing.T) {
	s := stack.Shared(t, stack.Kafka)
	q := open(t, s.KafkaBootstrap(), fmt.Sprintf("dead-%d", time.Now().UnixNano()), 3)
	err := await(t, q, 1)[0].Err
	if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), "errors.deadletterqueue.topic.replication.factor") {
		t.Errorf("error %v", err)
	}
}

// TestNameThatNoTopicCanHave is refused in the same way.
func TestNameThatNoTopicCanHave(t *testing.T) {
	s := stack.Shared(t, stack.Kafka)
	q := open(t, s.KafkaBootstrap(), "dead letters", 1)
	err := await(t, q, 1)[0].Err
	if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), "errors.deadletterqueue.topic.name") {
		t.Errorf("error %v", err)
	}
}
