//go:build stack

package hdfs

import (
	"context"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// The active namenode changes under writers of all kinds: in good order, and because it hangs or dies, in an order by chance. Nothing is lost and
// nothing is there twice.
func TestStackFailover(t *testing.T) {
	rng := stack.Seed(t)
	s := stack.Own(t, stack.Options{Env: map[string]string{
		"STACK_NAMENODES": "2", "STACK_DATANODES": "2", "STACK_HDFS_HEAP": "160m",
	}}, stack.HDFS)
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
	conf := map[string]string{"hadoop.conf.dir": s.HadoopConfDir()} // store.url is hdfs://stack
	with := func(key, value string) map[string]string {
		return map[string]string{"hadoop.conf.dir": s.HadoopConfDir(), key: value}
	}
	flush := drive(t, s, modeFlush, conf, decimal)
	streamed := drive(t, s, "streamed", with("sluice.buffer.bytes", "65536"), big)
	appends := drive(t, s, modeAppend, with("sluice.write.mode", modeAppend), decimal)
	all := []*driver{flush, streamed, appends}
	heals(t, all...)

	active, standby := stack.NameNode, stack.NameNode2
	activate := func() {
		do(string(standby)+" made active", func(ctx context.Context) error { return s.Activate(ctx, standby) })
		active, standby = standby, active
	}
	activate() // in good order, while both know all blocks: one that has just started would refuse for two minutes
	heals(t, all...)

	faults := []func(){
		func() {
			killed := active
			do("active namenode killed", func(ctx context.Context) error { return s.Kill(ctx, killed) })
			activate()
			began := time.Now()
			heals(t, all...)
			t.Logf("all go on %.1f s after a crash", time.Since(began).Seconds())
			do(string(killed)+" started", func(ctx context.Context) error { return s.Start(ctx, killed) })
		},
		func() {
			hung := active
			do("active namenode hangs", func(ctx context.Context) error { return s.Pause(ctx, hung) })
			hurts(t, "", all...)
			activate()
			heals(t, all...)
			do(string(hung)+" started, which was killed for that", func(ctx context.Context) error { return s.Start(ctx, hung) })
		},
	}
	for _, i := range rng.Perm(len(faults)) {
		goesOn(t, flush, rng.Int64N(300))
		faults[i]()
		heals(t, all...)
	}

	for _, d := range all {
		d.finish()
	}
	h := newWebHDFS(t, s)
	if active == stack.NameNode2 {
		h.url = s.WebHDFSURL2() + "/webhdfs/v1"
	}
	for _, d := range all[:2] {
		h.expect(d.root, d.total)
	}
	appends.settled(h)
}
