package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var build struct {
	once sync.Once
	dir  string
	err  error
}

// binaries builds sluice, sluice-web and the plugins once for a test binary and gives their folder.
func binaries(t testing.TB) string {
	t.Helper()
	build.once.Do(func() {
		build.dir, build.err = os.MkdirTemp("", "sluice-bin") //nolint:usetesting // it outlives this test
		if build.err != nil {
			return
		}
		for out, pkg := range map[string]string{
			"sluice": "worker", "sluice-web": "web", "plugins/file": "plugins/file", "plugins/hdfs": "plugins/hdfs", "plugins/elasticsearch": "plugins/elasticsearch",
		} {
			cmd := exec.Command("go", "build", "-o", filepath.Join(build.dir, out), "github.com/sluice-connect/sluice/"+pkg)
			if b, err := cmd.CombinedOutput(); err != nil {
				build.err = fmt.Errorf("building %s: %w\n%s", pkg, err, b)
				return
			}
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.dir
}

func removeBinaries() {
	if build.dir != "" {
		_ = os.RemoveAll(build.dir)
	}
}

// pipeline is a worker and a web service on one Kafka.
type pipeline struct {
	t      testing.TB
	dir    string
	topic  string
	worker *process
	web    *process
	rest   string
	page   string

	bootstrap  string
	connectors []string // made by create
}

// startDev starts a worker with a Kafka of its own inside and one folder of plugins, and a web service for a topic.
// Flags are further ones of the worker.
func startDev(t testing.TB, plugins, topic string, flags ...string) *pipeline {
	t.Helper()
	bin := binaries(t)
	p := &pipeline{t: t, dir: t.TempDir(), topic: topic}
	kafka, restPort, webPort := "127.0.0.1:"+freePort(t), freePort(t), freePort(t)
	p.rest, p.page = "http://127.0.0.1:"+restPort, "http://127.0.0.1:"+webPort
	p.worker = start(t, filepath.Join(p.dir, "worker.log"), filepath.Join(bin, "sluice"),
		append([]string{"dev", "--data", filepath.Join(p.dir, "data"), "--kafka", kafka, "--listen", p.rest, "--plugins", plugins}, flags...)...)
	p.bootstrap = kafka
	t.Cleanup(p.postmortem)
	p.healthy()
	p.web = start(t, filepath.Join(p.dir, "web.log"), filepath.Join(bin, "sluice-web"),
		"--listen", "127.0.0.1:"+webPort, "--bootstrap-servers", kafka, "--topic", topic)
	eventually(t, 30*time.Second, "the web service", func() error { return get(p.page+"/health", nil) })
	return p
}

// startPipeline starts a worker, and a web service for a topic, on a Kafka cluster. Topics and group are named after
// the test and the time, so that tests and runs can share the cluster.
func startPipeline(t testing.TB, bootstrap, topic string, webFlags ...string) *pipeline {
	t.Helper()
	bin := binaries(t)
	p := &pipeline{t: t, dir: t.TempDir(), topic: topic, bootstrap: bootstrap}
	name := fmt.Sprintf("%s-%d", strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), time.Now().UnixNano())
	restPort, webPort := freePort(t), freePort(t)
	p.rest, p.page = "http://127.0.0.1:"+restPort, "http://127.0.0.1:"+webPort
	props := filepath.Join(p.dir, "worker.properties")
	text := fmt.Sprintf(`bootstrap.servers=%s
group.id=%[2]s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
config.storage.topic=%[2]s-configs
config.storage.replication.factor=1
status.storage.topic=%[2]s-status
status.storage.replication.factor=1
offset.storage.topic=%[2]s-offsets
listeners=%[3]s
plugin.path=%[4]s/plugins
sluice.run.dir=%[5]s
`, bootstrap, name, p.rest, bin, p.dir)
	if err := os.WriteFile(props, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.worker = start(t, filepath.Join(p.dir, "worker.log"), filepath.Join(bin, "sluice"), "worker", props)
	t.Cleanup(p.postmortem)
	if topic != "" {
		p.web = start(t, filepath.Join(p.dir, "web.log"), filepath.Join(bin, "sluice-web"),
			append([]string{"--listen", "127.0.0.1:" + webPort, "--bootstrap-servers", bootstrap, "--topic", topic}, webFlags...)...)
		eventually(t, 30*time.Second, "the web service", func() error { return get(p.page+"/health", nil) })
	}
	p.healthy()
	return p
}

func (p *pipeline) healthy() {
	p.t.Helper()
	eventually(p.t, 30*time.Second, "the worker", func() error { return get(p.rest+"/health", nil) })
}

// create makes a connector and waits until all its tasks run.
func (p *pipeline) create(name string, tasks int, cfg map[string]string) {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"name": name, "config": cfg})
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.Post(p.rest+"/connectors", "application/json", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
		p.t.Fatalf("creating %s: %s: %s", name, resp.Status, b)
	}
	p.connectors = append(p.connectors, name)
	p.running(name, tasks)
}

func (p *pipeline) connector(name string) string {
	return p.rest + "/connectors/" + url.PathEscape(name)
}

type status struct {
	Connector struct{ State, Trace string }
	Tasks     []struct {
		ID    int
		State string
		Trace string
	}
}

func (p *pipeline) status(name string) (status, error) {
	var s status
	return s, get(p.connector(name)+"/status", &s)
}

func (p *pipeline) running(name string, tasks int) {
	p.t.Helper()
	eventually(p.t, 60*time.Second, name+" to run", func() error {
		s, err := p.status(name)
		if err != nil {
			return err
		}
		n := 0
		for _, t := range s.Tasks {
			if t.State == "RUNNING" {
				n++
			}
		}
		if n != tasks {
			return fmt.Errorf("status %+v", s)
		}
		return nil
	})
}

// send clicks once for each user, from several browsers at a time; the last one has been accepted when it returns.
func send(t testing.TB, page string, users []string) {
	t.Helper()
	const browsers = 8
	var wg sync.WaitGroup
	next := make(chan string)
	for range browsers {
		wg.Go(func() {
			for u := range next {
				for {
					resp, err := http.Get(page + "/api/select?color=blue&user=" + url.QueryEscape(u))
					if err != nil {
						t.Error(err)
						return
					}
					resp.Body.Close()
					if resp.StatusCode == http.StatusAccepted {
						break
					}
					if resp.StatusCode != http.StatusServiceUnavailable {
						t.Errorf("click of %s: %s", u, resp.Status)
						return
					}
					time.Sleep(10 * time.Millisecond) // the buffer is full and says so: come back
				}
			}
		})
	}
	for _, u := range users {
		next <- u
	}
	close(next)
	wg.Wait()
}

// committed is how many records of the pipeline's topic a connector has made durable.
func (p *pipeline) committed(name string) int64 {
	var o struct {
		Offsets []struct {
			Partition struct {
				Topic string `json:"kafka_topic"`
			}
			Offset struct {
				N int64 `json:"kafka_offset"`
			}
		}
	}
	if err := get(p.connector(name)+"/offsets", &o); err != nil {
		return 0
	}
	var sum int64
	for _, e := range o.Offsets {
		if e.Partition.Topic == p.topic { // the group may know others, of an earlier connector of that name
			sum += e.Offset.N
		}
	}
	return sum
}

func get(url string, out any) error { return getBy(http.DefaultClient, url, out) }

func getBy(client *http.Client, url string, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("GET %s: %s: %.300s", url, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// patience is how long something may take that is not measured: the machine may be slow.
const patience = 2 * time.Minute

// eventually waits until ok, at least for patience.
func eventually(t testing.TB, within time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(max(within, patience))
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// freePort gives a port that nobody listens on, each only once, and none that the kernel gives away: a program takes it a while later.
func freePort(t testing.TB) string {
	t.Helper()
	const first, many = 10_000, 8_000 // below those that examples/stack takes
	for range many {
		port := strconv.Itoa(first + (os.Getpid()*101+int(ports.Add(1)))%many)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// ports counts those that have been given.
var ports atomic.Uint32
