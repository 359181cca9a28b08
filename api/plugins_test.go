package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestPlugins(t *testing.T) {
	tests := []struct{ query, call string }{
		{"", "Plugins true"},
		{"?connectorsOnly=true", "Plugins true"},
		{"?connectorsOnly=True", "Plugins true"},
		{"?connectorsOnly=false", "Plugins false"},
		{"?connectorsOnly=no", "Plugins false"},
		{"?connectorsOnly", "Plugins true"},
		{"?other=1", "Plugins true"},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			h := newFake()
			resp, body := ask(t, newHandler(t, h, Options{}), request{method: "GET", path: "/connector-plugins" + tt.query})
			if got := h.made(); resp.StatusCode != 200 || !slices.Equal(got, []string{tt.call}) {
				t.Errorf("answered %d %s and asked the herder %q, want %q", resp.StatusCode, body, got, tt.call)
			}
		})
	}
}

func TestPluginConfigVersion(t *testing.T) {
	h := newFake()
	a := newHandler(t, h, Options{})
	ask(t, a, request{method: "GET", path: "/connector-plugins/a.B/config"})
	ask(t, a, request{method: "GET", path: "/connector-plugins/a%20B/config?version=1.0"})
	if got, want := h.made(), []string{`PluginConfig "a.B" ""`, `PluginConfig "a B" "1.0"`}; !slices.Equal(got, want) {
		t.Errorf("asked the herder %q, want %q", got, want)
	}
}

// TestValidateClass holds which connector.class fits which plugin of the path.
func TestValidateClass(t *testing.T) {
	tests := []struct {
		name, plugin, class string
		fits                bool
	}{
		{"full name", fakeSink, fakeSink, true},
		{"simple name", "FileStreamSinkConnector", fakeSink, true},
		{"alias", "FileStreamSink", fakeSink, true},
		{"alias in both", "FileStreamSink", "FileStreamSink", true},
		{"simple name, alias in the body", "FileStreamSinkConnector", "FileStreamSink", true},
		{"another", "FileStreamSource", fakeSink, false},
		{"the longer one in the path", fakeSink, "FileStreamSink", false},
		{"the suffix alone", "Connector", "Connector", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newFake()
			resp, body := ask(t, newHandler(t, h, Options{}), request{
				method: "PUT", path: "/connector-plugins/" + tt.plugin + "/config/validate", body: `{"connector.class":"` + tt.class + `"}`,
			})
			if !tt.fits {
				want := badRequestBody("Included connector type " + tt.class + " does not match request type " + tt.plugin)
				if resp.StatusCode != 400 || body != want || len(h.made()) > 0 {
					t.Errorf("answered %d %s and asked the herder %q, want 400 %s", resp.StatusCode, body, h.made(), want)
				}
			} else if resp.StatusCode != 200 || len(h.made()) != 1 {
				t.Errorf("answered %d %s and asked the herder %q", resp.StatusCode, body, h.made())
			}
		})
	}
}

func TestValidateWithoutClass(t *testing.T) {
	h := newFake()
	h.err = &Error{Status: http.StatusBadRequest, Message: "Connector config {} contains no connector type"}
	expect(t, newHandler(t, h, Options{}), request{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: "{}"}, 400,
		badRequestBody("Connector config {} contains no connector type"))
	if got, want := h.made(), []string{`Validate "FileStreamSink" {}`}; !slices.Equal(got, want) {
		t.Errorf("asked the herder %q, want %q", got, want)
	}
}

func TestValidateShapesLists(t *testing.T) {
	h := newFake()
	group := "Common"
	h.infos = ConfigInfos{Name: "C", ErrorCount: 1, Groups: []string{group}, Configs: []ConfigInfo{{
		Definition: &ConfigKeyInfo{Name: "topics", Type: "LIST", Group: &group},
		Value:      ConfigValueInfo{Name: "topics", Errors: []string{"Missing"}, Visible: true},
	}}}
	expect(t, newHandler(t, h, Options{}), request{method: "PUT", path: "/connector-plugins/C/config/validate", body: `{"connector.class":"C","other":null}`}, 200,
		`{"name":"C","error_count":2,"groups":["Common"],"configs":[`+
			`{"definition":null,`+
			`"value":{"name":"other","value":null,"recommended_values":[],"errors":["Null value can not be supplied as the configuration value."],"visible":true}},`+
			`{"definition":{"name":"topics","type":"LIST","required":false,"default_value":null,"importance":"","documentation":"","group":"Common","order_in_group":0,"order":0,"width":"","display_name":"","dependents":[]},`+
			`"value":{"name":"topics","value":null,"recommended_values":[],"errors":["Missing"],"visible":true}}]}`)
}

// TestNullReplacesTheBlame holds that a declared key with the value null has that error and none of a value that is missing, but for
// what concerns another key, too.
func TestNullReplacesTheBlame(t *testing.T) {
	h := newFake()
	h.infos = ConfigInfos{ErrorCount: 2, Configs: []ConfigInfo{{Value: ConfigValueInfo{Name: "topics", Errors: []string{"Missing", "Must configure one of topics or topics.regex"}}}}}
	_, body := ask(t, newHandler(t, h, Options{}), request{method: "PUT", path: "/connector-plugins/C/config/validate", body: `{"connector.class":"C","topics":null}`})
	var got ConfigInfos
	if err := json.NewDecoder(strings.NewReader(body)).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.ErrorCount != 3 || len(got.Configs) != 1 ||
		!slices.Equal(got.Configs[0].Value.Errors, []string{"Configuration 'topics' values must not be null.", "Must configure one of topics or topics.regex", nullValue}) {
		t.Errorf("answered %s", body)
	}
}

func TestSetLogger(t *testing.T) {
	const missing = "Desired 'level' parameter was not specified in request."
	tests := []struct {
		name, query, body string
		status            int
		want              string // call, or message of the error
	}{
		{"worker by default", "", `{"level":"DEBUG"}`, 200, `SetLogger "root" "DEBUG" false`},
		{"worker", "?scope=worker", `{"level":"DEBUG"}`, 200, `SetLogger "root" "DEBUG" false`},
		{"unknown scope is the worker", "?scope=galaxy", `{"level":"DEBUG"}`, 200, `SetLogger "root" "DEBUG" false`},
		{"cluster", "?scope=CLUSTER", `{"level":"DEBUG"}`, 204, `SetLogger "root" "DEBUG" true`},
		{"further keys", "", `{"level":"DEBUG","x":1}`, 200, `SetLogger "root" "DEBUG" false`},
		{"no level", "", `{}`, 400, missing},
		{"level null", "", `{"level":null}`, 400, missing},
		{"level empty", "", `{"level":""}`, 400, "field level: expected the name of a level, such as INFO, found nothing"},
		{"level object", "", `{"level":{}}`, 400, "field level: expected a string, a number or a boolean, found an object"},
		{"no body", "", ` `, 400, "the request body is empty: expected a JSON object with level"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newFake()
			resp, body := ask(t, newHandler(t, h, Options{}), request{method: "PUT", path: "/admin/loggers/root" + tt.query, body: tt.body})
			if resp.StatusCode != tt.status {
				t.Fatalf("answered %d %s, want %d", resp.StatusCode, body, tt.status)
			}
			if tt.status == 400 && body != badRequestBody(tt.want) {
				t.Errorf("answered %s, want %s", body, tt.want)
			}
			if got := h.made(); tt.status < 300 && !slices.Equal(got, []string{tt.want}) {
				t.Errorf("asked the herder %q, want %q", got, tt.want)
			}
		})
	}
}

func TestValidateTakesAnObjectInAString(t *testing.T) {
	const path = "/connector-plugins/FileStreamSink/config/validate"
	h := newFake()
	resp, body := ask(t, newHandler(t, h, Options{}), request{method: "PUT", path: path, body: `" {\"connector.class\":\"FileStreamSink\"}"`})
	if got, want := h.made(), []string{`Validate "FileStreamSink" {"connector.class":"FileStreamSink"}`}; resp.StatusCode != 200 || !slices.Equal(got, want) {
		t.Errorf("answered %d %s and asked the herder %q, want %q", resp.StatusCode, body, got, want)
	}
	for _, other := range []string{`"x"`, `"[1]"`, `"{"`, `"\"{}\""`} {
		expect(t, newHandler(t, newFake(), Options{}), request{method: "PUT", path: path, body: other}, 400,
			badRequestBody("the request body is a string: expected a JSON object with configuration keys and their values"))
	}
}
