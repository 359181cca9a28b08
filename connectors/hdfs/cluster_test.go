package hdfs

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// confDirOf writes core-site.xml and hdfs-site.xml.
func confDirOf(t *testing.T, core, site map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, properties := range map[string]map[string]string{"core-site.xml": core, "hdfs-site.xml": site} {
		if properties == nil {
			continue
		}
		var b strings.Builder
		b.WriteString("<configuration>")
		for k, v := range properties {
			b.WriteString("<property><name>" + k + "</name><value>" + v + "</value></property>")
		}
		b.WriteString("</configuration>")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNamenodes(t *testing.T) {
	t.Setenv("SLUICE_TEST_HOST", "henv")
	pair := map[string]string{
		"dfs.nameservices": "cluster, other", "dfs.ha.namenodes.cluster": "n1, n2", "dfs.ha.namenodes.other": "n1",
		"dfs.namenode.rpc-address.cluster.n1": " h1:8020\n", "dfs.namenode.rpc-address.cluster.n2": "h2",
		"dfs.namenode.rpc-address.other.n1": "elsewhere:8020",
	}
	for _, tc := range []struct {
		name, url  string
		core, site map[string]string
		want       []string
		bad        string
	}{
		{name: "no files", url: "hdfs://nn", want: []string{"nn:8020"}},
		{name: "list", url: "hdfs://a:1,b:2,c", want: []string{"a:1", "b:2", "c:8020"}},
		{name: "nameservice", url: "hdfs://cluster", site: pair, want: []string{"h1:8020", "h2:8020"}},
		{name: "another nameservice of the same files", url: "hdfs://other", site: pair, want: []string{"elsewhere:8020"}},
		{name: "the URL goes before the default cluster", url: "hdfs://nn:9000", core: map[string]string{"fs.defaultFS": "hdfs://cluster"}, site: pair, want: []string{"nn:9000"}},
		{name: "host that is no nameservice", url: "hdfs://nn", site: pair, want: []string{"nn:8020"}},
		{
			name: "federation", url: "hdfs://one", want: []string{"h:8021"},
			site: map[string]string{"dfs.nameservices": "one,two", "dfs.namenode.rpc-address.one": "h:8021"},
		},
		{
			name: "variables", url: "hdfs://cluster", want: []string{"h0.domain:8020", "henv:8020"},
			core: map[string]string{"host": "h0.${suffix}", "suffix": "domain"},
			site: map[string]string{
				"dfs.ha.namenodes.cluster": "a,b", "dfs.namenode.rpc-address.cluster.a": "${host}:8020",
				"dfs.namenode.rpc-address.cluster.b": "${env.SLUICE_TEST_HOST}:8020",
			},
		},
		{
			name: "variable that nobody knows", url: "hdfs://cluster", bad: `dfs.namenode.rpc-address.cluster.a is "${host}:8020"`,
			site: map[string]string{"dfs.ha.namenodes.cluster": "a", "dfs.namenode.rpc-address.cluster.a": "${host}:8020"},
		},
		{
			name: "variable that names itself", url: "hdfs://cluster", bad: "is not like host:port",
			site: map[string]string{"x": "${x}", "dfs.ha.namenodes.cluster": "a", "dfs.namenode.rpc-address.cluster.a": "${x}"},
		},
		{name: "namenode without an address", url: "hdfs://cluster", bad: "rpc-address.cluster.a is \"\"", site: map[string]string{"dfs.ha.namenodes.cluster": "a"}},
		{name: "replication that is no number", url: "hdfs://nn", bad: `dfs.replication is "two"`, site: map[string]string{"dfs.replication": "two"}},
		{name: "empty folder", url: "hdfs://nn", core: nil, site: nil, bad: "neither core-site.xml nor hdfs-site.xml"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := ""
			if tc.core != nil || tc.site != nil || tc.name == "empty folder" {
				dir = confDirOf(t, tc.core, tc.site)
			}
			where, err := parseURL(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			c, err := newCluster(where, dir, security{user: "alice"})
			if tc.bad != "" {
				if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o, err := c.options()
			if err != nil || !slices.Equal(o.Addresses, tc.want) || o.User != "alice" {
				t.Errorf("%v as %s, %v; want %v", o.Addresses, o.User, err, tc.want)
			}
		})
	}
}

// A namenode that does not answer is asked last, however often a new client begins at the top of the list.
func TestNamenodesThatFail(t *testing.T) {
	c, err := newCluster(location{addresses: []string{"a:1", "b:1", "c:1"}}, "", security{})
	if err != nil {
		t.Fatal(err)
	}
	order := func(want ...string) {
		t.Helper()
		o, err := c.options()
		if err != nil || !slices.Equal(o.Addresses, want) {
			t.Errorf("%v, %v; want %v", o.Addresses, err, want)
		}
	}
	order("a:1", "b:1", "c:1")
	c.blame("a:1", os.ErrDeadlineExceeded)
	order("b:1", "c:1", "a:1")
	c.blame("b:1", errors.New("connection refused"))
	order("c:1", "a:1", "b:1")
	c.blame("c:1", net.ErrClosed) // by the writer itself
	c.blame("c:1", context.Canceled)
	order("c:1", "a:1", "b:1")
}

func TestConfDecides(t *testing.T) {
	nn := location{addresses: []string{"nn"}}
	for _, tc := range []struct {
		name string
		site map[string]string
		want *cluster
	}{
		{"nothing", map[string]string{"a": "b"}, &cluster{}},
		{"replication", map[string]string{"dfs.replication": "2"}, &cluster{replication: 2}},
		{"names of datanodes", map[string]string{"dfs.client.use.datanode.hostname": "true"}, &cluster{hostnames: true}},
		{"protection", map[string]string{"dfs.data.transfer.protection": "authentication,Integrity"}, &cluster{protection: "integrity"}},
		{"encryption", map[string]string{"dfs.data.transfer.protection": "integrity", "dfs.encrypt.data.transfer": "true"}, &cluster{protection: "privacy"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := newCluster(nn, confDirOf(t, nil, tc.site), security{})
			if err != nil {
				t.Fatal(err)
			}
			if c.replication != tc.want.replication || c.hostnames != tc.want.hostnames || c.protection != tc.want.protection {
				t.Errorf("replication %d, names %v, protection %q", c.replication, c.hostnames, c.protection)
			}
		})
	}
	t.Run("Kerberos of the files", func(t *testing.T) {
		dir := confDirOf(t, map[string]string{"hadoop.security.authentication": "Kerberos"}, nil)
		if _, err := newCluster(nn, dir, security{}); !errors.Is(err, errNoNamenodePrincipal) {
			t.Errorf("%v", err)
		}
		if _, err := newCluster(nn, dir, security{user: "alice@ELSEWHERE"}); !errors.Is(err, errUserOfRealm) {
			t.Errorf("%v", err)
		}
	})
}
