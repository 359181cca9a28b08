//go:build stack

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Connectors that Kafka Connect has made run on in sluice, started with the same properties on the same topics, and then in Kafka
// Connect again; as both stop in order, no record is lost or doubled.
func TestTakeOverAndReturn(t *testing.T) {
	s := stack.Own(t, stack.Options{Env: map[string]string{"STACK_CONNECT_SETTINGS": "offset.flush.interval.ms=500 task.shutdown.graceful.timeout.ms=60000", "STACK_STOP_TIMEOUT": "120"}}, stack.Kafka, stack.Connect)
	bin, dir, rest := binaries(t), t.TempDir(), s.ConnectURL()
	props := filepath.Join(dir, "connect-distributed.properties")
	text, err := os.ReadFile(filepath.Join(s.Dir(), "conf", "connect.properties"))
	if err != nil {
		t.Fatal(err)
	}
	// The Java plugins are passed over; the folder with ours goes beside theirs.
	text = append(regexp.MustCompile(`(?m)^plugin.path=.*$`).ReplaceAll(text, []byte("$0,"+filepath.Join(bin, "plugins"))), []byte("\nsluice.run.dir="+dir+"\n")...)
	if err := os.WriteFile(props, text, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBootstrap()), kgo.DefaultProduceTopic("numbers"), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sent := 0
	produce := func() {
		for range 500 {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte(strconv.Itoa(sent))}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	create := func(name, class, state string) {
		cfg := map[string]string{"connector.class": class, "tasks.max": "1", "topics": "numbers", "file": filepath.Join(dir, name), "value.converter": "org.apache.kafka.connect.storage.StringConverter"}
		if strings.Contains(class, "Source") {
			delete(cfg, "topics")
			cfg["topic"] = "elsewhere"
		}
		eventually(t, time.Minute, name+" to be made", func() error {
			err := request(http.MethodPost, rest+"/connectors", map[string]any{"name": name, "config": cfg, "initial_state": state}, nil)
			if err != nil && !unsettled.MatchString(err.Error()) {
				t.Fatal(err)
			}
			return err
		})
	}
	states := func(want map[string]string) {
		t.Helper()
		for name, state := range want {
			eventually(t, time.Minute, name+" to be "+state, func() error {
				var st status
				if err := get(rest+"/connectors/"+name+"/status", &st); err != nil {
					return err
				}
				if st.Connector.State != state || state == "RUNNING" && (len(st.Tasks) != 1 || st.Tasks[0].State != state) {
					return fmt.Errorf("%+v", st)
				}
				if state == "FAILED" && !strings.Contains(st.Connector.Trace, "FileStreamSource") {
					return fmt.Errorf("the trace does not name the class: %+v", st)
				}
				return nil
			})
		}
	}
	stored := func(names ...string) {
		t.Helper()
		for _, name := range names {
			eventually(t, time.Minute, name+" to store everything", func() error {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if n := bytes.Count(b, []byte("\n")); err != nil || n < sent {
					return fmt.Errorf("%d of %d, %w", n, sent, err)
				}
				return nil
			})
		}
	}
	sluice := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "sluice"), append([]string{"worker"}, args...)...).CombinedOutput()
		return string(out), err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	const sink = "org.apache.kafka.connect.file.FileStreamSinkConnector"
	produce()
	create("running", sink, "RUNNING")
	create("paused", sink, "PAUSED")
	create("stopped", sink, "STOPPED")
	create("foreign", "org.apache.kafka.connect.file.FileStreamSourceConnector", "RUNNING")
	states(map[string]string{"running": "RUNNING", "paused": "PAUSED", "stopped": "STOPPED", "foreign": "RUNNING"})
	stored("running")

	// While Kafka Connect is there, sluice does not start, and says why.
	elsewhere := filepath.Join(dir, "elsewhere.properties")
	port := freePort(t)
	must(os.WriteFile(elsewhere, append(text, []byte("listeners=http://127.0.0.1:"+port+"\nrest.advertised.port="+port+"\n")...), 0o600))
	if out, err := sluice(elsewhere); err == nil || !strings.Contains(out, "if Kafka Connect workers are in it") || !strings.Contains(out, "connect-stack") {
		t.Errorf("sluice worker beside Kafka Connect: %v\n%s", err, out)
	}
	must(s.Stop(t.Context(), stack.Connect))
	out, err := sluice("--check", props)
	t.Logf("the check says:\n%s", out)
	for _, text := range []string{"starts when all of them have left it", "4 connectors", "FAILED: no plugin has this class", "500 in 1 partitions", "PAUSED", "STOPPED"} {
		if err != nil || !strings.Contains(out, text) {
			t.Errorf("the check does not say %q (%v)", text, err)
		}
	}

	produce()
	began := time.Now()
	worker := start(t, filepath.Join(dir, "worker.log"), filepath.Join(bin, "sluice"), "worker", props)
	eventually(t, time.Minute, "the worker", func() error { return get(rest+"/health", nil) })
	states(map[string]string{"running": "RUNNING", "paused": "PAUSED", "stopped": "STOPPED", "foreign": "FAILED"})
	stored("running")
	t.Logf("sluice has taken over after %s", time.Since(began))
	must(request(http.MethodPut, rest+"/connectors/paused/resume", nil, nil))
	states(map[string]string{"paused": "RUNNING"})
	stored("running", "paused")
	create("made", sink, "RUNNING")
	states(map[string]string{"made": "RUNNING"})
	stored("made")
	must(request(http.MethodPut, rest+"/connectors/made/pause", nil, nil))
	states(map[string]string{"made": "PAUSED"})
	worker.stop()

	log := filepath.Join(s.Dir(), "log", "connect.log")
	before, err := os.ReadFile(log)
	must(err)
	produce()
	must(s.Start(t.Context(), stack.Connect))
	states(map[string]string{"running": "RUNNING", "paused": "RUNNING", "stopped": "STOPPED", "foreign": "RUNNING", "made": "PAUSED"})
	must(request(http.MethodPut, rest+"/connectors/stopped/resume", nil, nil))
	must(request(http.MethodPut, rest+"/connectors/made/resume", nil, nil))
	stored("running", "paused", "stopped", "made")
	for _, name := range []string{"running", "paused", "stopped", "made"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(err)
		seen := map[string]int{}
		for line := range strings.FieldsSeq(string(b)) {
			seen[line]++
		}
		if lines := strings.Count(string(b), "\n"); len(seen) != sent || lines != sent {
			t.Errorf("%s holds %d lines, %d of them different, of %d records", name, lines, len(seen), sent)
		}
	}
	after, err := os.ReadFile(log)
	must(err)
	for line := range strings.Lines(string(bytes.TrimPrefix(after, before))) {
		if (strings.Contains(line, "WARN") || strings.Contains(line, "ERROR")) && strings.Contains(line, "BackingStore") {
			t.Errorf("Kafka Connect does not like what sluice wrote: %s", line)
		}
	}
}
