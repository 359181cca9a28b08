//go:build stack

package hdfs

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// HDFS with Kerberos: who connectors are, side by side in one process, which the JVM cannot do; how long tickets live; and
// what is said when a login fails.
func TestStackKerberos(t *testing.T) {
	s := stack.Own(t, stack.Options{Env: map[string]string{
		"STACK_HDFS_SECURITY": "kerberos", "STACK_DATANODES": "1", "STACK_REPLICATION": "1", "STACK_HDFS_HEAP": "160m",
		"STACK_HDFS_SETTINGS": "hadoop.proxyuser.alice.users=carol hadoop.proxyuser.alice.hosts=127.0.0.1",
	}}, stack.HDFS)
	ctx := t.Context()
	if err := s.DFSAdmin(ctx, "-safemode", "get"); err != nil {
		t.Fatal(err)
	}
	dfs := func(args ...string) string {
		t.Helper()
		out, err := s.DFS(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	dfs("-mkdir", "-p", "/open/bobs")
	dfs("-chmod", "777", "/open")
	base := map[string]string{
		"hadoop.conf.dir": s.HadoopConfDir(), "sluice.hdfs.krb5.conf": s.Krb5Conf(),
		"hdfs.authentication.kerberos": "true", "hdfs.namenode.principal": "hdfs/localhost@SLUICE.STACK",
	}
	start := func(t *testing.T, root string, set map[string]string) *task {
		t.Helper()
		all := maps.Clone(base)
		maps.Copy(all, set)
		tk := toCluster(t, s.HDFSURL()+"/open/"+root, all)
		t.Cleanup(func() { _ = tk.Stop(context.Background()) })
		return tk
	}
	as := func(user string) map[string]string {
		return map[string]string{"connect.hdfs.principal": user + "@SLUICE.STACK", "connect.hdfs.keytab": s.Keytab(user)}
	}
	write := func(t *testing.T, tk *task) {
		t.Helper()
		w := openAt(t, tk, -1, newAcks())
		next := max(w.Resume(), 0)
		send(t, w, next, next+9)
		shut(t, w)
	}

	t.Run("two principals in one process", func(t *testing.T) {
		a, b := start(t, "alice", as("alice")), start(t, "bob", as("bob"))
		write(t, a)
		write(t, b)
		write(t, a)
		for user, want := range map[string]int64{"alice": 20, "bob": 10} {
			dir := "/open/" + user + "/topics/select-color/partition=1/*"
			for line := range strings.Lines(dfs("-ls", dir)) {
				if f := strings.Fields(line); f[2] != user {
					t.Errorf("owned by %s: %s", f[2], line)
				}
			}
			var got []int64
			for line := range strings.Lines(dfs("-cat", dir)) {
				n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, n)
			}
			if !slices.Equal(got, sequence(0, want-1)) {
				t.Errorf("%s: %v", user, got)
			}
		}
		w := openAt(t, a, -1, newAcks())
		defer shut(t, w)
		if err := w.fs.MkdirAll(ctx, "/open/bobs/x"); connectors.CodeOf(failure("", err)) != connectors.CodeUnauthorized {
			t.Errorf("alice in a folder of another: %v", err)
		}
	})

	t.Run("a principal acts as another user", func(t *testing.T) {
		set := as("alice")
		set["sluice.hdfs.user"] = "carol"
		tk := start(t, "acts", set)
		write(t, tk)
		write(t, tk)
		cache := filepath.Join(t.TempDir(), "cache")
		if err := s.Kinit(ctx, "alice", cache); err != nil {
			t.Fatal(err)
		}
		write(t, start(t, "acts", map[string]string{"sluice.hdfs.ticket.cache": cache, "sluice.hdfs.user": "carol"}))
		files := 0
		for line := range strings.Lines(dfs("-ls", "/open/acts/topics/select-color/partition=1/*")) {
			if f := strings.Fields(line); f[2] != "carol" {
				t.Errorf("owned by %s: %s", f[2], line)
			}
			files++
		}
		if files != 6 {
			t.Errorf("%d files", files)
		}
		for _, who := range [][2]string{{"alice", "dave"}, {"bob", "carol"}} {
			set := as(who[0])
			set["sluice.hdfs.user"] = who[1]
			if _, err := start(t, "acts", set).Open(ctx, part, -1, newAcks()); connectors.CodeOf(err) != connectors.CodeUnauthorized || !errors.Is(err, errNoProxy) {
				t.Errorf("%s as %s: %v", who[0], who[1], err)
			}
		}
	})

	t.Run("tickets are renewed by the keytab", func(t *testing.T) {
		text, err := os.ReadFile(s.Krb5Conf())
		if err != nil {
			t.Fatal(err)
		}
		conf := filepath.Join(t.TempDir(), "krb5.conf")
		short := strings.Replace(string(text), "[libdefaults]", "[libdefaults]\n  ticket_lifetime = 10s", 1)
		if err := os.WriteFile(conf, []byte(short), 0o600); err != nil {
			t.Fatal(err)
		}
		set := as("alice")
		set["sluice.hdfs.krb5.conf"] = conf
		tk := start(t, "renewed", set)
		w := openAt(t, tk, -1, newAcks())
		defer shut(t, w)
		for began, i := time.Now(), int64(0); time.Since(began) < 14*time.Second; i++ {
			send(t, w, 5*i, 5*i+4)
			w.fs.Reset() // the next call connects anew, with a ticket that counts then
			_ = sleep(ctx, 500*time.Millisecond)
		}
	})

	t.Run("ticket cache", func(t *testing.T) {
		cache := filepath.Join(t.TempDir(), "cache")
		tk := start(t, "cache", map[string]string{"sluice.hdfs.ticket.cache": cache})
		if _, err := tk.Open(ctx, part, -1, newAcks()); connectors.CodeOf(err) != connectors.CodeUnauthorized || !strings.Contains(err.Error(), "run kinit") {
			t.Errorf("without a cache: %v", err)
		}
		for _, user := range []string{"bob", "alice"} { // somebody else logs in
			if err := s.Kinit(ctx, user, cache); err != nil {
				t.Fatal(err)
			}
			write(t, tk)
			dfs("-chmod", "-R", "777", "/open/cache")
		}
		owners := map[string]bool{}
		for line := range strings.Lines(dfs("-ls", "/open/cache/topics/select-color/partition=1/*")) {
			owners[strings.Fields(line)[2]] = true
		}
		if !owners["alice"] || !owners["bob"] {
			t.Errorf("files are owned by %v", owners)
		}
	})

	t.Run("refused", func(t *testing.T) {
		set := as("alice")
		set["connect.hdfs.principal"] = "bob@SLUICE.STACK" // whose keys are not in it
		if _, err := start(t, "refused", set).Open(ctx, part, -1, newAcks()); connectors.CodeOf(err) != connectors.CodeUnauthorized || !strings.Contains(err.Error(), "connect.hdfs.keytab") {
			t.Errorf("keytab of another: %v", err)
		}
		set["connect.hdfs.keytab"] = "/nowhere/keytab"
		if _, err := start(t, "refused", set).Open(ctx, part, -1, newAcks()); connectors.CodeOf(err) != connectors.CodeMisconfigured {
			t.Errorf("no keytab: %v", err)
		}
	})

	t.Run("without Kerberos", func(t *testing.T) {
		tk := toCluster(t, s.HDFSURL()+"/open/none", nil)
		_, err := tk.Open(ctx, part, -1, newAcks())
		if connectors.CodeOf(err) != connectors.CodeUnauthorized || !strings.Contains(err.Error(), "hdfs.authentication.kerberos") {
			t.Errorf("%v", err)
		}
	})

	t.Run("server away", func(t *testing.T) {
		tk := start(t, "away", as("bob"))
		if err := s.Kill(ctx, stack.KDC); err != nil {
			t.Fatal(err)
		}
		err := tryToOpen(t, tk, 30*time.Second, has("the Kerberos server cannot be reached"))
		if connectors.CodeOf(err) != connectors.CodeRetriable {
			t.Errorf("%v", err)
		}
		if err := s.Start(ctx, stack.KDC); err != nil {
			t.Fatal(err)
		}
		write(t, tk)
	})
}
