//go:build stack

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Three workers on real Kafka, HDFS and Elasticsearch under load: one joins, one leaves in order, one is killed, and all are restarted one
// after the other. Nothing is missing in either, and nothing is there twice.
func TestClusterOnServices(t *testing.T) {
	const tasks = 6
	s := stack.Shared(t, stack.Kafka, stack.HDFS, stack.Elasticsearch)
	c := newCluster(t, s.KafkaBootstrap(), tasks)
	c.value = func(n int64) string {
		return fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05Z","userAgent":"test","colorName":"blue","userName":"%d"}`, n)
	}
	a, b := c.add(), c.add()
	c.healthy(a, b)
	common := []string{"value.converter", "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable", "false", "tasks.max", strconv.Itoa(tasks)}
	hdfs, elastic := c.topic+"-hdfs", c.topic+"-elasticsearch" // their consumer groups are on a Kafka that others use too
	c.create(hdfs, a, append(common, "connector.class", "io.confluent.connect.hdfs.HdfsSinkConnector", "hdfs.url", s.HDFSURL(),
		"format.class", "io.confluent.connect.hdfs.json.JsonFormat", "flush.size", "1000", "rotate.interval.ms", "500")...)
	c.spread(hdfs, tasks, a, b) // one at a time: what is placed before all are known to have its plugin is even only together with the other
	c.create(elastic, b, append(common, "connector.class", "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
		"connection.url", s.ElasticsearchURL(), "key.ignore", "true", "schema.ignore", "true")...)
	settled := func(workers ...*member) {
		t.Helper()
		c.spread(hdfs, tasks, workers...)
		c.spread(elastic, tasks, workers...)
	}
	settled(a, b)
	c.send(400) // Elasticsearch has to keep up with it beside all the others
	delivers := func(what string) {
		t.Helper()
		began := time.Now()
		c.delivers(hdfs, tasks)
		first := time.Since(began)
		c.delivers(elastic, tasks)
		t.Logf("%s: all partitions go on in HDFS after %s, in Elasticsearch by %s", what, first, time.Since(began))
	}
	delivers("two workers")

	third := c.add()
	c.healthy(third)
	settled(a, b, third)
	delivers("a third has joined")

	b.signal(syscall.SIGTERM)
	delivers("one leaves in order")
	b.wait()
	settled(a, third)
	b.start()
	c.healthy(b)
	settled(c.workers...)

	killed := c.leader()
	killed.kill()
	delivers("the leader is killed")
	settled(c.alive()...)
	killed.start()
	c.healthy(killed)
	settled(c.workers...)

	for _, m := range c.workers {
		m.signal(syscall.SIGTERM)
		delivers("a worker is restarted")
		m.wait()
		m.start()
		c.healthy(m)
		settled(c.workers...)
	}

	want := make([]string, c.drain(hdfs, elastic))
	for i := range want {
		want[i] = strconv.Itoa(i)
	}
	exactlyOnce(t, "HDFS", want, readHDFS(t, s.WebHDFSURL(), c.topic))
	exactlyOnce(t, "Elasticsearch", want, readElasticsearch(t, s.ElasticsearchURL(), c.topic))
}

// upgraded builds a plugin of another version.
func upgraded(t *testing.T, plugin, version string) (path string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(root, "connectors", plugin, "sink.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`(Version\s*=\s*)"[^"]*"`).ReplaceAll(text, []byte(`${1}"`+version+`"`))
	if bytes.Equal(changed, text) {
		t.Fatalf("%s does not say its version", source)
	}
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(dir, "sink.go")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"sink.go": changed, "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(dir, plugin)
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", path, "./plugins/"+plugin)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// drop puts a plugin into a folder, in place of what has its name there.
func drop(t *testing.T, folder, plugin string) {
	t.Helper()
	text, err := os.ReadFile(plugin)
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(filepath.Dir(folder), filepath.Base(plugin)+".new")
	syscall.ForkLock.RLock() // a process that another test starts meanwhile would have the file open, and an open file cannot be executed
	err = os.WriteFile(aside, text, 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, filepath.Join(folder, filepath.Base(plugin))); err != nil {
		t.Fatal(err)
	}
}

// On real Kafka, workers and a plugin are upgraded under load, on one worker after the other, each of which is restarted. Tasks run where
// their plugin is in a version that will do, a worker without any gets none, and the REST API tells what runs where.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	const tasks = 4
	nextPlugin, nextWorker := upgraded(t, "hdfs", "99.0.0"), filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-ldflags", "-X main.version=99.0.0", "-o", nextWorker, "github.com/sluice-connect/sluice/worker").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := newCluster(t, stack.Shared(t, stack.Kafka).KafkaBootstrap(), tasks, "session.timeout.ms", "30000") // far from the gaps that are allowed
	p := startTempo(t)
	name := c.topic // its consumer group is on a Kafka that others use too
	old := c.bin
	var bins, folders []string
	for i := range 3 {
		bins = append(bins, filepath.Join(c.dir, fmt.Sprintf("worker-%d", i)))
		folders = append(folders, filepath.Join(bins[i], "plugins"))
		if err := os.MkdirAll(folders[i], 0o700); err != nil {
			t.Fatal(err)
		}
		drop(t, bins[i], filepath.Join(old, "sluice"))
		if i < 2 {
			drop(t, folders[i], filepath.Join(old, "plugins", "hdfs"))
		}
		c.bin = bins[i]
		c.add("plugin.path", folders[i])
	}
	having, without := c.workers[:2], c.workers[2]
	c.healthy(c.workers...)
	c.files(name, tasks, without) // who has no such plugin sends it on
	c.spread(name, tasks, having...)
	var before versionsShown
	eventually(t, 30*time.Second, "the one without to tell which versions run", func() error { // the others were asked who runs what
		before = c.shown(name, without)
		for _, m := range having {
			if before.tasks[m.id] == "" || len(before.workers) != len(c.workers) {
				return fmt.Errorf("%v", before)
			}
		}
		return nil
	})
	c.send(1000)
	c.delivers(name, tasks)
	for i, m := range []*member{having[0], without, having[1]} {
		drop(t, filepath.Dir(m.path), nextWorker)
		if m != without {
			drop(t, filepath.Join(filepath.Dir(m.path), "plugins"), nextPlugin)
		}
		told := time.Now()
		m.signal(syscall.SIGTERM)
		gap := c.delivers(name, tasks)
		m.wait()
		m.start()
		c.healthy(m)
		c.spread(name, tasks, having...)
		back := c.delivers(name, tasks)
		allowed := min(20*time.Second, p.allows(3*time.Second, told))
		t.Logf("%s is upgraded: all partitions go on %s after it was told to stop, and when it has its share again after %s, of %s allowed", m.id, gap, back, allowed)
		if max(gap, back) > allowed {
			t.Errorf("a gap of %s", max(gap, back))
		}
		want := before
		want.workers, want.tasks = maps.Clone(before.workers), maps.Clone(before.tasks)
		for _, done := range []*member{having[0], without, having[1]}[:i+1] {
			want.workers[done.id] = "99.0.0"
			if done != without {
				want.tasks[done.id] = "99.0.0"
			}
		}
		for _, by := range c.workers {
			eventually(t, 30*time.Second, by.id+" to tell which versions run", func() error {
				if got := c.shown(name, by); !reflect.DeepEqual(got, want) {
					return fmt.Errorf("%v, expected %v", got, want)
				}
				return nil
			})
		}
		if i == 0 {
			c.create(c.topic+"-new", without, "connector.class", "io.confluent.connect.hdfs.HdfsSinkConnector", "connector.plugin.version", "[99.0.0]", "tasks.max", "2",
				"store.url", "file://"+filepath.Join(c.dir, c.topic+"-new"), "format.class", "io.confluent.connect.hdfs.string.StringFormat", "flush.size", "500")
			c.spread(c.topic+"-new", 2, m)
			if err := request(http.MethodDelete, m.url+"/connectors/"+c.topic+"-new", nil, nil); err != nil { // it took part in what is even
				t.Fatal(err)
			}
			c.spread(name, tasks, having...)
		}
	}
	if n := without.children()["hdfs"]; n != 0 {
		t.Errorf("a worker without the plugin runs it, as process %d", n)
	}
	c.finish(name)
}

// versionsShown are those of workers, and of the tasks on each.
type versionsShown struct {
	workers, tasks map[string]string
}

// shown are the versions that a worker tells of all, and of the tasks of a connector.
func (c *cluster) shown(name string, by *member) versionsShown {
	c.t.Helper()
	v := versionsShown{map[string]string{}, map[string]string{}}
	var info struct {
		Workers []struct{ ID, Version string }
	}
	var s struct {
		Tasks []struct {
			Worker  string `json:"worker_id"`
			Version string
		}
	}
	if err := errors.Join(getBy(by.client, by.url+"/admin/cluster", &info), getBy(by.client, by.url+"/connectors/"+name+"/status", &s)); err != nil {
		c.t.Log(err)
	}
	for _, w := range info.Workers {
		v.workers[w.ID] = w.Version
	}
	for _, task := range s.Tasks {
		v.tasks[task.Worker] = task.Version
	}
	return v
}
