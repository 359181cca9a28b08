//go:build stack

package e2e

import (
	"context"
	"encoding/json"
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

// Programs that others have published work with sluice as they do with Kafka Connect. The test has the tag because it needs Python
// and a network.
func TestPublishedClients(t *testing.T) {
	bin := pythonPrograms(t)
	p := startDev(t, filepath.Join(binaries(t), "plugins"), "clicks")
	t.Run("kafka-connect-py", func(t *testing.T) { kafkaConnectPy(t, p, filepath.Join(bin, "kc")) })
	t.Run("Python libraries", func(t *testing.T) {
		program(t, filepath.Join(bin, "python"), "testdata/clients/clients.py", p.rest, p.dir) // kafka-connect-api, kafkaconnect, kafka-connect-healthcheck
	})
	t.Run("Java library", func(t *testing.T) {
		lib := t.TempDir()
		program(t, "mvn", "-q", "-B", "-f", "testdata/clients/pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+lib)
		program(t, "java", "-cp", filepath.Join(lib, "*"), "testdata/clients/Client.java", p.rest, p.dir)
	})
	t.Run("schemathesis", func(t *testing.T) { schemathesis(t, p, filepath.Join(bin, "schemathesis")) })
}

// program runs a program that must not fail.
func program(t *testing.T, path string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", path, args, err, out)
	}
}

// pythonPrograms installs what testdata/requirements.txt names and gives the folder of its programs.
func pythonPrograms(t *testing.T) string {
	t.Helper()
	venv := filepath.Join(t.TempDir(), "venv")
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--retries", "10", "--timeout", "60", "-r", "testdata/requirements.txt"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return filepath.Join(venv, "bin")
}

// kafkaConnectPy runs every command of kafka-connect-py. It ends with 0 whatever happens, so that its output counts.
func kafkaConnectPy(t *testing.T, p *pipeline, program string) {
	t.Helper()
	config := func(file string) map[string]string {
		return map[string]string{"connector.class": "FileStreamSink", "tasks.max": "2", "topics": "clicks", "file": filepath.Join(p.dir, file)}
	}
	data := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	file := filepath.Join(p.dir, "create.json")
	if err := os.WriteFile(file, []byte(data(map[string]any{"name": "from-file", "config": config("b.txt")})), 0o600); err != nil {
		t.Fatal(err)
	}
	kc := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(program, append([]string{"--url", p.rest, "--log-level", "CRITICAL"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("kc %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	// says runs a command until its output has all these parts: what it changes may take a moment.
	says := func(command string, parts ...string) {
		t.Helper()
		eventually(t, 30*time.Second, "kc "+command, func() error {
			out := kc(strings.Fields(command)...)
			for _, part := range parts {
				if !strings.Contains(out, part) {
					return fmt.Errorf("printed %s, which lacks %s", out, part)
				}
			}
			return nil
		})
	}
	// does runs a command that prints what is given, once.
	does := func(want string, args ...string) {
		t.Helper()
		if out := kc(args...); !strings.HasPrefix(out, want) {
			t.Errorf("kc %s printed %q, want %q", strings.Join(args, " "), out, want)
		}
	}

	says("info", `"kafka_cluster_id"`)
	says("list-plugins", "org.apache.kafka.connect.file.FileStreamSinkConnector")
	does(`{"name": "org.apache.kafka.connect.file.FileStreamSinkConnector", "error_count": 0`, "validate-config", "FileStreamSink", "--config-data",
		data(map[string]string{"name": "v", "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "clicks", "file": "v.txt"}))
	does(`{"name": "inline"`, "create", "--config-data", data(map[string]any{"name": "inline", "config": config("a.txt")}))
	does("409 Client Error", "create", "--config-data", data(map[string]any{"name": "inline", "config": config("a.txt")}))
	does(`{"name": "from-file"`, "create", "--config-file", file)
	does("400 Client Error", "create", "--config-data", `{"name":"bad","config":{}}`)
	says("list", `["from-file", "inline"]`)
	says("list --expand status --state running", `"from-file"`, `"inline"`)
	says("list --expand info --pattern in.*", `"inline"`, `"tasks.max": "2"`)
	does(`{"name": "inline"`, "update", "inline", "--config-data", data(config("c.txt")))
	says("get inline", "c.txt", `"task": 1`)
	says("config inline", "c.txt")
	says("status inline", `"id": 1`, "RUNNING")
	says("list-tasks inline", "task.class")
	says("task-status inline 1", "RUNNING")
	does("null", "restart-task", "inline", "1")
	says("task-status inline 1", "RUNNING")
	does(`{"name": "inline"`, "restart", "inline", "--include-tasks")
	does(`{"name": "inline"`, "restart", "inline", "--only-failed")
	does(`{"inline"`, "restart", "--all", "--pattern", "inline")
	does("", "pause", "inline")
	says("status inline", "PAUSED")
	does("", "resume", "--all", "--state", "paused")
	says("status inline", "RUNNING")
	send(t, p.page, names("kc", 3))
	says("list-topics inline", `["clicks"]`)
	does("null", "reset-topics", "inline")
	says("list-topics inline", `{"inline": {"topics": `)
	does("404 Client Error", "status", "none")
	does("", "delete", "from-file")
	does("", "delete", "--all")
	says("list", "[]")
}

// schemathesis sends what it makes of the OpenAPI document, and more that does not fit it: no answer is 5xx or other than documented.
// Some of its checks hold for an API that is free to choose: the offsets of a connector are still to be read when they were reset, and Kafka Connect passes over values of parameters that it does not know,
// refuses names and configurations for reasons that no schema has, and answers 405 without Allow.
func schemathesis(t *testing.T, p *pipeline, program string) {
	t.Helper()
	const notOurs = "negative_data_rejection,positive_data_acceptance,unsupported_method,allow_header_conformance,use_after_free"
	run := func(t *testing.T, global, more []string) {
		t.Helper()
		args := []string{
			"run", p.rest + "/openapi.json", "--exclude-checks", notOurs, "--max-examples", "30",
			"--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off", "--seed", strconv.Itoa(int(stack.Seed(t).Int32())),
			"--request-timeout", "120", "--suppress-health-check", "all", // that making requests takes long says nothing of the answers
		}
		cmd := exec.Command(program, slices.Concat(global, args, more)...)
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		p.healthy()
	}
	t.Run("any name", func(t *testing.T) { run(t, nil, nil) })
	t.Run("a connector and a plugin that exist", func(t *testing.T) {
		p.create("fuzzed", 1, map[string]string{"connector.class": "FileStreamSink", "topics": "clicks", "file": filepath.Join(p.dir, "fuzzed.txt")})
		names := filepath.Join(t.TempDir(), "names.toml")
		if err := os.WriteFile(names, []byte("[parameters]\n\"path.connector\" = \"fuzzed\"\n\"path.plugin\" = \"FileStreamSink\"\n\"path.logger\" = \"root\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, []string{"--config-file", names}, []string{"--exclude-operation-id", "deleteConnector"})
	})
}
