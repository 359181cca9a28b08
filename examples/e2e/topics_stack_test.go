//go:build stack

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// A running connector that is given another topic reads that one, at once. To Kafka its tasks are members that return.
func TestTopicsChange(t *testing.T) {
	s := stack.Shared(t, stack.Kafka)
	suffix := stack.Seed(t).Uint32()
	before, after := fmt.Sprintf("before-%d", suffix), fmt.Sprintf("after-%d", suffix)
	p := startPipeline(t, s.KafkaBootstrap(), before)
	second := startPipeline(t, s.KafkaBootstrap(), after) // for its page
	name := fmt.Sprintf("change topics %d", suffix)
	cfg := map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "2", "topics": before, "file": filepath.Join(p.dir, "out"),
	}
	p.create(name, 2, cfg)
	send(t, p.page, []string{"a", "b", "c"})
	stored := func(want int64) {
		t.Helper()
		eventually(t, 30*time.Second, "records of "+p.topic, func() error {
			if n := p.committed(name); n != want {
				return fmt.Errorf("%d of %d", n, want)
			}
			return nil
		})
	}
	stored(3)

	send(t, second.page, []string{"d", "e"})
	cfg["topics"], p.topic = after, after
	body, _ := json.Marshal(cfg)
	req, _ := http.NewRequest(http.MethodPut, p.connector(name)+"/config", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("changing topics: %s", resp.Status)
	}
	began := time.Now()
	stored(2)
	t.Logf("the new topic is read %s after the change", time.Since(began).Round(time.Millisecond))
}
