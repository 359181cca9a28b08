//go:build stack

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A plugin in Python, made from the proto file alone, does what those in Go do, and comes back when it is killed. It has the tag
// because it needs Python, and the first time a network.
func TestPythonPlugin(t *testing.T) {
	plugins := t.TempDir()
	p := startDev(t, plugins, "clicks")
	if out, err := exec.Command("../plugins/python/build", plugins).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.listed("com.example.PythonJsonlSinkConnector")
	file := filepath.Join(p.dir, "out.jsonl")
	p.create("pythonic", 2, map[string]string{
		"connector.class": "PythonJsonlSink", "topics": "clicks", "tasks.max": "2", "file": file,
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	})
	first := names("first", 300)
	send(t, p.page, first)
	seen := func(users []string) error {
		got := map[string]bool{}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var r struct {
				Topic  string
				Offset *int64
				Value  string
			}
			var event struct{ UserName string }
			if json.Unmarshal(lines.Bytes(), &r) != nil || r.Offset == nil || r.Topic != "clicks" || json.Unmarshal([]byte(r.Value), &event) != nil {
				return fmt.Errorf("odd line %q", lines.Text())
			}
			got[event.UserName] = true
		}
		for _, u := range users {
			if !got[u] {
				return fmt.Errorf("%s is missing among %d", u, len(got))
			}
		}
		return nil
	}
	eventually(t, 30*time.Second, "the first clicks", func() error { return seen(first) })

	eventually(t, patience, "the kill of its process", func() error {
		pid := pythonChild(p)
		if pid == 0 { // a signal for the test itself
			return fmt.Errorf("children %v", p.worker.children())
		}
		return syscall.Kill(pid, syscall.SIGKILL)
	})
	second := names("second", 300)
	send(t, p.page, second)
	eventually(t, 60*time.Second, "the clicks after the kill", func() error { return seen(append(first, second...)) })
	p.running("pythonic", 2)
	p.remove("pythonic")
	eventually(t, 20*time.Second, "the end of its process", func() error {
		if pid := pythonChild(p); pid != 0 {
			return fmt.Errorf("%d still runs", pid)
		}
		return nil
	})
}

func pythonChild(p *pipeline) int {
	for name, pid := range p.worker.children() {
		if strings.HasPrefix(name, "python") {
			return pid
		}
	}
	return 0
}
