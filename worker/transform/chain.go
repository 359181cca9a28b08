package transform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// Chain is the transformations of a connector, in their order.
type Chain struct {
	steps      []step
	key, value Use
}

// step is one transformation, and the predicate that says for which records it is meant.
type step struct {
	alias     string
	class     string
	apply     Transformation
	predicate string // alias
	test      Predicate
	negate    bool
}

// Error is a problem that a step had with a record.
type Error struct {
	Alias string // of the transformation
	Class string
	Err   error
}

// Error names the step.
func (e *Error) Error() string {
	return fmt.Sprintf("transformation %s (%s): %v", e.Alias, e.Class, e.Err)
}

// Unwrap gives the problem itself.
func (e *Error) Unwrap() error { return e.Err }

// New makes the chain of a connector's configuration; nil where that has no transformations. The error says which key is wrong.
func New(config map[string]string) (*Chain, error) {
	aliases := list(config[TransformsKey])
	if len(aliases) == 0 {
		return nil, nil //nolint:nilnil // no chain is an answer
	}
	c := &Chain{}
	for _, alias := range aliases {
		s, err := newStep(alias, config)
		if err != nil {
			return nil, err
		}
		c.steps = append(c.steps, s)
		class, _ := Find(TransformationKind, s.class)
		c.key, c.value = c.key.and(class.key), c.value.and(class.value)
	}
	return c, nil
}

func newStep(alias string, config map[string]string) (step, error) {
	prefix := TransformsKey + "." + alias + "."
	s := step{alias: alias}
	class, cfg, err := configured(TransformationKind, prefix, config)
	if err != nil {
		return s, err
	}
	s.class = class.Name
	if s.apply, err = class.step(cfg); err != nil {
		return s, fmt.Errorf("configuration %s*: %w", prefix, err)
	}
	predicate, conditional := config[prefix+"predicate"]
	switch strings.ToLower(strings.TrimSpace(config[prefix+"negate"])) {
	case "true":
		s.negate = true
		if !conditional {
			return s, fmt.Errorf("configuration %snegate has no predicate to negate; set %spredicate", prefix, prefix)
		}
	case "", "false":
	default:
		return s, fmt.Errorf("configuration %snegate is %q, it must be true or false", prefix, config[prefix+"negate"])
	}
	if !conditional {
		return s, nil
	}
	s.predicate = strings.TrimSpace(predicate)
	if !slices.Contains(list(config[PredicatesKey]), s.predicate) {
		return s, fmt.Errorf("configuration %spredicate names predicate %q, which is not declared; add it to %s", prefix, s.predicate, PredicatesKey)
	}
	prefix = PredicatesKey + "." + s.predicate + "."
	if class, cfg, err = configured(PredicateKind, prefix, config); err != nil {
		return s, err
	}
	if s.test, err = class.test(cfg); err != nil {
		return s, fmt.Errorf("configuration %s*: %w", prefix, err)
	}
	return s, nil
}

// configured finds the class that an alias stands for, and reads its configuration.
func configured(k Kind, prefix string, config map[string]string) (*Class, connectors.Config, error) {
	name := strings.TrimSpace(config[prefix+"type"])
	class, ok := Find(k, name)
	if !ok {
		return nil, connectors.Config{}, fmt.Errorf("configuration %stype: %s %q is not known", prefix, k, name)
	}
	cfg, err := class.parse(without(prefix, config))
	if err != nil {
		return nil, connectors.Config{}, fmt.Errorf("configuration %s*: %w", prefix, err)
	}
	return class, cfg, nil
}

// without gives the keys that begin with a prefix, without it.
func without(prefix string, config map[string]string) map[string]string {
	own := map[string]string{}
	for key, value := range config {
		if after, ok := strings.CutPrefix(key, prefix); ok {
			own[after] = value
		}
	}
	return own
}

// Apply lets a record pass all steps; false drops it. The error is an *[Error].
func (c *Chain) Apply(r *data.Record) (keep bool, err error) {
	for i := range c.steps {
		s := &c.steps[i]
		if s.test != nil {
			holds, err := s.test.Test(r)
			if err != nil {
				return false, &Error{s.alias, s.class, fmt.Errorf("predicate %s: %w", s.predicate, err)}
			}
			if holds == s.negate {
				continue
			}
		}
		keep, err := s.apply.Apply(r)
		if err != nil {
			return false, &Error{s.alias, s.class, err}
		}
		if !keep {
			return false, nil
		}
	}
	return true, nil
}

// Key is what the chain does with keys; without a chain it is nothing. A key that no step reads need not be a value of package
// data: whatever it is, it is still there behind the chain, unless a step changes keys.
func (c *Chain) Key() Use {
	if c == nil {
		return Use{}
	}
	return c.key
}

// Value is the same for values.
func (c *Chain) Value() Use {
	if c == nil {
		return Use{}
	}
	return c.value
}

// Last is the class of the last step.
func (c *Chain) Last() string { return c.steps[len(c.steps)-1].class }

// Describe lists the steps in their order, for logs.
func (c *Chain) Describe() []string {
	steps := make([]string, 0, len(c.steps))
	for _, s := range c.steps {
		steps = append(steps, s.alias+" "+s.class)
	}
	return steps
}
