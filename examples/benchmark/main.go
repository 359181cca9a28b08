package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

type options struct {
	records    int
	size       int
	partitions int
	rounds     int
	converters []string
	bin        string
	beside     string // other builds, measured in turn with the first
	alone      bool   // sluice without its peer
	properties string // more worker properties
	sink       string // more settings of the connector
	dir        string

	workload    string // the only one of the HDFS or Elasticsearch sink
	warmups     int    // rounds that do not count
	replication int    // copies of a block in HDFS
	serverCPUs  string // processors of Elasticsearch alone
}

// rebalanceDelay is for how many milliseconds Kafka lets an empty group gather its members, three seconds by default. Without it the
// first member begins alone, and most of a short round is the rebalances that let the others in.
const rebalanceDelay = "1000"

func main() {
	var o options
	var converters string
	flag.IntVar(&o.records, "records", 1_000_000, "records in the topic")
	flag.IntVar(&o.size, "size", 200, "bytes of each record")
	flag.IntVar(&o.partitions, "partitions", 3, "partitions of the topic, and tasks of each connector")
	flag.IntVar(&o.rounds, "rounds", 5, "counted rounds of each worker and converter")
	flag.StringVar(&converters, "converters", "json,string", "converters to measure")
	flag.StringVar(&o.bin, "bin", "bin", "folder with the binaries of make build")
	flag.StringVar(&o.beside, "beside", "", "folders with the binaries of other builds, between commas, whose HDFS sink is measured in turn with the first")
	flag.BoolVar(&o.alone, "alone", false, "measure sluice only, to try settings")
	flag.StringVar(&o.properties, "properties", "", "more worker properties for sluice, between semicolons")
	flag.StringVar(&o.sink, "sink", "", "more settings of the Elasticsearch sink, between semicolons")
	elastic := flag.Bool("elasticsearch", false, "measure the Elasticsearch sink against a loop that only sends bulk requests")
	hdfs := flag.Bool("hdfs", false, "measure the HDFS sink on real HDFS")
	flag.StringVar(&o.workload, "workload", "", "the only one to measure: of -hdfs json-100000, json-10000 or string-100000, of -elasticsearch sluice or raw loop")
	flag.IntVar(&o.warmups, "warmups", 2, "rounds that do not count: the compilers of the Java processes are at work in them")
	flag.IntVar(&o.replication, "replication", 1, "copies of a block in HDFS, at most 3")
	flag.StringVar(&o.serverCPUs, "server-cpus", "", "with -elasticsearch: processors for the server alone, as 0 or 0,1; everybody else shares the others")
	flag.Parse()
	o.converters = strings.Split(converters, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	measure := run
	if *elastic {
		measure = runElasticsearch
	}
	if *hdfs {
		measure = runHDFS
	}
	err := inFolder(ctx, o, measure)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// inFolder runs a benchmark in a temporary folder.
func inFolder(ctx context.Context, o options, measure func(context.Context, options) error) error {
	dir, err := os.MkdirTemp("", "sluice-benchmark")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o.dir = dir
	return measure(ctx, o)
}

func run(ctx context.Context, o options) error {
	services := []stack.Service{stack.Kafka, stack.Connect}
	if o.alone {
		services = services[:1]
	}
	fmt.Printf("starting %v …\n", services)
	s, err := stack.Start(ctx, filepath.Join(o.dir, "stack"), stack.Options{
		Env: map[string]string{"STACK_JAVA_OPTS": "", "STACK_REBALANCE_DELAY_MS": rebalanceDelay, "STACK_KAFKA_HEAP": "1g", "STACK_CONNECT_HEAP": "2g"},
		Log: os.Stderr,
	}, services...)
	if err != nil {
		return err
	}
	defer func() { _ = s.Down(context.WithoutCancel(ctx), true) }()

	fmt.Printf("producing %d records of %d bytes on %d partitions …\n", o.records, o.size, o.partitions)
	if err := produce(ctx, s.KafkaBootstrap(), o); err != nil {
		return err
	}
	worker, err := startSluice(ctx, s.KafkaBootstrap(), o)
	if err != nil {
		return err
	}
	defer worker.stop()
	peers := []*peer{worker}
	if !o.alone {
		pid, err := servicePID(s.Dir(), "connect")
		if err != nil {
			return err
		}
		peers = append(peers, &peer{name: "connect", url: s.ConnectURL(), pid: pid})
	}

	results := map[string]map[string][]result{}
	for _, conv := range o.converters {
		results[conv] = map[string][]result{}
		for round := range o.warmups + o.rounds {
			order := slices.Clone(peers)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, p := range order {
				r, err := p.measure(ctx, o, conv, round)
				if err != nil {
					return fmt.Errorf("%s, %s, round %d: %w", p.name, conv, round, err)
				}
				note := ""
				if round < o.warmups {
					note = "  (warm-up)"
				} else {
					results[conv][p.name] = append(results[conv][p.name], r)
				}
				fmt.Printf("%-7s %-8s round %d: %8.0f records/s  %5.2f CPU s/million  %4d MB, %d MB of it the worker%s\n", conv, p.name, round, r.rate, r.cpu, r.rss>>20, r.own>>20, note)
			}
		}
	}
	if !o.alone {
		report(o, results)
	}
	return nil
}

func startSluice(ctx context.Context, bootstrap string, o options) (*peer, error) {
	return startBuild(ctx, bootstrap, sluice, o.bin, o)
}

// startBuild starts the worker of a build, under a name of its own.
func startBuild(ctx context.Context, bootstrap, name, bin string, o options) (*peer, error) {
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	props := filepath.Join(o.dir, name+".properties")
	text := fmt.Sprintf(`bootstrap.servers=%[1]s
group.id=%[2]s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=%[2]s-configs
config.storage.replication.factor=1
status.storage.topic=%[2]s-status
status.storage.replication.factor=1
listeners=http://%[3]s
plugin.path=%[4]s
%[5]s
`, bootstrap, topic+"-"+name, listen, filepath.Join(bin, "plugins"), strings.ReplaceAll(o.properties, ";", "\n"))
	if err := os.WriteFile(props, []byte(text), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	began := time.Now()
	cmd := exec.Command(filepath.Join(bin, "sluice"), "worker", props)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{name: name, url: "http://" + listen, pid: cmd.Process.Pid, stop: func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
	}}
	answered, err := p.ready(ctx)
	if err != nil {
		p.stop()
		tail, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; its log:\n%s", err, tail)
	}
	fmt.Printf("%s answers REST %d ms after its start, and is up after %d ms\n", name, answered.Sub(began).Milliseconds(), time.Since(began).Milliseconds())
	return p, nil
}

// servicePID finds the process of a service through the stack's pid file.
func servicePID(dir, service string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "pid", service))
	if err != nil {
		return 0, fmt.Errorf("finding the process of %s: %w", service, err)
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		return 0, fmt.Errorf("reading the pid file of %s: %w", service, err)
	}
	return pid, nil
}

func report(o options, results map[string]map[string][]result) {
	fmt.Printf("\n%d records of %d bytes, %d partitions, %d tasks; medians of %d rounds\n\n", o.records, o.size, o.partitions, o.partitions, o.rounds)
	fmt.Println("| converter | worker | records/s | CPU s per million | resident MB | RUNNING after ms |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	for _, conv := range o.converters {
		for _, name := range []string{"sluice", "connect"} {
			rs := results[conv][name]
			fmt.Printf("| %s | %s | %.0f | %.2f | %d | %d |\n", conv, name,
				median(rs, func(r result) float64 { return r.rate }),
				median(rs, func(r result) float64 { return r.cpu }),
				int64(median(rs, func(r result) float64 { return float64(r.rss) }))>>20,
				int(median(rs, func(r result) float64 { return float64(r.running.Milliseconds()) })))
		}
		a, b := results[conv]["sluice"], results[conv]["connect"]
		ratios := make([]float64, 0, len(a))
		for i := range a {
			ratios = append(ratios, a[i].rate/b[i].rate)
		}
		slices.Sort(ratios)
		fmt.Printf("\n%s: sluice/connect %.2f (%.2f to %.2f)\n\n", conv, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	}
}

func median(rs []result, of func(result) float64) float64 {
	values := make([]float64, len(rs))
	for i, r := range rs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
