//go:build stack

package hdfs

import (
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/connectors/connectortest/shipped"
	"github.com/sluice-connect/sluice/examples/stack"
)

func TestStackAcceptance(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	for name, mode := range shipped.HDFSModes() {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, acceptance(func(tb testing.TB, values connectors.Payload) connectortest.Target {
				tb.Helper()
				return shipped.HDFS(tb, s.HDFSURL(), s.WebHDFSURL(), values, mode)
			}))
		})
	}
}
