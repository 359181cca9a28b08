//go:build stack

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// After kill -9 of the worker and a restart new files are committed within seconds: no session has to end, and no lease.
// Alone on two cores it takes about 2 s; the limit leaves room for a busy machine, and is below the 78 s that Kafka
// Connect needs with Confluent's sink.
func TestRecoveryOfHDFS(t *testing.T) {
	const tasks, limit = 3, 40 * time.Second
	rng := seed(t)
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
			if err := get(fmt.Sprintf("%s/webhdfs/v1/topics/%s/partition=%d?op=LISTSTATUS", s.WebHDFSURL(), topic, i), &list); err != nil {
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
	var took []time.Duration
	for range 3 {
		sendSome() // some of it is under way
		p.worker.kill()
		before := 0 // nobody writes now
		eventually(t, time.Minute, "the list of files", func() (err error) { before, err = files(); return err })
		sendSome()
		began := time.Now()
		p.worker.start()
		more(before)
		took = append(took, time.Since(began))
	}
	t.Logf("first new file after a restart: %v", took)
	for _, d := range took {
		if d > limit {
			t.Errorf("a new file came %v after the restart", d)
		}
	}
}
