//go:build stack

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Many connectors, each with a plugin process and a consumer of its own, run and deliver within half a minute of the start of their
// worker, on one machine together with Kafka. With SLUICE_CONNECTORS=500 this is the measurement; by default it is a short form of it.
func TestManyConnectors(t *testing.T) {
	many, limit := 60, time.Minute // on a machine that may be slow, and not the aim
	if n, err := strconv.Atoi(os.Getenv("SLUICE_CONNECTORS")); err == nil {
		many, limit = n, 30*time.Second
	}
	c := newCluster(t, stack.Shared(t, stack.Kafka).KafkaBootstrap(), 1)
	m := c.add()
	c.healthy(m)
	began := time.Now()
	var creating errgroup.Group
	creating.SetLimit(4)
	file := func(i int) string { return filepath.Join(c.dir, fmt.Sprintf("many-%03d", i)) }
	for i := range many {
		creating.Go(func() error {
			return request(http.MethodPost, m.url+"/connectors", map[string]any{"name": filepath.Base(file(i)), "config": map[string]string{
				"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": c.topic, "file": file(i),
			}}, nil)
		})
	}
	if err := creating.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d connectors are created after %s", many, time.Since(began))
	running := func() error {
		var all map[string]struct{ Status status }
		if err := get(m.url+"/connectors?expand=status", &all); err != nil {
			return err
		}
		n := 0
		for _, s := range all {
			if len(s.Status.Tasks) == 1 && s.Status.Tasks[0].State == "RUNNING" {
				n++
			}
		}
		if n < many {
			return fmt.Errorf("%d of %d", n, many)
		}
		return nil
	}
	eventually(t, 5*time.Minute, "all connectors to run", running)
	t.Logf("and run after %s", time.Since(began))
	stopping := time.Now()
	m.stop()
	t.Logf("the worker has ended after %s", time.Since(stopping))

	client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.DefaultProduceTopic(c.topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte("hello")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	m.start()
	c.healthy(m)
	t.Logf("a member after %s", time.Since(began))
	eventually(t, 5*time.Minute, "all connectors to run again", running)
	t.Logf("all run after %s", time.Since(began))
	eventually(t, 5*time.Minute, "all connectors to deliver", func() error {
		for i := range many {
			if b, err := os.ReadFile(file(i)); err != nil || !bytes.Equal(b, []byte("hello\n")) {
				return errors.Join(err, fmt.Errorf("connector %d: %q", i, b))
			}
		}
		return nil
	})
	took := time.Since(began)
	var plugins int64
	for _, pid := range m.family() {
		plugins += rss(pid)
	}
	t.Logf("all have delivered after %s; the worker has %d MB, all plugins together %d MB", took, rss(m.pid())>>20, plugins>>20)
	if took > limit {
		t.Errorf("it took %s", took)
	}
}
