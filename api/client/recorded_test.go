package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

// recorded is an exchange of testdata/connect.
type recorded struct {
	method, path, sent string
	status             int
	answered           string
}

func read(t *testing.T, name string) recorded {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "connect", name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	asked, answered, _ := strings.Cut(string(text), "\n< HTTP/1.1 ")
	_, sent, _ := strings.Cut(asked+"\n", "\n>\n")
	line := strings.Fields(strings.TrimPrefix(asked, "> "))
	status, err := strconv.Atoi(answered[:3])
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(answered, "\n<\n")
	return recorded{line[0], line[1], strings.TrimSpace(sent), status, strings.TrimSpace(body)}
}

var g1 = map[string]string{
	"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "file": "/data/g1.txt", "tasks.max": "3", "topics": "golden-t", "name": "g1",
}

func g1Status(state string) api.ConnectorStatus {
	s := api.ConnectorStatus{Name: "g1", Type: "sink", Connector: api.ConnectorState{State: state, WorkerID: "worker1:8083", Version: "4.3.1"}}
	for i := range 3 {
		s.Tasks = append(s.Tasks, api.TaskStatus{ID: i, State: state, WorkerID: "worker1:8083", Version: "4.3.1"})
	}
	return s
}

func g1Info() api.ConnectorInfo {
	return api.ConnectorInfo{Name: "g1", Type: "sink", Config: g1, Tasks: []api.TaskID{{Connector: "g1"}, {Connector: "g1", Task: 1}, {Connector: "g1", Task: 2}}}
}

// TestRecorded asks what Kafka Connect was asked, and reads what it answered.
func TestRecorded(t *testing.T) {
	status, info := g1Status("RUNNING"), g1Info()
	for _, test := range []struct {
		name string // of the exchange
		call func(context.Context, *client.Client) (any, error)
		want any
		err  string
	}{
		{name: "empty/root", want: api.ServerInfo{Version: "4.3.1", Commit: "26b251a451ce941d", KafkaClusterID: "MkU3OEVBNTcwNTJENDM2Qk"}, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Server(ctx) }},
		{name: "empty/health", want: api.Health{Status: "healthy", Message: "Worker has completed startup and is ready to handle requests."}, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Health(ctx) }},
		{name: "running/list-expand-both", want: map[string]client.Expanded{"g1": {Status: &status, Info: &info}}, call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.Expanded(ctx, client.WithStatus, client.WithInfo)
		}},
		{name: "running/list-expand-status", want: map[string]client.Expanded{"g1": {Status: &status}}, call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.Expanded(ctx, client.WithStatus)
		}},
		{name: "running/get", want: info, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Connector(ctx, "g1") }},
		{name: "running/config", want: g1, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Config(ctx, "g1") }},
		{name: "running/config-404", err: "GET http://one/connectors/none/config: 404: Connector none not found", call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.Config(ctx, "none")
		}},
		{name: "running/status", want: status, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx, "g1") }},
		{name: "running/status-404", err: "GET http://one/connectors/none/status: 404: No status found for connector none", call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.Status(ctx, "none")
		}},
		{name: "running/task-status", want: status.Tasks[0], call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.TaskStatus(ctx, api.TaskID{Connector: "g1", Task: 0})
		}},
		{name: "running/task-restart", call: func(ctx context.Context, c *client.Client) (any, error) {
			return nil, c.RestartTask(ctx, api.TaskID{Connector: "g1", Task: 0})
		}},
		{name: "running/restart", want: api.ConnectorStatus{}, call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.Restart(ctx, "g1", api.RestartOptions{})
		}},
		{name: "running/restart-include-tasks", want: g1Status("RESTARTING"), call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.Restart(ctx, "g1", api.RestartOptions{IncludeTasks: true})
		}},
		{name: "running/pause", call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Pause(ctx, "g1") }},
		{name: "running/resume", call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Resume(ctx, "g1") }},
		{name: "running/stop", call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Stop(ctx, "g1") }},
		{name: "running/create-duplicate", err: "POST http://one/connectors: 409: Connector g1 already exists", call: func(ctx context.Context, c *client.Client) (any, error) {
			config := map[string]string{"connector.class": g1["connector.class"], "tasks.max": "3", "topics": "golden-t", "file": "/data/g1.txt"}
			return c.Create(ctx, api.CreateRequest{Name: "g1", Config: config})
		}},
		{
			name: "running/put-config-create",
			want: api.ConnectorInfo{Name: "g2", Type: "sink", Tasks: []api.TaskID{}, Config: map[string]string{"connector.class": g1["connector.class"], "tasks.max": "1", "topics": "golden-t", "file": "/data/g2.txt", "name": "g2"}},
			call: func(ctx context.Context, c *client.Client) (any, error) {
				config := map[string]string{"connector.class": g1["connector.class"], "tasks.max": "1", "topics": "golden-t", "file": "/data/g2.txt"}
				info, created, err := c.PutConfig(ctx, "g2", config)
				if !created {
					t.Error("201 is a connector that was created")
				}
				return info, err
			},
		},
		{name: "running/topics", want: []string{"golden-t"}, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Topics(ctx, "g1") }},
		{name: "running/topics-404", want: []string{}, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Topics(ctx, "none") }},
		{name: "running/topics-reset", call: func(ctx context.Context, c *client.Client) (any, error) { return nil, c.ResetTopics(ctx, "g1") }},
		{name: "running/logger-root", want: api.LoggerLevel{Level: "INFO"}, call: func(ctx context.Context, c *client.Client) (any, error) { return c.Logger(ctx, "root") }},
		{name: "running/logger-put-cluster", want: []string(nil), call: func(ctx context.Context, c *client.Client) (any, error) {
			return c.SetLogger(ctx, "org.apache.kafka.connect.storage", "DEBUG", true)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := read(t, test.name)
			c := with(t, func(r *http.Request) (*http.Response, error) {
				if got := r.Method + " " + r.URL.RequestURI(); got != e.method+" "+e.path {
					t.Errorf("asked %s, the recording %s %s", got, e.method, e.path)
				}
				if e.sent != "" {
					compareJSON(t, r.Body, e.sent)
				}
				return response(e.status, e.answered), nil
			})
			got, err := test.call(t.Context(), c)
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

func compareJSON(t *testing.T, body io.Reader, want string) {
	t.Helper()
	var got, wanted any
	if err := json.NewDecoder(body).Decode(&got); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("sent another body: want -, got +\n%s", d)
	}
}
