//go:build stack

package elasticsearch

import (
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/connectors/connectortest/shipped"
	"github.com/sluice-connect/sluice/examples/stack"
)

func TestStackAcceptance(t *testing.T) {
	s := stack.Shared(t, stack.Elasticsearch)
	connectortest.Run(t, connectortest.Subject{
		Sink: New(), Guarantee: connectortest.ExactlyOnce, // documents have ids of their own
		Null: connectortest.Rejected, Empty: connectortest.Rejected,
		Target: func(tb testing.TB, _ connectors.Payload) connectortest.Target {
			tb.Helper()
			return shipped.Elasticsearch(tb, s.ElasticsearchURL())
		},
		Away: func(tb testing.TB) map[string]string {
			tb.Helper()
			return map[string]string{"connection.url": "http://" + shipped.Silent(tb), "key.ignore": "true"}
		},
	})
}
