package task

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins"
	"github.com/sluice-connect/sluice/worker/embedded"
)

// benchBroker is set: this process is the broker of a benchmark, so that its CPU is not counted as the worker's.
const benchBroker = "TASK_BENCH_BROKER"

const (
	benchTopic      = "events"
	benchPartitions = 3
	benchRecords    = 1_500_000
)

// benchEvent is 200 bytes of JSON.
var benchEvent = []byte(`{"event":"select-color","color":"#1e90ff","session":"b7e0c1f2-93aa-4a1d-8f57-1d2c3b4a5e6f","page":"/products/42?ref=mail","ts":1795410819698,"viewport":{"w":1280,"h":720},"tags":["a","b"],"ok":true,"n":1}`)

func serveBenchBroker() {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	b, err := embedded.Start(embedded.Config{})
	fail(err)
	fail(b.Cluster().CreateTopic(benchTopic, benchPartitions, nil))
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000), kgo.ProducerLinger(10*time.Millisecond))
	fail(err)
	for i := range benchRecords {
		cl.Produce(context.Background(), &kgo.Record{Topic: benchTopic, Partition: int32(i % benchPartitions), Value: benchEvent}, func(_ *kgo.Record, err error) { fail(err) })
	}
	fail(cl.Flush(context.Background()))
	cl.Close()
	fmt.Println("ready", b.Bootstrap())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	fail(b.Close())
}

// sinkhole takes everything at once.
type sinkhole struct {
	records atomic.Int64
	batches atomic.Int64
	want    int64
	events  chan plugins.Event
	full    chan struct{} // closed when all is there
	stopped chan struct{}
}

func (s *sinkhole) Open(id uint32, _ connectors.Partition, _ int64) error {
	s.events <- plugins.Opened{ID: id, Resume: 0}
	return nil
}

func (s *sinkhole) Send(id uint32, c connectors.Columns, size int64, done func()) error {
	defer done()
	s.events <- plugins.Taken{ID: id, Size: size}
	s.events <- plugins.Durable{ID: id, Next: c.BaseOffset + int64(c.Records)}
	s.batches.Add(1)
	if s.records.Add(int64(c.Records)) == s.want {
		close(s.full)
	}
	return nil
}

func (*sinkhole) Settle(uint32, int64) error { return nil }

func (s *sinkhole) Close(id uint32) error { s.events <- plugins.Closed{ID: id}; return nil }

func (s *sinkhole) Recv() (plugins.Event, error) {
	select {
	case e := <-s.events:
		return e, nil
	case <-s.stopped:
		return nil, io.EOF
	}
}
func (s *sinkhole) Flush(context.Context) error { return nil }
func (s *sinkhole) Stop(context.Context) error  { close(s.stopped); return nil }

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTask measures the path from Kafka to the plugin: a broker in another process, a task, a plugin in this process
// that takes everything. The figures to look at are records/s and the CPU time of this process for a record.
func BenchmarkTask(b *testing.B) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchBroker+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = stdin.Close() // ends it
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	bootstrap, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		b.Fatalf("broker said %q, %v", line, err)
	}
	for _, payload := range []connectors.Payload{connectors.PayloadJSON, connectors.PayloadString} {
		for _, batch := range []int{128 << 10, 512 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dk", payload, batch>>10), func(b *testing.B) {
				var batches int64
				var busy, wall time.Duration
				b.ReportAllocs()
				for i := range b.N {
					s := &sinkhole{want: benchRecords, events: make(chan plugins.Event, 64), full: make(chan struct{}), stopped: make(chan struct{})}
					cfg := Config{
						Connector: "bench", Topics: []string{benchTopic}, BatchBytes: batch,
						Records:  connectors.Format{Key: connectors.PayloadString, Value: payload},
						Consumer: map[string]string{"bootstrap.servers": bootstrap, "group.id": fmt.Sprintf("bench-%s-%d-%d-%d", payload, batch, b.N, i)},
					}
					task, err := New(cfg)
					if err != nil {
						b.Fatal(err)
					}
					ctx, cancel := context.WithCancel(b.Context())
					done := make(chan error, 1)
					before, began := cpu(b), time.Now()
					go func() { done <- task.Run(ctx, s) }()
					<-s.full
					busy, wall = busy+cpu(b)-before, wall+time.Since(began)
					batches += s.batches.Load()
					cancel()
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
				n := float64(b.N) * benchRecords
				b.ReportMetric(n/wall.Seconds(), "records/s")
				b.ReportMetric(busy.Seconds()*1e6/n, "cpu-µs/record")
				b.ReportMetric(n/float64(batches), "records/batch")
			})
		}
	}
}
