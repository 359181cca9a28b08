package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// The converters, by the Java class that a configuration names.
const (
	JSONConverter      = "org.apache.kafka.connect.json.JsonConverter"
	StringConverter    = "org.apache.kafka.connect.storage.StringConverter"
	ByteArrayConverter = "org.apache.kafka.connect.converters.ByteArrayConverter"
)

var payloads = map[string]connectors.Payload{ // constant
	JSONConverter:      connectors.PayloadJSON,
	StringConverter:    connectors.PayloadString,
	ByteArrayConverter: connectors.PayloadBytes,
}

// Classes lists the converter classes, sorted.
func Classes() []string { return slices.Sorted(maps.Keys(payloads)) }

// Payload says what the named converter delivers. The name is a fully qualified class or, as in Kafka Connect, its simple
// name with or without "Converter". props are the converter's own properties, without the prefix "key.converter." or
// "value.converter.".
func Payload(converterClass string, props map[string]string) (connectors.Payload, error) {
	class, ok := find(strings.TrimSpace(converterClass))
	if !ok {
		return 0, fmt.Errorf("converter class %q is not known; use one of %s", converterClass, strings.Join(Classes(), ", "))
	}
	switch class {
	case JSONConverter:
		schemas, given := props["schemas.enable"]
		switch {
		case !given:
			return 0, fmt.Errorf("converter %s needs schemas.enable=false: its default is true, and documents with embedded schemas are not supported", class)
		case !strings.EqualFold(strings.TrimSpace(schemas), "false"):
			return 0, fmt.Errorf("converter %s with schemas.enable=%s is not supported; set schemas.enable to false", class, schemas)
		}
	case StringConverter:
		for _, key := range []string{"converter.encoding", "encoding"} {
			if e, given := props[key]; given && !strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(e), "-", ""), "utf8") {
				return 0, fmt.Errorf("converter %s with %s=%s is not supported; records must be UTF-8", class, key, e)
			}
		}
	}
	return payloads[class], nil
}

func find(name string) (class string, ok bool) {
	for class := range payloads {
		if named(class, name) {
			return class, true
		}
	}
	return "", false
}

// named says whether a name is that of a class: whole, simple, or without "Converter" at its end.
func named(class, name string) bool {
	simple := class[strings.LastIndexByte(class, '.')+1:]
	return name == class || name == simple || name == strings.TrimSuffix(simple, "Converter")
}
