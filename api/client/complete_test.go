package client_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

// every calls each method of a client once.
func every(ctx context.Context, c *client.Client) {
	const name = "{connector}"
	id := api.TaskID{Connector: name, Task: 7}
	_, _ = c.Server(ctx)
	_, _ = c.Health(ctx)
	_, _ = c.Connectors(ctx)
	_, _ = c.Connector(ctx, name)
	_, _ = c.Config(ctx, name)
	_, _ = c.Status(ctx, name)
	_, _ = c.Tasks(ctx, name)
	_, _ = c.TaskStatus(ctx, id)
	_, _ = c.Create(ctx, api.CreateRequest{Name: name})
	_, _, _ = c.PutConfig(ctx, name, nil)
	_, _ = c.PatchConfig(ctx, name, nil)
	_ = c.Delete(ctx, name)
	_ = c.Pause(ctx, name)
	_ = c.Resume(ctx, name)
	_ = c.Stop(ctx, name)
	_, _ = c.Restart(ctx, name, api.RestartOptions{})
	_ = c.RestartTask(ctx, id)
	_, _ = c.Topics(ctx, name)
	_ = c.ResetTopics(ctx, name)
	_, _ = c.Offsets(ctx, name)
	_, _ = c.AlterOffsets(ctx, name, nil)
	_, _ = c.ResetOffsets(ctx, name)
	_, _ = c.Plugins(ctx, true)
	_, _ = c.PluginConfig(ctx, "{plugin}", "")
	_, _ = c.Validate(ctx, "{plugin}", nil)
	_, _ = c.Cluster(ctx)
	_, _ = c.Loggers(ctx)
	_, _ = c.Logger(ctx, "{logger}")
	_, _ = c.SetLogger(ctx, "{logger}", "INFO", false)
}

// TestComplete holds the methods against the table of operations in the README of the API.
func TestComplete(t *testing.T) {
	asked := map[string]bool{}
	c := with(t, func(r *http.Request) (*http.Response, error) {
		asked[r.Method+" "+strings.Replace(r.URL.Path, "/tasks/7", "/tasks/{task}", 1)] = true
		return response(http.StatusNotFound, ""), nil
	})
	every(t.Context(), c)

	f, err := os.Open("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	internal := map[string]bool{"POST /connectors/{connector}/tasks": true, "PUT /connectors/{connector}/fence": true} // of workers among themselves
	operation := regexp.MustCompile("^\\| ([A-Z]+) \\| `(/|/health|/(?:connectors|connector-plugins|admin)[^`]*)` \\|")
	documented := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m := operation.FindStringSubmatch(lines.Text()); m != nil && !internal[m[1]+" "+m[2]] {
			documented[m[1]+" "+m[2]] = true
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(documented, asked); d != "" {
		t.Errorf("the table of operations -, the methods +\n%s", d)
	}
}
