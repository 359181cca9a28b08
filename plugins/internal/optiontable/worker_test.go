package optiontable_test

import (
	"flag"
	"testing"

	"github.com/sluice-connect/sluice/plugins/internal/optiontable"
	"github.com/sluice-connect/sluice/worker/config"
)

var update = flag.Bool("update", false, "write the tables of worker/README.md anew")

// TestWorkerReadme stands here because the worker has no access to a package that is internal to plugins.
func TestWorkerReadme(t *testing.T) {
	const readme = "../../../worker/README.md"
	optiontable.Check(t, readme, "properties", optiontable.Markdown(config.WorkerDef().Keys()), *update)
	optiontable.Check(t, readme, "connectors", optiontable.Markdown(config.SinkDef().Keys()), *update)
}
