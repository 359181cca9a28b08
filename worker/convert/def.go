package convert

import (
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// Describe gives the full class that a name stands for, and the keys of that converter, without the prefix under which a
// connector has them. Some are accepted only: see Payload.
func Describe(name string) (class string, def connectors.ConfigDef, ok bool) {
	if class, ok = find(strings.TrimSpace(name)); !ok {
		return "", connectors.ConfigDef{}, false
	}
	low, high := connectors.WithImportance(connectors.Low), connectors.WithImportance(connectors.High)
	schemas, serialization := connectors.Group("Schemas"), connectors.Group("Serialization")
	keys := []connectors.AnyKey{
		connectors.String("converter.type", "How this converter will be used: key, value or header.", connectors.Required(), low, connectors.WithWidth(connectors.WidthNone)),
	}
	switch class {
	case JSONConverter:
		keys = append(
			keys,
			connectors.Bool("schemas.enable", "Whether each document has its schema in it. Only false is supported.", connectors.Default("true"), high, schemas, connectors.Display("Enable Schemas")),
			connectors.Int("schemas.cache.size", "Accepted; there are no schemas to be kept.", connectors.Default("1000"), high, schemas, connectors.Display("Schema Cache Size")),
			connectors.String("schema.content", "Accepted; there are no schemas.", high, schemas, connectors.Display("Schema Content")),
			connectors.String("decimal.format", "Accepted; numbers stay as they are written.", connectors.Default("BASE64"), low, serialization, connectors.Display("Decimal Format")),
			connectors.Bool("replace.null.with.default", "Accepted; without schemas there are no defaults.", connectors.Default("true"), low, serialization, connectors.Display("Replace null with default")),
		)
	case StringConverter:
		keys = append(keys, connectors.String("converter.encoding", "Character set of the text. Only UTF-8 is supported.", connectors.Default("UTF-8"), high, connectors.Display("Encoding")))
	}
	return class, connectors.Define(keys...), true
}

// SimpleHeaderConverter is Kafka Connect's converter of headers where none is named.
const SimpleHeaderConverter = "org.apache.kafka.connect.storage.SimpleHeaderConverter"

// HeaderClasses lists the classes that may be named as converters of headers, which pass unchanged whichever it is.
func HeaderClasses() []string {
	all := append(Classes(), SimpleHeaderConverter)
	for _, kind := range []string{"Boolean", "Double", "Float", "Integer", "Long", "Short"} {
		all = append(all, "org.apache.kafka.connect.converters."+kind+"Converter")
	}
	slices.Sort(all)
	return all
}

// IsHeaderClass says whether a name stands for one of them.
func IsHeaderClass(name string) bool {
	return slices.ContainsFunc(HeaderClasses(), func(class string) bool { return named(class, strings.TrimSpace(name)) })
}
