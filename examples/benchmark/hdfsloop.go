package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/user"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-connect/sluice/examples/stack"
)

// loop stands before the name of a workload whose files are written by a loop that does nothing else.
const loop = "loop beside "

// family is a number of processes.
type family []*peer

func (f family) cpu() (sum float64) {
	for _, p := range f {
		sum += p.cpu()
	}
	return sum
}

// servers are the services of the stack, Kafka first.
func servers(s *stack.Stack) (family, error) {
	var f family
	for _, name := range []string{"kafka", "namenode", "datanode1", "datanode2", "datanode3"} {
		pid, err := servicePID(s.Dir(), name)
		if err != nil {
			return nil, err
		}
		f = append(f, &peer{pid: pid})
	}
	return f, nil
}

// loopHDFS writes files of the size of a workload's from memory with the HDFS client that the sink uses, a client for each
// partition: made under one name, closed and renamed. It says what HDFS itself takes.
func loopHDFS(ctx context.Context, o options, s *stack.Stack, services family, w workload, round int) (result, error) {
	line := append(record(0, o.size), '\n')
	content := bytes.Repeat(line, w.flush)
	records := 0
	for i := range o.partitions {
		records += o.files(i, w) * w.flush
	}
	before, others := ownCPU(), services.cpu()
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range o.partitions {
		g.Go(func() error {
			c, err := client(s)
			if err != nil {
				return err
			}
			defer c.Close()
			dir := fmt.Sprintf("/loop/%s-%s/%d/%d", topic, w.name, round, i)
			if err := c.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			for n := range o.files(i, w) {
				if err := writeOne(ctx, c, path.Join(dir, strconv.Itoa(n)), content, o.replication); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	per := 1e6 / float64(records)
	return result{rate: float64(records) / took.Seconds(), cpu: (ownCPU() - before) * per, others: (services.cpu() - others) * per}, nil
}

// warmHDFS has the loop write until the servers' compilers have done most of their work: HDFS takes less time for a file no more.
func warmHDFS(ctx context.Context, o options, s *stack.Stack, services family) error {
	const most, settled = 20, 0.95
	for _, w := range workloads {
		if o.workload != "" && o.workload != w.name || w.converter != "json" { // HDFS does the same for texts
			continue
		}
		last, calm := 0.0, 0
		for n := 1; n <= most && calm < 2; n++ {
			r, err := loopHDFS(ctx, o, s, services, w, -n)
			if err != nil {
				return fmt.Errorf("warming HDFS up for %s: %w", w.name, err)
			}
			if r.others > settled*last && last > 0 {
				calm++
			} else {
				calm = 0
			}
			last = r.others
		}
		fmt.Printf("HDFS takes %.2f CPU s/million for %s once it is warm\n", last, w.name)
	}
	return nil
}

// client is one of HDFS' superuser, who started the stack.
func client(s *stack.Stack) (*hdfs.Client, error) {
	who, err := user.Current()
	if err != nil {
		return nil, err
	}
	return hdfs.NewClient(hdfs.ClientOptions{Addresses: []string{strings.TrimPrefix(s.HDFSURL(), "hdfs://")}, User: who.Username})
}

func writeOne(ctx context.Context, c *hdfs.Client, name string, content []byte, replication int) error {
	const block, pause = 128 << 20, 5 * time.Millisecond
	f, err := c.CreateFile(name+".tmp", replication, block, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	for err = f.Close(); hdfs.IsErrReplicating(err); err = f.Close() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	if err != nil {
		return err
	}
	return c.Rename(name+".tmp", name)
}

// ownCPU is the CPU time of this process in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark: reading the CPU time:", err)
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
