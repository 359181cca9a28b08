//go:build stack

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

// rounds is how often a test does the same to a cluster: a few times, or as often as SLUICE_ROUNDS says.
func rounds(t testing.TB, few int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("SLUICE_ROUNDS")); err == nil {
		return n
	}
	return few
}

// Workers come and go under load; nothing is lost or stored twice, the tasks are spread evenly each time, and tasks that do not move
// are not touched.
func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	const (
		tasks  = 6
		aim    = 3 * time.Second
		always = 20 * time.Second // on any machine; far from the session timeout, which nothing here is to wait for
	)
	p := startTempo(t)
	c := newCluster(t, embeddedtest.Start(t).Bootstrap(), tasks, "session.timeout.ms", "30000")
	a := c.add()
	c.healthy(a)
	c.files("f", tasks, a)
	c.spread("f", tasks, a)
	c.send(2000)

	began := time.Now()
	b := c.add()
	c.healthy(b)
	up := time.Now()
	c.spread("f", tasks, a, b)
	share, allowed := time.Since(up), min(always, p.allows(aim, up))
	t.Logf("a second worker is up after %s and has its share %s later, of %s allowed", up.Sub(began), share, allowed)
	if share > allowed {
		t.Errorf("it took %s until it had its share; %s is the aim, and %s what this machine is allowed", share, aim, allowed)
	}
	d := c.add()
	c.healthy(d)
	c.spread("f", tasks, a, b, d)
	c.delivers("f", tasks)
	for _, m := range []*member{a, b, d} {
		want := map[*member]float64{a: tasks, b: tasks / 2, d: tasks / 3}[m]
		if n, err := m.metric("kafka_connect_connect_worker_metrics_task_startup_attempts_total"); err != nil || n != want {
			t.Errorf("%s has started %v tasks, not the %v that it has or had: %v", m.id, n, want, err)
		}
	}

	// Any worker takes any request: what the leader has to do goes there, a restart to the owner of the task, and whoever was asked
	// shows the outcome.
	for _, m := range c.workers {
		c.files("g", 3, m)
		if err := get(m.url+"/connectors/g", nil); err != nil {
			t.Errorf("created through %s: %v", m.id, err)
		}
		c.spread("g", 3, a, b, d)
		for n := range 3 {
			if err := request(http.MethodPost, fmt.Sprintf("%s/connectors/g/tasks/%d/restart", m.url, n), nil, nil); err != nil {
				t.Errorf("restart through %s: %v", m.id, err)
			}
		}
		if err := request(http.MethodDelete, m.url+"/connectors/g", nil, nil); err != nil {
			t.Errorf("deletion through %s: %v", m.id, err)
		}
		if err := get(m.url+"/connectors/g", nil); err == nil {
			t.Errorf("%s still shows what was deleted through it", m.id)
		}
	}

	// Workers leave in order, the leader first. What each has goes on elsewhere within three seconds.
	for range 2 {
		leaver := c.leader()
		began := time.Now()
		leaver.signal(syscall.SIGTERM)
		gap := c.delivers("f", tasks)
		allowed := min(always, p.allows(aim, began))
		t.Logf("the leader left in order: all partitions go on after %s, of %s allowed", gap, allowed)
		leaver.wait()
		c.spread("f", tasks, c.alive()...)
		t.Logf("evenly spread after %s", time.Since(began))
		if gap > allowed {
			t.Errorf("a gap of %s; %s is the aim, and %s what this machine is allowed", gap, aim, allowed)
		}
	}
	c.finish("f")
}

// metric is one of a worker's own.
func (m *member) metric(name string) (float64, error) {
	resp, err := m.client.Get(m.url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("there is no %s", name)
}

// Workers are killed, leaders and followers, and come back: nothing is lost or stored twice.
func TestKilledWorkers(t *testing.T) {
	t.Parallel()
	const tasks, session, aim = 6, 4 * time.Second, 2 * time.Second // beside the session
	rng, p := stack.Seed(t), startTempo(t)
	c := newCluster(t, embeddedtest.Start(t).Bootstrap(), tasks, "session.timeout.ms", strconv.FormatInt(session.Milliseconds(), 10), "heartbeat.interval.ms", "200")
	for range 3 {
		c.add()
	}
	c.healthy(c.workers...)
	c.files("f", tasks, c.workers[0])
	c.spread("f", tasks, c.workers...)
	c.send(2000)
	var longest time.Duration
	for round := range rounds(t, 3) {
		victim := c.workers[rng.IntN(len(c.workers))]
		if rng.IntN(2) == 0 {
			victim = c.leader()
		}
		leads := victim == c.leader()
		time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond) // at any moment of the load
		began := time.Now()
		victim.kill()
		gap := c.delivers("f", tasks)
		longest = max(longest, gap)
		if allowed := session + p.allows(aim, began); gap > allowed {
			t.Errorf("a gap of %s; %s is the aim, and %s what this machine is allowed", gap, session+aim, allowed)
		}
		c.spread("f", tasks, c.alive()...)
		t.Logf("round %d: %s killed (leader: %t), all partitions go on after %s, of %s allowed", round, victim.id, leads, gap, session+p.allows(aim, began))
		victim.start()
		c.healthy(victim)
		c.spread("f", tasks, c.workers...)
	}
	t.Logf("the longest gap was %s", longest)
	c.finish("f")
}

// A leader is paused for three session timeouts and wakes up: the others have its work since, and nothing that it still does counts.
func TestPausedLeader(t *testing.T) {
	t.Parallel()
	const tasks, session = 6, 4 * time.Second
	c := newCluster(t, embeddedtest.Start(t).Bootstrap(), tasks, "session.timeout.ms", strconv.FormatInt(session.Milliseconds(), 10), "heartbeat.interval.ms", "200")
	for range 3 {
		c.add()
	}
	c.healthy(c.workers...)
	c.files("f", tasks, c.workers[0])
	c.spread("f", tasks, c.workers...)
	c.send(2000)
	c.delivers("f", tasks)
	paused := c.leader()
	var others []*member
	for _, m := range c.workers {
		if m != paused {
			others = append(others, m)
		}
	}
	plugin := paused.child("hdfs")
	began := time.Now()
	freeze(t, paused.pid())
	// A request that it has is not waited for any longer than it is a member.
	silent := make(chan error, 1)
	go func() { silent <- request(http.MethodDelete, others[0].url+"/connectors/nobody", nil, nil) }()
	// Its plugin is not paused. It ends by itself, before anybody else has its tasks.
	eventually(t, time.Minute, "the plugin of the paused leader to end", func() error {
		n, herr := others[0].holders("f") // before the look at the process
		err := hasEnded(plugin)
		if err != nil && herr == nil && n[paused.id] != tasks/3 {
			t.Errorf("others have its tasks already: %v, and %v", n, err)
		}
		return err
	})
	ended := time.Since(began)
	t.Logf("the plugin of the paused leader has ended after %s", ended)
	if ended > 3*session { // in truth within one: a slow machine sees it late
		t.Errorf("the plugin ran on for %s, longer than a session of %s", ended, session)
	}
	if err := <-silent; err == nil || !strings.Contains(err.Error(), "worker "+paused.url+" does not answer") {
		t.Errorf("a request for the paused leader: %v", err)
	}
	t.Logf("a request for the leader is given up after %s", time.Since(began))
	c.delivers("f", tasks)
	t.Logf("the leader is paused: all partitions go on after %s", time.Since(began))
	c.spread("f", tasks, others...)
	time.Sleep(3*session - time.Since(began)) // the fault: nothing is waited for
	paused.signal(syscall.SIGCONT)
	began = time.Now()
	c.healthy(c.workers...)
	c.spread("f", tasks, c.workers...)
	t.Logf("awake, it has its share again after %s", time.Since(began))
	c.delivers("f", tasks)
	c.finish("f")
}

// hasEnded is nil when a process is no more, or nothing of it but its place in the list of its parent.
func hasEnded(pid int) error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil //nolint:nilerr // it is gone
	}
	_, state, _ := strings.Cut(string(text), ") ")
	if strings.HasPrefix(state, "Z") {
		return nil
	}
	return fmt.Errorf("process %d is there: %.20s", pid, state)
}
