package hdfs

import (
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/connectors/connectortest/shipped"
)

func TestAcceptance(t *testing.T) {
	for name, mode := range shipped.HDFSModes() {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, acceptance(func(tb testing.TB, values connectors.Payload) connectortest.Target {
				tb.Helper()
				return shipped.Folder(tb, values, mode)
			}))
		})
	}
}

// acceptance is the sink at targets of some kind.
func acceptance(target func(testing.TB, connectors.Payload) connectortest.Target) connectortest.Subject {
	return connectortest.Subject{
		Sink: New(), Guarantee: connectortest.ExactlyOnce, Ordered: true,
		Null: connectortest.Rejected, Empty: connectortest.Stored,
		Target: target,
		Away: func(tb testing.TB) map[string]string {
			tb.Helper()
			return map[string]string{"store.url": "hdfs://" + shipped.Silent(tb), "flush.size": "10"}
		},
	}
}
