package optiontable_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/plugins/internal/optiontable"
	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/transform"
)

var update = flag.Bool("update", false, "write the tables of worker/README.md anew")

// TestWorkerReadme stands here because the worker has no access to a package that is internal to plugins.
func TestWorkerReadme(t *testing.T) {
	const readme = "../../../worker/README.md"
	optiontable.Check(t, readme, "properties", optiontable.Markdown(config.WorkerDef().Keys()), *update)
	optiontable.Check(t, readme, "connectors", optiontable.Markdown(config.SinkDef().Keys()), *update)
}

func TestTransforms(t *testing.T) {
	const readme = "../../../worker/TRANSFORMS.md"
	optiontable.Check(t, readme, "transformations", classes(transform.TransformationKind), *update)
	optiontable.Check(t, readme, "predicates", classes(transform.PredicateKind), *update)
}

// classes describes the classes of a kind. Those that differ only in whether they work on keys or values share a section.
func classes(kind transform.Kind) string {
	var b strings.Builder
	for _, c := range transform.Classes() {
		base, side, sided := strings.Cut(c.Name, "$")
		if c.Kind != kind || side == "Value" {
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", base[strings.LastIndexByte(base, '.')+1:], c.Doc)
		if sided {
			fmt.Fprintf(&b, "`%s$Key`, `%[1]s$Value`\n\n", base)
		} else {
			fmt.Fprintf(&b, "`%s`\n\n", base)
		}
		if len(c.Def.Keys()) > 0 {
			b.WriteString(optiontable.Markdown(c.Def.Keys()))
		}
	}
	return b.String()
}
