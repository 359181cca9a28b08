package connectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

var (
	// namePattern is what the worker accepts as the name of a plugin.
	namePattern = regexp.MustCompile(`^[a-z0-9-]{1,100}$`)
	// versionPattern is that of semver.org, without a leading v.
	versionPattern = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	// frameworkKey is what every connector has without declaring it.
	frameworkKey = regexp.MustCompile(`^(name|connector\.class|connector\.plugin\.version|tasks\.max|tasks\.max\.enforce|topics|topics\.regex|` +
		`key\.converter.*|value\.converter.*|header\.converter.*|transforms.*|predicates.*|errors\..*|config\.action\.reload|consumer\.override\..*)$`)
	types = []connectors.Type{
		connectors.TypeBoolean, connectors.TypeString, connectors.TypeInt, connectors.TypeLong,
		connectors.TypeDouble, connectors.TypeList, connectors.TypeClass, connectors.TypePassword,
	}
	importances = []connectors.Importance{connectors.High, connectors.Medium, connectors.Low}
)

// declaration is invariant 1.
func declaration(b *bench) error {
	spec := b.subject.Sink.Spec()
	var wrong problems
	if !namePattern.MatchString(spec.Name) {
		wrong.add("the name %q has other characters than small letters, digits and dashes", spec.Name)
	}
	if !versionPattern.MatchString(spec.Version) {
		wrong.add("the version %q is no semantic version, like 1.2.3", spec.Version)
	}
	if spec.Summary == "" || strings.Contains(spec.Summary, "\n") {
		wrong.add("the summary %q is not one line", spec.Summary)
	}
	if len(spec.Classes) == 0 {
		wrong.add("there is no class: connector.class could not name the sink")
	}
	classes := map[string]bool{}
	for _, c := range spec.Classes {
		if c.Name == "" || strings.ContainsAny(c.Name+c.Task, " \t\n,") || classes[c.Name] {
			wrong.add("class %q is empty, has blanks or is there twice", c.Name)
		}
		classes[c.Name] = true
	}
	keys := spec.Config.Keys()
	names := map[string]bool{}
	for _, k := range keys {
		if names[k.Name] {
			wrong.add("key %s is declared twice", k.Name)
		}
		names[k.Name] = true
	}
	for _, k := range keys {
		checkKey(&wrong, k, spec.Config)
	}
	if again := b.subject.Sink.Spec(); again.Name != spec.Name || again.Version != spec.Version || !reflect.DeepEqual(again.Config.Keys(), keys) {
		wrong.add("Spec says something else at the second call")
	}
	return wrong.err()
}

func checkKey(wrong *problems, k connectors.KeyDef, def connectors.ConfigDef) {
	switch {
	case k.Name == "" || strings.ContainsAny(k.Name, " \t\n="):
		wrong.add("key %q is empty or has blanks", k.Name)
	case frameworkKey.MatchString(k.Name):
		wrong.add("key %s belongs to the framework", k.Name)
	}
	if strings.TrimSpace(k.Doc) == "" || k.DisplayName == "" {
		wrong.add("key %s is not documented", k.Name)
	}
	if !slices.Contains(types, k.Type) || !slices.Contains(importances, k.Importance) {
		wrong.add("key %s has the type %q and the importance %q", k.Name, k.Type, k.Importance)
	}
	if k.Type == connectors.TypePassword && k.Default != nil && *k.Default != "" {
		wrong.add("key %s is a password with a default", k.Name)
	}
	for _, d := range k.Dependents {
		if !def.Has(d) {
			wrong.add("key %s has the dependent %s, which is not declared", k.Name, d)
		}
	}
	if errs := errorsOf(def.Validate(nil), k.Name); len(errs) > 0 && !k.Required {
		wrong.add("key %s: the default is not valid: %s", k.Name, strings.Join(errs, "; "))
	}
	for _, value := range k.Recommended {
		if errs := errorsOf(def.Validate(map[string]string{k.Name: value}), k.Name); len(errs) > 0 {
			wrong.add("key %s: the recommended value %q is not valid: %s", k.Name, value, strings.Join(errs, "; "))
		}
	}
}

func errorsOf(values []connectors.ConfigValue, name string) []string {
	for _, v := range values {
		if v.Name == name {
			return v.Errors
		}
	}
	return []string{"there is no answer"}
}

// configuration checks that the subject's own configurations are valid.
func configuration(b *bench) error {
	configs := []map[string]string{b.target.Config}
	if b.away != nil {
		configs = append(configs, b.away)
	}
	var wrong problems
	for _, config := range configs {
		cfg, err := b.subject.Sink.Spec().Config.Parse(config)
		if err != nil {
			wrong.add("the subject's configuration is refused: %w", err)
			continue
		}
		for _, e := range b.validate(cfg, &wrong) {
			wrong.add("the subject's configuration is refused: %s: %s", e.Key, e.Message)
		}
	}
	return wrong.err()
}

// validate calls the sink's own validation, if it has one, and looks at the form of the answer.
func (b *bench) validate(cfg connectors.Config, wrong *problems) []connectors.ConfigError {
	v, ok := b.subject.Sink.(connectors.Validator)
	if !ok {
		return nil
	}
	var errs []connectors.ConfigError
	err := b.call("Validate", func(ctx context.Context) error {
		errs = v.Validate(ctx, cfg)
		return nil
	})
	if err != nil {
		wrong.add("%w; the configuration was %q", err, cfg.All())
	}
	def := b.subject.Sink.Spec().Config
	for _, e := range errs {
		if !def.Has(e.Key) || e.Message == "" {
			wrong.add("validation answers with the message %q for the key %q", e.Message, e.Key)
		}
	}
	return errs
}

// wrongValues gives every key with a type a value of no type, and leaves out what is required: each one is to be named
// (invariant 2).
func wrongValues(b *bench) error {
	def := b.subject.Sink.Spec().Config
	raw := map[string]string{}
	keys := def.Keys()
	bad := make([]string, 0, len(keys))
	for _, k := range keys {
		switch k.Type {
		case connectors.TypeBoolean, connectors.TypeInt, connectors.TypeLong, connectors.TypeDouble:
			raw[k.Name] = "neither"
		default:
			if !k.Required || k.Default != nil {
				continue
			}
		}
		bad = append(bad, k.Name)
	}
	if len(bad) == 0 {
		return nil
	}
	var wrong problems
	values := def.Validate(raw)
	_, err := def.Parse(raw)
	if err == nil {
		return fmt.Errorf("a configuration is accepted in which %s are wrong", strings.Join(bad, ", "))
	}
	if code := connectors.CodeOf(err); code != connectors.CodeMisconfigured {
		wrong.add("the error of a wrong configuration has the code %q", code)
	}
	for _, name := range bad {
		errs := errorsOf(values, name)
		if len(errs) == 0 || !strings.Contains(strings.Join(errs, " "), name) || !strings.Contains(err.Error(), name) {
			wrong.add("key %s is wrong, and validation does not name it", name)
		}
	}
	return wrong.err()
}

// garbage validates random values (invariant 2). They are the same at every run.
func garbage(b *bench) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("validation panics: %v", r))
		}
	}()
	random := rand.New(rand.NewPCG(1, 2))
	def := b.subject.Sink.Spec().Config
	keys := def.Keys()
	var wrong problems
	for range b.subject.Garbage {
		raw := maps.Clone(b.target.Config)
		for range 1 + random.IntN(4) {
			raw[keys[random.IntN(len(keys))].Name] = anything(random)
		}
		if values := def.Validate(raw); len(values) != len(keys) {
			wrong.add("validation answers for %d of %d keys", len(values), len(keys))
		}
		cfg, err := def.Parse(raw)
		if err == nil {
			b.validate(cfg, &wrong)
		}
	}
	return wrong.err()
}

// anything gives a value that somebody might write, or nobody.
func anything(random *rand.Rand) string {
	values := []string{
		"", " ", "0", "-1", "9223372036854775807", "99999999999999999999", "1e9", "NaN", "true", "TRUE ", "null", "${x}", "a,b,,c", ",", ":", "://",
		"http://[::1", "hdfs://", "file://", "file:///", "%", "%zz", "\x00", "\xff\xfe", "../../..", "x:y", "io.example.Class", "Europe/Nowhere",
		strings.Repeat("x", 100_000),
	}
	if i := random.IntN(len(values) + 4); i < len(values) {
		return values[i]
	}
	text := make([]byte, random.IntN(30))
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	return string(text)
}
