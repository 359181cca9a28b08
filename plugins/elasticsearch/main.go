// Command elasticsearch is the Elasticsearch sink as a plugin of sluice.
package main

import (
	"github.com/sluice-connect/sluice/connectors/elasticsearch"
	"github.com/sluice-connect/sluice/plugins"
)

func main() { plugins.Serve(elasticsearch.New()) }
