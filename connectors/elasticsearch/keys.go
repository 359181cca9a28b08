package elasticsearch

import (
	"errors"
	"net/url"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// Groups of keys, by Confluent's names.
const (
	groupConnector  = "Connector"
	groupConversion = "Data Conversion"
	groupProxy      = "Proxy"
	groupSecurity   = "Security"
	groupKerberos   = "Kerberos"
)

// sslPrefix stands before Kafka's names for client TLS keys.
const sslPrefix = "elastic.https."

const (
	hour = 60 * 60 * 1000
	day  = 24 * hour
)

var (
	high, low = connectors.WithImportance(connectors.High), connectors.WithImportance(connectors.Low)
	short     = connectors.WithWidth(connectors.WidthShort)
	long      = connectors.WithWidth(connectors.WidthLong)
	connector = connectors.Group(groupConnector)
	data      = connectors.Group(groupConversion)
	proxied   = connectors.Group(groupProxy)
	security  = connectors.Group(groupSecurity)
	kerberos  = connectors.Group(groupKerberos)
)

const (
	goTLS = "the TLS of the Go runtime chooses for itself"
)

// The keys, by the names and with the defaults of Confluent's sink; what begins with sluice. is our own.
var (
	connectionURL = connectors.List("connection.url",
		"Addresses of Elasticsearch, as http://host:port or https://host:port with commas between. Requests take turns.",
		connectors.Required(), high, long, connector, connectors.Display("Connection URLs"),
		connectors.Check("URLs that begin with http:// or https://", checkURLs))
	username = connectors.String("connection.username", "User for basic authentication; needs connection.password.",
		connector, short, connectors.Display("Connection Username"))
	password = connectors.Secret("connection.password", "Password for basic authentication; needs connection.username.",
		connector, short, connectors.Display("Connection Password"))
	apiKey = connectors.Secret("sluice.api.key", "API key in the encoded form (Base64 of id:key), in place of user and password.",
		connector, connectors.Display("API Key"))
	bearerToken = connectors.Secret("sluice.bearer.token", "Service or access token, sent as \"Authorization: Bearer\", in place of user and password.",
		connector, connectors.Display("Bearer Token"))
	productCheck = connectors.Bool("sluice.product.check",
		"Whether only a server that identifies itself as Elasticsearch is accepted. Set it to false for OpenSearch, and for Elasticsearch before 7.14.",
		connectors.Default("true"), low, connector, short, connectors.Display("Product Check"))
	pipeline = connectors.String("sluice.pipeline", "Ingest pipeline that documents go through; empty: the index's default.",
		connectors.Default(""), low, connector, connectors.Display("Ingest Pipeline"))

	resourceUsage = connectors.String("external.resource.usage",
		"Kind of the existing resources that topic.to.external.resource.mapping names. DISABLED: indices and data streams are named after topics.",
		connectors.Default(usageDisabled), connectors.OneOf(usageIndex, usageDataStream, usageAliasIndex, usageAliasDataStream, usageDisabled),
		high, connector, short, connectors.Display("External Resource Usage"))
	resourceMapping = connectors.List("topic.to.external.resource.mapping",
		"Which topic goes to which existing index, data stream or alias: topic:resource with commas between, one to one.",
		connectors.Default(""), high, connector, long, connectors.Display("Topic to External Resource Mapping"))
	maxMappings = connectors.Int("max.external.resource.mappings", "How many entries topic.to.external.resource.mapping may have.",
		connectors.Default("15"), connectors.AtLeast(1), connector, short, connectors.Display("Maximum External Resource Mappings"))
	streamType = connectors.String("data.stream.type", "Type of the data streams to write to; NONE writes to indices.",
		connectors.Default(streamNone), connectors.OneOf("LOGS", "METRICS", streamNone), low, connector, short, connectors.Display("Data Stream Type"))
	streamDataset = connectors.String("data.stream.dataset",
		"Middle part of the data stream's name, <type>-<dataset>-<namespace>. Needed with data.stream.type.",
		connectors.Default(""), low, connector, connectors.Display("Data Stream Dataset"), connectors.Check(streamPartRule, checkStreamPart("dataset", "")))
	streamNamespace = connectors.String("data.stream.namespace",
		"Last part of the data stream's name; ${topic} stands for the topic in lower case.",
		connectors.Default("${topic}"), low, connector, connectors.Display("Data Stream Namespace"),
		connectors.Check(streamPartRule, checkStreamPart("namespace", "${topic}")))
	streamTimestamp = connectors.List("data.stream.timestamp.field",
		"Fields of the document, the first that exists becomes @timestamp. Empty: the record's timestamp does.",
		connectors.Default(""), low, connector, long, connectors.Display("Data Stream Timestamp Field"))
	batchSize = connectors.Int("batch.size", "Most documents in one bulk request.",
		connectors.Default("2000"), connectors.Between(1, 1_000_000), connector, short, connectors.Display("Batch Size"))
	bulkSize = connectors.Long("bulk.size.bytes",
		"Most bytes in one bulk request, unless one document alone is larger; -1: bounded by sluice.buffer.bytes only. "+
			"Where the server accepts less (413) the task finds its limit by halving.",
		connectors.Default("5242880"), connectors.Between(-1, 1<<31-1), low, connector, short, connectors.Display("Bulk Size (bytes)"))
	maxInFlight = connectors.Int("max.in.flight.requests", "Most bulk requests of a task that are under way at once. While the service is overloaded (429, answers out of time) there are fewer.",
		connectors.Default("5"), connectors.Between(1, 1000), connector, short, connectors.Display("Max In-flight Requests"))
	maxBuffered = connectors.Int("max.buffered.records",
		"Most records of a task in requests that are under way or waiting to be repeated. Then the consumer waits; nothing fails.",
		connectors.Default("20000"), connectors.Between(1, 1<<31-1), low, connector, short, connectors.Display("Max Buffered Records"))
	bufferBytes = connectors.Long("sluice.buffer.bytes",
		"Most bytes of a task in requests that are under way or waiting to be repeated. To that comes one unsent request of "+
			"up to bulk.size.bytes for each partition.",
		connectors.Default("67108864"), connectors.AtLeast(1<<20), low, connector, short, connectors.Display("Buffer (bytes)"))
	linger = connectors.Millis("linger.ms", "How long a request that is not full waits for more records. It goes on filling while another one of its partition is under way.",
		connectors.Default("1"), connectors.Between(0, 7*day), low, connector, short, connectors.Display("Linger (ms)"))
	flushTimeout = connectors.Millis("flush.timeout.ms", "Time for a flush.",
		connectors.Default("180000"), connectors.Between(1000, 7*day), low, connector, short, connectors.Display("Flush Timeout (ms)"),
		connectors.Ignored("a full buffer slows the consumer down and fails nothing; the worker bounds flushes"))
	flushSynchronously = connectors.Bool("flush.synchronously", "Whether flushes wait.",
		connectors.Default("false"), low, connector, short, connectors.Display("Flush synchronously"),
		connectors.Ignored("only what Elasticsearch has confirmed is ever committed, whatever transformations do to topics"))
	maxRetries = connectors.Int("max.retries",
		"How often a request is repeated without any success before the task reports failure and is restarted by the worker; -1: no limit. "+
			"An index that is read-only, red or closed is waited for without limit in any case.",
		connectors.Default("5"), connectors.Between(-1, 1<<31-1), low, connector, short, connectors.Display("Max Retries"))
	retryBackoff = connectors.Millis("retry.backoff.ms", "Wait before the first repetition; it doubles, with jitter, up to 30 seconds.",
		connectors.Default("100"), connectors.Between(0, day), low, connector, short, connectors.Display("Retry Backoff (ms)"))
	compression = connectors.Bool("connection.compression", "Whether requests and answers are compressed with gzip.",
		connectors.Default("false"), low, connector, short, connectors.Display("Compression"))
	maxIdle = connectors.Millis("max.connection.idle.time.ms", "After how long an idle connection is closed; -1: never.",
		connectors.Default("60000"), connectors.Between(-1, day), low, connector, short, connectors.Display("Max Connection Idle Time"))
	connectionTimeout = connectors.Millis("connection.timeout.ms", "Time for establishing a connection; 0: no limit.",
		connectors.Default("1000"), connectors.Between(0, 12*hour), low, connector, short, connectors.Display("Connection Timeout"))
	readTimeout = connectors.Millis("read.timeout.ms",
		"Time for an answer, beside a second for each MiB of the request; 0: no limit. A request out of time is repeated, with twice the time "+
			"as before, up to 30 seconds, and then in smaller parts.",
		connectors.Default("3000"), connectors.Between(0, 7*day), low, connector, short, connectors.Display("Read Timeout"))

	ignoreKey = connectors.Bool("key.ignore",
		"true: a document's id is <topic>+<partition>+<offset>. false: it is the record's key, and the record's offset is its external version.",
		connectors.Default("false"), high, data, short, connectors.Display("Ignore Key mode"))
	ignoreSchema = connectors.Bool("schema.ignore",
		"false: an index without a mapping gets one from the schema of the first record, decimals become numbers, and null becomes the default of its field. "+
			"true: documents are as the converter gives them. Records without a schema are never changed; their mapping comes from the index, its template or "+
			"dynamic mapping.",
		connectors.Default("false"), low, data, short, connectors.Display("Ignore Schema mode"))
	compactMaps = connectors.Bool("compact.map.entries",
		"How maps with text as keys are written where the schema is not ignored. true: {\"a\":1}. false: [{\"key\":\"a\",\"value\":1}], as maps with other keys always are.",
		connectors.Default("true"), low, data, short, connectors.Display("Compact Map Entries"))
	ignoreKeyTopics = connectors.List("topic.key.ignore", "Topics for which key.ignore is true.",
		connectors.Default(""), low, data, long, connectors.Display("Topics for 'Ignore Key' mode"))
	ignoreSchemaTopics = connectors.List("topic.schema.ignore", "Topics for which schema.ignore is true.",
		connectors.Default(""), low, data, long, connectors.Display("Topics for 'Ignore Schema' mode"))
	dropInvalid = connectors.Bool("drop.invalid.message",
		"What happens to a record that makes no document (no usable key, no JSON object). false: dead letter queue, or the task stops. "+
			"true: it is counted, logged and skipped, and goes to the dead letter queue where errors.tolerance is all.",
		connectors.Default("false"), low, data, long, connectors.Display("Drop invalid messages"))
	onNull = connectors.String("behavior.on.null.values",
		"What happens to a record without a value. FAIL: as with any record that makes no document. DELETE: the document with the record's key is deleted.",
		connectors.Default(behaviorFail), connectors.OneOf(behaviorIgnore, behaviorDelete, behaviorFail), low, data, short,
		connectors.Display("Behavior for null-valued records"))
	onMalformed = connectors.String("behavior.on.malformed.documents",
		"What happens to a document that Elasticsearch refuses for good, such as one that conflicts with the mapping. FAIL: dead letter queue, or "+
			"the task stops. WARN and IGNORE: it is counted and skipped, with or without a line in the log, and goes to the dead letter "+
			"queue where errors.tolerance is all. REPORT: dead letter queue; needs errors.tolerance=all.",
		connectors.Default(behaviorFail), connectors.OneOf(behaviorIgnore, behaviorWarn, behaviorFail, behaviorReport), low, data, short,
		connectors.Display("Behavior on malformed documents"))
	versionHeader = connectors.String("external.version.header", "Header with the external version, a number; empty: the record's offset.",
		connectors.Default(""), low, data, short, connectors.Display("External Version Header Name"))
	writeMethod = connectors.String("write.method",
		"INSERT replaces the document. UPSERT adds and replaces the fields that the record has; it carries no version.",
		connectors.Default(methodInsert), connectors.OneOf(methodInsert, methodUpsert), low, data, short, connectors.Display("Write Method"))
	autogeneratedIDs = connectors.Bool("use.autogenerated.ids",
		"Whether Elasticsearch chooses the ids (INSERT only). Faster, but what is sent again after a failure is stored twice.",
		connectors.Default("false"), connector, short, connectors.Display("Elasticsearch Generated IDs"))

	proxyHost = connectors.String("proxy.host", "Host of an HTTP proxy; empty: none.",
		connectors.Default(""), low, proxied, long, connectors.Display("Proxy Host"))
	proxyPort = connectors.Int("proxy.port", "Port of the proxy.",
		connectors.Default("8080"), connectors.Between(1, 65535), low, proxied, long, connectors.Display("Proxy Port"))
	proxyUser = connectors.String("proxy.username", "User at the proxy; needs proxy.password.",
		connectors.Default(""), low, proxied, long, connectors.Display("Proxy Username"))
	proxyPassword = connectors.Secret("proxy.password", "Password at the proxy; needs proxy.username.",
		low, proxied, long, connectors.Display("Proxy Password"))

	securityProtocol = connectors.String("elastic.security.protocol", "SSL says that every address must begin with https://.",
		connectors.Default(protocolPlain), connectors.OneOf(protocolPlain, protocolSSL), security, short, connectors.Display("Security protocol"))
	trustType = connectors.String(sslPrefix+"ssl.truststore.type", "Format of the trusted certificates: JKS, PKCS12 or PEM. Which of them a file is, it tells itself.",
		connectors.Default("JKS"), security)
	trustLocation = connectors.String(sslPrefix+"ssl.truststore.location",
		"File with the certificates of trusted authorities, JKS, PKCS12 or PEM; without it those of the system.", high, security)
	trustPassword     = connectors.Secret(sslPrefix+"ssl.truststore.password", "Password of the trust store. Without it a JKS is read unchecked; PEM has none.", high, security)
	trustCertificates = connectors.Secret(sslPrefix+"ssl.truststore.certificates", "Certificates of trusted authorities themselves, as PEM.", high, security)
	keyType           = connectors.String(sslPrefix+"ssl.keystore.type", "Format of the client's key and certificate: JKS, PKCS12 or PEM. Which of them a file is, it tells itself.",
		connectors.Default("JKS"), security)
	keyLocation      = connectors.String(sslPrefix+"ssl.keystore.location", "File with the client's private key and certificate chain, JKS, PKCS12 or PEM.", high, security)
	keyStorePassword = connectors.Secret(sslPrefix+"ssl.keystore.password", "Password of the key store; PEM has none.", high, security)
	keyChain         = connectors.Secret(sslPrefix+"ssl.keystore.certificate.chain", "The client's certificate chain itself, as PEM.", high, security)
	keyPEM           = connectors.Secret(sslPrefix+"ssl.keystore.key", "The client's private key itself, as PEM (PKCS#8 or PKCS#1, not encrypted).", high, security)
	keyPassword      = connectors.Secret(sslPrefix+"ssl.key.password", "Password of the private key in a JKS; empty: that of the key store. Encrypted keys in PEM are not supported.", high, security)
	sslEnabled       = connectors.List(sslPrefix+"ssl.enabled.protocols", "Versions of TLS that are allowed: TLSv1.2, TLSv1.3.", connectors.Default("TLSv1.2,TLSv1.3"), security)
	sslIdentity      = connectors.String(sslPrefix+"ssl.endpoint.identification.algorithm", "https compares the server's name with its certificate; empty does not.", connectors.Default("https"), low, security)
	sslProtocol      = connectors.String(sslPrefix+"ssl.protocol", "Version of TLS.", connectors.Default("TLSv1.3"), security, connectors.Ignored("ssl.enabled.protocols decides"))
	sslProvider      = connectors.String(sslPrefix+"ssl.provider", "Security provider of the JVM.", security, connectors.Ignored(goTLS))
	sslCiphers       = connectors.List(sslPrefix+"ssl.cipher.suites", "Cipher suites.", low, security, connectors.Ignored(goTLS))
	sslKeyManager    = connectors.String(sslPrefix+"ssl.keymanager.algorithm", "Key manager of the JVM.", connectors.Default("SunX509"), low, security, connectors.Ignored(goTLS))
	sslTrustManager  = connectors.String(sslPrefix+"ssl.trustmanager.algorithm", "Trust manager of the JVM.", connectors.Default("PKIX"), low, security, connectors.Ignored(goTLS))
	sslRandom        = connectors.String(sslPrefix+"ssl.secure.random.implementation", "Random numbers of the JVM.", low, security, connectors.Ignored(goTLS))
	sslEngine        = connectors.ClassName(sslPrefix+"ssl.engine.factory.class", "Java class that makes TLS engines.", low, security, connectors.Ignored(goTLS))

	kerberosPrincipal = connectors.String("kerberos.user.principal", "Not supported: must not be set.", low, kerberos, long, connectors.Display("Kerberos User Principal"))
	kerberosKeytab    = connectors.String("kerberos.keytab.path", "Not supported: must not be set.", low, kerberos, long, connectors.Display("Kerberos Keytab Path"))
)

// Values of keys with a fixed choice.
const (
	usageDisabled        = "DISABLED"
	usageIndex           = "INDEX"
	usageDataStream      = "DATASTREAM"
	usageAliasIndex      = "ALIAS_INDEX"
	usageAliasDataStream = "ALIAS_DATASTREAM"
	streamNone           = "NONE"
	behaviorIgnore       = "IGNORE"
	behaviorDelete       = "DELETE"
	behaviorWarn         = "WARN"
	behaviorFail         = "FAIL"
	behaviorReport       = "REPORT"
	methodInsert         = "INSERT"
	methodUpsert         = "UPSERT"
	protocolPlain        = "PLAINTEXT"
	protocolSSL          = "SSL"
)

func definition() connectors.ConfigDef {
	return connectors.Define(
		connectionURL, username, password, apiKey, bearerToken, productCheck, pipeline,
		resourceUsage, resourceMapping, maxMappings, streamType, streamDataset, streamNamespace, streamTimestamp,
		batchSize, bulkSize, maxInFlight, maxBuffered, bufferBytes, linger, flushTimeout, flushSynchronously, maxRetries, retryBackoff,
		compression, maxIdle, connectionTimeout, readTimeout, sniffing, autogeneratedIDs,
		ignoreKey, ignoreSchema, compactMaps, ignoreKeyTopics, ignoreSchemaTopics, dropInvalid, onNull, onMalformed, versionHeader, writeMethod,
		opType, routingField, indexTemplate, indexTimeField, indexSettings, indexMappings,
		proxyHost, proxyPort, proxyUser, proxyPassword,
		securityProtocol, caFingerprint, trustType, trustLocation, trustPassword, trustCertificates, keyType, keyLocation, keyStorePassword, keyChain, keyPEM,
		keyPassword, sslEnabled, sslIdentity, sslProtocol, sslProvider, sslCiphers, sslKeyManager, sslTrustManager, sslRandom, sslEngine,
		kerberosPrincipal, kerberosKeytab,
	)
}

func checkURLs(list string) error {
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return errors.New("not a URL") // the parser's own words may hold a password
		case u.Scheme != "http" && u.Scheme != "https":
			return errors.New("every URL must begin with http:// or https://")
		case u.Host == "" || u.Hostname() == "":
			return errors.New("every URL must name a host")
		case u.User != nil:
			return errors.New("put user and password into connection.username and connection.password, not into the URL")
		case u.RawQuery != "" || u.Fragment != "":
			return errors.New("a URL must end with its path")
		}
	}
	return nil
}

const streamPartRule = `lower case, at most 100 characters, without blanks and \/*?"<>|,#-:`

func checkStreamPart(what, variable string) func(string) error {
	return func(s string) error {
		if variable != "" {
			s = strings.ReplaceAll(s, variable, "")
		}
		switch {
		case len([]rune(s)) > 100:
			return errors.New("The specified " + what + " must be no longer than 100 characters.")
		case s != strings.ToLower(s):
			return errors.New("The specified " + what + " must be in all lowercase.")
		case strings.ContainsAny(s, `\/*?"<>| ,#-:`):
			return errors.New("The specified " + what + ` must not contain any spaces or invalid characters \/*?"<>|,#-:`)
		}
		return nil
	}
}
