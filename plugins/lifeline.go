package plugins

import (
	"encoding/binary"
	"io"
	"time"
)

// leaseBytes is the size of what a worker writes to the lifeline of a plugin.
const leaseBytes = 8

// Lease is what a worker writes to the lifeline of a plugin: the time until which the plugin may go on without hearing more, in
// milliseconds of Unix time, as eight bytes, the highest first.
func Lease(until time.Time) []byte { return lease(time.Until(until), time.Now()) }

// lease makes a time of the clock as it is now of what is left by the monotonic clock: a clock that was set since the lease began neither
// ends it nor makes it longer.
func lease(left time.Duration, now time.Time) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, leaseBytes), uint64(max(now.Add(left).UnixMilli(), 0)))
}

// watchLifeline ends the process when the worker is gone, or was paused for longer than the last lease, so that others may run its tasks
// (invariant 5). The pipe's other end is closed by the worker, or by the kernel when the worker was killed. Nothing is lost by it, since
// what was not reported as durable is read again. A worker that never writes gives no lease, and takes none away.
func watchLifeline(f io.Reader, end func()) {
	lapse := time.AfterFunc(time.Hour, end)
	lapse.Stop()
	var b [leaseBytes]byte
	for {
		if _, err := io.ReadFull(f, b[:]); err != nil {
			end()
			return
		}
		// From here on it is the monotonic clock that counts: one that is set meanwhile matters for as long as a message is under way.
		lapse.Reset(time.Until(time.UnixMilli(int64(binary.BigEndian.Uint64(b[:])))))
	}
}
