package convert

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// Version is that of the Kafka Connect whose converters these are.
const Version = "4.3.1"

// The keys of the converters, by Kafka Connect's names, groups and defaults.
var (
	low           = connectors.WithImportance(connectors.Low)
	high          = connectors.WithImportance(connectors.High)
	schemas       = connectors.Group("Schemas")
	serialization = connectors.Group("Serialization")

	converterType    = connectors.String("converter.type", "How this converter will be used: key, value or header.", connectors.Required(), low, connectors.WithWidth(connectors.WidthNone), connectors.Check("[key, value, header]", checkType))
	schemasEnable    = connectors.Bool("schemas.enable", "Whether each document is an envelope, an object with the members schema and payload; otherwise documents are what they are, without a schema.", connectors.Default("true"), high, schemas, connectors.Display("Enable Schemas"))
	schemasCacheSize = connectors.Int("schemas.cache.size", "How many schemas are kept, so that they need not be read again with each document.", connectors.Default("1000"), high, schemas, connectors.Display("Schema Cache Size"))
	schemaContent    = connectors.String("schema.content", "Schema of all documents, in the form that it has in an envelope; they are then the payload alone. Only with schemas.enable.", high, schemas, connectors.Display("Schema Content"))
	decimalFormat    = connectors.String("decimal.format", "How decimals are written, BASE64 or NUMERIC. Both are read whichever it is, and sinks write in formats of their own.", connectors.Default("BASE64"), low, serialization, connectors.Display("Decimal Format"), connectors.Check("[BASE64, NUMERIC]", checkDecimalFormat))
	replaceNull      = connectors.Bool("replace.null.with.default", "Whether a null becomes the default of its schema where that has one.", connectors.Default("true"), low, serialization, connectors.Display("Replace null with default"))
	encoding         = connectors.String("converter.encoding", "Character set of the text. Only UTF-8 is supported.", connectors.Default("UTF-8"), high, connectors.Display("Encoding"))
)

func checkType(use string) error {
	if !slices.Contains([]string{"key", "value", "header"}, use) {
		return errors.New("String must be one of: key, value, header")
	}
	return nil
}

func checkDecimalFormat(format string) error {
	if !strings.EqualFold(format, "BASE64") && !strings.EqualFold(format, "NUMERIC") {
		return errors.New("String must be one of (case insensitive): NUMERIC, BASE64")
	}
	return nil
}

// Describe gives the full class that a name of a converter stands for, and its keys without the prefix under which a connector
// has them.
func Describe(name string) (class string, def connectors.ConfigDef, ok bool) {
	if class, ok = find(Classes(), name); !ok {
		return "", connectors.ConfigDef{}, false
	}
	return class, definition(class), true
}

// DescribeHeader is Describe for converters of headers.
func DescribeHeader(name string) (class string, def connectors.ConfigDef, ok bool) {
	if class, ok = find(HeaderClasses(), strings.TrimSpace(name)); !ok {
		return "", connectors.ConfigDef{}, false
	}
	return class, definition(class), true
}

func definition(class string) connectors.ConfigDef {
	switch class {
	case SimpleHeaderClass:
		return connectors.Define()
	case JSONClass:
		return connectors.Define(converterType, schemasEnable, schemasCacheSize, schemaContent, decimalFormat, replaceNull)
	case StringClass:
		return connectors.Define(converterType, encoding)
	}
	return connectors.Define(converterType)
}
