//go:build stack

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sluice-connect/sluice/examples/stack"
)

// The config topic is deleted under way, on real Kafka, which makes topics of their own accord: tasks go on, nothing makes the topic anew
// with settings that lose records, and whoever asks for something that needs it is told.
func TestDeletedConfigTopic(t *testing.T) {
	t.Parallel()
	c, name := sharing(t, stack.Shared(t, stack.Kafka).KafkaBootstrap())
	topic := c.props["config.storage.topic"]
	c.deleteTopic(topic)
	began := time.Now()
	eventually(t, 30*time.Second, "both workers to say so", func() error {
		for _, m := range c.workers {
			var health struct{ Status, Message string }
			err := get(m.url+"/health", &health)
			if text := fmt.Sprint(health.Message, err); !strings.Contains(text, "topic "+topic+": the topic has been deleted") {
				return fmt.Errorf("%s: health is %s", m.id, text)
			}
		}
		return nil
	})
	t.Logf("both say so after %s", time.Since(began))
	if err := c.another(); err == nil || !strings.Contains(err.Error(), "has been deleted") {
		t.Errorf("a configuration for a topic that is gone: %v", err)
	}
	c.delivers(name, 2)
	c.finish(name)
	if c.hasTopic(topic) {
		t.Errorf("topic %s was made anew", topic)
	}
}

// The topic of the placement is deleted, and then deleted and made anew by somebody, at once, and then that of the statuses is: the workers know
// what they held, make them anew where they are gone, and go on. No task stops, and one that joins finds everything.
func TestDeletedTopicsThatAreMadeAnew(t *testing.T) {
	t.Parallel()
	c, name := sharing(t, stack.Shared(t, stack.Kafka).KafkaBootstrap())
	topic := c.props["config.storage.topic"] + "-assignment"
	starts := func(m *member) float64 {
		n, err := m.metric("kafka_connect_connect_worker_metrics_task_startup_attempts_total")
		if err != nil {
			t.Error(err)
		}
		return n
	}
	started := []float64{starts(c.workers[0]), starts(c.workers[1])}
	for _, how := range []string{"deleted", "made anew"} {
		before := c.generation()
		c.deleteTopic(topic)
		began := time.Now()
		if how == "made anew" {
			c.makeTopic(topic)
		}
		eventually(t, 30*time.Second, "a placement in the new topic", func() error {
			if !c.hasTopic(topic) || c.generation() <= before {
				return errors.New("there is none")
			}
			return nil
		})
		t.Logf("%s: placed in the new topic after %s", how, time.Since(began))
		eventually(t, 30*time.Second, "a new connector", c.another)
		c.spread(c.topic+"-g", 2, c.workers...)
		t.Logf("%s: a new connector runs after %s", how, time.Since(began))
		c.delivers(name, 2)
		c.spread(name, 2, c.workers...)
	}
	for i, m := range c.workers {
		if n := starts(m) - started[i]; n != 1 {
			t.Errorf("%s has started %v tasks, and only one was new", m.id, n)
		}
	}
	topic = c.props["status.storage.topic"]
	c.deleteTopic(topic)
	began := time.Now()
	eventually(t, 30*time.Second, "the topic of statuses", func() error {
		if !c.hasTopic(topic) {
			return errors.New("it is not there")
		}
		return nil
	})
	third := c.add()
	c.healthy(third)
	eventually(t, 30*time.Second, "a third worker, which has work and sees what all do", func() error {
		n, err := third.holders(c.topic + "-g")
		more, err2 := third.holders(name)
		sum := 0
		for _, m := range c.workers {
			sum += n[m.id] + more[m.id]
		}
		if n[third.id]+more[third.id] != 1 || sum != 4 {
			return fmt.Errorf("%v %v %w", n, more, errors.Join(err, err2))
		}
		return nil
	})
	t.Logf("statuses: a third worker sees all %s after the deletion", time.Since(began))
	c.finish(name)
}

// sharing is two workers that share the tasks of a connector, under load.
func sharing(t *testing.T, bootstrap string) (c *cluster, name string) {
	t.Helper()
	c = newCluster(t, bootstrap, 2, "session.timeout.ms", "30000") // nobody is to lose its place by being slow
	a, b := c.add(), c.add()
	c.healthy(a, b)
	name = c.topic + "-f" // connectors of one name have one consumer group, also those of different clusters on one Kafka
	c.files(name, 2, a)
	c.spread(name, 2, a, b)
	c.send(200)
	c.delivers(name, 2)
	return c, name
}

// another makes a second connector, or the same again.
func (c *cluster) another() error {
	return request(http.MethodPut, c.workers[1].url+"/connectors/"+c.topic+"-g/config", map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "2", "topics": c.topic, "file": filepath.Join(c.dir, "g"),
	}, nil)
}

// generation is that of the placement, as a worker tells.
func (c *cluster) generation() int64 {
	var info struct{ Generation int64 }
	if err := get(c.workers[0].url+"/admin/cluster", &info); err != nil {
		c.t.Log(err)
	}
	return info.Generation
}

// The topic of a sink is deleted: its status says so, and when the topic is there again the task says what has become of its offsets.
func TestDeletedTopicOfASink(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t, stack.Kafka)
	c := newCluster(t, s.KafkaBootstrap(), 1)
	a := c.add()
	c.healthy(a)
	name := c.topic + "-f"
	c.files(name, 1, a)
	c.spread(name, 1, a)
	c.send(200)
	c.delivers(name, 1)
	c.drain(name)
	c.deleteTopic(c.topic)
	began := time.Now()
	trace := func() string {
		var s status
		if err := get(a.url+"/connectors/"+name+"/status", &s); err != nil || len(s.Tasks) != 1 {
			return fmt.Sprint(err)
		}
		return s.Tasks[0].State + " " + s.Tasks[0].Trace
	}
	eventually(t, time.Minute, "the task to say so", func() error {
		if said := trace(); !strings.Contains(said, c.topic) || !strings.Contains(said, "create the topic") {
			return errors.New(said)
		}
		return nil
	})
	t.Logf("after %s: %s", time.Since(began), trace())
	if c.hasTopic(c.topic) {
		t.Errorf("topic %s was made anew", c.topic)
	}
}

func (c *cluster) deleteTopic(topic string) {
	c.t.Helper()
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if _, err := adm.DeleteTopic(ctx, topic); err != nil {
		c.t.Fatal(err)
	}
}

// makeTopic makes a topic as the workers want theirs, unless they have.
func (c *cluster) makeTopic(topic string) {
	c.t.Helper()
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	compact := "compact"
	if _, err := adm.CreateTopic(ctx, 1, 1, map[string]*string{"cleanup.policy": &compact}, topic); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		c.t.Fatal(err)
	}
}

func (c *cluster) hasTopic(topic string) bool {
	c.t.Helper()
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	all, err := adm.ListTopics(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return all.Has(topic)
}
