//go:build stack

package hdfs

import (
	"context"
	"maps"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// driver writes numbers without end, and begins anew where a writer gives up, as the framework does.
type driver struct {
	t     testing.TB
	name  string
	root  string
	task  *task
	acks  *acks
	value func(int64) string
	stop  chan struct{}
	done  chan struct{}
	// when done
	total    int64 // records written
	restarts int
}

func drive(t *testing.T, s *stack.Stack, name string, set map[string]string, value func(int64) string) *driver {
	t.Helper()
	all := map[string]string{"flush.size": "200", "sluice.hdfs.timeout.ms": "2000", "retry.backoff.ms": "500"}
	maps.Copy(all, set)
	root := uniqueRoot(t) + "/" + name
	d := &driver{
		t: t, name: name, root: root, task: onStack(t, s, root, all), acks: newAcks(), value: value,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(d.done)
		if err := d.run(ctx); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-d.done })
	return d
}

// run returns what the framework would not repeat.
func (d *driver) run(ctx context.Context) error {
	for ctx.Err() == nil {
		committed, _, _, _ := d.acks.state()
		w, err := d.task.Open(ctx, part, committed, d.acks)
		if err == nil {
			d.acks.Trouble(nil) // a task that runs again is in no trouble
			err = d.write(ctx, w, max(w.Resume(), committed, 0))
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), soon)
			closed := w.Close(closing)
			cancel()
			if closed != nil || err == nil {
				return closed
			}
		}
		if ctx.Err() == nil && connectors.CodeOf(err) != connectors.CodeRetriable {
			return err
		}
		d.restarts++
		d.acks.Trouble(err)
		_ = sleep(ctx, pause(time.Second, d.restarts)) // the loop looks at the context
	}
	return nil
}

// write goes on until it is told to stop, and has then made all durable.
func (d *driver) write(ctx context.Context, w connectors.Writer, next int64) error {
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for {
		if err := w.Write(ctx, batch(next, next+49, d.value)); err != nil {
			return err
		}
		next += 50
		select {
		case <-pace.C:
		case <-d.stop:
			d.total = next
			return w.Flush(ctx)
		}
	}
}

// finish stops the driver and waits until all that it wrote is durable.
func (d *driver) finish() {
	d.t.Helper()
	close(d.stop)
	select {
	case <-d.done:
	case <-time.After(patience):
		_, _, _, trouble := d.acks.state()
		d.t.Fatalf("%s does not end; trouble %v", d.name, trouble)
	}
	durable, _, troubles, _ := d.acks.state()
	d.t.Logf("%s: %d records, %d troubles, %d restarts", d.name, durable, troubles, d.restarts)
	if durable != d.total {
		d.t.Errorf("%s: %d records are durable, %d were written", d.name, durable, d.total)
	}
}

// settled waits until HDFS has given up what it kept of broken appends, the last bytes of the files among it; then
// everything is there, and nothing but what counts.
func (d *driver) settled(h *webHDFS) {
	d.t.Helper()
	began := time.Now()
	for left := h.left(d.root); len(left) > 0; left = h.left(d.root) {
		if time.Since(began) > patience {
			d.t.Fatalf("still left are %v", left)
		}
		shut(d.t, openAt(d.t, d.task, d.total, newAcks()))
		_ = sleep(d.t.Context(), time.Second) // HDFS tells nobody
	}
	d.t.Logf("appended files are in order after %.1f s", time.Since(began).Seconds())
	h.expectWhole(d.root, d.total)
}

// hurts waits until each driver shows trouble of this kind.
func hurts(t *testing.T, what string, drivers ...*driver) {
	t.Helper()
	for _, d := range drivers {
		d.acks.until(t, d.name+" shows trouble", func(a *acks) bool {
			return a.trouble != nil && strings.Contains(a.trouble.Error(), what)
		})
		_, _, _, trouble := d.acks.state()
		t.Logf("%s shows: %v", d.name, trouble)
	}
}

// heals waits until each driver has made much durable from now on, and shows no trouble.
func heals(t *testing.T, drivers ...*driver) {
	t.Helper()
	for _, d := range drivers {
		before, _, _, _ := d.acks.state()
		d.acks.until(t, d.name+" goes on", func(a *acks) bool { return a.durable > before+500 && a.trouble == nil })
	}
}

// goesOn waits until a driver has made more records durable than there are now, so that what follows comes at another point of its files.
func goesOn(t *testing.T, d *driver, records int64) {
	t.Helper()
	before, _, _, _ := d.acks.state()
	d.acks.until(t, d.name+" goes on", func(a *acks) bool { return a.durable >= before+records })
}

// What can happen to HDFS happens, one after the other in an order by chance, while writers of all kinds write. Afterwards nothing is missing,
// nothing is there twice, and nothing is left over.
func TestStackFaults(t *testing.T) {
	const full = "dfs.datanode.du.reserved=1000000000000000"
	rng := stack.Seed(t)
	s := stack.Own(t, stack.Options{Env: map[string]string{"STACK_HDFS_HEAP": "160m", "STACK_HDFS_SETTINGS": full}}, stack.HDFS)
	do := func(what string, f func(context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		began := time.Now()
		if err := f(ctx); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s (%.1f s)", what, time.Since(began).Seconds())
	}
	datanodes := []stack.Service{stack.DataNode1, stack.DataNode2, stack.DataNode3}
	flush := drive(t, s, modeFlush, nil, decimal)
	streamed := drive(t, s, "streamed", map[string]string{"sluice.buffer.bytes": "65536"}, big)
	appends := drive(t, s, modeAppend, map[string]string{"sluice.write.mode": modeAppend}, decimal)
	hurts(t, "could only be written to 0 of", flush, streamed, appends)
	s.Set("STACK_HDFS_SETTINGS", "")
	do("datanodes have room", func(ctx context.Context) error { return s.Restart(ctx, stack.HDFS) })
	heals(t, flush, streamed, appends)

	quota := func(what, set, to, clear, shown string) func() {
		return func() {
			roots := []string{path.Dir(flush.root), path.Dir(streamed.root), path.Dir(appends.root)}
			do("quota of "+what, func(ctx context.Context) error { return s.DFSAdmin(ctx, append([]string{set, to}, roots...)...) })
			hurts(t, shown, flush, streamed, appends)
			do("no quota of "+what, func(ctx context.Context) error { return s.DFSAdmin(ctx, append([]string{clear}, roots...)...) })
		}
	}
	faults := []func(){
		quota("names", "-setQuota", "1", "-clrQuota", "NSQuotaExceeded"),
		quota("space", "-setSpaceQuota", "1m", "-clrSpaceQuota", "DSQuotaExceeded"),
		func() {
			do("namenode killed", func(ctx context.Context) error { return s.Kill(ctx, stack.NameNode) })
			hurts(t, "", flush, streamed, appends)
			do("namenode started", func(ctx context.Context) error { return s.Start(ctx, stack.NameNode) })
		},
		func() {
			node := datanodes[rng.IntN(len(datanodes))]
			do(string(node)+" killed", func(ctx context.Context) error { return s.Kill(ctx, node) })
			heals(t, flush, streamed, appends)
			do(string(node)+" started", func(ctx context.Context) error { return s.Start(ctx, node) })
		},
		func() {
			do("datanodes paused", func(ctx context.Context) error { return s.Pause(ctx, datanodes...) })
			began := time.Now()
			hurts(t, "", flush, streamed, appends)
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("calls to hung datanodes ended after %v, their deadline is 2 s", took)
			}
			do("datanodes resumed", func(ctx context.Context) error { return s.Resume(ctx, datanodes...) })
		},
		func() {
			do("safe mode on", func(ctx context.Context) error { return s.SafeMode(ctx, true) })
			hurts(t, "safe mode", flush, streamed, appends)
			do("safe mode off", func(ctx context.Context) error { return s.SafeMode(ctx, false) })
		},
		func() {
			idle := openAt(t, onStack(t, s, uniqueRoot(t), nil), -1, newAcks()) // with the usual deadline of 30 s
			send(t, idle, 0, 6)
			do("namenode paused", func(ctx context.Context) error { return s.Pause(ctx, stack.NameNode) })
			hurts(t, "", flush, streamed, appends)
			began := time.Now()
			shut(t, idle)
			if took := time.Since(began); took > soon {
				t.Errorf("close took %v while the namenode hung", took)
			}
			do("namenode resumed", func(ctx context.Context) error { return s.Resume(ctx, stack.NameNode) })
		},
	}
	for _, i := range rng.Perm(len(faults)) {
		goesOn(t, flush, rng.Int64N(300))
		faults[i]()
		heals(t, flush, streamed, appends)
	}

	for _, d := range []*driver{flush, streamed, appends} {
		d.finish()
	}
	h := newWebHDFS(t, s)
	for _, d := range []*driver{flush, streamed} {
		h.expect(d.root, d.total)
	}
	appends.settled(h)
}
