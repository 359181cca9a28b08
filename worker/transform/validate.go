package transform

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// The keys that name the aliases.
const (
	TransformsKey = "transforms"
	PredicatesKey = "predicates"
)

// Surroundings is what there is beside the classes of this package.
type Surroundings struct {
	Fit     func(class, wanted, version string) error // says whether a version is what plugin.version asks for
	Foreign func(class string) bool                   // says of a class that it is there, and neither a transformation nor a predicate
}

// Keys declares and validates what a connector's configuration says of its transformations and predicates, as Kafka Connect
// does: for each alias a group with its class, the version of that and the class's own keys.
func Keys(config map[string]string, around Surroundings) ([]connectors.KeyDef, []connectors.ConfigValue) {
	k := keys{Surroundings: around, config: config}
	k.all(TransformationKind, TransformsKey, "Transforms", "Transformation")
	k.all(PredicateKind, PredicatesKey, "Predicates", "Predicate")
	return k.defs, k.values
}

type keys struct {
	Surroundings
	config map[string]string
	defs   []connectors.KeyDef
	values []connectors.ConfigValue
}

func (k *keys) all(kind Kind, key, group, noun string) {
	var seen []string
	for _, alias := range list(k.config[key]) {
		if !slices.Contains(seen, alias) {
			seen = append(seen, alias)
			k.alias(kind, key+"."+alias+".", alias, group+": "+alias, noun)
		}
	}
}

func (k *keys) add(def connectors.KeyDef, value connectors.ConfigValue) {
	value.Name, value.Visible = def.Name, true
	k.defs = append(k.defs, def)
	k.values = append(k.values, value)
}

func (k *keys) alias(kind Kind, prefix, alias, group, noun string) {
	lower := strings.ToLower(noun)
	typeDef := connectors.KeyDef{
		Name: prefix + "type", Type: connectors.TypeClass, Required: true, Importance: connectors.High, Doc: "Class of " + lower + " '" + alias + "'.",
		Group: group, Width: connectors.WidthLong, DisplayName: noun + " type for " + alias,
	}
	versionDef := connectors.KeyDef{
		Name: prefix + "plugin.version", Type: connectors.TypeString, Importance: connectors.High, Doc: "Version of " + lower + " '" + alias + "', or a range of versions.",
		Group: group, OrderInGroup: 1, Width: connectors.WidthLong, DisplayName: noun + " version for " + alias,
	}
	typeValue := connectors.ConfigValue{Recommended: Names(kind)}
	var versionValue connectors.ConfigValue
	wanted, asked := k.config[versionDef.Name]
	if wanted = strings.TrimSpace(wanted); asked {
		versionValue.Value = &wanted
	}

	class := k.class(kind, typeDef.Name, noun, &typeValue)
	if class != nil {
		version := Version
		versionDef.Default, versionValue.Recommended = &version, []string{version}
		if !asked {
			versionValue.Value = &version
		} else if err := k.Fit(class.Name, wanted, version); err != nil {
			typeValue.Errors = append(typeValue.Errors, err.Error())
			versionValue.Errors = append(versionValue.Errors, err.Error())
			class = nil
		}
	}
	_, negated := k.config[prefix+"negate"]
	if _, conditional := k.config[prefix+"predicate"]; kind == TransformationKind && negated && !conditional {
		typeValue.Errors = append(typeValue.Errors, "Config '"+prefix+"negate' was provided but there is no config '"+prefix+"predicate' defining a predicate to be negated.")
	}
	k.add(typeDef, typeValue)
	k.add(versionDef, versionValue)
	if class != nil {
		k.own(class, prefix, group)
	}
}

// class finds the class of an alias and says in the key's value what is wrong with it.
func (k *keys) class(kind Kind, key, noun string, value *connectors.ConfigValue) *Class {
	name, given := k.config[key]
	name = strings.TrimSpace(name)
	if !given {
		value.Errors = append(value.Errors, `Missing required configuration "`+key+`" which has no default value.`)
		return nil
	}
	if class, ok := Find(kind, name); ok {
		value.Value = &class.Name
		return class
	}
	if open := variants(name); len(open) > 0 {
		value.Value = &name
		value.Errors = append(value.Errors, "This class is abstract and cannot be created. Did you mean "+strings.Join(open, ", ")+"?")
		return nil
	}
	other, ok := Lookup(name)
	if ok {
		name = other.Name
	}
	if ok || k.Foreign(name) {
		value.Value = &name
		value.Errors = append(value.Errors, "Class class "+name+" does not implement the "+noun+" interface")
		return nil
	}
	value.Errors = append(value.Errors, invalid(key, name, "Class "+name+" could not be found."))
	return nil
}

// own adds the keys of a class, and for transformations those of the predicate, in the order in which Kafka embeds one definition
// in another: what is required first, then by importance and name.
func (k *keys) own(class *Class, prefix, group string) {
	raw := without(prefix, k.config)
	defs, values := class.Def.Keys(), class.Validate(raw)
	if class.Kind == TransformationKind {
		condition := conditionKeys()
		defs, values = append(defs, condition.Keys()...), append(values, condition.Validate(raw)...)
	}
	order := make([]int, len(defs))
	for i := range order {
		order[i] = i
	}
	importance := []connectors.Importance{connectors.High, connectors.Medium, connectors.Low}
	slices.SortFunc(order, func(a, b int) int {
		x, y := defs[a], defs[b]
		return cmp.Or(
			-compareBool(x.Required, y.Required),
			cmp.Compare(slices.Index(importance, x.Importance), slices.Index(importance, y.Importance)),
			cmp.Compare(x.Name, y.Name),
		)
	})
	for at, i := range order {
		def, value := defs[i], values[i]
		for j, message := range value.Errors {
			// What ConfigDef says by itself names the whole key, what a check says the key as the class knows it.
			value.Errors[j] = prefixed(message, def.Name, prefix)
		}
		def.DisplayName = cmp.Or(def.DisplayName, def.Name)
		def.Name, def.Group, def.OrderInGroup = prefix+def.Name, group, at+2
		def.Recommended = nil
		k.add(def, value)
	}
}

func conditionKeys() connectors.ConfigDef {
	return connectors.Define(
		connectors.String("predicate", "Alias of the predicate that says for which records the transformation is meant; all where none is named.", medium()...),
		connectors.Bool("negate", "Whether it is meant for the records for which the predicate does not hold.", medium(connectors.Default("false"))...),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// prefixed gives messages about missing and unreadable values the whole name of the key.
func prefixed(message, name, prefix string) string {
	if message == `Missing required configuration "`+name+`" which has no default value.` {
		return `Missing required configuration "` + prefix + name + `" which has no default value.`
	}
	for _, unreadable := range []string{"Expected value to be either true or false", "Not a number of type INT"} {
		if start, ok := strings.CutSuffix(message, " for configuration "+name+": "+unreadable); ok {
			return start + " for configuration " + prefix + name + ": " + unreadable
		}
	}
	return message
}
