//go:build stack

package hdfs

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// mergingAt names the folder in HDFS for a process that writes and merges there until it is killed.
const mergingAt = "SLUICE_TEST_MERGING_AT"

// merging writes files of five numbers without end, behind what is there, while they are merged.
func merging(t *testing.T, url string) {
	t.Helper()
	tk := toCluster(t, url, map[string]string{
		"sluice.hdfs.user": superuser(t), "sluice.compact.after.ms": "100", "sluice.compact.interval.ms": "100", "sluice.compact.files.min": "3",
	})
	w, err := tk.Open(t.Context(), part, -1, newAcks())
	if err != nil {
		t.Fatal(err)
	}
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for next := max(w.Resume(), 0); ; next += 5 {
		if err := w.Write(t.Context(), batch(next, next+4, decimal)); err != nil {
			t.Fatal(err)
		}
		<-pace.C
	}
}

// The process is killed while small files are being swapped for a merged one, as soon as the journal of a swap is there or
// some time later, again and again. Readers miss nothing at any time, and the last successor leaves every record once.
func TestStackCompactionUnderKills(t *testing.T) {
	if url := os.Getenv(mergingAt); url != "" {
		merging(t, url)
		return
	}
	s := stack.Shared(t, stack.HDFS)
	root, h := uniqueRoot(t), newWebHDFS(t, s)
	dir, logs := root+"/topics/select-color/partition=1", root+"/logs/select-color/1"
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	read := func(name string) (string, bool) {
		text, ok := h.call(http.MethodGet, dir+"/"+name, "OPEN")
		return string(text), ok
	}
	most, twice, amid := 0, 0, 0
	check := func() {
		t.Helper()
		got, err := look(func() []string { return h.list(dir) }, read)
		if errors.Is(err, errGone) {
			return
		}
		if err != nil || len(got.offsets) < most {
			t.Fatalf("%d records, there were %d before; %v", len(got.offsets), most, err)
		}
		most, twice = len(got.offsets), max(twice, got.twice)
	}
	swaps := func() (names []string) {
		for _, name := range h.list(logs) {
			if strings.HasPrefix(name, "compact-") {
				names = append(names, name)
			}
		}
		return names
	}
	const enough, tries = 3, 15 // kills within a swap, and kills
	for kills := 0; amid < enough; kills++ {
		if kills == tries {
			t.Fatalf("%d of %d kills came within a swap", amid, kills)
		}
		before := swaps() // its predecessor's, which it finishes first
		p := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStackCompactionUnderKills$")
		p.Env = append(os.Environ(), mergingAt+"="+s.HDFSURL()+root)
		p.Stdout, p.Stderr = t.Output(), t.Output()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		under := func() bool {
			return slices.ContainsFunc(swaps(), func(name string) bool { return !slices.Contains(before, name) })
		}
		deadline := time.Now().Add(patience)
		for stopped := false; !stopped; {
			check()
			for range 20 {
				if !under() {
					continue
				}
				// It stands still while somebody looks again: on a slow machine the swap could be over before the kill comes.
				_ = p.Process.Signal(syscall.SIGSTOP)
				if stopped = under(); stopped {
					break
				}
				_ = p.Process.Signal(syscall.SIGCONT)
			}
			if time.Now().After(deadline) {
				t.Fatal("nothing is merged")
			}
		}
		if kills%2 == 1 {
			_ = p.Process.Signal(syscall.SIGCONT)
			_ = sleep(t.Context(), time.Duration(random.IntN(40))*time.Millisecond) // where the kill comes is what is tried
		}
		_ = p.Process.Kill()
		_ = p.Wait()
		if len(swaps()) > 0 {
			amid++
		}
		check()
	}
	last := openAt(t, newTaskOf(t, onStack(t, s, root, nil)), -1, newAcks())
	n := last.Resume()
	shut(t, last)
	check()
	t.Logf("%d records; %d kills within a swap; at most %d records lay in two files", n, amid, twice)
	if n < int64(most) || most < 15 { // a merge is of three files at least, of five records each
		t.Errorf("resumes at %d, %d records were seen", n, most)
	}
	h.expect(root, n)
	if left := swaps(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}
