package config

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads what every worker needs and some properties more.
func parse(t *testing.T, more map[string]string) (Worker, error) {
	t.Helper()
	props, err := ParseProperties(strings.NewReader(distributed))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(props, func(name, _ string) bool { return strings.HasPrefix(name, "rest.") })
	maps.Copy(props, more)
	return ParseWorker(props, quiet())
}

func TestAdvertised(t *testing.T) {
	self, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		props     map[string]string
		listening []string
		want      string
	}{
		{"the listener", nil, []string{"http://10.0.0.1:8083"}, "http://10.0.0.1:8083/"},
		{"every interface", nil, []string{"http://:8083"}, "http://" + self + ":8083/"},
		{"every address", nil, []string{"http://0.0.0.0:8083"}, "http://" + self + ":8083/"},
		{"host alone", map[string]string{"rest.advertised.host.name": "w1"}, []string{"http://:1234"}, "http://w1:1234/"},
		{"port alone", map[string]string{"rest.advertised.port": "9"}, []string{"http://10.0.0.1:1234"}, "http://10.0.0.1:9/"},
		{"http before https", nil, []string{"https://a:1", "http://b:2"}, "http://b:2/"},
		{"https where it is all there is", nil, []string{"https://a:1"}, "https://a:1/"},
		{"https as asked for", map[string]string{"rest.advertised.listener": "https"}, []string{"http://b:2", "https://a:1"}, "https://a:1/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := parse(t, tt.props)
			if err != nil {
				t.Fatal(err)
			}
			var listening []*url.URL
			for _, l := range tt.listening {
				u, err := url.Parse(l)
				if err != nil {
					t.Fatal(err)
				}
				listening = append(listening, u)
			}
			if got := w.Advertised(listening); got != tt.want {
				t.Errorf("advertised %s, want %s", got, tt.want)
			}
		})
	}
}

func TestListenerTLS(t *testing.T) {
	both := []string{"TLSv1.2", "TLSv1.3"}
	plain := ListenerTLS{KeyStore: "plain.pem", ClientAuth: "none", Protocols: both}
	tests := []struct {
		name       string
		props      map[string]string
		tls, admin ListenerTLS
	}{
		{"nothing", nil, ListenerTLS{ClientAuth: "none", Protocols: both}, ListenerTLS{ClientAuth: "none", Protocols: both}},
		{"without prefix for all", map[string]string{"ssl.keystore.location": "plain.pem"}, plain, plain},
		{
			"with a prefix all or nothing",
			map[string]string{"ssl.keystore.location": "plain.pem", "ssl.client.auth": "requested", "listeners.https.ssl.keystore.location": "own.p12", "listeners.https.ssl.keystore.password": "p"},
			ListenerTLS{KeyStore: "own.p12", KeyStorePassword: "p", ClientAuth: "none", Protocols: both},
			ListenerTLS{KeyStore: "plain.pem", ClientAuth: "requested", Protocols: both},
		},
		{
			"admin",
			map[string]string{
				"admin.listeners.https.ssl.keystore.location": "a", "admin.listeners.https.ssl.truststore.location": "b", "admin.listeners.https.ssl.truststore.password": "c",
				"admin.listeners.https.ssl.client.auth": "required", "admin.listeners.https.ssl.key.password": "d", "admin.listeners.https.ssl.enabled.protocols": "TLSv1.3",
			},
			ListenerTLS{ClientAuth: "none", Protocols: both},
			ListenerTLS{KeyStore: "a", KeyPassword: "d", TrustStore: "b", TrustStorePassword: "c", ClientAuth: "required", Protocols: []string{"TLSv1.3"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := parse(t, tt.props)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]ListenerTLS{tt.tls, tt.admin}, []ListenerTLS{w.TLS, w.AdminTLS}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			client, err := w.ClientProps(quiet())
			if err != nil || slices.ContainsFunc(slices.Collect(maps.Keys(client)), func(k string) bool { return strings.HasPrefix(k, "ssl.") }) {
				t.Errorf("a client of a plaintext cluster gets %v, %v", client, err)
			}
		})
	}
	_, err := parse(t, map[string]string{"listeners.https.ssl.client.auth": "perhaps"})
	if err == nil || !strings.Contains(err.Error(), "begin with listeners.https.") || !strings.Contains(err.Error(), "ssl.client.auth") {
		t.Errorf("error %v", err)
	}
}

func TestBasicAuthFile(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	users := file("users", "ada=lovelace\n")
	jaas := file("jaas.conf", "Other { x.Y required; };\nKafkaConnect {\n  "+
		"org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required\n  file=\""+users+"\";\n};\n")
	ldap := file("ldap.conf", "KafkaConnect { com.example.LdapLoginModule required; };\n")
	class := map[string]string{"rest.extension.classes": BasicAuthExtension}
	with := func(path string) map[string]string {
		m := maps.Clone(class)
		m["sluice.rest.basic.auth.file"] = path
		return m
	}
	tests := []struct {
		name, options string
		props         map[string]string
		want, err     string
	}{
		{name: "nobody is asked"},
		{name: "nobody is asked, whatever Java would do", options: "-Djava.security.auth.login.config=" + jaas},
		{name: "a file of users", props: with(users), want: users},
		{name: "a file without the class", props: map[string]string{"sluice.rest.basic.auth.file": users}, want: users},
		{name: "a JAAS file", props: with(jaas), want: users},
		{name: "the JAAS file of Java", props: class, options: "-Xmx1g -Djava.security.auth.login.config=" + jaas + " -Dx=y", want: users},
		{name: "the same in quotes", props: class, options: `-Djava.security.auth.login.config="` + jaas + `"`, want: users},
		{name: "no file", props: class, err: "set sluice.rest.basic.auth.file to a file of user=password lines"},
		{name: "file is gone", props: with("testdata/none"), err: "reading configuration sluice.rest.basic.auth.file: open testdata/none"},
		{name: "another module", props: with(ldap), err: "has no PropertyFileLoginModule with a file="},
		{name: "another extension", props: map[string]string{"rest.extension.classes": "com.example.Ext"}, err: `invalid value "com.example.Ext" for configuration rest.extension.classes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("KAFKA_OPTS", tt.options)
			w, err := parse(t, tt.props)
			switch {
			case tt.err == "" && (err != nil || w.BasicAuthFile != tt.want):
				t.Errorf("file %q, %v; want %q", w.BasicAuthFile, err, tt.want)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want %s", err, tt.err)
			}
		})
	}
}
