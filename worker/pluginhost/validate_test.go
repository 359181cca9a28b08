package pluginhost

import (
	"syscall"
	"testing"
	"time"
)

// Validations that follow each other share a process, and what has become of it meanwhile is no matter.
func TestValidationsShareAProcess(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, "testing", "plain")
	h, _ := newHost(t, nil, dir)
	h.spares.keep = time.Hour
	living := func() (pids []int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for p := range h.live {
			pids = append(pids, p.PID())
		}
		return pids
	}
	validate := func() int {
		t.Helper()
		p, err := h.FindCurrent(t.Context(), "testing", "")
		if err != nil {
			t.Fatal(err, h.Rejected())
		}
		values, err := h.Validate(t.Context(), p, map[string]string{"text": "a"}, false)
		if err != nil || len(values) != 1 {
			t.Fatal(values, err)
		}
		pids := living()
		if len(pids) == 0 {
			t.Fatal("no process is kept")
		}
		return pids[len(pids)-1]
	}
	first := validate()
	if again := validate(); again != first {
		t.Errorf("process %d has validated, and then %d", first, again)
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := validate()
	eventually(t, "the end of the process that was killed", func() bool { return len(living()) == 1 })
	drop(t, dir, "testing", "plain:replaced")
	validate()
	if pids := living(); len(pids) != 2 {
		t.Errorf("with process %d of the file that was replaced there are %v", second, pids)
	}
	h.spares.keep = time.Millisecond
	validate()
	eventually(t, "the process to end when nobody asks", func() bool { return len(living()) == 1 })
}
