package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
)

func TestValidateSink(t *testing.T) {
	base := map[string]string{"name": "n", "connector.class": "c", "topics": "a,b"}
	for _, tc := range []struct {
		name   string
		change map[string]string
		want   []string // key: message
	}{
		{"good", nil, nil},
		{"no topics", map[string]string{"topics": ""}, []string{"topics: Must configure one of", "topics.regex: Must configure one of"}},
		{"both", map[string]string{"topics.regex": "a.*"}, []string{"topics: topics and topics.regex are mutually exclusive", "topics.regex: topics and topics.regex"}},
		{"bad regex", map[string]string{"topics": "", "topics.regex": "a("}, []string{"topics.regex: Invalid value a( for configuration topics.regex: Invalid regex"}},
		{"dead letters among the topics", map[string]string{"errors.deadletterqueue.topic.name": "b"}, []string{"topics: The DLQ topic 'b' may not be included"}},
		{"no name", map[string]string{"name": " "}, []string{"name: Invalid value  for configuration name: String may not be empty"}},
		{"topic of no name", map[string]string{"topics": "a,,c"}, []string{"topics: Configuration 'topics' values must not be empty."}},
		{"topic twice", map[string]string{"topics": "a, c ,a"}, []string{"topics: Configuration 'topics' values must not be duplicated."}},
		{"tasks", map[string]string{"tasks.max": "0"}, []string{"tasks.max: Invalid value 0 for configuration tasks.max: Value must be at least 1"}},
		{"spelling of tolerance", map[string]string{"errors.tolerance": "NONE"}, []string{"errors.tolerance: Invalid value NONE for configuration errors.tolerance: String must be one of: none, all"}},
		{"reload", map[string]string{"config.action.reload": "maybe"}, []string{"config.action.reload: Invalid value maybe for configuration config.action.reload: String must be one of: none, restart"}},
		{"more replicas than a short holds", map[string]string{"errors.deadletterqueue.topic.replication.factor": "99999"}, []string{"errors.deadletterqueue.topic.replication.factor: Invalid value 99999 for configuration errors.deadletterqueue.topic.replication.factor: Not a number of type SHORT"}},
		{"control character", map[string]string{"name": "a\x01b"}, []string{"name: Invalid value a\x01b for configuration name: String may not contain control sequences but had the following ASCII chars: 1"}},
		{"transformations", map[string]string{"transforms": "x, y ,x"}, []string{"transforms: Invalid value [x, y, x] for configuration transforms: Duplicate alias provided."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := map[string]string{}
			maps.Copy(raw, base)
			maps.Copy(raw, tc.change)
			var got []string
			for _, v := range ValidateSink(raw) {
				for _, e := range v.Errors {
					got = append(got, v.Name+": "+e)
				}
			}
			if len(got) != len(tc.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("got  %s\nwant %s…", got[i], tc.want[i])
				}
			}
		})
	}
}

func TestMaskAndUnmask(t *testing.T) {
	declared := func(k string) bool { return k == "pin" }
	stored := map[string]string{"connection.password": "geheim", "pin": "1234", "user": "ada", "api.key": "${env:KEY}", "empty.password": ""}
	masked := Mask(stored, declared)
	want := map[string]string{"connection.password": "********", "pin": "********", "user": "ada", "api.key": "${env:KEY}", "empty.password": ""}
	if diff := cmp.Diff(want, masked); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(stored, Unmask(masked, stored, declared)); diff != "" {
		t.Fatalf("what was masked does not come back: %s", diff)
	}
	masked["connection.password"] = "new"
	if got := Unmask(masked, stored, declared); got["connection.password"] != "new" || got["pin"] != "1234" {
		t.Fatalf("%v", got)
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "s.properties")
	if err := os.WriteFile(file, []byte("pass = from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONFIG_TEST", "from env")
	got, err := Resolve(map[string]string{
		"a": "${env:CONFIG_TEST}", "b": "x${file:" + file + ":pass}y", "c": "${dir:" + dir + ":s.properties}", "d": "${vault:x:y}", "e": "${topic}",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "from env", "b": "xfrom filey", "c": "pass = from file\n", "d": "${vault:x:y}", "e": "${topic}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	for _, bad := range []string{"${env:CONFIG_TEST_NOT_SET}", "${file:" + file + ":other}", "${dir:" + dir + ":../etc/passwd}", "${file:nothing}"} {
		if _, err := Resolve(map[string]string{"k": bad}); err == nil || !strings.Contains(err.Error(), "configuration k") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestNotes(t *testing.T) {
	sink := []connectors.KeyDef{{Name: "known"}, {Name: "old", Ignored: "there is no JVM"}}
	got := Notes(map[string]string{"known": "", "old": "", "typo": "", "tasks.max": "", "value.converter.schemas.enable": "", "consumer.override.x": ""}, sink)
	want := []string{
		"configuration old has no effect: there is no JVM",
		"configuration typo is known neither to sluice nor to the plugin and has no effect",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}

func TestNamesOfSecrets(t *testing.T) {
	secret := []string{
		"connection.password", "Db.PassWd", "aws.secret.access.key", "gcs.credentials", "sasl.jaas.config", "api.key", "apiKey", "x.api-key", "x.api_key",
		"bearer.auth", "token", "auth.token", "token.value", "ssl.key.pem", "ssl.keystore.key",
	}
	plain := []string{"topics", "tokenizer", "x.tokens", "key.converter", "ssl.keystore.location", "ssl.keystore.keys", "pass", "file"}
	for _, key := range slices.Concat(secret, plain) {
		shown := Mask(map[string]string{key: "v"}, nil)[key]
		if want := slices.Contains(secret, key); want != (shown == connectors.MaskedValue) {
			t.Errorf("%s is shown as %s", key, shown)
		}
	}
}

// TestPlacesOfKeys holds the odd ones among the places that Kafka Connect gives its keys.
func TestPlacesOfKeys(t *testing.T) {
	want := map[string]int{"name": 1, "tasks.max": 4, "topics": 4, "topics.regex": 4, "transforms": 12, "predicates": 13, "config.action.reload": 14, "errors.tolerance": 3}
	for _, k := range SinkDef().Keys() {
		if n, given := want[k.Name]; given && k.OrderInGroup != n {
			t.Errorf("%s is at %d, want %d", k.Name, k.OrderInGroup, n)
		}
	}
}
