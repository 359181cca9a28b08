package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

var reference = regexp.MustCompile(`\$\{([^}:]+):([^}]*)\}`)

// secretWords are parts of names that say that the value is a secret.
var secretWords = [...]string{
	"password", "passwd", "secret", "credential", "jaas.config", "apikey", "api.key", "api_key", "api-key", "bearer", "ssl.key.pem",
}

// soundsSecret says whether a key's name says that its value is a secret. Lists of connectors ask it ten thousand times: a regular
// expression would take most of their time.
func soundsSecret(key string) bool {
	key = strings.ToLower(key)
	for _, word := range secretWords {
		if strings.Contains(key, word) {
			return true
		}
	}
	for part := range strings.SplitSeq(key, ".") {
		if part == "token" {
			return true
		}
	}
	return strings.HasSuffix(key, "keystore.key")
}

// Mask returns a copy of a connector configuration that can be shown: passwords are replaced by asterisks. Keys
// declared as passwords are given by declared; names that say "password" and the like are passwords too. A value that
// only refers to a secret kept elsewhere is no secret.
func Mask(config map[string]string, declared func(key string) bool) map[string]string {
	out := maps.Clone(config)
	for k, v := range out {
		if v != "" && isSecret(k, declared) && reference.FindString(v) != v {
			out[k] = connectors.MaskedValue
		}
	}
	return out
}

// Unmask replaces masked values by those that are stored.
func Unmask(config, stored map[string]string, declared func(key string) bool) map[string]string {
	out := maps.Clone(config)
	for k, v := range out {
		if old, ok := stored[k]; ok && v == connectors.MaskedValue && isSecret(k, declared) {
			out[k] = old
		}
	}
	return out
}

func isSecret(key string, declared func(string) bool) bool {
	return declared != nil && declared(key) || soundsSecret(key)
}

// Resolve replaces references to values kept elsewhere: ${env:NAME}, ${file:path:key} (a properties file), and
// ${dir:path:name} (a file of that name in the folder, whole). A provider that is not known leaves the text as it is, as
// Kafka Connect does. The result holds secrets: it goes to the plugin and nowhere else.
func Resolve(config map[string]string) (map[string]string, error) {
	out := maps.Clone(config)
	for k, v := range config {
		if !strings.Contains(v, "${") {
			continue
		}
		var failed error
		out[k] = reference.ReplaceAllStringFunc(v, func(ref string) string {
			m := reference.FindStringSubmatch(ref)
			value, known, err := lookup(m[1], m[2])
			if err != nil && failed == nil {
				failed = fmt.Errorf("resolving %s of configuration %s: %w", ref, k, err)
			}
			if !known {
				return ref
			}
			return value
		})
		if failed != nil {
			return nil, failed
		}
	}
	return out, nil
}

func lookup(provider, rest string) (value string, known bool, err error) {
	switch provider {
	case "env":
		v, ok := os.LookupEnv(rest)
		if !ok {
			return "", true, fmt.Errorf("environment variable %s is not set", rest)
		}
		return v, true, nil
	case "file", "dir", "directory":
		path, key, ok := cutLast(rest, ":")
		if !ok || path == "" || key == "" {
			return "", true, fmt.Errorf("a reference to a %s has the form ${%s:path:key}", provider, provider)
		}
		if provider == "file" {
			return fromFile(path, key)
		}
		if key != filepath.Base(key) {
			return "", true, fmt.Errorf("%s is not the name of a file in the folder", key)
		}
		b, err := os.ReadFile(filepath.Join(path, key))
		return string(b), true, err
	}
	return "", false, nil
}

func fromFile(path, key string) (string, bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", true, err
	}
	defer f.Close() //nolint:errcheck // read only
	props, err := ParseProperties(f)
	if err != nil {
		return "", true, err
	}
	v, ok := props[key]
	if !ok {
		return "", true, fmt.Errorf("%s has no key %s", path, key)
	}
	return v, true, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// resolveWorker resolves references in worker properties in place.
func resolveWorker(props map[string]string) error {
	resolved, err := Resolve(props)
	if err != nil {
		return err
	}
	maps.Copy(props, resolved)
	return nil
}
