package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// listed waits until a worker lists a connector class.
func (p *pipeline) listed(class string) {
	p.t.Helper()
	eventually(p.t, 30*time.Second, class+" to be listed", func() error {
		var list []struct{ Class, Type, Version string }
		if err := get(p.rest+"/connector-plugins", &list); err != nil {
			return err
		}
		for _, l := range list {
			if l.Class == class {
				return nil
			}
		}
		return fmt.Errorf("listed are %v", list)
	})
}

// remove deletes a connector.
func (p *pipeline) remove(name string) {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodDelete, p.connector(name), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		p.t.Fatalf("deleting %s: %s", name, resp.Status)
	}
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%04d", prefix, i)
	}
	return list
}

// A plugin of somebody else's module is built into the folder of a running worker, and used.
func TestThirdPartyPlugin(t *testing.T) {
	plugins := t.TempDir()
	p := startDev(t, plugins, "clicks")
	build := exec.Command("go", "build", "-o", filepath.Join(plugins, "stdout"), ".")
	build.Dir = "../plugins/stdout"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.listed("com.example.StdoutSinkConnector")
	p.create("printer", 1, map[string]string{
		"connector.class": "com.example.StdoutSinkConnector", "topics": "clicks", "prefix": "seen:",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	})
	users := names("go", 20)
	send(t, p.page, users)
	eventually(t, 30*time.Second, "what it prints", func() error {
		log, err := os.ReadFile(p.worker.log)
		if err != nil {
			return err
		}
		for _, u := range users {
			if !slices.ContainsFunc(strings.Split(string(log), "\n"), func(l string) bool {
				return strings.Contains(l, "seen:{") && strings.Contains(l, u)
			}) {
				return fmt.Errorf("%s is not in the log", u)
			}
		}
		return nil
	})
	if p.worker.children()["stdout"] == 0 {
		t.Errorf("it is no process of its own: %v", p.worker.children())
	}
	p.remove("printer")
	eventually(t, 20*time.Second, "the end of its process", func() error {
		if c := p.worker.children(); c["stdout"] != 0 {
			return fmt.Errorf("%v", c)
		}
		return nil
	})
}
