package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/sluice-connect/sluice/examples/stack"
)

// workload is a way to write the topic to HDFS.
type workload struct {
	name      string
	converter string
	format    string
	extension string
	flush     int // records of a file
}

var workloads = []workload{
	{"json-100000", "json", "JsonFormat", ".json", 100_000},
	{"json-10000", "json", "JsonFormat", ".json", 10_000},
	{"string-100000", "string", "StringFormat", ".txt", 100_000},
}

// runHDFS measures the HDFS sink: the rate from the state RUNNING until the last full file is committed, and CPU time and
// memory of the worker and its plugin. What does not fill a file is not counted.
func runHDFS(ctx context.Context, o options) error {
	s, down, err := hdfsStack(ctx, o)
	if err != nil {
		return err
	}
	defer down()
	fmt.Printf("producing %d records of %d bytes on %d partitions …\n", o.records, o.size, o.partitions)
	if err := produce(ctx, s.KafkaBootstrap(), o); err != nil {
		return err
	}
	peers, stop, err := hdfsPeers(ctx, s, o)
	defer stop()
	if err != nil {
		return err
	}
	services, err := servers(s)
	if err != nil {
		return err
	}
	if err := warmHDFS(ctx, o, s, services); err != nil {
		return err
	}
	results := map[string][]result{}
	for round := range o.warmups + o.rounds {
		for _, w := range workloads {
			if o.workload != "" && o.workload != w.name {
				continue
			}
			note := "  (warm-up)"
			if round >= o.warmups {
				note = ""
			}
			for i := range peers {
				p := peers[(i+round)%len(peers)]
				r, err := measureHDFS(ctx, o, s, p, services, w, round)
				if err != nil {
					return fmt.Errorf("%s, %s, round %d: %w", p.name, w.name, round, err)
				}
				name := w.label(p)
				if round >= o.warmups {
					results[name] = append(results[name], r)
				}
				fmt.Printf("%-14s round %d: %8.0f records/s  %5.2f CPU s/million, %.2f of it the plugin  %4d MB, %d MB of it the worker; services %.2f CPU s/million, %.2f of it Kafka%s\n",
					name, round, r.rate, r.cpu, r.plugin, r.rss>>20, r.own>>20, r.others, r.broker, note)
			}
			r, err := loopHDFS(ctx, o, s, services, w, round)
			if err != nil {
				return fmt.Errorf("loop beside %s, round %d: %w", w.name, round, err)
			}
			if round >= o.warmups {
				results[loop+w.name] = append(results[loop+w.name], r)
			}
			fmt.Printf("%-14s round %d: %8.0f records/s  %5.2f CPU s/million; services %.2f CPU s/million%s\n", "  loop", round, r.rate, r.cpu, r.others, note)
		}
	}
	fmt.Printf("\n%d records of %d bytes, %d partitions, %d tasks, three datanodes, %d copies; medians of %d rounds\n\n", o.records, o.size, o.partitions, o.partitions, o.replication, o.rounds)
	fmt.Println("| workload | records/s | CPU s per million | CPU s of the services per million | resident MB |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, w := range workloads {
		names := make([]string, 0, len(peers)+1)
		for _, p := range peers {
			names = append(names, w.label(p))
		}
		for _, name := range append(names, loop+w.name) {
			rs := results[name]
			if len(rs) == 0 {
				continue
			}
			of := func(f func(result) float64) float64 { return median(rs, f) }
			fmt.Printf("| %s | %.0f | %.2f | %.2f | %d |\n", name, of(func(r result) float64 { return r.rate }), of(func(r result) float64 { return r.cpu }),
				of(func(r result) float64 { return r.others }), int64(of(func(r result) float64 { return float64(r.rss) }))>>20)
		}
	}
	return nil
}

// hdfsPeers starts the worker, and those of the other builds where there are any.
func hdfsPeers(ctx context.Context, s *stack.Stack, o options) (peers []*peer, stop func(), err error) {
	stop = func() {
		for _, p := range peers {
			p.stop()
		}
	}
	p, err := startSluice(ctx, s.KafkaBootstrap(), o)
	if err != nil {
		return nil, stop, err
	}
	peers = append(peers, p)
	for bin := range strings.SplitSeq(o.beside, ",") {
		if bin == "" {
			continue
		}
		p, err := startBuild(ctx, s.KafkaBootstrap(), filepath.Base(bin), bin, o)
		if err != nil {
			return peers, stop, err
		}
		peers = append(peers, p)
	}
	return peers, stop, nil
}

// sluice is the name of the worker that is measured.
const sluice = "sluice"

// label names the results of a workload.
func (w workload) label(p *peer) string {
	if p.name == sluice {
		return w.name
	}
	return w.name + ", " + p.name
}

// hdfsStack starts the services, or takes those that run for tests.
func hdfsStack(ctx context.Context, o options) (s *stack.Stack, down func(), err error) {
	services := []stack.Service{stack.Kafka, stack.HDFS}
	if dir := os.Getenv(stack.SharedDir); dir != "" {
		s, err := stack.Attach(dir)
		if err != nil {
			return nil, nil, err
		}
		return s, func() {}, s.Start(ctx, services...)
	}
	fmt.Println("starting Kafka and HDFS …")
	s, err = stack.Start(ctx, filepath.Join(o.dir, "stack"), stack.Options{
		Env: map[string]string{
			"STACK_REBALANCE_DELAY_MS": rebalanceDelay, "STACK_KAFKA_HEAP": "1g", "STACK_JAVA_OPTS": "", "STACK_REPLICATION": strconv.Itoa(o.replication),
		},
		Log: os.Stderr,
	}, services...)
	return s, func() { _ = s.Down(context.WithoutCancel(ctx), true) }, err
}

// files is how many full files a partition gives.
func (o options) files(partition int, w workload) int {
	n := o.records / o.partitions
	if partition < o.records%o.partitions {
		n++
	}
	return n / w.flush
}

// lastFile is the last full file of a partition.
func (o options) lastFile(dir string, partition int, w workload) string {
	end := o.files(partition, w) * w.flush
	return fmt.Sprintf("%s/partition=%d/%s+%d+%010d+%010d%s", dir, partition, topic, partition, end-w.flush, end-1, w.extension)
}

// awaitFile waits for a file by its name: listing folders all the time would cost the namenode as much as the sink does.
func awaitFile(ctx context.Context, c *hdfs.Client, name string) error {
	for {
		_, err := c.Stat(name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func measureHDFS(ctx context.Context, o options, s *stack.Stack, p *peer, services family, w workload, round int) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	name := fmt.Sprintf("%s-%d", w.name, round)
	if p.name != sluice {
		name += "-" + p.name
	}
	cfg := map[string]string{
		"connector.class": "io.confluent.connect.hdfs.HdfsSinkConnector", "tasks.max": strconv.Itoa(o.partitions), "topics": topic,
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "store.url": s.HDFSURL() + "/" + name,
		"format.class": w.format, "flush.size": strconv.Itoa(w.flush),
	}
	maps.Copy(cfg, converters[w.converter])
	want := 0 // records in full files
	for i := range o.partitions {
		want += o.files(i, w) * w.flush
	}
	look, err := client(s)
	if err != nil {
		return result{}, err
	}
	defer look.Close()
	before, others, broker := p.cpu(), services.cpu(), services[0].cpu()
	began := time.Now()
	if err := p.call(ctx, http.MethodPost, "/connectors", map[string]any{"name": name, "config": cfg}, nil); err != nil {
		return result{}, err
	}
	running := p.waitRunning(ctx, name, o.partitions, began)
	if began, err = p.firstRead(ctx, name); err != nil {
		return result{}, err
	}
	dir := "/" + name + "/topics/" + topic
	for i := range o.partitions {
		if o.files(i, w) == 0 {
			continue
		}
		if err := awaitFile(ctx, look, o.lastFile(dir, i, w)); err != nil {
			return result{}, err
		}
	}
	took := time.Since(began)
	r := result{rate: float64(want) / took.Seconds(), running: running}
	per := 1e6 / float64(want)
	total, plugin := p.cpus()
	r.cpu, r.plugin, r.others = (total-before)*per, plugin*per, (services.cpu()-others)*per
	r.broker = (services[0].cpu() - broker) * per
	r.rss, r.own = p.rss()
	if err := p.call(ctx, http.MethodDelete, "/connectors/"+name, nil, nil); err != nil {
		return result{}, err
	}
	files, n, err := committedRecords(look, dir)
	if err != nil {
		return result{}, err
	}
	if n < want {
		return result{}, fmt.Errorf("%d of %d records, although the last files are there", n, want)
	}
	if round == 0 {
		return r, verifyHDFS(ctx, s, files, o.records, want)
	}
	return r, nil
}

func webHDFS(ctx context.Context, s *stack.Stack, path, op string) ([]byte, error) {
	u := s.WebHDFSURL() + "/webhdfs/v1" + strings.ReplaceAll((&url.URL{Path: path}).EscapedPath(), "+", "%2B") + "?op=" + op
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of %s: %w: %s", op, path, errStatus, resp.Status)
	}
	return b, err
}

// committedRecords counts what the names of files say.
func committedRecords(c *hdfs.Client, dir string) (files []string, n int, err error) {
	infos, err := c.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) { // not there yet
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for _, f := range infos {
		if f.IsDir() {
			more, m, err := committedRecords(c, dir+"/"+f.Name())
			if err != nil {
				return nil, 0, err
			}
			files, n = append(files, more...), n+m
			continue
		}
		part := strings.Split(strings.TrimSuffix(f.Name(), filepath.Ext(f.Name())), "+")
		if len(part) != 4 {
			return nil, 0, fmt.Errorf("a file whose name says nothing: %s", f.Name())
		}
		first, err1 := strconv.Atoi(part[2])
		last, err2 := strconv.Atoi(part[3])
		if err := errors.Join(err1, err2); err != nil {
			return nil, 0, err
		}
		files, n = append(files, dir+"/"+f.Name()), n+last-first+1
	}
	return files, n, nil
}

// verifyHDFS reads all files and looks whether each record is there once.
func verifyHDFS(ctx context.Context, s *stack.Stack, files []string, records, want int) error {
	seen := make([]bool, records)
	count := 0
	slices.Sort(files)
	for _, f := range files {
		b, err := webHDFS(ctx, s, f, "OPEN")
		if err != nil {
			return err
		}
		for line := range bytes.Lines(b) {
			if err := see(seen, line); err != nil {
				return err
			}
			count++
		}
	}
	if count != want {
		return fmt.Errorf("%d records of %d are in the files", count, want)
	}
	return nil
}
