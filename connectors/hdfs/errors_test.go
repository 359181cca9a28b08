package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// refusal is what a namenode answers.
type refusal struct{ class, message string }

func (r refusal) Method() string    { return "create" }
func (r refusal) Desc() string      { return "ERROR_APPLICATION" }
func (r refusal) Exception() string { return r.class }
func (r refusal) Message() string   { return r.message }
func (r refusal) Error() string     { return r.class + ": " + r.message }

func TestFailures(t *testing.T) {
	own := connectors.Fatal("o", errors.New("c"), "h")
	for _, tc := range []struct {
		name string
		err  error
		code connectors.Code
		hint string // a part
		text string // a part
	}{
		{"permission", &fs.PathError{Op: "create", Path: "/x", Err: fs.ErrPermission}, connectors.CodeUnauthorized, "sluice.hdfs.user", "/x"},
		{"permission, raw", refusal{"org.apache.hadoop.security.AccessControlException", "Permission denied: user=a\n\tat java"}, connectors.CodeUnauthorized, "sluice.hdfs.user", "AccessControlException: Permission denied: user=a"},
		{"safe mode", refusal{"org.apache.hadoop.hdfs.server.namenode.SafeModeException", "Cannot create /x. Name node is in safe mode."}, connectors.CodeRetriable, "safe mode", "SafeModeException: Cannot"},
		{"names quota", refusal{"org.apache.hadoop.hdfs.protocol.NSQuotaExceededException", "quota"}, connectors.CodeRetriable, "raise the quota", ""},
		{"space quota", refusal{"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", "quota"}, connectors.CodeRetriable, "raise the quota", ""},
		{"no datanode", refusal{"java.io.IOException", "File /x could only be written to 0 of the 1 minReplication nodes.\n\tat org"}, connectors.CodeRetriable, "no datanode is alive", "IOException: File"},
		{"standby", refusal{"org.apache.hadoop.ipc.StandbyException", "Operation category WRITE"}, connectors.CodeRetriable, "no namenode answers", ""},
		{"nobody listens", errors.New("no available namenodes: dial tcp 127.0.0.1:1: connect: connection refused"), connectors.CodeRetriable, "check store.url", "127.0.0.1:1"},
		{"no host", errors.New("no available namenodes: dial tcp: lookup nn: no such host"), connectors.CodeRetriable, "check store.url", "lookup nn"},
		{"datanode that is gone", errors.New("dial tcp 127.0.0.1:9866: connect: connection refused"), connectors.CodeRetriable, "a datanode cannot be reached", "127.0.0.1:9866"},
		{"datanode without name", errors.New("dial tcp: lookup dn7: no such host"), connectors.CodeRetriable, "a datanode cannot be reached", "dn7"},
		{"datanode further on", errors.New("write failed: ERROR ()"), connectors.CodeRetriable, "a datanode cannot be reached", ""},
		{"lease", refusal{"org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException", "owned by go-hdfs"}, connectors.CodeRetriable, "takes it away after a minute", ""},
		{"recovery", refusal{"org.apache.hadoop.hdfs.protocol.RecoveryInProgressException", "wait"}, connectors.CodeRetriable, "takes it away", ""},
		{"anything else", errors.New("broken pipe\ngoroutine 1"), connectors.CodeRetriable, "", "broken pipe"},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), connectors.CodeRetriable, "", ""},
		{"one of ours", fmt.Errorf("x: %w", own), connectors.CodeFatal, "h", "c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := failure("making /x", tc.err)
			if e.Code != tc.code || !strings.Contains(e.Hint, tc.hint) || (e.Hint == "") != (tc.hint == "") || !strings.Contains(e.Error(), tc.text) {
				t.Errorf("%v, %v; want %v and %q", e.Code, e, tc.code, tc.hint)
			}
			if strings.ContainsAny(e.Error(), "\n\t") {
				t.Errorf("more than a line: %q", e.Error())
			}
			if !errors.Is(tc.err, own) && !strings.HasPrefix(e.Error(), "making /x") {
				t.Errorf("it does not say what was tried: %v", e)
			}
		})
	}
}
