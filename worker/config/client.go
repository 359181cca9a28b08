package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors/keystore"
)

// passed are the settings that mean the same to the Java client and to librdkafka under the same name.
var passed = map[string]bool{
	"bootstrap.servers": true, "client.id": true, "security.protocol": true, "sasl.kerberos.service.name": true,
	"request.timeout.ms": true, "reconnect.backoff.ms": true, "reconnect.backoff.max.ms": true, "retry.backoff.ms": true,
	"connections.max.idle.ms": true, "metadata.max.age.ms": true, "client.dns.lookup": true, "client.rack": true,
	"ssl.endpoint.identification.algorithm": true, "ssl.keystore.password": true, "ssl.key.password": true,
	"auto.offset.reset": true, "fetch.min.bytes": true, "fetch.max.bytes": true, "max.partition.fetch.bytes": true,
	"fetch.max.wait.ms": true, "isolation.level": true, "check.crcs": true, "max.poll.interval.ms": true,
	"session.timeout.ms": true, "heartbeat.interval.ms": true, "group.instance.id": true, "group.id": true,
	"allow.auto.create.topics": true, "receive.buffer.bytes": true, "send.buffer.bytes": true,
	"acks": true, "linger.ms": true, "batch.size": true, "compression.type": true, "enable.idempotence": true,
	"delivery.timeout.ms": true, "max.in.flight.requests.per.connection": true, "retries": true,
}

// renamed are settings that librdkafka knows under another name.
var renamed = map[string]string{
	"receive.buffer.bytes": "socket.receive.buffer.bytes",
	"send.buffer.bytes":    "socket.send.buffer.bytes",
	"request.timeout.ms":   "socket.timeout.ms",
	"fetch.max.wait.ms":    "fetch.wait.max.ms",
}

// silent are settings of the Java client that change nothing here: pools and buffers of that client.
var silent = map[string]bool{
	"max.poll.records": true, "metric.reporters": true, "metrics.num.samples": true, "metrics.recording.level": true,
	"metrics.sample.window.ms": true, "key.deserializer": true, "value.deserializer": true, "key.serializer": true,
	"value.serializer": true, "enable.auto.commit": true, "buffer.memory": true, "max.block.ms": true,
	"ssl.protocol": true, "ssl.provider": true, "ssl.enabled.protocols": true, "ssl.keymanager.algorithm": true,
	"ssl.trustmanager.algorithm": true, "ssl.secure.random.implementation": true, "default.api.timeout.ms": true,
	"partition.assignment.strategy": true, "interceptor.classes": true, "ssl.client.auth": true, "sasl.login.class": true,
	"metadata.recovery.strategy": true, "metadata.recovery.rebootstrap.trigger.ms": true, "enable.metrics.push": true,
}

// clientWide are the top-level worker properties that belong to its Kafka clients.
func clientWide(name string) bool {
	return name == "bootstrap.servers" || name == "client.dns.lookup" || name == "security.protocol" ||
		strings.HasPrefix(name, "sasl.") || strings.HasPrefix(name, "ssl.") ||
		slices.Contains([]string{
			"request.timeout.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms", "connections.max.idle.ms",
			"metadata.max.age.ms", "receive.buffer.bytes", "send.buffer.bytes", "retry.backoff.ms",
		}, name)
}

// ClientProps are the librdkafka properties of the worker's own clients.
func (w Worker) ClientProps(log *slog.Logger) (map[string]string, error) {
	java := map[string]string{}
	for name, value := range w.props {
		if clientWide(name) {
			java[name] = value
		}
	}
	return Translate(withoutListenerTLS(java), log)
}

// ConsumerProps are the librdkafka properties of a connector's consumers: those of the worker, then its consumer.* ones,
// then the connector's consumer.override.* ones.
func (w Worker) ConsumerProps(connector map[string]string, log *slog.Logger) (map[string]string, error) {
	return w.connectorProps("consumer", connector, log)
}

// ProducerProps are those of the producer of a connector's dead letter queue, with producer.* and producer.override.*.
func (w Worker) ProducerProps(connector map[string]string, log *slog.Logger) (map[string]string, error) {
	return w.connectorProps("producer", connector, log)
}

// AdminProps are those of the client that creates that queue, with admin.* and admin.override.*.
func (w Worker) AdminProps(connector map[string]string, log *slog.Logger) (map[string]string, error) {
	return w.connectorProps("admin", connector, log)
}

func (w Worker) connectorProps(client string, connector map[string]string, log *slog.Logger) (map[string]string, error) {
	java := map[string]string{}
	for name, value := range w.props {
		if clientWide(name) {
			java[name] = value
		}
	}
	for name, value := range w.props {
		if after, ok := strings.CutPrefix(name, client+"."); ok {
			java[after] = value
		}
	}
	for name, value := range connector {
		if after, ok := strings.CutPrefix(name, client+".override."); ok {
			java[after] = value
		}
	}
	return Translate(withoutListenerTLS(java), log)
}

// withoutListenerTLS drops the ssl.* settings of a client that speaks no TLS: they are those of listeners of https then,
// which may have stores that only they can read.
func withoutListenerTLS(java map[string]string) map[string]string {
	if !strings.HasSuffix(strings.ToUpper(strings.TrimSpace(java["security.protocol"])), "SSL") {
		maps.DeleteFunc(java, func(name, _ string) bool { return strings.HasPrefix(name, "ssl.") })
	}
	return java
}

// librdkafkaOnly are settings of librdkafka without a Java name that users may give as they are.
var librdkafkaOnly = regexp.MustCompile(`^(fetch\.|queued\.|socket\.|topic\.metadata\.|log\.|debug$|broker\.|ssl\.ca\.|ssl\.certificate\.|ssl\.key\.|sasl\.username$|sasl\.password$|sasl\.oauthbearer\.)`)

// Translate turns settings of the Java client into those of librdkafka.
func Translate(java map[string]string, log *slog.Logger) (map[string]string, error) {
	out := map[string]string{}
	rest := maps.Clone(java)
	if err := translateSASL(rest, out); err != nil {
		return nil, err
	}
	if err := translateSSL(rest, out); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		value := strings.TrimSpace(rest[name])
		switch {
		case silent[name]:
		case name == "security.protocol":
			out[name] = strings.ToLower(value)
		case name == "client.dns.lookup" && value == "default":
		case name == "ssl.endpoint.identification.algorithm" && value == "":
			out[name] = "none"
		case renamed[name] != "":
			if value != "-1" { // the operating system's choice, which librdkafka spells 0 and has by default
				out[renamed[name]] = value
			}
		case passed[name], librdkafkaOnly.MatchString(name):
			out[name] = value
		case strings.HasPrefix(name, "ssl.") || strings.HasPrefix(name, "sasl."):
			return nil, fmt.Errorf("configuration %s cannot be carried over to this Kafka client; remove it, or give the settings of librdkafka (ssl.ca.location, ssl.certificate.location, ssl.key.location, sasl.username, sasl.password)", name)
		default:
			log.Warn("client setting has no counterpart and is not used", "setting", name)
		}
	}
	return out, nil
}

var (
	jaasLogin  = regexp.MustCompile(`(?s)^\s*(\S+)\s+(?:required|requisite|sufficient|optional)\s*(.*?);?\s*$`)
	jaasOption = regexp.MustCompile(`([A-Za-z.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))`)
)

func translateSASL(java, out map[string]string) error {
	mechanism := strings.TrimSpace(java["sasl.mechanism"])
	delete(java, "sasl.mechanism")
	if mechanism != "" {
		out["sasl.mechanism"] = mechanism
	}
	jaas, ok := java["sasl.jaas.config"]
	delete(java, "sasl.jaas.config")
	if !ok || strings.TrimSpace(jaas) == "" {
		return nil
	}
	m := jaasLogin.FindStringSubmatch(jaas)
	if m == nil {
		return errors.New("configuration sasl.jaas.config is not of the form: LoginModule required username=\"…\" password=\"…\";")
	}
	class := m[1][strings.LastIndex(m[1], ".")+1:]
	if class != "PlainLoginModule" && class != "ScramLoginModule" {
		return fmt.Errorf("configuration sasl.jaas.config names %s; this client knows PlainLoginModule and ScramLoginModule", class)
	}
	for _, o := range jaasOption.FindAllStringSubmatch(m[2], -1) {
		value := o[3]
		if o[3] == "" {
			value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(o[2])
		}
		switch o[1] {
		case "username":
			out["sasl.username"] = value
		case "password":
			out["sasl.password"] = value
		}
	}
	if out["sasl.username"] == "" {
		return errors.New("configuration sasl.jaas.config has no username")
	}
	return nil
}

func translateSSL(java, out map[string]string) error {
	for _, store := range []string{"ssl.truststore", "ssl.keystore"} {
		kind := strings.ToUpper(strings.TrimSpace(java[store+".type"]))
		location, located := java[store+".location"]
		delete(java, store+".type")
		delete(java, store+".location")
		if !located || location == "" {
			continue
		}
		switch {
		case kind == "PEM" && store == "ssl.truststore":
			out["ssl.ca.location"] = location
		case kind == "PEM":
			out["ssl.certificate.location"], out["ssl.key.location"] = location, location
		case kind == "PKCS12" && store == "ssl.keystore":
			out["ssl.keystore.location"] = location
		case store == "ssl.truststore":
			if err := unpackTrust(keystore.File{Path: location, Password: java["ssl.truststore.password"]}, out); err != nil {
				return err
			}
		default:
			if err := unpackKey(keystore.File{Path: location, Password: java["ssl.keystore.password"], KeyPassword: java["ssl.key.password"]}, out); err != nil {
				return err
			}
			delete(java, "ssl.keystore.password") // what is passed on is open
			delete(java, "ssl.key.password")
		}
	}
	delete(java, "ssl.truststore.password")
	for from, to := range map[string]string{
		"ssl.truststore.certificates":    "ssl.ca.pem",
		"ssl.keystore.certificate.chain": "ssl.certificate.pem",
		"ssl.keystore.key":               "ssl.key.pem",
		"ssl.cipher.suites":              "ssl.cipher.suites",
	} {
		if v, ok := java[from]; ok && v != "" {
			out[to] = v
		}
		delete(java, from)
	}
	return nil
}

// unpackTrust gives librdkafka, which cannot read Java's stores, what is in one as text.
func unpackTrust(file keystore.File, out map[string]string) error {
	certs, err := file.Certificates()
	if err != nil {
		return fmt.Errorf("reading configuration ssl.truststore.location: %w", err)
	}
	raw := make([][]byte, len(certs))
	for i, c := range certs {
		raw[i] = c.Raw
	}
	out["ssl.ca.pem"] = asPEM("CERTIFICATE", raw...)
	return nil
}

// unpackKey does the same with the client's own key and certificates.
func unpackKey(file keystore.File, out map[string]string) error {
	pair, err := file.KeyPair()
	if err != nil {
		return fmt.Errorf("reading configuration ssl.keystore.location: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return fmt.Errorf("reading configuration ssl.keystore.location: %s: %w", file.Path, err)
	}
	out["ssl.certificate.pem"], out["ssl.key.pem"] = asPEM("CERTIFICATE", pair.Certificate...), asPEM("PRIVATE KEY", key)
	return nil
}

func asPEM(kind string, blocks ...[]byte) string {
	var text strings.Builder
	for _, b := range blocks {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return text.String()
}
