package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// peer is a worker that is measured.
type peer struct {
	name string
	url  string
	pid  int
	stop func()
}

// result is one round of one worker.
type result struct {
	rate    float64       // records/s from the first record to the last
	cpu     float64       // CPU seconds per million records
	rss     int64         // bytes resident, worker and its children, at the end
	own     int64         // bytes of it in the worker itself
	plugin  float64       // of cpu, what the plugin took, where that is measured
	others  float64       // CPU seconds of the services per million records, where they are measured
	broker  float64       // of others, what Kafka took
	running time.Duration // from the POST to the state RUNNING
}

var converters = map[string]map[string]string{
	"json": {
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "false",
	},
	"string": {"value.converter": "org.apache.kafka.connect.storage.StringConverter"},
}

// errStatus says that a worker answered, but not what was hoped for.
var errStatus = errors.New("bad status")

// roundTimeout is wide: a round takes seconds, but on a busy machine it may take minutes.
const roundTimeout = 10 * time.Minute

func (p *peer) measure(ctx context.Context, o options, conv string, round int) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	name := fmt.Sprintf("%s-%s-%d", p.name, conv, round)
	out := filepath.Join(o.dir, name+".out")
	cfg := map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
		"tasks.max":       strconv.Itoa(o.partitions),
		"topics":          topic,
		"file":            out,
		"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
	}
	maps.Copy(cfg, converters[conv])
	before := p.cpu()
	began := time.Now()
	if err := p.call(ctx, http.MethodPost, "/connectors", map[string]any{"name": name, "config": cfg}, nil); err != nil {
		return result{}, err
	}
	running := make(chan time.Duration, 1)
	go func() { running <- p.waitRunning(ctx, name, o.partitions, began) }()
	took, err := countLines(ctx, out, o.records)
	if err != nil {
		return result{}, err
	}
	r := result{
		rate: float64(o.records) / took.Seconds(),
		cpu:  (p.cpu() - before) / float64(o.records) * 1e6,
	}
	r.rss, r.own = p.rss()
	r.running = <-running
	if err := p.call(ctx, http.MethodDelete, "/connectors/"+name, nil, nil); err != nil {
		return result{}, err
	}
	if err := verify(out, o.records); err != nil {
		return result{}, err
	}
	return r, os.Remove(out)
}

func (p *peer) waitRunning(ctx context.Context, name string, tasks int, began time.Time) time.Duration {
	for ctx.Err() == nil {
		var status struct {
			Connector struct{ State string }
			Tasks     []struct{ State string }
		}
		if err := p.call(ctx, http.MethodGet, "/connectors/"+name+"/status", nil, &status); err == nil {
			n := 0
			for _, t := range status.Tasks {
				if t.State == "RUNNING" {
					n++
				}
			}
			if n == tasks && status.Connector.State == "RUNNING" {
				return time.Since(began)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0
}

// firstRead waits until a connector has read a record, and says when that was. Joining the group takes as long as Kafka wants.
func (p *peer) firstRead(ctx context.Context, name string) (time.Time, error) {
	for {
		n, err := p.metric(ctx, "kafka_connect_sink_task_metrics_sink_record_read_total", name)
		if err != nil || n > 0 {
			return time.Now(), err
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("waiting for the first record: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond): // it counts as the worker's work
		}
	}
}

// ready waits until the worker is healthy, and says when it answered at all.
func (p *peer) ready(ctx context.Context) (answered time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := p.call(ctx, http.MethodGet, "/health", nil, nil)
		if answered.IsZero() && (err == nil || errors.Is(err, errStatus)) {
			answered = time.Now()
		}
		if err == nil || ctx.Err() != nil {
			return answered, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (p *peer) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %w: %s: %s", method, path, errStatus, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// countLines waits until a file has as many lines, and says how long that took since the first.
func countLines(ctx context.Context, path string, want int) (time.Duration, error) {
	var f *os.File
	var first time.Time
	buf := make([]byte, 4<<20)
	lines := 0
	for {
		if f == nil {
			f, _ = os.Open(path) // it comes into being with the connector's first task
		}
		if f != nil {
			n, err := f.Read(buf)
			if n > 0 && first.IsZero() {
				first = time.Now()
			}
			lines += bytes.Count(buf[:n], []byte{'\n'})
			if lines >= want {
				return time.Since(first), f.Close()
			}
			if n == len(buf) {
				continue
			}
			if err != nil && err != io.EOF {
				return 0, err
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d lines after %s", lines, want, roundTimeout)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// verify checks that every record is in the file, once. A record holds its number behind "n": (JSON) or n= (what
// Connect prints of a parsed map).
func verify(path string, records int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	seen := make([]bool, records)
	count := 0
	for line := range bytes.Lines(b) {
		if err := see(seen, line); err != nil {
			return err
		}
		count++
	}
	if count != records {
		return fmt.Errorf("%d of %d records", count, records)
	}
	return nil
}

// see marks the record of a line.
func see(seen []bool, line []byte) error {
	i := bytes.Index(line, []byte(`"n":`))
	skip := 4
	if i < 0 {
		i, skip = bytes.Index(line, []byte("n=")), 2
	}
	if i < 0 {
		return fmt.Errorf("a line without a number: %.80s", line)
	}
	n := 0
	for _, c := range line[i+skip:] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	if n >= len(seen) || seen[n] {
		return fmt.Errorf("record %d is there twice or was never produced", n)
	}
	seen[n] = true
	return nil
}

// family is a process and its descendants.
func (p *peer) family() []int {
	all := []int{p.pid}
	for i := 0; i < len(all); i++ {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, f := range files {
			b, _ := os.ReadFile(f) // a process that has just ended has no children
			for s := range strings.FieldsSeq(string(b)) {
				if n, err := strconv.Atoi(s); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// cpu is the CPU time of the family in seconds, with that of children that have ended and were waited for.
func (p *peer) cpu() float64 {
	sum, _ := p.cpus()
	return sum
}

// cpus gives also what of that the living children took.
func (p *peer) cpus() (sum, children float64) {
	const ticks = 100 // per second, on every Linux that Go runs on
	for i, pid := range p.family() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		last := 13 // utime and stime
		if i == 0 {
			last = 15 // and those of its children that were waited for
		}
		for _, s := range f[11:last] {
			n, _ := strconv.ParseFloat(s, 64)
			sum += n / ticks
			if i > 0 {
				children += n / ticks
			}
		}
	}
	return sum, children
}

// rss is the resident memory of the family in bytes, and that of the worker itself.
func (p *peer) rss() (sum, own int64) {
	for i, pid := range p.family() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue
		}
		if f := strings.Fields(string(b)); len(f) > 1 {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			sum += n * int64(os.Getpagesize())
			if i == 0 {
				own = sum
			}
		}
	}
	return sum, own
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
