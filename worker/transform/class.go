package transform

import (
	"slices"
	"strings"
	"sync"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// Transformation is one step of a chain.
type Transformation interface {
	// Apply changes the record; false drops it.
	Apply(r *data.Record) (keep bool, err error)
}

// Predicate says for which records a step is meant.
type Predicate interface {
	Test(r *data.Record) (bool, error)
}

// Kind tells transformations and predicates apart.
type Kind uint8

// The kinds.
const (
	TransformationKind Kind = iota
	PredicateKind
)

// String is the type of plugin that the REST API lists.
func (k Kind) String() string {
	if k == PredicateKind {
		return "predicate"
	}
	return "transformation"
}

// Class is a transformation or predicate as configurations name it.
type Class struct {
	Name string // of the Java class
	Kind Kind
	Doc  string // what it does, a sentence
	Def  connectors.ConfigDef

	checks map[string]check
	key    Use // what it does with keys
	value  Use // and with values
	step   func(connectors.Config) (Transformation, error)
	test   func(connectors.Config) (Predicate, error)
}

// Use is what a transformation does with keys or values.
type Use struct {
	Reads   bool // it looks into them
	Changes bool // it may make others of them
}

func (u Use) and(o Use) Use { return Use{u.Reads || o.Reads, u.Changes || o.Changes} }

// check says what is wrong with the value of a key, "" for nothing. Unlike the checks of a connector's keys it sees missing values.
type check func(v given) string

// given is the value of a key as text.
type given struct {
	name string
	text string
	null bool // missing, or could not be read
}

const javaPackage = "org.apache.kafka.connect.transforms."

// classes is what there is, made once and never changed.
var classes = sync.OnceValue(func() []*Class {
	all := slices.Concat(castClasses(), dropHeadersClasses(), extractFieldClasses(), filterClasses(), flattenClasses(), headerFromClasses(),
		hoistFieldClasses(), insertFieldClasses(), insertHeaderClasses(), maskFieldClasses(), regexRouterClasses(), replaceFieldClasses(),
		setSchemaMetadataClasses(), timestampConverterClasses(), timestampRouterClasses(), valueToKeyClasses(), predicateClasses())
	slices.SortStableFunc(all, func(a, b *Class) int { return int(a.Kind) - int(b.Kind) })
	return all
})

// Classes lists transformations, then predicates, each sorted by name.
func Classes() []*Class { return slices.Clone(classes()) }

// Names lists the classes of a kind.
func Names(k Kind) []string {
	var names []string
	for _, c := range classes() {
		if c.Kind == k {
			names = append(names, c.Name)
		}
	}
	return names
}

// Find looks for a class by its name, or where only one can be meant by the last part of it.
func Find(k Kind, name string) (*Class, bool) {
	for _, c := range classes() {
		simple := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
		if c.Kind == k && (name == c.Name || name == simple && !strings.Contains(simple, "$")) {
			return c, true
		}
	}
	return nil, false
}

// Lookup finds a class of either kind by its full name or alias.
func Lookup(name string) (*Class, bool) {
	if c, ok := Find(TransformationKind, name); ok {
		return c, true
	}
	return Find(PredicateKind, name)
}

// variants are the classes that a name without $Key or $Value leaves open.
func variants(name string) []string {
	var found []string
	for _, c := range classes() {
		if strings.HasPrefix(c.Name, name+"$") {
			found = append(found, c.Name)
		}
	}
	return found
}

// Validate checks every key on its own, as Kafka Connect does. The keys have no prefix.
func (c *Class) Validate(raw map[string]string) []connectors.ConfigValue {
	values := c.Def.Validate(raw)
	for i := range values {
		v := &values[i]
		check, ok := c.checks[v.Name]
		if !ok {
			continue
		}
		g := given{name: v.Name, null: v.Value == nil}
		if !g.null {
			g.text = *v.Value
		}
		if problem := check(g); problem != "" {
			v.Errors = append(v.Errors, problem)
		}
	}
	return values
}

// parse reads the configuration of a step; the first problem is the error.
func (c *Class) parse(raw map[string]string) (connectors.Config, error) {
	for _, v := range c.Validate(raw) {
		if len(v.Errors) > 0 {
			return connectors.Config{}, configError(v.Errors[0])
		}
	}
	return c.Def.Parse(raw)
}

// configError is what Kafka would throw as a ConfigException.
func configError(message string) error {
	return &data.Error{Class: "org.apache.kafka.common.config.ConfigException", Message: message}
}

// sides makes the two classes of a transformation that works on keys or values.
func sides(name, doc string, def connectors.ConfigDef, checks map[string]check, build func(side, connectors.Config) (Transformation, error)) []*Class {
	both := make([]*Class, 0, 2)
	for _, s := range []side{keySide, valueSide} {
		c := &Class{
			Name: javaPackage + name + "$" + s.String(), Doc: doc, Def: def, checks: checks,
			step: func(cfg connectors.Config) (Transformation, error) { return build(s, cfg) },
		}
		if s == keySide {
			c.key = Use{Reads: true, Changes: true}
		} else {
			c.value = Use{Reads: true, Changes: true}
		}
		both = append(both, c)
	}
	return both
}

// whole makes the class of a transformation that works on records as a whole.
func whole(name, doc string, def connectors.ConfigDef, checks map[string]check, make func(connectors.Config) (Transformation, error)) []*Class {
	return []*Class{{Name: javaPackage + name, Doc: doc, Def: def, checks: checks, step: make}}
}
