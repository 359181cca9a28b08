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

	"github.com/sluice-connect/sluice/examples/stack"
)

// A topic is deleted under way, on real Kafka, which makes topics of their own accord: tasks go on, nothing makes the topic anew with
// settings that lose records, and whoever asks for something that needs it is told.
func TestDeletedTopic(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t, stack.Kafka)
	// Connectors of one name have one consumer group, also those of different clusters on one Kafka.
	for _, which := range []string{"config.storage.topic", "status.storage.topic", "assignment.storage.topic"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, s.KafkaBootstrap(), 2)
			a, b := c.add(), c.add()
			c.healthy(a, b)
			name := c.topic + "-f"
			c.files(name, 2, a)
			c.spread(name, 2, a, b)
			c.send(200)
			c.delivers(name, 2)
			topic := c.props[which]
			if topic == "" {
				topic = c.props["config.storage.topic"] + "-assignment"
			}
			c.deleteTopic(topic)
			began := time.Now()
			eventually(t, 30*time.Second, "both workers to say so", func() error {
				for _, m := range []*member{a, b} {
					var health struct{ Status, Message string }
					err := get(m.url+"/health", &health)
					if text := fmt.Sprint(health.Message, err); !strings.Contains(text, "topic "+topic+": the topic has been deleted") {
						return fmt.Errorf("%s: health is %s", m.id, text)
					}
				}
				return nil
			})
			t.Logf("both say so after %s", time.Since(began))
			err := request(http.MethodPut, b.url+"/connectors/"+c.topic+"-g/config", map[string]string{
				"connector.class": "FileStreamSink", "tasks.max": "1", "topics": c.topic, "file": filepath.Join(c.dir, "g"),
			}, nil)
			t.Logf("a new connector, %s after the deletion: %v", time.Since(began), err)
			if which == "config.storage.topic" && (err == nil || !strings.Contains(err.Error(), "has been deleted")) {
				t.Errorf("a configuration for a topic that is gone: %v", err)
			}
			if which != "assignment.storage.topic" { // without it the workers know nothing of each other and stop in the end
				c.delivers(name, 2)
				c.finish(name)
			}
			if c.hasTopic(topic) {
				t.Errorf("topic %s was made anew", topic)
			}
		})
	}
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
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := adm.DeleteTopic(ctx, topic); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) hasTopic(topic string) bool {
	c.t.Helper()
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	all, err := adm.ListTopics(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return all.Has(topic)
}
