package optiontable

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
)

func TestMarkdown(t *testing.T) {
	def := connectors.Define(
		connectors.String("a", "First. <b> *c* x|y \\ [d] file_e", connectors.Required(), connectors.Group("One"), connectors.NonEmpty()),
		connectors.Int("b", "Second.", connectors.Default("3"), connectors.Group("Two"), connectors.AtLeast(1)),
		connectors.Millis("c.ms", "Third.", connectors.Group("One")),
		connectors.String("d", "Fourth.", connectors.Default("")),
		connectors.Bool("e", "Fifth.", connectors.Default("true"), connectors.Ignored("there is no JVM")),
		connectors.String("f", "Sixth.", connectors.Default("x|y"), connectors.Group("Two"), connectors.OneOf("x|y", "z")),
	)
	want := `### One

| option | type | default | valid values | meaning |
| --- | --- | --- | --- | --- |
| ` + "`a`" + ` | string | **required** | non-empty string | First. \<b\> \*c\* x\|y \\ [d] file_e |
| ` + "`c.ms`" + ` | long | none |  | Third. |

### Two

| option | type | default | valid values | meaning |
| --- | --- | --- | --- | --- |
| ` + "`b`" + ` | int | ` + "`3`" + ` | [1,...] | Second. |
| ` + "`f`" + ` | string | ` + "`x\\|y`" + ` | [x\|y, z] | Sixth. |

| option | type | default | valid values | meaning |
| --- | --- | --- | --- | --- |
| ` + "`d`" + ` | string | empty |  | Fourth. |

### Accepted and ignored

| option | why it has no effect |
| --- | --- |
| ` + "`e`" + ` | there is no JVM |

`
	if diff := cmp.Diff(want, Markdown(def.Keys())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// recorder is a test whose failures are looked at.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Errorf(format string, a ...any) { r.said = fmt.Sprintf(format, a...) }
func (r *recorder) Fatalf(format string, a ...any) { r.Errorf(format, a...) }

func TestCheck(t *testing.T) {
	const current = "# Title\n<!-- options -->\n\n| new |\n<!-- /options -->\nend\n"
	tests := []struct {
		name, text, said string
		update           bool
		after            string
	}{
		{name: "current", text: current, after: current},
		{name: "stale", text: "# Title\n<!-- options -->\n\n| old |\n<!-- /options -->\nend\n", said: "README.md is stale from line 4 on: write its table anew with -update", after: "# Title\n<!-- options -->\n\n| old |\n<!-- /options -->\nend\n"},
		{name: "empty", text: "# Title\n<!-- options -->\n<!-- /options -->\nend\n", said: "README.md is stale from line 3 on: write its table anew with -update", after: "# Title\n<!-- options -->\n<!-- /options -->\nend\n"},
		{name: "written anew", text: "# Title\n<!-- options -->\n<!-- /options -->\nend\n", update: true, after: current},
		{name: "no marks", text: "# Title\n", said: `README.md lacks the marks "<!-- options -->\n" and, behind it, "<!-- /options -->\n"`, after: "# Title\n"},
		{name: "marks the wrong way round", text: "<!-- /options -->\n<!-- options -->\n", said: `README.md lacks the marks "<!-- options -->\n" and, behind it, "<!-- /options -->\n"`, after: "<!-- /options -->\n<!-- options -->\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			const path = "README.md"
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := &recorder{TB: t}
			Check(r, path, "options", "| new |\n", tt.update)
			if r.said != tt.said {
				t.Errorf("said %q, want %q", r.said, tt.said)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.after {
				t.Errorf("left %q, want %q", got, tt.after)
			}
		})
	}
}
