package connectors

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is the type of a configuration key, by Kafka's names.
type Type string

// The types.
const (
	TypeBoolean  Type = "BOOLEAN"
	TypeString   Type = "STRING"
	TypeShort    Type = "SHORT"
	TypeInt      Type = "INT"
	TypeLong     Type = "LONG"
	TypeDouble   Type = "DOUBLE"
	TypeList     Type = "LIST"
	TypeClass    Type = "CLASS"
	TypePassword Type = "PASSWORD"
)

// Importance of a key, by Kafka's names.
type Importance string

// The degrees of importance.
const (
	High   Importance = "HIGH"
	Medium Importance = "MEDIUM"
	Low    Importance = "LOW"
)

// Width is a hint for forms, by Kafka's names.
type Width string

// The widths.
const (
	WidthNone   Width = "NONE"
	WidthShort  Width = "SHORT"
	WidthMedium Width = "MEDIUM"
	WidthLong   Width = "LONG"
)

// KeyDef is the declaration of a key as data: what crosses the wire, what REST answers and what documentation shows.
type KeyDef struct {
	Name         string
	Type         Type
	Required     bool
	Default      *string // nil: null, or none where Required
	Importance   Importance
	Doc          string
	Group        string
	OrderInGroup int
	Width        Width
	DisplayName  string
	Dependents   []string
	Recommended  []string
	Valid        string // what values are accepted, for documentation
	Ignored      string // not empty: accepted for compatibility, has no effect, and why
}

// Password is a value that is never printed.
type Password string

// MaskedValue stands for a password wherever configurations are shown.
const MaskedValue = "********"

// String hides the password.
func (p Password) String() string { return MaskedValue }

// GoString hides the password.
func (p Password) GoString() string { return MaskedValue }

// Reveal gives the password itself.
func (p Password) Reveal() string { return string(p) }

// AnyKey is a key of any type, for Define.
type AnyKey interface{ key() *key }

type key struct {
	def    KeyDef
	parse  func(string) (any, error)
	checks []func(any) error
}

// Key is a declared key whose value has the type T.
type Key[T any] struct{ k *key }

func (k Key[T]) key() *key { return k.k }

// Name is the key as users write it.
func (k Key[T]) Name() string { return k.k.def.Name }

// Get is the key's value: what the user set, or the default. The configuration must come from a ConfigDef that has the key.
func (k Key[T]) Get(c Config) T {
	v, ok := c.values[k.k.def.Name]
	if !ok {
		panic("configuration key " + k.k.def.Name + " is not part of this definition")
	}
	t, _ := v.(T) // nil where the default is null: the zero value
	return t
}

// KeyOption completes the declaration of a key.
type KeyOption func(*key)

// Required makes a value obligatory.
func Required() KeyOption { return func(k *key) { k.def.Required = true } }

// Default is the value, as users would write it, where none is given.
func Default(v string) KeyOption { return func(k *key) { k.def.Default = &v } }

// Group is the group in forms and documentation.
func Group(name string) KeyOption { return func(k *key) { k.def.Group = name } }

// Display is the name in forms; without it the key's own name is shown.
func Display(name string) KeyOption { return func(k *key) { k.def.DisplayName = name } }

// WithImportance says how much the key matters; Medium without it.
func WithImportance(i Importance) KeyOption { return func(k *key) { k.def.Importance = i } }

// WithWidth is a hint for forms.
func WithWidth(w Width) KeyOption { return func(k *key) { k.def.Width = w } }

// Dependents are the keys whose meaning depends on this one.
func Dependents(names ...string) KeyOption { return func(k *key) { k.def.Dependents = names } }

// Recommend offers values without forbidding others.
func Recommend(values ...string) KeyOption { return func(k *key) { k.def.Recommended = values } }

// InOrder is the place within the group, where that does not follow from the order of the declarations.
func InOrder(n int) KeyOption { return func(k *key) { k.def.OrderInGroup = n } }

// Ignored accepts the key for compatibility and says why it has no effect.
func Ignored(why string) KeyOption { return func(k *key) { k.def.Ignored = why } }

// OneOf accepts these values only, in the spelling given; case does not matter.
func OneOf(values ...string) KeyOption {
	return func(k *key) {
		k.def.Valid = "[" + strings.Join(values, ", ") + "]"
		k.def.Recommended = values
		k.checks = append(k.checks, func(v any) error {
			if v == nil {
				return nil // the value could not be read, which is said already
			}
			s := fmt.Sprint(v)
			if slices.ContainsFunc(values, func(a string) bool { return strings.EqualFold(a, s) }) {
				return nil
			}
			return errors.New("String must be one of (case insensitive): " + strings.Join(values, ", "))
		})
	}
}

// AtLeast accepts numbers from lo upward. For Millis keys lo is in milliseconds.
func AtLeast(lo int64) KeyOption {
	return func(k *key) {
		k.def.Valid = "[" + strconv.FormatInt(lo, 10) + ",...]"
		k.checks = append(k.checks, func(v any) error {
			switch n, ok := number(v); {
			case !ok:
				return errNull
			case n < lo:
				return errors.New("Value must be at least " + strconv.FormatInt(lo, 10))
			}
			return nil
		})
	}
}

// Between accepts numbers from lo to hi. For Millis keys both are in milliseconds.
func Between(lo, hi int64) KeyOption {
	return func(k *key) {
		k.def.Valid = fmt.Sprintf("[%d,...,%d]", lo, hi)
		k.checks = append(k.checks, func(v any) error {
			switch n, ok := number(v); {
			case !ok:
				return errNull
			case n < lo:
				return errors.New("Value must be at least " + strconv.FormatInt(lo, 10))
			case n > hi:
				return errors.New("Value must be no more than " + strconv.FormatInt(hi, 10))
			}
			return nil
		})
	}
}

// NonEmpty refuses the empty string.
func NonEmpty() KeyOption {
	return Check("non-empty string", func(s string) error {
		if s == "" {
			return errors.New("String must be non-empty")
		}
		return nil
	})
}

// Check refuses values with a function of the value as text; valid describes what is accepted.
func Check(valid string, f func(value string) error) KeyOption {
	return func(k *key) {
		k.def.Valid = valid
		k.checks = append(k.checks, func(v any) error {
			switch t := v.(type) {
			case nil:
				return nil // the value could not be read, which is said already
			case Password:
				return f(t.Reveal())
			case []string:
				return f(strings.Join(t, ","))
			default:
				return f(fmt.Sprint(t))
			}
		})
	}
}

// errNull is what Kafka says of a number that is missing or could not be read.
var errNull = errors.New("Value must be non-null")

func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case time.Duration:
		return n.Milliseconds(), true
	case float64:
		return int64(n), true
	default:
		return 0, false
	}
}

func declare[T any](name string, t Type, doc string, opts []KeyOption, parse func(string) (T, error)) Key[T] {
	k := &key{
		def:   KeyDef{Name: name, Type: t, Doc: doc, Importance: Medium, Width: WidthMedium},
		parse: func(s string) (any, error) { return parse(s) },
	}
	for _, o := range opts {
		o(k)
	}
	k.def.DisplayName = cmp.Or(k.def.DisplayName, name)
	return Key[T]{k}
}

// String declares a text key.
func String(name, doc string, opts ...KeyOption) Key[string] {
	return declare(name, TypeString, doc, opts, func(s string) (string, error) { return s, nil })
}

// ClassName declares a key that names a Java class or one of its aliases.
func ClassName(name, doc string, opts ...KeyOption) Key[string] {
	return declare(name, TypeClass, doc, opts, func(s string) (string, error) { return strings.TrimSpace(s), nil })
}

// Bool declares a key that is true or false.
func Bool(name, doc string, opts ...KeyOption) Key[bool] {
	return declare(name, TypeBoolean, doc, opts, func(s string) (bool, error) {
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, errors.New("Expected value to be either true or false")
	})
}

// Int declares a key with a number of 32 bits.
func Int(name, doc string, opts ...KeyOption) Key[int] {
	return declare(name, TypeInt, doc, opts, func(s string) (int, error) {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil {
			return 0, errors.New("Not a number of type INT")
		}
		return int(n), nil
	})
}

// Short declares a key with a 16-bit integer.
func Short(name, doc string, opts ...KeyOption) Key[int16] {
	return declare(name, TypeShort, doc, opts, func(s string) (int16, error) {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 16)
		if err != nil {
			return 0, errors.New("Not a number of type SHORT")
		}
		return int16(n), nil
	})
}

// Long declares a key with a number of 64 bits.
func Long(name, doc string, opts ...KeyOption) Key[int64] {
	return declare(name, TypeLong, doc, opts, func(s string) (int64, error) {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return 0, errors.New("Not a number of type LONG")
		}
		return n, nil
	})
}

// Millis declares a key with a time in milliseconds. -1, where accepted, is minus one millisecond.
func Millis(name, doc string, opts ...KeyOption) Key[time.Duration] {
	return declare(name, TypeLong, doc, opts, func(s string) (time.Duration, error) {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return 0, errors.New("Not a number of type LONG")
		}
		const most = int64(1<<63-1) / int64(time.Millisecond)
		return time.Duration(min(max(n, -most), most)) * time.Millisecond, nil
	})
}

// Double declares a key with a floating-point number.
func Double(name, doc string, opts ...KeyOption) Key[float64] {
	return declare(name, TypeDouble, doc, opts, func(s string) (float64, error) {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return 0, errors.New("Not a number of type DOUBLE")
		}
		return f, nil
	})
}

// List declares a key with values between commas; blanks around them are dropped.
func List(name, doc string, opts ...KeyOption) Key[[]string] {
	return declare(name, TypeList, doc, opts, func(s string) ([]string, error) {
		if strings.TrimSpace(s) == "" {
			return []string{}, nil
		}
		parts := strings.Split(s, ",")
		for i, p := range parts {
			parts[i] = strings.TrimSpace(p)
		}
		return parts, nil
	})
}

// Secret declares a key with a password; its value is masked wherever it would be shown.
func Secret(name, doc string, opts ...KeyOption) Key[Password] {
	return declare(name, TypePassword, doc, opts, func(s string) (Password, error) { return Password(s), nil })
}
