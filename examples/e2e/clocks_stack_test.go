//go:build stack

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// clock gives the environment of a process whose Kafka client has a clock that is ahead.
func clock(t *testing.T, ahead time.Duration) []string {
	t.Helper()
	lib := filepath.Join(t.TempDir(), "clock.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", lib, filepath.Join("testdata", "clock.c"), "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return []string{"LD_PRELOAD=" + lib, fmt.Sprintf("CLOCK_AHEAD=%d", int(ahead.Seconds()))}
}

func (p *process) says(text string) error {
	log, err := os.ReadFile(p.log)
	if err == nil && !strings.Contains(string(log), text) {
		err = fmt.Errorf("its log does not say %q", text)
	}
	return err
}

// The clocks of workers differ by more than an hour and a half: they say so, and work is shared, sent on, handed over and taken over as
// ever. One whose records Kafka does not take, because they are of a time to come, says why and does not start.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	const tasks = 3
	c := newCluster(t, stack.Shared(t, stack.Kafka).KafkaBootstrap(), tasks, "session.timeout.ms", "6000")
	for _, ahead := range []time.Duration{0, -time.Hour, 50 * time.Minute} {
		c.env = clock(t, ahead)
		c.healthy(c.add())
	}
	for _, m := range c.workers {
		eventually(t, 30*time.Second, m.id+" to say that clocks differ", func() error { return m.says("the clocks of two workers differ") })
	}
	name := c.topic + "-f"
	c.files(name, tasks, c.workers[1])
	c.spread(name, tasks, c.workers...)
	c.send(500)
	for _, m := range c.workers {
		for n := range tasks {
			eventually(t, 30*time.Second, "a restart through "+m.id, func() error { // a slow machine may have lost a session
				return request(http.MethodPost, fmt.Sprintf("%s/connectors/%s/tasks/%d/restart", m.url, name, n), nil, nil)
			})
		}
	}
	for range 2 { // whoever leads, and whose clock that is
		leader := c.leader()
		leader.kill()
		t.Logf("the leader is killed: all partitions go on after %s", c.delivers(name, tasks))
		c.spread(name, tasks, c.without(leader)...)
		leader.start()
		c.healthy(leader)
		c.spread(name, tasks, c.workers...)
	}
	c.env = clock(t, 2*time.Hour)
	early := c.add()
	early.wait()
	if err := early.says("set it right, as by NTP"); err != nil {
		t.Error(err)
	}
	c.workers = c.workers[:3]
	c.spread(name, tasks, c.workers...)
	c.finish(name)
}
