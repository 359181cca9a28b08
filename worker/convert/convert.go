package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// The converters, by the Java class that a configuration names.
const (
	BooleanClass = "org.apache.kafka.connect.converters.BooleanConverter"
	BytesClass   = "org.apache.kafka.connect.converters.ByteArrayConverter"
	DoubleClass  = "org.apache.kafka.connect.converters.DoubleConverter"
	FloatClass   = "org.apache.kafka.connect.converters.FloatConverter"
	IntegerClass = "org.apache.kafka.connect.converters.IntegerConverter"
	LongClass    = "org.apache.kafka.connect.converters.LongConverter"
	ShortClass   = "org.apache.kafka.connect.converters.ShortConverter"
	JSONClass    = "org.apache.kafka.connect.json.JsonConverter"
	StringClass  = "org.apache.kafka.connect.storage.StringConverter"

	// SimpleHeaderClass is the converter of headers where none is named. It converts nothing else.
	SimpleHeaderClass = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
)

// Converter turns the bytes of keys, values or headers into values of Kafka Connect. It is for one goroutine.
type Converter interface {
	// Class is the converter's class.
	Class() string
	// Payload is what sinks get of it.
	Payload() connectors.Payload
	// Direct says that sinks can get the bytes themselves, in the case of JSON what the function JSON makes of them.
	Direct() bool
	// KeepNulls says that a null is not replaced by the default of its schema.
	KeepNulls() bool
	// ToConnect makes a value of bytes; nil is null. An error is a *data.Error, as Kafka Connect's exception.
	ToConnect(b []byte) (*data.Schema, any, error)
}

// Classes lists the classes of converters of keys and values, sorted.
func Classes() []string {
	return []string{BooleanClass, BytesClass, DoubleClass, FloatClass, IntegerClass, LongClass, ShortClass, JSONClass, StringClass}
}

// HeaderClasses lists the classes of converters of headers, sorted.
func HeaderClasses() []string { return append(Classes()[:8:8], SimpleHeaderClass, StringClass) }

// New makes the named converter of keys, values or headers; use is "key", "value" or "header". The name is a fully qualified
// class or, as in Kafka Connect, its simple name with or without "Converter". props are the converter's own properties,
// without the prefix "key.converter." or the like.
func New(name, use string, props map[string]string) (Converter, error) {
	classes := Classes()
	if use == "header" {
		classes = HeaderClasses()
	}
	class, ok := find(classes, name)
	if !ok {
		return nil, unknown(name, classes)
	}
	def := definition(class)
	own := map[string]string{"converter.type": use}
	maps.Copy(own, props)
	c, err := def.Parse(own)
	if err != nil {
		return nil, err
	}
	switch class {
	case JSONClass:
		return newJSON(c)
	case StringClass:
		if e := encoding.Get(c); !strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(e), "-", ""), "utf8") {
			return nil, fmt.Errorf("converter %s with converter.encoding=%s is not supported; records must be UTF-8", class, e)
		}
		return &plain{class, data.OptionalOf(data.String)}, nil
	case BytesClass:
		return &plain{class, data.OptionalOf(data.Bytes)}, nil
	case SimpleHeaderClass:
		return simpleHeader{}, nil
	}
	return newFixed(class), nil
}

// unknown refuses a class that is not among those that there are.
func unknown(name string, classes []string) error {
	help := ""
	if strings.HasPrefix(name, "io.confluent.connect.") {
		help = " Records with a schema registry are not supported: convert them to JSON with embedded schemas."
	}
	return fmt.Errorf("converter class %q is not known; use one of %s.%s", name, strings.Join(classes, ", "), help)
}

func find(classes []string, name string) (class string, ok bool) {
	name = strings.TrimSpace(name)
	i := slices.IndexFunc(classes, func(class string) bool { return named(class, name) })
	if i < 0 {
		return "", false
	}
	return classes[i], true
}

// named says whether a name is that of a class: whole, simple, or without "Converter" or "HeaderConverter" at its end.
func named(class, name string) bool {
	simple := class[strings.LastIndexByte(class, '.')+1:]
	return name == class || name == simple || name == strings.TrimSuffix(strings.TrimSuffix(simple, "Converter"), "Header")
}
