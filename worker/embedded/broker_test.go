package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-connect/sluice/worker/embedded"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

const childDir = "EMBEDDED_TEST_DIR" // set: this process is a broker over that folder, to be killed

func child() {
	b, err := embedded.Start(embedded.Config{Listen: os.Getenv("EMBEDDED_TEST_LISTEN"), Dir: os.Getenv(childDir)})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready", b.Bootstrap())
	select {} // until killed
}

func startChild(t *testing.T, dir, listen string) (bootstrap string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, "EMBEDDED_TEST_LISTEN="+listen)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: always an error
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	bootstrap, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		t.Fatalf("child said %q, %v", line, err)
	}
	return bootstrap, kill
}

func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	bootstrap, kill := startChild(t, dir, "127.0.0.1:0")
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 2, 1, nil, "events"); err != nil {
		t.Fatal(err)
	}
	const n = 1000
	for i := range n {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "events", Partition: 1, Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("events", 1, 700, -1)
	if err := adm.CommitAllOffsets(ctx, "readers", offsets); err != nil {
		t.Fatal(err)
	}
	cl.Close()
	kill()

	again, _ := startChild(t, dir, bootstrap) // the same port: a worker's configuration stays valid
	if again != bootstrap {
		t.Fatalf("restarted on %s, wanted %s", again, bootstrap)
	}
	cl, err = kgo.NewClient(kgo.SeedBrokers(again), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"events": {1: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for got := 0; got < n; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d records: %v", got, err)
		}
		for r := range fetches.RecordsAll() {
			if string(r.Value) != strconv.Itoa(got) || r.Offset != int64(got) {
				t.Fatalf("record %d at offset %d, wanted %d", r.Value, r.Offset, got)
			}
			got++
		}
	}
	committed, err := kadm.NewClient(cl).FetchOffsets(ctx, "readers")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := committed.Lookup("events", 1); !ok || o.At != 700 {
		t.Errorf("committed offset is %v, wanted 700", o.At)
	}
}

func TestTopicsAreNotCreatedByAsking(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	b := embeddedtest.Start(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	err = cl.ProduceSync(ctx, &kgo.Record{Topic: "nowhere", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("producing to a missing topic gave %v", err)
	}
}

func TestFolderBelongsToOneBroker(t *testing.T) {
	dir := t.TempDir()
	b := embeddedtest.Start(t, embeddedtest.InDir(dir))
	if _, err := embedded.Start(embedded.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another broker uses it") {
		t.Errorf("second broker on the folder: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	embeddedtest.Start(t, embeddedtest.InDir(dir))
}

func TestRestartInProcess(t *testing.T) {
	dir := t.TempDir()
	b := embeddedtest.Start(t, embeddedtest.InDir(dir))
	embeddedtest.CreateTopic(t, b, "events", 1)
	embeddedtest.Produce(t, b, embeddedtest.Values("events", 0, "a", "b", "c")...)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	b = embeddedtest.Start(t, embeddedtest.InDir(dir))
	if hwm := b.Cluster().PartitionInfo("events", 0).HighWatermark; hwm != 3 {
		t.Errorf("%d records after restart, wanted 3", hwm)
	}
}

func TestAddresses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, tc := range []struct {
		name    string
		cfg     embedded.Config
		wantErr string // empty: it starts
	}{
		{"default", embedded.Config{}, ""},
		{"localhost", embedded.Config{Listen: "localhost:0"}, ""},
		{"three brokers", embedded.Config{Brokers: 3}, ""},
		{"port in use", embedded.Config{Listen: busy.Addr().String()}, "choose another port"},
		{"port in use with folder", embedded.Config{Listen: busy.Addr().String(), Dir: t.TempDir()}, "choose another port"},
		{"all addresses", embedded.Config{Listen: "0.0.0.0:0"}, "clients cannot dial"},
		{"no host", embedded.Config{Listen: ":9092"}, "clients cannot dial"},
		{"no port", embedded.Config{Listen: "127.0.0.1"}, "write host:port"},
		{"three brokers on one port", embedded.Config{Listen: "127.0.0.1:9092", Brokers: 3}, "cannot share port"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := embedded.Start(tc.cfg)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("error %v, wanted one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if n := len(strings.Split(b.Bootstrap(), ",")); n != max(tc.cfg.Brokers, 1) {
				t.Errorf("bootstrap %s", b.Bootstrap())
			}
			for addr := range strings.SplitSeq(b.Bootstrap(), ",") {
				if !strings.HasPrefix(addr, "127.0.0.1:") {
					t.Errorf("address %s", addr)
				}
				conn, err := net.DialTimeout("tcp", addr, time.Second)
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
			}
		})
	}
}
