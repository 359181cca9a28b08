package hdfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	osuser "os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/sluice-connect/sluice/connectors"
)

// cluster is how the writers of a task reach HDFS: what the URL and Hadoop's files say.
type cluster struct {
	addresses   []string // of the namenodes of one cluster, host:port
	user        string   // not with Kerberos
	login       *login   // nil: without Kerberos
	principal   string   // of the namenodes, service/host without a realm; _HOST stands for the host
	protection  string   // of what goes to datanodes
	hostnames   bool     // datanodes are reached by name
	replication int      // 0: what the namenode says

	mu     sync.Mutex
	failed map[string]time.Time // when a namenode last did not answer
}

// newCluster resolves the URL. Hadoop's files count where they are named.
func newCluster(where location, dir string, security security) (*cluster, error) {
	conf := hadoopConf{}
	if dir != "" {
		var err error
		if conf, err = readHadoopConf(dir); err != nil {
			return nil, about(confDir, connectors.Misconfigured("reading hadoop.conf.dir", err, "name the folder of core-site.xml and hdfs-site.xml on the worker's machine"))
		}
	}
	c := &cluster{
		addresses: slices.Clone(where.addresses), protection: conf.protection(), failed: map[string]time.Time{},
		hostnames: strings.EqualFold(conf.get("dfs.client.use.datanode.hostname"), "true"),
	}
	if len(c.addresses) == 1 {
		resolved, err := conf.namenodes(c.addresses[0])
		if err != nil {
			return nil, about(confDir, connectors.Misconfigured("reading hadoop.conf.dir", err, "correct the addresses of the namenodes there"))
		}
		if resolved != nil {
			c.addresses = resolved
		}
	}
	for i, a := range c.addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			c.addresses[i] = net.JoinHostPort(a, defaultPort)
		}
	}
	if text := conf.get("dfs.replication"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, about(confDir, connectors.Misconfigured("reading hadoop.conf.dir", fmt.Errorf("dfs.replication is %q", text), ""))
		}
		c.replication = n
	}
	if !security.kerberos && !conf.kerberos() {
		c.user = hadoopUser(security.user)
		return c, nil
	}
	if err := checkActs(security.user); err != nil {
		return nil, about(user, connectors.Misconfigured("reading sluice.hdfs.user", err, ""))
	}
	c.principal = security.namenode
	if c.principal == "" {
		c.principal = conf.get("dfs.namenode.kerberos.principal")
	}
	if c.principal, _, _ = strings.Cut(c.principal, "@"); c.principal == "" {
		return nil, about(namenodePrincipal, connectors.Misconfigured("reading configuration", errNoNamenodePrincipal, ""))
	}
	var err error
	c.login, err = newLogin(security)
	return c, err
}

func hadoopUser(configured string) string {
	if configured != "" {
		return configured
	}
	if u := os.Getenv("HADOOP_USER_NAME"); u != "" {
		return u
	}
	if u, err := osuser.Current(); err == nil {
		return u.Username
	}
	return "sluice"
}

// options are those of a new client. The library asks the namenodes in the order given and stays with the first that takes
// a connection, which a hung one does too: those that failed last come last.
func (c *cluster) options() (hdfs.ClientOptions, error) {
	o := hdfs.ClientOptions{
		Addresses: slices.Clone(c.addresses), User: c.user, UseDatanodeHostname: c.hostnames,
		DataTransferProtection: c.protection,
	}
	c.mu.Lock()
	slices.SortStableFunc(o.Addresses, func(a, b string) int { return c.failed[a].Compare(c.failed[b]) })
	c.mu.Unlock()
	if c.login != nil {
		k, err := c.login.client()
		if err != nil {
			return o, err
		}
		o.KerberosClient, o.KerberosServicePrincipleName = k, c.principal
	}
	return o, nil
}

// blame remembers that a namenode did not answer. A connection that was closed here says nothing of it.
func (c *cluster) blame(address string, err error) {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[address] = time.Now()
}

// close lets go of the tickets.
func (c *cluster) close() {
	if c != nil && c.login != nil {
		c.login.close()
	}
}
