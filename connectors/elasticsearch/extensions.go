package elasticsearch

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// Keys that Confluent's sink has no counterpart for and that say how documents are addressed.
var (
	indexTemplate = connectors.String("sluice.index.name",
		"Name of the index: text with ${topic}, and with times (UTC) such as ${yyyy.MM.dd}, for example logs-${topic}-${yyyy.MM.dd}. Empty: ${topic}.",
		connectors.Default(""), low, data, long, connectors.Display("Index Name"),
		connectors.Check("lower case, ${topic}, times of yyyy MM dd HH", func(s string) error { _, err := parseNaming(s); return err }))
	indexTimeField = connectors.String("sluice.index.time.field",
		"Field of the document with the time for sluice.index.name, a.b for one inside another: milliseconds since 1970, or text in the form "+
			"of ISO 8601. Empty: the record's timestamp.",
		connectors.Default(""), low, data, connectors.Display("Index Time Field"))
	indexSettings = connectors.String("sluice.index.settings",
		`Settings of indices that the task makes, as JSON, for example {"number_of_shards":1,"number_of_replicas":0}. Empty: those of templates.`,
		connectors.Default(""), low, data, long, connectors.Display("Index Settings"), connectors.Check("a JSON object", checkObject))
	indexMappings = connectors.String("sluice.index.mappings",
		`Mappings of indices that the task makes, as JSON, for example {"dynamic":false}. Empty: those of templates, and dynamic mapping.`,
		connectors.Default(""), low, data, long, connectors.Display("Index Mappings"), connectors.Check("a JSON object", checkObject))
	routingField = connectors.String("sluice.routing.field",
		"Field of the document, text or a whole number, by which documents are routed to shards, a.b for one inside another. "+
			"A document without it makes no document.",
		connectors.Default(""), low, data, connectors.Display("Routing Field"))
	opType = connectors.String("sluice.op.type",
		"INDEX replaces a document that has the same id. CREATE leaves it as it is and counts the record as stored before; it carries no version.",
		connectors.Default(opTypeIndex), connectors.OneOf(opTypeIndex, opTypeCreate), low, data, short, connectors.Display("Operation Type"))
	sniffing = connectors.Millis("sluice.sniffing.interval.ms",
		"How often the cluster is asked for its nodes; requests then go to the addresses that those publish, by turns, instead of to connection.url. "+
			"0: never, which suits clusters behind a proxy, in containers or in a cloud, whose nodes publish addresses that cannot be reached.",
		connectors.Default("0"), connectors.Between(0, day), low, connector, short, connectors.Display("Sniffing Interval"))
	caFingerprint = connectors.String("sluice.ca.fingerprint",
		"SHA-256 of the authority's certificate in hexadecimal digits, as Elasticsearch prints it when it starts for the first time. The server's "+
			"certificate must come from that authority; no trust store is needed.",
		connectors.Default(""), security, long, connectors.Display("CA Fingerprint"), connectors.Check("64 hexadecimal digits", checkFingerprint))
)

const (
	opTypeIndex  = "INDEX"
	opTypeCreate = "CREATE"
)

func checkObject(s string) error {
	if s != "" && (!json.Valid([]byte(s)) || !isObject([]byte(s))) {
		return errors.New("Not a JSON object")
	}
	return nil
}

func checkFingerprint(s string) error {
	if s == "" {
		return nil
	}
	if b, err := parseFingerprint(s); err != nil || len(b) != 32 {
		return errors.New("Not a SHA-256 of 64 hexadecimal digits")
	}
	return nil
}

func parseFingerprint(s string) ([]byte, error) {
	return hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
}

// indexBody is the body of the request that makes an index; nil without settings and mappings.
func indexBody(cfg connectors.Config) []byte {
	settings, mappings := indexSettings.Get(cfg), indexMappings.Get(cfg)
	if settings == "" && mappings == "" {
		return nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	if settings != "" {
		b.WriteString(`"settings":` + settings)
	}
	if mappings != "" {
		if settings != "" {
			b.WriteByte(',')
		}
		b.WriteString(`"mappings":` + mappings)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// checkAddressing finds what goes ill together in the keys above.
func checkAddressing(cfg connectors.Config, wrong func(string, ...string)) {
	template := indexTemplate.Get(cfg)
	n, err := parseNaming(template)
	if err != nil {
		return // said of the key alone
	}
	elsewhere := isStream(cfg) || !is(resourceUsage.Get(cfg), usageDisabled)
	deletes := is(onNull.Get(cfg), behaviorDelete)
	if elsewhere && template != "" {
		wrong("'sluice.index.name' can not be set with data streams or 'topic.to.external.resource.mapping', which name the target.", indexTemplate.Name())
	}
	if elsewhere && indexBody(cfg) != nil {
		wrong("'sluice.index.settings' and 'sluice.index.mappings' can not be set with data streams or existing resources; use a template.",
			indexSettings.Name(), indexMappings.Name())
	}
	if !n.dated && indexTimeField.Get(cfg) != "" {
		wrong("'sluice.index.time.field' needs a time in 'sluice.index.name'.", indexTimeField.Name(), indexTemplate.Name())
	}
	if deletes && n.dated {
		wrong("Deletes are not supported with a time in 'sluice.index.name', because a record without a value does not tell which index holds the document.",
			onNull.Name(), indexTemplate.Name())
	}
	if deletes && routingField.Get(cfg) != "" {
		wrong("Deletes are not supported with 'sluice.routing.field', because a record without a value does not tell which shard holds the document.",
			onNull.Name(), routingField.Name())
	}
	if !is(opType.Get(cfg), opTypeCreate) {
		return
	}
	if is(writeMethod.Get(cfg), methodUpsert) {
		wrong("'write.method' UPSERT can not be used with 'sluice.op.type' CREATE.", writeMethod.Name(), opType.Name())
	}
	if versionHeader.Get(cfg) != "" {
		wrong("'external.version.header' can not be used with 'sluice.op.type' CREATE, which carries no version.", versionHeader.Name(), opType.Name())
	}
}
