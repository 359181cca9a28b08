package hdfs

import (
	"errors"
	"fmt"
	"os"
	osuser "os/user"
	"strings"
	"sync"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/sluice-connect/sluice/connectors"
)

// security is what the configuration says of Kerberos.
type security struct {
	kerberos  bool
	principal string // user/host@REALM; host may be _HOST; "" takes the ticket cache
	keytab    string
	namenode  string // principal of the namenodes
	conf      string // krb5.conf; "" is KRB5_CONFIG, else /etc/krb5.conf
	cache     string // of tickets; "" is KRB5CCNAME, else /tmp/krb5cc_<uid>
	user      string // in HDFS; with Kerberos as whom the principal acts; "" is itself
}

func newSecurity(cfg connectors.Config) security {
	return security{
		kerberos: kerberos.Get(cfg), principal: principal.Get(cfg), keytab: keytabFile.Get(cfg),
		namenode: namenodePrincipal.Get(cfg), conf: krb5Conf.Get(cfg), cache: ticketCache.Get(cfg), user: user.Get(cfg),
	}
}

// checkActs looks at the user as whom a principal acts. The library writes the principal's realm behind it.
func checkActs(user string) error {
	if strings.Contains(user, "@") {
		return errUserOfRealm
	}
	return nil
}

var (
	errUserOfRealm         = errors.New("with Kerberos it is the name of a user in the principal's realm, without @")
	errNoNamenodePrincipal = errors.New("with Kerberos hdfs.namenode.principal is needed, or dfs.namenode.kerberos.principal in hadoop.conf.dir")
	errHalfLogin           = errors.New("connect.hdfs.principal and connect.hdfs.keytab belong together; without both the ticket cache counts")
)

// login is who the task is for Kerberos. With a keytab it has one client, which asks for new tickets before those it has
// end; with a ticket cache every connection reads the file again, which kinit or another program renews.
type login struct {
	set  security
	conf *config.Config

	mu     sync.Mutex
	keeper *krb.Client // of a keytab
}

func newLogin(set security) (*login, error) {
	if (set.principal == "") != (set.keytab == "") {
		return nil, connectors.Misconfigured("reading configuration", errHalfLogin, "")
	}
	file := firstOf(set.conf, os.Getenv("KRB5_CONFIG"), "/etc/krb5.conf")
	conf, err := config.Load(file)
	var unsupported config.UnsupportedDirective
	if err != nil && !errors.As(err, &unsupported) {
		return nil, about(krb5Conf, connectors.Misconfigured("reading "+file, err, "name Kerberos' configuration with sluice.hdfs.krb5.conf"))
	}
	return &login{set: set, conf: conf}, nil
}

// client gives a client with a ticket that counts now.
func (l *login) client() (*krb.Client, error) {
	if l.set.keytab == "" {
		c, err := l.fromCache()
		return c, about(ticketCache, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keeper == nil {
		name, realm, err := l.name()
		if err != nil {
			return nil, err
		}
		keys, err := keytab.Load(l.set.keytab)
		if err != nil {
			return nil, about(keytabFile, connectors.Misconfigured("reading connect.hdfs.keytab", err, "the worker's user must be allowed to read it"))
		}
		l.keeper = krb.NewWithKeytab(name, realm, keys, l.conf, krb.DisablePAFXFAST(true))
		l.act(l.keeper)
	}
	if err := l.keeper.AffirmLogin(); err != nil {
		return nil, about(principal, loginFailed(l.set.principal, err))
	}
	return l.keeper, nil
}

// name splits the principal. _HOST is the name of this machine, as for Hadoop.
func (l *login) name() (name, realm string, err error) {
	name, realm, _ = strings.Cut(l.set.principal, "@")
	if user, host, ok := strings.Cut(name, "/"); ok && host == "_HOST" {
		if host, err = os.Hostname(); err != nil {
			return "", "", about(principal, connectors.Misconfigured("reading connect.hdfs.principal", err, "write the host's name instead of _HOST"))
		}
		name = user + "/" + strings.ToLower(host)
	}
	return name, firstOf(realm, l.conf.LibDefaults.DefaultRealm), nil
}

func (l *login) fromCache() (*krb.Client, error) {
	name := firstOf(l.set.cache, os.Getenv("KRB5CCNAME"), defaultCache())
	kind, file, ok := strings.Cut(name, ":")
	if !ok {
		kind, file = "FILE", name
	}
	if kind != "FILE" {
		return nil, connectors.Misconfigured("reading the ticket cache "+name, errors.New("only caches in files can be read"), "use KRB5CCNAME=FILE:/path, or a keytab")
	}
	tickets, err := credentials.LoadCCache(file)
	if err != nil {
		return nil, connectors.Unauthorized("reading the ticket cache "+file, err, "run kinit as the worker's user, or set connect.hdfs.principal and connect.hdfs.keytab")
	}
	c, err := krb.NewFromCCache(tickets, l.conf, krb.DisablePAFXFAST(true))
	if err == nil {
		err = c.Login()
	}
	if err != nil {
		return nil, loginFailed("the ticket cache "+file, err)
	}
	l.act(c)
	return c, nil
}

// act makes a client say to HDFS that it acts as somebody else. Tickets are asked for with the principal's name in the
// credentials; their user name is only what the library puts into the greeting of a connection, as the effective user. A
// namenode that reads another name there than the ticket's looks whether the one may impersonate the other.
func (l *login) act(c *krb.Client) {
	if l.set.user != "" {
		c.Credentials.SetUserName(l.set.user)
	}
}

// loginFailed tells a server that is away, which may come back, from a refusal.
func loginFailed(who string, err error) error {
	op := "logging in to Kerberos as " + who
	text := err.Error()
	if strings.Contains(text, "Networking_Error") || strings.Contains(text, "error communicating with KDC") {
		return connectors.Retriable(op, err, "the Kerberos server cannot be reached; check krb5.conf and the service")
	}
	if strings.Contains(text, "no valid existing session") {
		return connectors.Unauthorized(op, err, "the ticket has ended: run kinit again, or use a keytab")
	}
	return connectors.Unauthorized(op, err, "check connect.hdfs.principal, connect.hdfs.keytab and this machine's clock")
}

func (l *login) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keeper != nil {
		l.keeper.Destroy()
		l.keeper = nil
	}
}

func defaultCache() string {
	if u, err := osuser.Current(); err == nil {
		return "/tmp/krb5cc_" + u.Uid
	}
	return fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid())
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
