package hdfs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// A failed probe is shown at the key that is to be changed.
func TestProbeBlames(t *testing.T) {
	away := "hdfs://" + closedPort(t)
	dir := t.TempDir()
	krb := filepath.Join(dir, "krb5.conf")
	if err := os.WriteFile(krb, []byte("[libdefaults]\n default_realm = R\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := func(more ...string) map[string]string {
		set := map[string]string{"store.url": away, "hdfs.authentication.kerberos": "true", "hdfs.namenode.principal": "nn/_HOST@R", "sluice.hdfs.krb5.conf": krb}
		for i := 0; i < len(more); i += 2 {
			set[more[i]] = more[i+1]
		}
		return set
	}
	missing := filepath.Join(dir, "missing")
	for name, tc := range map[string]struct {
		set  map[string]string
		want string
	}{
		"nobody answers":                {map[string]string{"store.url": away}, "store.url"},
		"nobody answers, older name":    {map[string]string{"hdfs.url": away}, "hdfs.url"},
		"no folder":                     {map[string]string{"store.url": "file://" + missing}, "store.url"},
		"Hadoop's files":                {map[string]string{"store.url": away, "hadoop.conf.dir": missing}, "hadoop.conf.dir"},
		"no principal of the namenodes": {secure("hdfs.namenode.principal", ""), "hdfs.namenode.principal"},
		"no configuration of Kerberos":  {secure("sluice.hdfs.krb5.conf", missing), "sluice.hdfs.krb5.conf"},
		"no keytab":                     {secure("connect.hdfs.principal", "a@R", "connect.hdfs.keytab", missing), "connect.hdfs.keytab"},
		"no ticket cache":               {secure("sluice.hdfs.ticket.cache", missing), "sluice.hdfs.ticket.cache"},
		"no keys in the keytab":         {secure("connect.hdfs.principal", "a@R", "connect.hdfs.keytab", krb), "connect.hdfs.keytab"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.set["flush.size"] = "1"
			cfg, err := definition().Parse(tc.set)
			if err != nil {
				t.Fatal(err)
			}
			err = New().Probe(t.Context(), cfg)
			if e, ok := errors.AsType[*connectors.ProbeError](err); !ok || !slices.Equal(e.Keys, []string{tc.want}) {
				t.Errorf("%v is about %+v, want %s", err, e, tc.want)
			}
		})
	}
}
