package transform

import (
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/transform/javaregex"
)

// The keys that several transformations share.

func option(importance connectors.Importance, more ...connectors.KeyOption) []connectors.KeyOption {
	return append([]connectors.KeyOption{connectors.WithImportance(importance), connectors.WithWidth(connectors.WidthNone)}, more...)
}

func high(more ...connectors.KeyOption) []connectors.KeyOption {
	return option(connectors.High, more...)
}

func medium(more ...connectors.KeyOption) []connectors.KeyOption {
	return option(connectors.Medium, more...)
}

func low(more ...connectors.KeyOption) []connectors.KeyOption { return option(connectors.Low, more...) }

// replaceNull is the key of all transformations that read fields.
var replaceNull = connectors.Bool("replace.null.with.default",
	"Whether a field that is null counts as its default, where its schema has one.", medium(connectors.Default("true"))...)

// valid describes in documentation what a check accepts.
func valid(what string) connectors.KeyOption {
	return connectors.Check(what, func(string) error { return nil })
}

func invalid(name, value, problem string) string {
	return "Invalid value " + value + " for configuration " + name + ": " + problem
}

// shown is a value in a message.
func (v given) shown() string {
	if v.null {
		return "null"
	}
	return v.text
}

func (v given) list() []string { return list(v.text) }

// list splits at commas as Kafka does.
func list(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

func shownList(parts []string) string { return "[" + strings.Join(parts, ", ") + "]" }

// distinct accepts lists of different values (Kafka's ValidList.anyNonDuplicateValues).
func distinct(empty bool) check {
	return func(v given) string {
		parts := v.list()
		switch {
		case v.null:
			return "Configuration '" + v.name + "' values must not be null."
		case len(parts) == 0 && !empty:
			return "Configuration '" + v.name + "' must not be empty. Valid values include: any non-empty value"
		case slices.Contains(parts, ""):
			return "Configuration '" + v.name + "' values must not be empty."
		}
		sorted := slices.Sorted(slices.Values(parts))
		if len(slices.Compact(sorted)) < len(parts) {
			return "Configuration '" + v.name + "' values must not be duplicated."
		}
		return ""
	}
}

func nonEmptyList(v given) string {
	switch {
	case v.null:
		return invalid(v.name, "null", "Empty list")
	case len(v.list()) == 0:
		return invalid(v.name, "[]", "Empty list")
	}
	return ""
}

func nonEmpty(v given) string {
	if !v.null && v.text == "" {
		return invalid(v.name, "", "String must be non-empty")
	}
	return ""
}

func nonNull(v given) string {
	if v.null {
		return invalid(v.name, "null", "entry must be non null")
	}
	return ""
}

func oneOf(values ...string) check {
	return func(v given) string {
		if !v.null && slices.Contains(values, v.text) {
			return ""
		}
		return invalid(v.name, v.shown(), "String must be one of: "+strings.Join(values, ", "))
	}
}

func regex(v given) string {
	if v.null {
		return invalid(v.name, "null", `Invalid regex: Cannot invoke "String.isEmpty()" because "this.pattern" is null`)
	}
	if _, err := javaregex.Compile(v.text); err != nil {
		return invalid(v.name, v.text, "Invalid regex: "+err.Error())
	}
	return ""
}
