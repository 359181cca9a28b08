package herder_test

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestValidation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w, b := s.start("connector.client.config.override.policy", "None"), newBook(t)
	const count = "Connector configuration is invalid and contains the following %d error(s):"
	for _, tc := range []struct {
		name string
		cfg  map[string]string
		want map[string]string // wrong key to a part of what is said about it
	}{
		{"right", b.connector("days"), nil},
		{"alias", b.connector("days", "connector.class", "DiarySink"), nil},
		{"plugin's name", b.connector("days", "connector.class", "diary"), nil},
		{"control character", b.connector("days", "name", "a\tb"), map[string]string{"name": "String may not contain control sequences but had the following ASCII chars: 9"}},
		{"no topics", b.connector("days", "topics", ""), map[string]string{
			"topics": "Must configure one of topics or topics.regex", "topics.regex": "Must configure one of topics or topics.regex",
		}},
		{"topics twice", b.connector("days", "topics.regex", "d.*"), map[string]string{
			"topics": "mutually exclusive", "topics.regex": "mutually exclusive",
		}},
		{"regex", b.connector("days", "topics", "", "topics.regex", "d["), map[string]string{"topics.regex": "Invalid regex"}},
		{"no tasks", b.connector("days", "tasks.max", "0"), map[string]string{"tasks.max": "Value must be at least 1"}},
		{"tasks in words", b.connector("days", "tasks.max", "many"), map[string]string{"tasks.max": "Not a number of type INT"}},
		{"converter", b.connector("days", "value.converter", "org.example.Converter"), map[string]string{"value.converter": "org.example.Converter"}},
		{"no converter", b.connector("days", "key.converter", " "), map[string]string{"key.converter": "Invalid value  for configuration key.converter: Class  could not be found."}},
		{"no version", b.connector("days", "connector.plugin.version", " "), map[string]string{
			"connector.class": "matches the version range [,], available versions: [1.0.0]", "connector.plugin.version": "matches the version range [,]",
		}},
		{"no range of a converter", b.connector("days", "key.converter.plugin.version", "(1"), map[string]string{"key.converter.plugin.version": "Unbounded range: (1"}},
		{"not that version of a converter", b.connector("days", "value.converter", "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable", "x", "value.converter.plugin.version", "[5,)"), map[string]string{
			"value.converter":                "Plugin org.apache.kafka.connect.json.JsonConverter not found that matches the version range [5,), available versions: [4.3.1]",
			"value.converter.plugin.version": "matches the version range [5,)",
		}},
		{"a class that is no converter", b.connector("days", "key.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter", "header.converter", "org.apache.kafka.connect.transforms.RegexRouter"), map[string]string{
			"key.converter":    "Class class org.apache.kafka.connect.storage.SimpleHeaderConverter does not implement the Converter interface",
			"header.converter": "Class class org.apache.kafka.connect.transforms.RegexRouter does not implement the HeaderConverter interface",
		}},
		{"no topics but commas", b.connector("days", "topics", ","), map[string]string{"topics": "must not be duplicated"}},
		{"payload", b.connector("days", "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"), map[string]string{"value.converter": "does not take bytes"}},
		{"transformations", b.connector("days", "transforms", "a,b,a", "transforms.a.type", "RegexRouter", "transforms.a.regex", "(", "transforms.b.type", "HasHeaderKey"), map[string]string{
			"transforms": "Invalid value [a, b, a] for configuration transforms: Duplicate alias provided.", "transforms.a.regex": "Unclosed group",
			"transforms.a.replacement": `Missing required configuration "transforms.a.replacement"`, "transforms.b.type": "does not implement the Transformation interface",
		}},
		{"what a transformation makes is JSON", b.connector("days", "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
			"transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.HoistField$Value", "transforms.a.field", "f"), map[string]string{}},
		{"override", b.connector("days", "consumer.override.max.poll.interval.ms", "1"), map[string]string{"consumer.override.max.poll.interval.ms": "The 'None' policy does not allow 'max.poll.interval.ms' to be overridden"}},
		{"plugin's key is missing", b.connector("days", "diary.folder", ""), map[string]string{"diary.folder": `Missing required configuration "diary.folder" which has no default value.`}},
		{"plugin's key is wrong", b.connector("days", "diary.pages", "0"), map[string]string{"diary.pages": "Value must be at least 1"}},
		{"everything", b.connector("", "topics", "", "tasks.max", "-1", "diary.folder", "", "diary.pages", "x", "errors.tolerance", "some"), map[string]string{
			"topics": "Must configure", "topics.regex": "Must configure", "tasks.max": "at least 1", "diary.folder": "Missing required", "diary.pages": "Not a number", "errors.tolerance": "one of",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, ok := tc.cfg["name"]; !ok {
				tc.cfg["name"] = "d"
			}
			infos, err := w.Validate(t.Context(), "", tc.cfg)
			if err != nil {
				t.Fatal(err)
			}
			said := 0
			for _, c := range infos.Configs {
				if c.Definition.Name != c.Value.Name {
					t.Errorf("%s is answered as %s", c.Definition.Name, c.Value.Name)
				}
				said += len(c.Value.Errors)
				all := strings.Join(c.Value.Errors, "\n")
				if want, wrong := tc.want[c.Value.Name]; wrong == (all == "") || !strings.Contains(all, want) {
					t.Errorf("%s: %q, wanted %q", c.Value.Name, all, want)
				}
			}
			if infos.ErrorCount != said {
				t.Errorf("%d errors counted, %d said", infos.ErrorCount, said)
			}
			if len(tc.want) == 0 {
				return
			}
			_, err = w.Create(t.Context(), api.CreateRequest{Name: "d", Config: tc.cfg})
			if status(err) != http.StatusBadRequest || !strings.HasPrefix(err.Error(), strings.ReplaceAll(count, "%d", strconv.Itoa(said))) {
				t.Fatalf("creating it: %v", err)
			}
			for key, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("creating it says nothing of %s: %v", key, err)
				}
			}
		})
	}
	if names, err := w.Connectors(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("refused connectors were made: %v, %v", names, err)
	}
}

// What no plugin can check is refused as a whole, as Kafka Connect refuses it, though that calls it its own fault.
func TestValidationRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w, b := s.start(), newBook(t)
	for _, tc := range []struct {
		name string
		cfg  map[string]string
		want string
	}{
		{"unknown class", b.connector("days", "connector.class", "org.example.Nothing"), "Failed to find any class that implements Connector and which name matches org.example.Nothing, available connectors are: " + diaryClass},
		{"path as class", b.connector("days", "connector.class", filepath.Join(s.plugins, "diary")), "Failed to find any class"},
		{"no range of versions", b.connector("days", "connector.plugin.version", "[1"), "Unbounded range: [1"},
		{"number that is none", b.connector("days", "consumer.override.max.poll.records", "x"), "Invalid value x for configuration consumer.override.max.poll.records: Not a number of type INT"},
		{"boolean that is none", b.connector("days", "consumer.override.check.crcs", "maybe"), "Invalid value maybe for configuration consumer.override.check.crcs: Expected value to be either true or false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := w.Validate(t.Context(), "", tc.cfg); status(err) != http.StatusBadRequest || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("validating: %v", err)
			}
			if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: tc.cfg}); status(err) != http.StatusBadRequest || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("creating: %v", err)
			}
		})
	}
}

// The consumers of a sink cannot be in the group of the workers, whether or not its topics are there.
func TestValidationOfTheGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w, b := s.start("group.id", "connect-taken"), newBook(t)
	for key, tc := range map[string]struct {
		cfg  map[string]string
		want string
	}{
		"name": {
			b.connector("days", "name", "taken"),
			"Consumer group for sink connector named taken conflicts with Connect worker group connect-taken",
		},
		"consumer.override.group.id": {
			b.connector("days", "consumer.override.group.id", "connect-taken", "name", "d"),
			"Consumer group connect-taken conflicts with Connect worker group connect-taken",
		},
		"": {b.connector("days", "consumer.override.group.id", "another", "name", "taken"), ""},
	} {
		infos, err := w.Validate(t.Context(), "", tc.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range infos.Configs {
			if got := strings.Join(c.Value.Errors, "\n"); c.Value.Name == key && got != tc.want || c.Value.Name != key && got != "" {
				t.Errorf("%s: %q", c.Value.Name, got)
			}
		}
	}
}

func TestValidationWithoutClass(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.start()
	cfg := map[string]string{"name": "d", "topics": "days", "diary.lock": "sesame"}
	_, err := w.Validate(t.Context(), "", cfg)
	if status(err) != http.StatusBadRequest || !strings.Contains(err.Error(), "contains no connector type") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("without a class: %v", err)
	}
	if _, err := w.Create(t.Context(), api.CreateRequest{Name: "d", Config: cfg}); status(err) != http.StatusBadRequest {
		t.Errorf("creating it: %v", err)
	}
}

func TestPasswordsAreMasked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	embeddedtest.CreateTopic(t, s.broker, "days", 1)
	w, b := s.start(), newBook(t)
	cfg := b.connector("days", "diary.lock", "sesame", "name", "d")
	infos, err := w.Validate(t.Context(), "", cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range infos.Configs {
		if c.Definition.Name == "diary.lock" && (c.Value.Value == nil || *c.Value.Value != connectors.MaskedValue) {
			t.Errorf("validation shows %v", *c.Value.Value)
		}
	}
	s.create(w, "d", cfg)
	tasks, err := w.Tasks(t.Context(), "d")
	if err != nil || tasks[0].Config["diary.lock"] != connectors.MaskedValue {
		t.Errorf("tasks show %v, %v", tasks, err)
	}

	// A value that is kept elsewhere is shown as it is written, and reaches the plugin resolved.
	if err := appendTo(filepath.Join(b.dir, "secrets"), "lock=open"); err != nil {
		t.Fatal(err)
	}
	elsewhere := "${file:" + filepath.Join(b.dir, "secrets") + ":lock}"
	if info, _, err := w.PutConfig(t.Context(), "d", b.connector("days", "diary.lock", elsewhere)); err != nil || info.Config["diary.lock"] != elsewhere {
		t.Errorf("shown as %v, %v", info.Config["diary.lock"], err)
	}
	eventually(t, "the plugin to get the resolved value", func() bool { _, last := b.starts("d-0"); return last.lock == "open" })
	s.running(w, "d", 1)

	if _, _, err := w.PutConfig(t.Context(), "d", b.connector("days", "diary.lock", strings.Replace(elsewhere, ":lock}", ":key}", 1))); err != nil {
		t.Fatal(err)
	}
	s.task(w, "d", 0, "FAILED", "provide the value and restart the task")
}
