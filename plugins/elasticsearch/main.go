// Command elasticsearch is the Elasticsearch sink as a plugin of sluice.
package main

import (
	"os"
	"runtime/debug"

	"github.com/sluice-connect/sluice/connectors/elasticsearch"
	"github.com/sluice-connect/sluice/plugins"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // requests are used again, so that little garbage comes of what passes through
	}
	plugins.Serve(elasticsearch.New())
}
