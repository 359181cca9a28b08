package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// postmortem puts into the log of a failed test what the pipeline was doing when it failed: statuses and metrics, the consumer
// groups as their coordinator sees them, and the goroutines of the plugins and of the worker. It ends them all.
func (p *pipeline) postmortem() {
	if !p.t.Failed() {
		return
	}
	p.t.Logf("status: %s", text(http.DefaultClient, p.rest+"/connectors?expand=status"))
	var metrics strings.Builder
	for line := range strings.Lines(text(http.DefaultClient, p.rest+"/metrics")) {
		if strings.HasPrefix(line, "sluice_") || strings.HasPrefix(line, "kafka_connect_sink_task") {
			metrics.WriteString("\t" + line)
		}
	}
	p.t.Logf("metrics:\n%s", metrics.String())
	p.t.Logf("consumer groups:\n%s", groups(p.bootstrap, p.topic, p.connectors...))
	p.worker.dump()
}

// postmortem does so for a cluster: what each worker tells of all, in turn, before any of them is ended.
func (c *cluster) postmortem() {
	if c.t.Failed() {
		c.mortem.Do(c.autopsy)
	}
}

func (c *cluster) autopsy() {
	c.t.Logf("consumer groups:\n%s", groups(c.bootstrap, c.topic, c.connectors...))
	for _, m := range c.workers {
		if !m.alive() {
			c.t.Logf("%s has ended", m.id)
			continue
		}
		for _, path := range []string{"/health", "/admin/cluster", "/connectors?expand=status"} {
			c.t.Logf("%s%s: %s", m.id, path, text(m.client, m.url+path))
		}
	}
	for _, m := range c.workers {
		if m.alive() {
			m.dump()
		}
	}
}

// dump ends a worker and its plugins, and puts what their goroutines were doing into the log of the test.
func (p *process) dump() {
	p.tell() // what goroutines say would be the end of it else
	log, err := os.Open(p.log)
	if err != nil {
		p.t.Logf("goroutines: %v", err)
		return
	}
	defer log.Close()
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		p.t.Logf("goroutines: %v", err)
		return
	}
	children := p.children()
	for _, pid := range children { // their goroutines go through the worker's log
		_ = syscall.Kill(pid, syscall.SIGQUIT) // it may have ended by itself
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && anyAlive(children); {
		time.Sleep(20 * time.Millisecond)
	}
	_ = syscall.Kill(p.pid(), syscall.SIGQUIT)
	select {
	case <-p.ended():
	case <-time.After(5 * time.Second):
	}
	dump, err := io.ReadAll(io.LimitReader(log, 1<<20))
	p.t.Logf("goroutines of %v and of the worker: %v\n%s", children, err, dump)
}

func anyAlive(pids map[string]int) bool {
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			return true
		}
	}
	return false
}

// text is an answer, or why there is none.
func text(client *http.Client, url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// groups describes the connectors' groups and how far they have come with a topic.
func groups(bootstrap, topic string, connectors ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err.Error()
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var b strings.Builder
	ends, err := adm.ListEndOffsets(ctx, topic)
	ends.Each(func(o kadm.ListedOffset) { fmt.Fprintf(&b, "\t%s-%d ends at %d\n", o.Topic, o.Partition, o.Offset) })
	if err != nil {
		fmt.Fprintf(&b, "\tends: %v\n", err)
	}
	for _, name := range connectors {
		described, err := adm.DescribeGroups(ctx, "connect-"+name)
		if err != nil {
			fmt.Fprintf(&b, "\t%s: %v\n", name, err)
			continue
		}
		for _, g := range described {
			fmt.Fprintf(&b, "\t%s: %s, protocol %s\n", g.Group, g.State, g.Protocol)
			for _, m := range g.Members {
				assigned, _ := m.Assigned.AsConsumer()
				instance := ""
				if m.InstanceID != nil {
					instance = *m.InstanceID
				}
				fmt.Fprintf(&b, "\t\t%s (%s): %+v\n", m.MemberID, instance, assigned)
			}
		}
		committed, err := adm.FetchOffsets(ctx, "connect-"+name)
		if err != nil {
			fmt.Fprintf(&b, "\t\tcommitted: %v\n", err)
		}
		committed.Each(func(o kadm.OffsetResponse) {
			fmt.Fprintf(&b, "\t\t%s-%d committed at %d\n", o.Topic, o.Partition, o.At)
		})
	}
	return b.String()
}
