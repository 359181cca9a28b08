package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

// seed gives a random source whose seed is printed.
func seed(t testing.TB) *rand.Rand {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("SLUICE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SLUICE_SEED: %v", err)
		}
	}
	t.Logf("seed: SLUICE_SEED=%d", n)
	return rand.New(rand.NewPCG(n, n))
}

// process is a program that a test runs, kills and starts again.
type process struct {
	t    testing.TB
	path string
	args []string
	env  []string
	log  string
	told bool // what its log says at the end

	mu  sync.Mutex
	cmd *exec.Cmd
	end chan struct{}
}

func start(t testing.TB, log, path string, args ...string) *process {
	t.Helper()
	return startWith(t, nil, log, path, args...)
}

// startWith starts a process with variables of its own in its environment.
func startWith(t testing.TB, env []string, log, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, path: path, args: args, log: log, env: env}
	p.start()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() && !p.told {
			p.tell()
		}
	})
	return p
}

// tell puts the end of the process' log into that of the test.
func (p *process) tell() {
	p.told = true
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Log(err)
		return
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	p.t.Logf("last lines of %s:\n%s", filepath.Base(p.log), strings.Join(lines[max(0, len(lines)-200):], "\n"))
	if i := slices.IndexFunc(lines, isCrash); i >= 0 {
		p.t.Logf("it has crashed:\n%s", strings.Join(lines[i:min(len(lines), i+60)], "\n"))
	}
}

// isCrash tells whether a line of a log is the first that a Go program prints when it dies.
func isCrash(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "SIG")
}

func (p *process) start() {
	p.t.Helper()
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	end := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.end = cmd, end
	p.mu.Unlock()
	go func() {
		_ = cmd.Wait() // killed on purpose, mostly
		close(end)
	}()
}

// ended is closed when the process has ended.
func (p *process) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// kill ends the process with SIGKILL and waits until it is gone.
func (p *process) kill() {
	p.mu.Lock()
	cmd, end := p.cmd, p.end
	p.mu.Unlock()
	_ = cmd.Process.Kill()
	<-end
}

// stop ends the process in order, and after patience with force.
func (p *process) stop() {
	p.mu.Lock()
	cmd, end := p.cmd, p.end
	p.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-end:
	case <-time.After(patience):
		p.t.Errorf("%s did not stop within %s", p.path, patience)
		_ = cmd.Process.Kill()
		<-end
	}
}

// children are the processes that this one started, by the name of their binary.
func (p *process) children() map[string]int {
	out := map[string]int{}
	for _, pid := range p.family() {
		if name := binary(pid); name != "" {
			out[name] = pid
		}
	}
	return out
}

// child waits until this process has just one other with a binary of this name, and gives its id: one that has validated a configuration
// is kept for a moment beside those of connectors. It is never 0, which stands for the test itself where a signal is sent.
func (p *process) child(name string) int {
	p.t.Helper()
	return p.named(name, 1)[0]
}

// named waits until there are so many of a name.
func (p *process) named(name string, most int) (pids []int) {
	p.t.Helper()
	eventually(p.t, patience, fmt.Sprintf("%d processes of %s", most, name), func() error {
		pids = slices.DeleteFunc(p.family(), func(pid int) bool { return binary(pid) != name })
		if len(pids) != most {
			return fmt.Errorf("there are %v; children %v", pids, p.children())
		}
		return nil
	})
	return pids
}

// binary is the name of what a process runs; empty when it has ended.
func binary(pid int) string {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return filepath.Base(exe)
}

// killChild kills a process that this one started: that which is there when the signal is sent.
func (p *process) killChild(name string) {
	p.t.Helper()
	eventually(p.t, patience, "the kill of "+name, func() error { return syscall.Kill(p.child(name), syscall.SIGKILL) })
}

// family are all processes that this one started. Each says itself whose child it is: lists of children are by threads, and while
// these come and go a child can be on none.
func (p *process) family() (pids []int) {
	parent := strconv.Itoa(p.pid())
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range all {
		b, _ := os.ReadFile(f) // one that has just ended says nothing
		_, rest, _ := strings.Cut(string(b), ") ")
		if words := strings.Fields(rest); len(words) < 2 || words[1] != parent {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// freeze pauses a process, and returns when it stands still: one of its threads tells the others, and does so when it runs.
func freeze(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the process to stand still", func() error {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, f := range threads {
			b, _ := os.ReadFile(f) // one that has just ended says nothing
			if _, state, _ := strings.Cut(string(b), ") "); state != "" && state[0] != 'T' {
				return fmt.Errorf("a thread is in state %c", state[0])
			}
		}
		return nil
	})
}

// rss is the resident memory of a process in bytes.
func rss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	n, _ := strconv.ParseInt(f[1], 10, 64)
	return n * int64(os.Getpagesize())
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
