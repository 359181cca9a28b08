package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sluice-connect/sluice/connectors/keystore"
)

// stores is a folder with files that keytool has made.
const stores = "../../connectors/keystore/testdata/"

// TestKafkaWithStoresOfJava connects librdkafka with what is in Java's stores to a broker that wants to see a certificate.
func TestKafkaWithStoresOfJava(t *testing.T) {
	const password = "store-password"
	ca, err := keystore.File{Path: stores + "ca.p12", Password: password}.KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	for _, tc := range []struct{ trust, keys, keyPassword string }{
		{"trust.jks", "keys.jks", "key-password"},
		{"trust.p12", "keys.p12", ""},
		{"keys.p12", "java8.p12", ""},
	} {
		t.Run(tc.trust+" "+tc.keys, func(t *testing.T) {
			java := map[string]string{
				"bootstrap.servers": broker.ListenAddrs()[0], "security.protocol": "SSL",
				"ssl.truststore.location": stores + tc.trust, "ssl.truststore.password": password,
				"ssl.keystore.location": stores + tc.keys, "ssl.keystore.password": password,
			}
			if tc.keyPassword != "" {
				java["ssl.key.password"] = tc.keyPassword
			}
			props, err := Translate(java, quiet())
			if err != nil {
				t.Fatal(err)
			}
			settings := kafka.ConfigMap{}
			for k, v := range props {
				settings[k] = v
			}
			admin, err := kafka.NewAdminClient(&settings)
			if err != nil {
				t.Fatal(err)
			}
			defer admin.Close()
			if _, err := admin.GetMetadata(nil, true, 60_000); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTranslate(t *testing.T) {
	for _, tc := range []struct {
		name string
		java map[string]string
		want map[string]string
		err  string
	}{
		{
			name: "plain",
			java: map[string]string{"bootstrap.servers": "a:1,b:2", "security.protocol": "PLAINTEXT", "client.dns.lookup": "use_all_dns_ips"},
			want: map[string]string{"bootstrap.servers": "a:1,b:2", "security.protocol": "plaintext", "client.dns.lookup": "use_all_dns_ips"},
		},
		{
			name: "sasl plain",
			java: map[string]string{
				"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
				"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="ada" password="p\"w; x=1";`,
			},
			want: map[string]string{"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "ada", "sasl.password": `p"w; x=1`},
		},
		{
			name: "scram over several lines",
			java: map[string]string{
				"sasl.mechanism":   "SCRAM-SHA-512",
				"sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required\n  username=ada\n  password=secret;",
			},
			want: map[string]string{"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "ada", "sasl.password": "secret"},
		},
		{
			name: "kerberos module",
			java: map[string]string{"sasl.jaas.config": `com.sun.security.auth.module.Krb5LoginModule required keyTab="/x";`},
			err:  "PlainLoginModule and ScramLoginModule",
		},
		{
			name: "pem",
			java: map[string]string{"ssl.truststore.type": "PEM", "ssl.truststore.location": "/ca.pem", "ssl.keystore.type": "PEM", "ssl.keystore.location": "/me.pem", "ssl.endpoint.identification.algorithm": ""},
			want: map[string]string{"ssl.ca.location": "/ca.pem", "ssl.certificate.location": "/me.pem", "ssl.key.location": "/me.pem", "ssl.endpoint.identification.algorithm": "none"},
		},
		{
			name: "java trust store that is not there",
			java: map[string]string{"ssl.truststore.location": "/none/ca.jks"},
			err:  "ssl.truststore.location: open /none/ca.jks",
		},
		{
			name: "java key store with another password",
			java: map[string]string{"ssl.keystore.location": stores + "keys.jks", "ssl.keystore.password": "other"},
			err:  "set ssl.keystore.password",
		},
		{
			name: "a security setting that is not known is an error",
			java: map[string]string{"sasl.client.callback.handler.class": "x.Y"},
			err:  "sasl.client.callback.handler.class",
		},
		{
			name: "renamed, silent, own",
			java: map[string]string{"max.poll.records": "500", "fetch.max.wait.ms": "100", "receive.buffer.bytes": "-1", "queued.min.messages": "10", "unheard.of": "1"},
			want: map[string]string{"fetch.wait.max.ms": "100", "queued.min.messages": "10"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Translate(tc.java, quiet())
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// A connect-distributed.properties as Kafka ships it, with the usual values filled in.
const distributed = `bootstrap.servers=localhost:9092
group.id=connect-cluster
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
config.storage.topic=connect-configs
config.storage.replication.factor=1
status.storage.topic=connect-status
status.storage.replication.factor=1
offset.flush.interval.ms=10000
listeners=HTTP://:8083
rest.advertised.host.name=worker-1
rest.advertised.port=8083
plugin.path=/usr/local/share/java,/opt/plugins
consumer.fetch.min.bytes=100000
consumer.max.poll.records=5000
`

func TestParseWorker(t *testing.T) {
	props, err := ParseProperties(strings.NewReader(distributed))
	if err != nil {
		t.Fatal(err)
	}
	w, err := ParseWorker(props, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if w.GroupID != "connect-cluster" || w.Advertised(nil) != "http://worker-1:8083/" || w.AssignmentTopic != "connect-configs-assignment" ||
		w.FlushInterval.Seconds() != 10 || len(w.PluginPath) != 2 || !w.RestartCrash || !w.RestartRetriable {
		t.Fatalf("%+v", w)
	}
	if got := w.Prefixed("value.converter."); got["schemas.enable"] != "true" {
		t.Fatalf("converter settings %v", got)
	}
	consumer, err := w.ConsumerProps(map[string]string{"consumer.override.fetch.min.bytes": "7", "consumer.override.auto.offset.reset": "latest"}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"bootstrap.servers": "localhost:9092", "fetch.min.bytes": "7", "auto.offset.reset": "latest"}
	if diff := cmp.Diff(want, consumer); diff != "" {
		t.Fatal(diff)
	}
}

func TestParseWorkerRefusesOneTopicForTwo(t *testing.T) {
	props := map[string]string{
		"bootstrap.servers": "localhost:9092", "group.id": "g", "key.converter": "org.apache.kafka.connect.json.JsonConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "config.storage.topic": "one", "status.storage.topic": "one",
	}
	if _, err := ParseWorker(props, quiet()); err == nil || !strings.Contains(err.Error(), `invalid value "one" for configuration status.storage.topic: it is that of config.storage.topic too`) {
		t.Error(err)
	}
}

func TestParseWorkerNamesEveryWrongKey(t *testing.T) {
	_, err := ParseWorker(map[string]string{"group.id": "", "offset.flush.interval.ms": "soon"}, quiet())
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{"bootstrap.servers", "group.id", "key.converter", "config.storage.topic", "offset.flush.interval.ms"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in: %v", key, err)
		}
	}
}
