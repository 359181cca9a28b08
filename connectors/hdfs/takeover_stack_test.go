//go:build stack

package hdfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// A connector with Hadoop's own client is killed in the middle of a commit, with its log and a file open. When the lease of the
// log has ended, after a minute, the folder is gone on with: what its log has committed gets its name, the rest is written
// again, and nothing of it is left.
func TestStackTakeOver(t *testing.T) {
	t.Parallel() // it mostly waits
	s := stack.Shared(t, stack.HDFS)
	h, root := newWebHDFS(t, s), uniqueRoot(t)
	const id = "01234567-89ab-cdef-0123-456789abcde"
	temp := func(n int) string { return fmt.Sprintf("topics/+tmp/select-color/partition=1/%s%d_tmp.txt", id, n) }
	final := func(first, last int) string {
		return fmt.Sprintf("topics/select-color/partition=1/select-color+1+%010d+%010d.txt", first, last)
	}
	entry := func(n, first, last int) walBlock {
		return walBlock{{root + "/" + temp(n), root + "/" + final(first, last)}}
	}
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, wal(true, entry(1, 10, 19), entry(2, 20, 29)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-Xmx128m", "-XX:+UseSerialGC", "-cp", s.HadoopClasspath(), "testdata/Confluent.java", log, s.HDFSURL() + root}
	for _, f := range []struct {
		name        string
		first, last int
	}{
		{final(0, 9), 0, 9},     // of an earlier commit
		{final(10, 19), 10, 19}, // renamed by one that the log knows
		{temp(2), 20, 29},       // committed by the log, without its name
		{temp(3), 30, 39},       // left by a process before
		{"!" + temp(4), 40, 44}, // is being written
	} {
		args = append(args, f.name, strconv.Itoa(f.first), strconv.Itoa(f.last))
	}
	cmd := exec.CommandContext(t.Context(), "java", args...)
	cmd.Env = append(os.Environ(), "HADOOP_USER_NAME="+superuser(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill() // its files stay open
	_ = cmd.Wait()
	if ready != "ready\n" {
		t.Fatalf("%q, %v", ready, err)
	}

	a := newAcks()
	tk := onStack(t, s, root, map[string]string{"flush.size": "10", "retry.backoff.ms": "1000"})
	began := time.Now()
	cw, err := tk.Open(t.Context(), part, -1, a)
	if err != nil {
		t.Fatal(err)
	}
	w := cw.(*writer)
	_, _, troubles, trouble := a.state()
	t.Logf("taken over after %.1f s, %d attempts had failed", time.Since(began).Seconds(), troubles)
	if troubles == 0 || trouble != nil {
		t.Errorf("%d troubles, the last %v; the lease of the dead connector should have been waited for", troubles, trouble)
	}
	if w.Resume() != 30 {
		t.Errorf("resumes at %d, want 30", w.Resume())
	}
	h.expectStored(root, 30)
	if err := written(t.Context(), w, batch(30, 59, decimal)); err != nil {
		t.Fatal(err)
	}
	shut(t, w)
	h.expect(root, 60)
	for _, name := range h.tree(root) {
		if strings.Contains(name, "_tmp") {
			t.Errorf("left behind: %s", name)
		}
	}
	if logs := h.list(root + "/logs/select-color/1"); !slices.Equal(logs, []string{"taken-over-log"}) {
		t.Errorf("beside the files: %v", logs)
	}
}
