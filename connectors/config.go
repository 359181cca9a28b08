package connectors

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// ConfigDef is the declaration of all keys of a sink.
type ConfigDef struct {
	keys  []*key
	index map[string]*key
}

// Define makes a definition of keys; their order within a group is the order given here. A name given twice is a bug
// and panics.
func Define(keys ...AnyKey) ConfigDef {
	d := ConfigDef{index: make(map[string]*key, len(keys))}
	order := map[string]int{}
	for _, a := range keys {
		k := *a.key() // a copy: the same key may stand in several definitions
		if _, twice := d.index[k.def.Name]; twice {
			panic("configuration key " + k.def.Name + " is declared twice")
		}
		if order[k.def.Group]++; k.def.OrderInGroup == 0 {
			k.def.OrderInGroup = order[k.def.Group]
		}
		d.keys = append(d.keys, &k)
		d.index[k.def.Name] = &k
	}
	return d
}

// Keys lists the declarations in their order.
func (d ConfigDef) Keys() []KeyDef {
	defs := make([]KeyDef, len(d.keys))
	for i, k := range d.keys {
		defs[i] = k.def
	}
	return defs
}

// Has says whether a key is declared.
func (d ConfigDef) Has(name string) bool {
	_, ok := d.index[name]
	return ok
}

// ConfigValue is the outcome of validating one key.
type ConfigValue struct {
	Name        string
	Value       *string // nil: null
	Recommended []string
	Errors      []string
	Visible     bool
}

// ConfigError is what is wrong with one key.
type ConfigError struct {
	Key     string
	Message string
}

// Validate checks every declared key on its own. Keys that are not declared are not looked at.
func (d ConfigDef) Validate(raw map[string]string) []ConfigValue {
	_, values := d.parse(raw)
	return values
}

// Parse gives the configuration, or an error that names every wrong key.
func (d ConfigDef) Parse(raw map[string]string) (Config, error) {
	parsed, values := d.parse(raw)
	var problems []string
	for _, v := range values {
		problems = append(problems, v.Errors...)
	}
	if len(problems) > 0 {
		return Config{}, Misconfigured("reading configuration", errors.New(strings.Join(problems, "; ")), "")
	}
	return Config{raw: maps.Clone(raw), values: parsed}, nil
}

func (d ConfigDef) parse(raw map[string]string) (map[string]any, []ConfigValue) {
	parsed := make(map[string]any, len(d.keys))
	values := make([]ConfigValue, len(d.keys))
	for i, k := range d.keys {
		v := ConfigValue{Name: k.def.Name, Recommended: k.def.Recommended, Visible: true}
		text, given := raw[k.def.Name]
		switch {
		case given:
			if k.def.Type == TypeString || k.def.Type == TypePassword {
				text = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' }) // as Kafka does, by Java's trim
			}
			v.Value = &text
		case k.def.Default != nil:
			text, v.Value = *k.def.Default, k.def.Default
		case k.def.Required:
			v.Errors = append(v.Errors, `Missing required configuration "`+k.def.Name+`" which has no default value.`)
		}
		parsed[k.def.Name] = nil
		if v.Value != nil {
			shown := withoutUserInfo(text)
			if k.def.Type == TypePassword {
				shown = MaskedValue
			}
			val, err := k.parse(trim(text))
			switch {
			case err != nil:
				v.Errors = append(v.Errors, "Invalid value "+shown+" for configuration "+k.def.Name+": "+err.Error())
				val, shown, v.Value = nil, "null", nil // as Kafka does, which goes on to check what it could not read
			case given:
				text = withoutUserInfo(written(k.def.Type, val, trim(text)))
				if v.Value = &text; k.def.Type != TypePassword {
					shown = text
				}
			}
			switch t := val.(type) {
			case []string:
				v.Value = new(strings.Join(t, ","))
				shown = "[" + strings.Join(t, ", ") + "]" // as Java prints a list
			case bool:
				v.Value = new(strconv.FormatBool(t))
			}
			for _, check := range k.checks {
				if err := check(val); err != nil {
					v.Errors = append(v.Errors, "Invalid value "+shown+" for configuration "+k.def.Name+": "+err.Error())
					break
				}
			}
			parsed[k.def.Name] = val
		}
		values[i] = v
	}
	return parsed, values
}

var userInfo = regexp.MustCompile(`://[^/?#\s@]+@`)

// withoutUserInfo hides name and password in the URLs of a value.
func withoutUserInfo(value string) string {
	if !strings.Contains(value, "@") {
		return value
	}
	return userInfo.ReplaceAllLiteralString(value, "://"+MaskedValue+"@")
}

// trim drops what Kafka, with Java, takes for blanks around every value.
func trim(s string) string { return strings.TrimFunc(s, func(c rune) bool { return c <= ' ' }) }

// written is a value as Kafka writes it back: TRUE is true, +5 is 5, and lists have no blanks.
func written(t Type, val any, text string) string {
	switch t {
	case TypeBoolean, TypeShort, TypeInt:
		return fmt.Sprint(val)
	case TypeLong:
		if n, ok := number(val); ok {
			return strconv.FormatInt(n, 10)
		}
	case TypeList:
		if list, ok := val.([]string); ok {
			return strings.Join(list, ",")
		}
	case TypeString, TypeDouble, TypeClass, TypePassword:
	}
	return text
}

// Config is a configuration that fits its definition; read it with the keys' Get.
type Config struct {
	raw    map[string]string
	values map[string]any
}

// Raw is what the user wrote for a key, declared or not.
func (c Config) Raw(name string) (string, bool) {
	v, ok := c.raw[name]
	return v, ok
}

// IsSet says whether the user gave the key a value of their own.
func (c Config) IsSet(name string) bool {
	_, ok := c.raw[name]
	return ok
}

// All gives a copy of everything the user wrote. It may hold secrets: do not print it.
func (c Config) All() map[string]string { return maps.Clone(c.raw) }
