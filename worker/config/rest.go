package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// The worker properties of the REST API.
var (
	listeners          = connectors.List("listeners", "Addresses of the REST API. Kafka Connect's default is every interface (http://:8083); here it is the loopback interface.", connectors.Default("http://127.0.0.1:8083"))
	adminListeners     = connectors.List("admin.listeners", "Addresses of /admin; by default those of listeners, and none where it is empty.")
	advertisedHost     = connectors.String("rest.advertised.host.name", "Host under which other workers reach this one; by default that of the listener.")
	advertisedPort     = connectors.Int("rest.advertised.port", "Port under which other workers reach this one; by default that of the listener.", connectors.Between(0, 65535), connectors.Default("0"))
	advertisedListener = connectors.String("rest.advertised.listener", "Listener under which other workers reach this one, http or https; by default http where there is one.", connectors.OneOf("http", "https"))
	allowOrigin        = connectors.String("access.control.allow.origin", "Origin that browsers may call from; * for all.", connectors.Default(""))
	allowMethods       = connectors.String("access.control.allow.methods", "Methods that such origins may use.", connectors.Default(""))
	headersConfig      = connectors.String("response.http.headers.config", "Rules for further response headers, as in Kafka Connect.", connectors.Default(""))

	restExtensions = connectors.List("rest.extension.classes", "Extensions of the REST API. The one that is known is Kafka Connect's "+BasicAuthExtension+", which asks every request for a name and a password.", connectors.Default(""))
	basicAuthFile  = connectors.String("sluice.rest.basic.auth.file", "Who may use the REST API: a file of user=password lines, or Kafka Connect's JAAS file whose section KafkaConnect names such a file. By default the JAAS file that -Djava.security.auth.login.config names in the environment variable KAFKA_OPTS. Where it is set, rest.extension.classes need not be.", connectors.Default(""))

	keystoreLocation   = connectors.String("ssl.keystore.location", "File with the certificate and private key of listeners of https, in PEM, PKCS12 or JKS; what it is, it tells itself. It is read again when it changes.", connectors.Default(""))
	keystorePassword   = connectors.Secret("ssl.keystore.password", "Password of that file, unless it is PEM.", connectors.Default(""))
	keyPassword        = connectors.Secret("ssl.key.password", "Password of the key in a JKS, where it has one of its own.", connectors.Default(""))
	truststoreLocation = connectors.String("ssl.truststore.location", "File with the certificates of those who issue clients' certificates, in PEM, PKCS12 or JKS.", connectors.Default(""))
	truststorePassword = connectors.Secret("ssl.truststore.password", "Password of that file, unless it is PEM.", connectors.Default(""))
	clientAuth         = connectors.String("ssl.client.auth", "Whether clients of listeners of https show a certificate.", connectors.Default("none"), connectors.OneOf("required", "requested", "none"))
	enabledProtocols   = connectors.List("ssl.enabled.protocols", "Versions of TLS that listeners of https speak; older ones than TLSv1.2 are passed over.", connectors.Default("TLSv1.2,TLSv1.3"))
)

// BasicAuthExtension is Kafka Connect's extension for basic authentication.
const BasicAuthExtension = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"

var listenerTLSKeys = []connectors.AnyKey{
	keystoreLocation, keystorePassword, keyPassword, truststoreLocation, truststorePassword, clientAuth, enabledProtocols,
}

// Advertised is the address that other workers reach this one at, http://host:port/, of a worker that listens at some: of
// the listener that rest.advertised.listener names or, without it, of one of http where there is one. A wildcard becomes
// this host's name.
func (w Worker) Advertised(listening []*url.URL) string {
	scheme := strings.ToLower(cmp.Or(w.advertised.scheme, "http"))
	of := func(u *url.URL) bool { return u.Scheme == scheme }
	if w.advertised.scheme == "" && len(listening) > 0 && !slices.ContainsFunc(listening, of) {
		scheme = "https"
	}
	host, port := w.advertised.host, ""
	if w.advertised.port != 0 {
		port = strconv.Itoa(w.advertised.port)
	}
	if i := slices.IndexFunc(listening, of); i >= 0 {
		host, port = cmp.Or(host, reachable(listening[i].Hostname())), cmp.Or(port, listening[i].Port())
	}
	return (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: "/"}).String()
}

// reachable makes of a host to listen on one that can be asked for.
func reachable(host string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			return name
		}
	}
	return host
}

// ListenerTLS are the ssl.* properties of listeners of https.
type ListenerTLS struct {
	KeyStore, KeyStorePassword, KeyPassword string
	TrustStore, TrustStorePassword          string
	ClientAuth                              string
	Protocols                               []string
}

// The prefixes of ssl.* properties that are for listeners only.
const (
	listenersTLS      = "listeners.https."
	adminListenersTLS = "admin.listeners.https."
)

// parseListenerTLS reads the properties with a prefix; where there is none of them, those without it, as Kafka Connect does.
func parseListenerTLS(w Worker, prefix string) (ListenerTLS, error) {
	props := w.Prefixed(prefix)
	if len(props) == 0 {
		props, prefix = w.props, ""
	}
	c, err := connectors.Define(listenerTLSKeys...).Parse(props)
	if err != nil {
		if e, ok := errors.AsType[*connectors.Error](err); ok {
			err = e.Err
		}
		if prefix != "" {
			err = fmt.Errorf("worker properties that begin with %s: %w", prefix, err)
		}
		return ListenerTLS{}, err
	}
	return ListenerTLS{
		KeyStore: keystoreLocation.Get(c), KeyStorePassword: string(keystorePassword.Get(c)), KeyPassword: string(keyPassword.Get(c)),
		TrustStore: truststoreLocation.Get(c), TrustStorePassword: string(truststorePassword.Get(c)),
		ClientAuth: clientAuth.Get(c), Protocols: enabledProtocols.Get(c),
	}, nil
}

// parseREST reads what of the REST API is more than a value to be copied.
func (w *Worker) parseREST(c connectors.Config) (err error) {
	if w.TLS, err = parseListenerTLS(*w, listenersTLS); err != nil {
		return err
	}
	if w.AdminTLS, err = parseListenerTLS(*w, adminListenersTLS); err != nil {
		return err
	}
	w.BasicAuthFile, err = parseBasicAuth(restExtensions.Get(c), basicAuthFile.Get(c), os.Getenv("KAFKA_OPTS"))
	return err
}

var (
	jaasProperty = regexp.MustCompile(`-Djava\.security\.auth\.login\.config=("[^"]*"|\S+)`)
	jaasSection  = regexp.MustCompile(`(?s)\bKafkaConnect\s*\{(.*?)\}\s*;`)
	jaasFile     = regexp.MustCompile(`\bfile\s*=\s*"([^"]+)"`)
)

// parseBasicAuth finds the file of users; empty: nobody is asked. What was asked for and cannot be given is an error, for
// the API would be open otherwise.
func parseBasicAuth(extensions []string, file, javaOptions string) (string, error) {
	for _, e := range extensions {
		if e != BasicAuthExtension && e != "BasicAuthSecurityRestExtension" {
			return "", fmt.Errorf("invalid value %q for configuration %s: sluice knows %s only; remove the others", e, restExtensions.Name(), BasicAuthExtension)
		}
	}
	if file == "" && len(extensions) == 0 {
		return "", nil
	}
	if m := jaasProperty.FindStringSubmatch(javaOptions); file == "" && m != nil {
		file = strings.Trim(m[1], `"`)
	}
	if file == "" {
		return "", fmt.Errorf("configuration %s asks for names and passwords, and nothing says whose: set %s to a file of user=password lines", restExtensions.Name(), basicAuthFile.Name())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading configuration %s: %w", basicAuthFile.Name(), err)
	}
	section := jaasSection.FindSubmatch(text)
	if section == nil {
		return file, nil
	}
	named := jaasFile.FindSubmatch(section[1])
	if named == nil || !strings.Contains(string(section[1]), "PropertyFileLoginModule") {
		return "", fmt.Errorf("configuration %s: section KafkaConnect of %s has no PropertyFileLoginModule with a file=\"…\"", basicAuthFile.Name(), file)
	}
	return string(named[1]), nil
}
