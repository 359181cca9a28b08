package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster is several workers on one Kafka, each a process, and a topic whose records they store in a folder.
type cluster struct {
	t         testing.TB
	dir       string
	bin       string
	bootstrap string
	topic     string
	props     map[string]string
	workers   []*member
	env       []string // of workers that are added

	connectors []string  // made by create
	mortem     sync.Once // of the postmortem

	value   func(n int64) string // of a record; by default its number
	sent    atomic.Int64
	stop    context.CancelFunc
	sending sync.WaitGroup
}

// member is one worker.
type member struct {
	*process
	id     string // host:port
	url    string
	client *http.Client // that reaches it
}

// newCluster prepares a cluster; start starts its workers. Pairs of key and value change their properties.
func newCluster(t testing.TB, bootstrap string, partitions int32, pairs ...string) *cluster {
	t.Helper()
	name := fmt.Sprintf("%s-%d", strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), time.Now().UnixNano())
	c := &cluster{t: t, dir: t.TempDir(), bin: binaries(t), bootstrap: bootstrap, topic: name}
	c.props = map[string]string{
		"bootstrap.servers": bootstrap, "group.id": name, "plugin.path": filepath.Join(c.bin, "plugins"), "sluice.run.dir": c.dir,
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"config.storage.topic": name + "-configs", "config.storage.replication.factor": "1",
		"status.storage.topic": name + "-status", "status.storage.replication.factor": "1", "status.storage.partitions": "1",
		"offset.storage.topic": name + "-offsets", "session.timeout.ms": "6000", "heartbeat.interval.ms": "500",
		"scheduled.rebalance.max.delay.ms": "0", "offset.flush.interval.ms": "200",
	}
	for i := 0; i < len(pairs); i += 2 {
		c.props[pairs[i]] = pairs[i+1]
	}
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := adm.CreateTopic(ctx, partitions, 1, nil, c.topic); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) admin() *kadm.Client {
	c.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap))
	if err != nil {
		c.t.Fatal(err)
	}
	return kadm.NewClient(cl)
}

// add starts another worker, with properties of its own.
func (c *cluster) add(pairs ...string) *member {
	c.t.Helper()
	port := freePort(c.t)
	m := &member{id: "127.0.0.1:" + port, client: http.DefaultClient}
	props := maps.Clone(c.props)
	props["listeners"] = "http://127.0.0.1:" + port
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	m.url = props["listeners"]
	if advertised := props["rest.advertised.port"]; advertised != "" {
		m.id = "127.0.0.1:" + advertised
	}
	m.process = startWith(c.t, c.env, filepath.Join(c.dir, "worker-"+port+".log"), filepath.Join(c.bin, "sluice"), "worker", c.write("worker-"+port, props))
	c.workers = append(c.workers, m)
	c.t.Cleanup(c.postmortem) // that of the last comes first, before any worker is stopped
	return m
}

func (c *cluster) write(name string, props map[string]string) string {
	c.t.Helper()
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&b, "%s=%s\n", k, props[k])
	}
	path := filepath.Join(c.dir, name+".properties")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// alive tells whether the process has not ended.
func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.end:
		return false
	default:
		return true
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the process to end by itself.
func (p *process) wait() {
	p.t.Helper()
	p.mu.Lock()
	end := p.end
	p.mu.Unlock()
	select {
	case <-end:
	case <-time.After(patience):
		p.t.Fatal("the process does not end")
	}
}

// alive are the workers whose processes have not ended.
func (c *cluster) alive() (all []*member) {
	for _, m := range c.workers {
		if m.alive() {
			all = append(all, m)
		}
	}
	return all
}

// healthy waits for workers to be members.
func (c *cluster) healthy(workers ...*member) {
	c.t.Helper()
	for _, m := range workers {
		eventually(c.t, time.Minute, "worker "+m.id, func() error { return getBy(m.client, m.url+"/health", nil) })
	}
}

// files makes a connector that stores the topic exactly once, in files of a folder of its name.
func (c *cluster) files(name string, tasks int, through *member) {
	c.t.Helper()
	c.create(name, through, "connector.class", "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max", strconv.Itoa(tasks),
		"store.url", "file://"+filepath.Join(c.dir, name), "format.class", "io.confluent.connect.hdfs.string.StringFormat",
		"flush.size", "500", "rotate.interval.ms", "300")
}

// request sends a request with a body of JSON.
func request(method, url string, body, out any) error {
	return requestBy(http.DefaultClient, method, url, body, out)
}

func requestBy(client *http.Client, method, url string, body, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %.300s", method, url, resp.Status, text)
	case out == nil || len(text) == 0:
		return nil
	}
	return json.Unmarshal(text, out)
}

// holders tells, as a worker sees it, how many running tasks of a connector each worker has.
func (m *member) holders(name string) (map[string]int, error) {
	var s struct {
		Tasks []struct {
			State  string
			Worker string `json:"worker_id"`
		}
	}
	if err := getBy(m.client, m.url+"/connectors/"+url.PathEscape(name)+"/status", &s); err != nil {
		return nil, err
	}
	n := map[string]int{}
	for _, t := range s.Tasks {
		if t.State == "RUNNING" {
			n[t.Worker]++
		}
	}
	return n, nil
}

// spread waits until all tasks of a connector run, evenly on the given workers and on no others, and all of them say so.
func (c *cluster) spread(name string, tasks int, workers ...*member) {
	c.t.Helper()
	eventually(c.t, time.Minute, fmt.Sprintf("%d tasks of %s on %d workers", tasks, name, len(workers)), func() error {
		for _, by := range workers {
			n, err := by.holders(name)
			if err != nil {
				return err
			}
			sum := 0
			for _, m := range workers {
				if n[m.id] < tasks/len(workers) || n[m.id] > (tasks+len(workers)-1)/len(workers) {
					return fmt.Errorf("%s says %v", by.id, n)
				}
				sum += n[m.id]
			}
			if sum != tasks {
				return fmt.Errorf("%s says %v", by.id, n)
			}
		}
		return nil
	})
}

// send produces numbered records to all partitions, so many a second, until done.
func (c *cluster) send(rate int) {
	c.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.DefaultProduceTopic(c.topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.RecordDeliveryTimeout(10*time.Minute)) // Kafka may be away by then
	if err != nil {
		c.t.Fatal(err)
	}
	value := c.value
	if value == nil {
		value = func(n int64) string { return strconv.FormatInt(n, 10) }
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.sending.Go(func() {
		defer cl.Close()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			n := max(rate/50, 1)
			batch := make([]*kgo.Record, 0, n)
			for range n {
				batch = append(batch, &kgo.Record{Value: []byte(value(c.sent.Load() + int64(len(batch))))})
			}
			if err := cl.ProduceSync(context.Background(), batch...).FirstErr(); err != nil {
				c.t.Errorf("producing: %v", err)
				return
			}
			c.sent.Add(int64(len(batch)))
			<-tick.C
		}
	})
	c.t.Cleanup(func() { cancel(); c.sending.Wait() })
}

// stored is how many records the connector's group has committed.
func (c *cluster) stored(name string) (int64, error) {
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	offsets, err := adm.FetchOffsets(ctx, "connect-"+name)
	if err != nil {
		return 0, err
	}
	var sum int64
	offsets.Each(func(o kadm.OffsetResponse) { sum += max(o.At, 0) })
	return sum, nil
}

// delivers waits until records that are sent from now on are stored in every partition, and tells how long that took.
func (c *cluster) delivers(name string, partitions int) time.Duration {
	c.t.Helper()
	began := time.Now()
	adm := c.admin()
	defer adm.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	ends, err := adm.ListEndOffsets(ctx, c.topic)
	if err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, time.Minute, "new records of all partitions to be stored", func() error {
		offsets, err := adm.FetchOffsets(ctx, "connect-"+name)
		if err != nil {
			return err
		}
		n := 0
		offsets.Each(func(o kadm.OffsetResponse) {
			if end, ok := ends.Lookup(o.Topic, o.Partition); ok && o.At > end.Offset {
				n++
			}
		})
		if n < partitions {
			return fmt.Errorf("%d of %d partitions", n, partitions)
		}
		return nil
	})
	return time.Since(began)
}

// drain ends the sending, waits until some connectors have stored all, and tells how much that is.
func (c *cluster) drain(names ...string) int64 {
	c.t.Helper()
	c.stop()
	c.sending.Wait()
	want := c.sent.Load()
	for _, name := range names {
		eventually(c.t, 2*time.Minute, "everything to be stored by "+name, func() error {
			n, err := c.stored(name)
			if err != nil || n < want {
				return errors.Join(err, fmt.Errorf("%d of %d", n, want))
			}
			return nil
		})
	}
	return want
}

// create makes or changes a connector.
func (c *cluster) create(name string, through *member, pairs ...string) {
	c.t.Helper()
	cfg := map[string]string{"topics": c.topic}
	for i := 0; i < len(pairs); i += 2 {
		cfg[pairs[i]] = pairs[i+1]
	}
	if err := requestBy(through.client, http.MethodPut, through.url+"/connectors/"+url.PathEscape(name)+"/config", cfg, nil); err != nil {
		c.t.Fatal(err)
	}
	if !slices.Contains(c.connectors, name) {
		c.connectors = append(c.connectors, name)
	}
}

// finish ends the sending, waits until all is stored, and checks that the folder of a connector holds every record once.
func (c *cluster) finish(name string) {
	c.t.Helper()
	want := c.drain(name)
	seen := make([]int, want)
	spans := map[string][][2]int64{}
	root := filepath.Join(c.dir, name, "topics", c.topic)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		parts := strings.Split(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), "+")
		if len(parts) != 4 {
			return fmt.Errorf("a file whose name says nothing: %s", path)
		}
		first, _ := strconv.ParseInt(parts[2], 10, 64)
		last, _ := strconv.ParseInt(parts[3], 10, 64)
		spans[parts[1]] = append(spans[parts[1]], [2]int64{first, last})
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Fields(string(text))
		if int64(len(lines)) != last-first+1 {
			c.t.Errorf("%s holds %d lines", path, len(lines))
		}
		for _, line := range lines {
			n, err := strconv.ParseInt(line, 10, 64)
			if err != nil || n < 0 || n >= want {
				return fmt.Errorf("%s holds %q", path, line)
			}
			seen[n]++
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	missing, more := 0, 0
	for _, n := range seen {
		switch {
		case n == 0:
			missing++
		case n > 1:
			more++
		}
	}
	for partition, s := range spans {
		sort.Slice(s, func(i, j int) bool { return s[i][0] < s[j][0] })
		for i := 1; i < len(s); i++ {
			if s[i][0] != s[i-1][1]+1 {
				c.t.Errorf("partition %s: a file begins at %d, the one before ends at %d", partition, s[i][0], s[i-1][1])
			}
		}
	}
	c.t.Logf("%d records, %d missing, %d more than once", want, missing, more)
	if missing+more > 0 {
		c.t.Errorf("%d records are missing and %d are there more than once; the spans of the files are %v", missing, more, spans)
	}
}

// leader is the worker that leads, by the assignment of the group.
func (c *cluster) leader() *member {
	c.t.Helper()
	adm := c.admin()
	defer adm.Close()
	var found *member
	eventually(c.t, time.Minute, "a leader", func() error {
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		defer cancel()
		groups, err := adm.DescribeGroups(ctx, c.props["group.id"])
		if err != nil {
			return err
		}
		for _, m := range groups[c.props["group.id"]].Members {
			assigned, ok := m.Assigned.AsConsumer()
			if !ok || len(assigned.Topics) == 0 {
				continue
			}
			for _, w := range c.workers {
				if strings.Contains(m.ClientID, w.id) {
					found = w
					return nil
				}
			}
		}
		return errors.New("nobody has the partition")
	})
	return found
}
