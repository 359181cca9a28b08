package hdfs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// hadoopConf is what core-site.xml and hdfs-site.xml of a folder say, read as Hadoop's own clients do where it concerns
// the way to a cluster.
type hadoopConf struct{ values hadoopconf.HadoopConf }

func readHadoopConf(dir string) (hadoopConf, error) {
	values, err := hadoopconf.Load(dir)
	if err == nil && values == nil {
		err = fmt.Errorf("%s has neither core-site.xml nor hdfs-site.xml", dir)
	}
	return hadoopConf{values}, err
}

var variable = regexp.MustCompile(`\$\{[^${}\s]+\}`)

// maxSubstitutions is Hadoop's bound for variables that name themselves.
const maxSubstitutions = 20

// get gives a value without blanks around it, its variables ${name} and ${env.NAME} replaced where they are known.
func (c hadoopConf) get(name string) string {
	v := strings.TrimSpace(c.values[name])
	for range maxSubstitutions {
		replaced := variable.ReplaceAllStringFunc(v, func(s string) string {
			inner := s[2 : len(s)-1]
			if env, ok := strings.CutPrefix(inner, "env."); ok {
				return os.Getenv(env)
			}
			if other, ok := c.values[inner]; ok {
				return strings.TrimSpace(other)
			}
			return s
		})
		if replaced == v {
			break
		}
		v = replaced
	}
	return v
}

func (c hadoopConf) list(name string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(c.get(name), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }),
		func(s string) bool { return s == "" })
}

// namenodes resolves a nameservice; nil where the name is none.
func (c hadoopConf) namenodes(service string) ([]string, error) {
	ids := c.list("dfs.ha.namenodes." + service)
	if len(ids) == 0 {
		if c.get("dfs.namenode.rpc-address."+service) == "" || !slices.Contains(c.list("dfs.nameservices"), service) {
			return nil, nil
		}
		ids = []string{""} // a nameservice of a federation, with one namenode
	}
	var addresses []string
	for _, id := range ids {
		key := "dfs.namenode.rpc-address." + service
		if id != "" {
			key += "." + id
		}
		a := c.get(key)
		if a == "" || strings.ContainsAny(a, " ${}/") {
			return nil, fmt.Errorf("%s is %q, which is not like host:port", key, a)
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

// protection is the strongest of what the datanodes may ask for.
func (c hadoopConf) protection() string {
	if strings.EqualFold(c.get("dfs.encrypt.data.transfer"), "true") {
		return "privacy"
	}
	asked := c.list("dfs.data.transfer.protection")
	for _, p := range []string{"privacy", "integrity", "authentication"} {
		if slices.ContainsFunc(asked, func(s string) bool { return strings.EqualFold(s, p) }) {
			return p
		}
	}
	return ""
}

// kerberos says whether the cluster wants Kerberos.
func (c hadoopConf) kerberos() bool {
	return strings.EqualFold(c.get("hadoop.security.authentication"), "kerberos")
}
