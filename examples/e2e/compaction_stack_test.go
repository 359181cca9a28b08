//go:build stack

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// Plugin and worker are killed while small files in HDFS are being merged. A reader that passes over files within others sees
// everything once while nobody is alive, and in the end there are few files, with everything once, and nothing beside them.
func TestCompactionUnderKills(t *testing.T) {
	const events, tasks, kills = 4_800, 3, 6
	rng := stack.Seed(t)
	s := stack.Shared(t, stack.Kafka, stack.HDFS)
	topic := fmt.Sprintf("small-%d", rng.Uint32())
	p := startPipeline(t, s.KafkaBootstrap(), topic)
	p.create("to-hdfs", tasks, map[string]string{
		"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max": strconv.Itoa(tasks), "topics": topic,
		"hdfs.url": s.HDFSURL(), "format.class": "io.confluent.connect.hdfs.json.JsonFormat", "flush.size": "20", "rotate.interval.ms": "300",
		"sluice.compact.after.ms": "200", "sluice.compact.interval.ms": "100", "sluice.compact.files.min": "3",
	})
	users := make([]string, events)
	for i := range users {
		users[i] = fmt.Sprintf("user-%06d", i)
	}
	hit, known := 0, map[string]bool{}
	for k := range kills {
		sent := make(chan struct{})
		go func() { // while it is killed
			defer close(sent)
			send(t, p.page, users[k*events/kills:(k+1)*events/kills])
		}()
		var rest time.Time
		eventually(t, time.Minute, "a merge", func() error {
			for _, j := range journals(s.WebHDFSURL(), topic, tasks) {
				if !known[j] { // not what was left by the kill before
					return nil
				}
			}
			select {
			case <-sent:
				if want := int64((k + 1) * events / kills); p.committed("to-hdfs") < want {
					return fmt.Errorf("%d records are not all stored yet", want)
				}
				if rest.IsZero() {
					rest = time.Now()
				}
				if time.Since(rest) > 3*time.Second {
					return nil // the merges were too short to be seen, and are over: it is killed without one
				}
			default:
			}
			return errors.New("no merge is under way")
		})
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond) // so that it is another step of the merge each time
		for _, j := range journals(s.WebHDFSURL(), topic, tasks) {
			known[j] = true
		}
		if k%2 == 0 {
			p.worker.killChild("hdfs")
			<-sent
			continue
		}
		plugin := p.worker.children()["hdfs"]
		p.worker.kill()
		<-sent
		eventually(t, 30*time.Second, "the plugin to end with its worker", func() error {
			if plugin == 0 {
				return nil
			}
			return hasEnded(plugin)
		})
		left := journals(s.WebHDFSURL(), topic, tasks)
		hit += len(left)
		for _, j := range left {
			known[j] = true
		}
		n := readApart(t, s.WebHDFSURL(), topic)
		t.Logf("kill %d: %d records are stored, merges under way %v", k, n, left)
		p.worker.start()
		p.healthy()
	}
	p.running("to-hdfs", tasks)
	few := func() error {
		files, within := filesApart(t, s.WebHDFSURL(), topic)
		if under := journals(s.WebHDFSURL(), topic, tasks); len(files) > 4*tasks || within > 0 || len(under) > 0 {
			return fmt.Errorf("%d files, %d within others, merges %v", len(files), within, under)
		}
		return nil
	}
	eventually(t, 3*time.Minute, "everything in few files", func() error {
		if n := p.committed("to-hdfs"); n < events {
			return fmt.Errorf("%d of %d", n, events)
		}
		return few()
	})
	// Few files may be merged into fewer still while they are read, so nobody is to be alive then. Where the worker stopped in
	// a merge, the next one brings that to an end.
	eventually(t, 2*time.Minute, "a stop without a merge under way", func() error {
		p.worker.stop()
		err := few()
		if err != nil {
			p.worker.start()
			p.healthy()
			p.running("to-hdfs", tasks)
		}
		return err
	})
	t.Logf("%d merges were under way when the worker was killed", hit)
	exactlyOnce(t, "HDFS", users, readHDFS(t, s.WebHDFSURL(), topic))
}

// journals are the merges under way.
func journals(webhdfs, topic string, partitions int) (all []string) {
	for i := range partitions {
		var list struct {
			FileStatuses struct {
				FileStatus []struct{ PathSuffix string }
			}
		}
		if get(fmt.Sprintf("%s/webhdfs/v1/logs/%s/%d?op=LISTSTATUS", webhdfs, topic, i), &list) != nil {
			continue // there is no such folder yet
		}
		for _, f := range list.FileStatuses.FileStatus {
			if strings.HasPrefix(f.PathSuffix, "compact-") {
				all = append(all, f.PathSuffix)
			}
		}
	}
	return all
}

// filesApart are the files of a topic that do not lie within others, and the number of those that do.
func filesApart(t testing.TB, webhdfs, topic string) (files []string, within int) {
	t.Helper()
	type span struct{ partition, first, last int64 }
	all := listHDFS(t, webhdfs, "/topics/"+topic)
	spans := make([]span, len(all))
	for i, path := range all {
		m := fileName.FindStringSubmatch(path[strings.LastIndexByte(path, '/')+1:])
		if m == nil {
			t.Fatalf("a file whose name says nothing: %s", path)
		}
		for k, to := range []*int64{&spans[i].partition, &spans[i].first, &spans[i].last} {
			*to, _ = strconv.ParseInt(m[k+2], 10, 64) // digits
		}
	}
	for i, path := range all {
		if slices.ContainsFunc(spans, func(o span) bool {
			return o != spans[i] && o.partition == spans[i].partition && o.first <= spans[i].first && spans[i].last <= o.last
		}) {
			within++
			continue
		}
		files = append(files, path)
	}
	return files, within
}

// readApart reads what is stored while nobody writes, and gives the number of records. Each is there once.
func readApart(t testing.TB, webhdfs, topic string) int {
	t.Helper()
	seen := map[string]bool{}
	for path, text := range filesHDFS(t, webhdfs, func() []string { files, _ := filesApart(t, webhdfs, topic); return files }) {
		for line := range strings.Lines(string(text)) {
			if seen[line] || !strings.HasSuffix(line, "}\n") {
				t.Errorf("%s: a line that is torn or there twice: %.80q", path, line)
			}
			seen[line] = true
		}
	}
	return len(seen)
}
