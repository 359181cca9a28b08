package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A plugin process that hangs costs its own connector only: every request about another one is answered at once, and those about
// its own are, too, as far as they need nothing of it.
func TestHungPluginHangsNoOtherRequest(t *testing.T) {
	const graceful = 16 * time.Second // that a task has to stop: what waits for it can be told from what a slow machine takes
	props := filepath.Join(t.TempDir(), "worker.properties")
	if err := os.WriteFile(props, fmt.Appendf(nil, "task.shutdown.graceful.timeout.ms=%d\n", graceful.Milliseconds()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startDev(t, filepath.Join(binaries(t), "plugins"), "clicks", "--properties", props)
	sink := func(name string) map[string]string {
		return map[string]string{"connector.class": "FileStreamSink", "topics": "clicks", "file": filepath.Join(p.dir, name+".txt")}
	}
	p.create("hung", 1, sink("hung"))
	pid := p.worker.child("file")
	p.create("well", 1, sink("well"))
	freeze(t, pid)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // gone by now, unless the test failed
	send(t, p.page, names("hung", 30))                           // and now it holds records that it does not write

	const config = `"connector.class":"FileStreamSink","topics":"clicks","file":"%s"`
	body := fmt.Sprintf(config, filepath.Join(p.dir, "other.txt"))
	for _, q := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/connectors?expand=status&expand=info", "", 200},
		{"GET", "/connectors/hung/status", "", 200},
		{"GET", "/connector-plugins/FileStreamSink/config", "", 200},
		{"PUT", "/connector-plugins/FileStreamSink/config/validate", `{"name":"v",` + body + `}`, 200},
		{"POST", "/connectors", `{"name":"other","config":{` + body + `}}`, 201},
		{"PUT", "/connectors/hung/pause", "", 202},
		{"PATCH", "/connectors/well/config", `{"a":"b"}`, 200},
		{"PUT", "/connectors/well/pause", "", 202},
		{"PUT", "/connectors/well/resume", "", 202},
		{"POST", "/connectors/well/tasks/0/restart", "", 204},
		{"POST", "/connectors/well/restart?includeTasks=true", "", 202},
		{"PUT", "/connectors/other/stop", "", 204},
		{"DELETE", "/connectors/other", "", 204},
		{"PUT", "/connectors/hung/resume", "", 202},
		{"PATCH", "/connectors/hung/config", `{"a":"b"}`, 200},
	} {
		begin := time.Now()
		p.ask(q.method, q.path, q.body, q.status)
		if took := time.Since(begin); took > graceful*3/4 {
			t.Errorf("%s %s took %s", q.method, q.path, took)
		}
	}
	p.running("well", 1)
	eventually(t, 30*time.Second, "the records in the file of the connector that is well", func() error {
		text, err := os.ReadFile(filepath.Join(p.dir, "well.txt"))
		if err != nil {
			return err
		}
		if n := strings.Count(string(text), "hung-"); n < 30 {
			return fmt.Errorf("%d records", n)
		}
		return nil
	})
	p.ask(http.MethodDelete, "/connectors/hung", "", http.StatusNoContent) // which ends the process
	eventually(t, 30*time.Second, "the end of the hung process", func() error {
		if err := syscall.Kill(pid, 0); err == nil {
			return fmt.Errorf("process %d is there", pid)
		}
		return nil
	})
}

// ask sends a request that has to be answered with a status.
func (p *pipeline) ask(method, path, body string, status int) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.rest+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != status {
		p.t.Errorf("%s %s: %s %s, want %d", method, path, resp.Status, b, status)
	}
}
