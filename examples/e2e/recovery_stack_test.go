//go:build stack

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// After kill -9 of the worker and a restart new files are committed within seconds: no session has to end, and no lease.
// Alone on two cores it takes about 2 s, where Kafka Connect needs 78 s with Confluent's sink. The limit is 5 s, and more on a busy
// machine: some times what it takes there until the worker answers at all and the namenode lists a few folders.
func TestRecoveryOfHDFS(t *testing.T) {
	const tasks, limit, times = 3, 5 * time.Second, 5
	rng := stack.Seed(t)
	s := stack.Shared(t, stack.Kafka, stack.HDFS)
	topic := fmt.Sprintf("recovery-%d", rng.Uint32())
	p := startPipeline(t, s.KafkaBootstrap(), topic)
	p.create("to-hdfs", tasks, map[string]string{
		"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max": "3", "topics": topic,
		"hdfs.url": s.HDFSURL(), "format.class": "io.confluent.connect.hdfs.json.JsonFormat", "flush.size": "50",
	})
	users := make([]string, 0, 5000)
	sendSome := func() {
		from := len(users)
		for range 500 {
			users = append(users, fmt.Sprintf("user-%06d", len(users)))
		}
		send(t, p.page, users[from:])
	}
	files := func() (n int, err error) {
		for i := range tasks {
			var list struct {
				FileStatuses struct {
					FileStatus []struct{ PathSuffix string }
				}
			}
			err := get(fmt.Sprintf("%s/webhdfs/v1/topics/%s/partition=%d?op=LISTSTATUS", s.WebHDFSURL(), topic, i), &list)
			if err != nil && !strings.Contains(err.Error(), "FileNotFoundException") { // a partition may get too few for a file at first
				return n, err
			}
			n += len(list.FileStatuses.FileStatus)
		}
		return n, nil
	}
	more := func(than int) {
		t.Helper()
		eventually(t, time.Minute, "a new file", func() error {
			n, err := files()
			if err == nil && n <= than {
				err = fmt.Errorf("%d files", n)
			}
			return err
		})
	}
	sendSome()
	more(0)
	for range 3 {
		sendSome() // some of it is under way
		p.worker.kill()
		before := 0 // nobody writes now
		eventually(t, time.Minute, "the list of files", func() (err error) { before, err = files(); return err })
		sendSome()
		began := time.Now()
		p.worker.start()
		eventually(t, time.Minute, "an answer of the worker", func() error { return get(p.rest+"/", nil) })
		answers := time.Since(began)
		more(before)
		took := time.Since(began)
		asked := time.Now()
		if _, err := files(); err != nil {
			t.Fatal(err)
		}
		lists := time.Since(asked)
		t.Logf("the first new file came %v after the restart; the worker answered after %v, the namenode within %v", took, answers, lists)
		if most := limit + times*(answers+lists); took > most {
			t.Errorf("a new file came %v after the restart, want %v at most", took, most)
		}
	}
}
