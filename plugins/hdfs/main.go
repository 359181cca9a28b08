// Command hdfs is the plugin binary of the HDFS sink.
package main

import (
	"github.com/sluice-connect/sluice/connectors/hdfs"
	"github.com/sluice-connect/sluice/plugins"
)

func main() { plugins.Serve(hdfs.New()) }
