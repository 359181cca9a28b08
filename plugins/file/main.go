// Command file is the plugin binary of the file sink.
package main

import (
	"github.com/sluice-connect/sluice/connectors/file"
	"github.com/sluice-connect/sluice/plugins"
)

func main() { plugins.Serve(file.New()) }
