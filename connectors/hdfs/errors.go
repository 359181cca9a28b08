package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/sluice-connect/sluice/connectors"
)

// errFenced says that the temporary folder of a writer is gone.
var errFenced = errors.New("the temporary folder of this writer is gone")

// errNoRPC says that an address is not that of a namenode.
var errNoRPC = errors.New("what answers at store.url does not speak Hadoop RPC")

// errWantsKerberos says that a namenode does not take a user's word for it.
var errWantsKerberos = errors.New("the namenode wants Kerberos")

// errNoProxy says that a namenode does not let a principal act as another user.
var errNoProxy = errors.New("the namenode does not let the principal act as the user in sluice.hdfs.user")

func fenced(op string) *connectors.Error {
	return connectors.Retriable(op, errFenced, "another writer has taken the partition over, or somebody cleaned up under +tmp; the task begins anew behind what is committed")
}

// failure says what went wrong with HDFS in the user's words.
func failure(op string, err error) *connectors.Error {
	if own, ok := errors.AsType[*connectors.Error](err); ok {
		return own
	}
	if errors.Is(err, context.Canceled) {
		return connectors.Retriable(op, err, "")
	}
	cause, text := brief(err), err.Error()
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.Is(err, errWantsKerberos):
		return connectors.Unauthorized(op, errWantsKerberos, "set hdfs.authentication.kerberos=true, hdfs.namenode.principal, connect.hdfs.principal and connect.hdfs.keytab")
	case errors.Is(err, errNoProxy):
		return connectors.Unauthorized(op, errNoProxy, "allow it in the namenode's core-site.xml by hadoop.proxyuser.<principal's user>.hosts and .users or .groups, or remove sluice.hdfs.user")
	case errors.Is(err, fs.ErrPermission), has("AccessControlException", "Permission denied"):
		return connectors.Unauthorized(op, cause, "give the user the right to write there, or set sluice.hdfs.user")
	case has("SafeModeException"):
		return connectors.Retriable(op, cause, "the namenode is in safe mode; it goes on when that ends")
	case has("NSQuotaExceeded", "DSQuotaExceeded", "QuotaByStorageTypeExceeded"):
		return connectors.Retriable(op, cause, "raise the quota of the folder or free some of it; it goes on then")
	case has("could only be written to 0 of", "could only be replicated to 0"):
		return connectors.Retriable(op, cause, "no datanode is alive and has room; it goes on when one is")
	case errors.Is(err, errNoRPC):
		return connectors.Retriable(op, cause, "name the RPC port of the namenode, usually 8020 or 9000; 9870 is its web port")
	case has("StandbyException", "no available namenodes"):
		return connectors.Retriable(op, cause, "no namenode answers; check store.url, hadoop.conf.dir if it names a nameservice, and the service")
	case has("connection refused", "no such host", "write failed: ERROR"):
		return connectors.Retriable(op, cause, "a datanode cannot be reached; it goes on with others, at the latest when the namenode misses that one")
	case held(err):
		return connectors.Retriable(op, cause, "a writer before this one has the file open; HDFS takes it away after a minute")
	default:
		return connectors.Retriable(op, cause, "")
	}
}

// held says that HDFS does not let a file be opened for now: its last writer's lease has not ended, or its last block is not
// in order yet.
func held(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "AlreadyBeingCreated") || strings.Contains(text, "RecoveryInProgress") ||
		strings.Contains(text, "not sufficiently replicated yet")
}

// brief leaves out the stack traces that a namenode sends.
func brief(err error) error {
	var remote hdfs.Error
	if errors.As(err, &remote) {
		class := remote.Exception()
		message, _, _ := strings.Cut(remote.Message(), "\n")
		return fmt.Errorf("%s: %s", class[strings.LastIndexByte(class, '.')+1:], message)
	}
	first, _, more := strings.Cut(err.Error(), "\n")
	if more {
		return errors.New(first)
	}
	return err
}

// firstPause is the pause after the first failure; it doubles up to retry.backoff.ms.
const firstPause = 200 * time.Millisecond

// pause gives the pause after the n-th failure in a row, from 1, half of it random.
func pause(longest time.Duration, n int) time.Duration {
	d := min(firstPause<<min(n-1, 16), longest)
	if d < 2 {
		return d
	}
	return d/2 + rand.N(d/2)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
