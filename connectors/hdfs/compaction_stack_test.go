//go:build stack

package hdfs

import (
	"maps"
	"net/http"
	"testing"

	"github.com/sluice-connect/sluice/examples/stack"
)

// The same on HDFS, with a reader over HTTP.
func TestStackCompaction(t *testing.T) {
	s := stack.Shared(t, stack.HDFS)
	root, h := uniqueRoot(t), newWebHDFS(t, s)
	set := maps.Clone(compacting)
	tk := onStack(t, s, root, set)
	defer func() {
		if err := tk.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	dir := root + "/topics/select-color/partition=1"
	watched(t, tk, 500, func() []string { return h.list(dir) }, func(name string) (string, bool) {
		text, ok := h.call(http.MethodGet, dir+"/"+name, "OPEN")
		return string(text), ok
	})
	h.expect(root, 500)
	if left := h.list(root + "/logs/select-color/1"); len(left) > 0 {
		t.Logf("beside the files: %v", left)
		for _, name := range left {
			if name != "commit.json" {
				t.Errorf("left behind: %s", name)
			}
		}
	}
}
