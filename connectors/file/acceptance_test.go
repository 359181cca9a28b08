package file

import (
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/connectors/connectortest/shipped"
)

func TestAcceptance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Sink: New(), Guarantee: connectortest.AtLeastOnce, Ordered: true,
		Null: connectortest.Stored, Empty: connectortest.Stored,
		Target: func(tb testing.TB, _ connectors.Payload) connectortest.Target {
			tb.Helper()
			return shipped.File(tb)
		},
	})
}
