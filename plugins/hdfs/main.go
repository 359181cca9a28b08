// Command hdfs is the plugin binary of the HDFS sink.
package main

import (
	"os"
	"runtime/debug"

	"github.com/sluice-connect/sluice/connectors/hdfs"
	"github.com/sluice-connect/sluice/plugins"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // what lives is the content of open files, which is large and has nothing to be scanned
	}
	plugins.Serve(hdfs.New())
}
