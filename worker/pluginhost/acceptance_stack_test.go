//go:build stack

package pluginhost_test

import (
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/connectors/connectortest/shipped"
	"github.com/sluice-connect/sluice/connectors/elasticsearch"
	"github.com/sluice-connect/sluice/connectors/hdfs"
	"github.com/sluice-connect/sluice/examples/stack"
)

func TestStackAcceptance(t *testing.T) {
	s := stack.Shared(t, stack.HDFS, stack.Elasticsearch)
	host := hostOf(t, "hdfs", "elasticsearch")
	t.Run("hdfs", func(t *testing.T) {
		mode := shipped.HDFSModes()["flush"]
		connectortest.Run(t, hdfsSubject(newRemoteSink(t, host, hdfs.New()), func(tb testing.TB, values connectors.Payload) connectortest.Target {
			tb.Helper()
			return shipped.HDFS(tb, s.HDFSURL(), s.WebHDFSURL(), values, mode)
		}))
	})
	t.Run("elasticsearch", func(t *testing.T) {
		connectortest.Run(t, connectortest.Subject{
			Sink: newRemoteSink(t, host, elasticsearch.New()), Guarantee: connectortest.ExactlyOnce, // documents have ids of their own
			Null: connectortest.Rejected, Empty: connectortest.Rejected,
			Target: func(tb testing.TB, _ connectors.Payload) connectortest.Target {
				tb.Helper()
				return shipped.Elasticsearch(tb, s.ElasticsearchURL())
			},
			Away: func(tb testing.TB) map[string]string {
				tb.Helper()
				return map[string]string{"connection.url": "http://" + shipped.Silent(tb), "key.ignore": "true"}
			},
			Garbage: garbageRounds,
		})
	})
}
