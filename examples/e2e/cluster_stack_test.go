//go:build stack

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// On real Kafka: the broker restarts under four workers, and is silent for longer than a session. Each time all of them are members again
// and go on.
func TestBrokerRestart(t *testing.T) {
	const tasks = 4
	s := stack.Own(t, stack.Options{}, stack.Kafka)
	c := newCluster(t, s.KafkaBootstrap(), tasks)
	for range 4 {
		c.add()
	}
	c.healthy(c.workers...)
	c.files("f", tasks, c.workers[0])
	c.spread("f", tasks, c.workers...)
	c.send(1000)
	c.delivers("f", tasks)
	for what, fault := range map[string]func(context.Context) error{
		"restart": func(ctx context.Context) error { return s.Restart(ctx, stack.Kafka) },
		"pause": func(ctx context.Context) error { // longer than any session: the workers have to stop, and Kafka finds their sessions over
			if err := s.Pause(ctx, stack.Kafka); err != nil {
				return err
			}
			for _, m := range c.workers {
				eventually(t, time.Minute, m.id+" to stop its tasks", func() error {
					if get(m.url+"/health", nil) == nil || m.children()["hdfs"] != 0 {
						return errors.New("it still counts on its membership, or its plugin runs")
					}
					return nil
				})
			}
			return s.Resume(ctx, stack.Kafka)
		},
	} {
		if err := fault(t.Context()); err != nil { // the stack has limits of its own
			t.Fatal(err)
		}
		began := time.Now()
		c.healthy(c.workers...)
		t.Logf("%s: all four are members again after %s", what, time.Since(began))
		c.spread("f", tasks, c.workers...)
		c.delivers("f", tasks)
		t.Logf("%s: and all partitions go on after %s", what, time.Since(began))
	}
	c.finish("f")
}
