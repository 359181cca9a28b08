package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func badRequestBody(message string) string {
	text, err := encode(errorBody{http.StatusBadRequest, message})
	if err != nil {
		panic(err) // two plain fields
	}
	return string(text)
}

func TestCreateBodies(t *testing.T) {
	const all = "expected a JSON object with name, config and, optionally, initial_state"
	tests := []struct{ name, body, message string }{
		{"blank", "  ", "the request body is empty: " + all},
		{"null", "null", "the request body is null: " + all},
		{"array", "[]", "the request body is an array: " + all},
		{"string", `"x"`, "the request body is a string: " + all},
		{"number", "1", "the request body is a number: " + all},
		{"boolean", "true", "the request body is a boolean: " + all},
		{"cut off", `{"name":"n",`, "the request body is not JSON: it ends too early at line 1, column 13"},
		{"wrong in the third line", "{\"name\":\"n\",\n\"config\":{\n\"ä\" 1}}", "the request body is not JSON: invalid character '1' after object key at line 3, column 5"},
		{"two documents", "{} {}", "the request body is not JSON: invalid character '{' after top-level value at line 1, column 4"},
		{"not UTF-8", "{\"name\":\n \"\xff\"}", "the request body is not UTF-8: line 2, column 3"},
		{"unknown field", `{"name":"n","config":{},"state":"x"}`, `unknown field "state" in the request body; known are name, config and initial_state`},
		{"fields have a case", `{"Name":"n","config":{}}`, `unknown field "Name" in the request body; known are name, config and initial_state`},
		{"no config", `{"name":"n"}`, "field config is missing in the request body: expected an object with the connector's configuration"},
		{"config null", `{"name":"n","config":null}`, "field config is missing in the request body: expected an object with the connector's configuration"},
		{"config array", `{"name":"n","config":[]}`, "field config: expected an object, found an array"},
		{"config string", `{"name":"n","config":"x"}`, "field config: expected an object, found a string"},
		{"name object", `{"name":{},"config":{}}`, "field name: expected a string, a number or a boolean, found an object"},
		{"value array", `{"name":"n","config":{"topics":["a"]}}`, "field config.topics: expected a string, a number or a boolean, found an array"},
		{"value object", `{"name":"n","config":{"a":{"b":1}}}`, "field config.a: expected a string, a number or a boolean, found an object"},
		{"another name inside", `{"name":"n","config":{"name":"m"}}`, "Connector name configuration (m) doesn't match connector name in the URL (n)"},
		{"unknown state", `{"name":"n","config":{},"initial_state":"READY"}`, `invalid value "READY" of field initial_state: expected RUNNING, PAUSED or STOPPED`},
		{"state object", `{"name":"n","config":{},"initial_state":{}}`, "field initial_state: expected a string, a number or a boolean, found an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newFake()
			expect(t, newHandler(t, h, Options{}), request{method: "POST", path: "/connectors", body: tt.body}, 400, badRequestBody(tt.message))
			if calls := h.made(); len(calls) > 0 {
				t.Errorf("asked the herder %q", calls)
			}
		})
	}
}

func TestCreateRequests(t *testing.T) {
	tests := []struct{ name, body, call string }{
		{"name is trimmed", `{"name":"\t n\u0000 ","config":{}}`, `{"Name":"n","Config":{"name":"n"},"InitialState":""}`},
		{"blanks inside stay", `{"name":"a b","config":{}}`, `{"Name":"a b","Config":{"name":"a b"},"InitialState":""}`},
		{"name is left to the herder", `{"config":{}}`, `{"Name":"","Config":{"name":""},"InitialState":""}`},
		{"numbers and booleans as they were written", `{"name":7,"config":{"a":1.50,"b":1e3,"c":true,"d":-0}}`, `{"Name":"7","Config":{"a":"1.50","b":"1e3","c":"true","d":"-0","name":"7"},"InitialState":""}`},
		{"the last of two keys", `{"name":"a","name":"b","config":{"x":"1","x":"2"}}`, `{"Name":"b","Config":{"name":"b","x":"2"},"InitialState":""}`},
		{"same name inside", `{"name":"n","config":{"name":"n"}}`, `{"Name":"n","Config":{"name":"n"},"InitialState":""}`},
		{"null name inside", `{"name":"n","config":{"name":null}}`, `{"Name":"n","Config":{"name":"n"},"InitialState":""}`},
		{"escapes", `{"name":"\u00e4\ud83d\udc18","config":{}}`, `{"Name":"ä🐘","Config":{"name":"ä🐘"},"InitialState":""}`},
		{"running", `{"name":"n","config":{},"initial_state":"running"}`, `{"Name":"n","Config":{"name":"n"},"InitialState":"STARTED"}`},
		{"paused", `{"name":"n","config":{},"initial_state":"PAUSED"}`, `{"Name":"n","Config":{"name":"n"},"InitialState":"PAUSED"}`},
		{"stopped", `{"name":"n","config":{},"initial_state":"Stopped"}`, `{"Name":"n","Config":{"name":"n"},"InitialState":"STOPPED"}`},
		{"state null", `{"name":"n","config":{},"initial_state":null}`, `{"Name":"n","Config":{"name":"n"},"InitialState":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newFake()
			resp, body := ask(t, newHandler(t, h, Options{}), request{method: "POST", path: "/connectors", body: tt.body})
			if got := h.made(); resp.StatusCode != 201 || !slices.Equal(got, []string{"Create " + tt.call}) {
				t.Errorf("answered %d %s and asked the herder %q, want %q", resp.StatusCode, body, got, tt.call)
			}
		})
	}
}

// TestNulls holds that a value of null is refused together with all else that is wrong, and never stored.
func TestNulls(t *testing.T) {
	const rest = "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"
	h := newFake()
	h.infos = ConfigInfos{ErrorCount: 2, Configs: []ConfigInfo{
		{Definition: &ConfigKeyInfo{Name: "tasks.max"}, Value: ConfigValueInfo{Name: "tasks.max", Errors: []string{"Not a number"}}},
		{Definition: &ConfigKeyInfo{Name: "topics"}, Value: ConfigValueInfo{Name: "topics", Errors: []string{"Missing"}}},
	}}
	a := newHandler(t, h, Options{})
	want := badRequestBody("Connector configuration is invalid and contains the following 4 error(s):\n" + nullValue + "\nNot a number\n" + nullTexts["topics"] + "\n" + nullValue + rest)
	expect(t, a, request{method: "PUT", path: "/connectors/n/config", body: `{"connector.class":"C","topics":null,"x":null}`}, 400, want)
	if got, want := h.made(), []string{`Validate "C" {"connector.class":"C","name":"n"}`}; !slices.Equal(got, want) {
		t.Errorf("asked the herder %q, want %q", got, want)
	}
	h.infos = ConfigInfos{Configs: []ConfigInfo{{Value: ConfigValueInfo{Name: "file"}, Own: true}}}
	if resp, body := ask(t, a, request{method: "PUT", path: "/connectors/n/config", body: `{"connector.class":"C","file":null}`}); resp.StatusCode >= 300 {
		t.Errorf("a key of the plugin that is null is answered %d %s", resp.StatusCode, body)
	}
	made := h.made()
	if want := `PutConfig "n" {"connector.class":"C","name":"n"}`; made[len(made)-1] != want {
		t.Errorf("asked the herder %q, want %q at the end", made, want)
	}
	h.err = errors.New("plugin died")
	expect(t, a, request{method: "POST", path: "/connectors", body: `{"name":"n","config":{"x":null}}`}, 500, `{"error_code":500,"message":"plugin died"}`)
}

func TestConfigBodies(t *testing.T) {
	tests := []struct{ name, method, body, message string }{
		{"name of the path", "PUT", `{"name":"other"}`, "Connector name configuration (other) doesn't match connector name in the URL (g1)"},
		{"put nothing", "PUT", " ", "the request body is empty: expected a JSON object with configuration keys and their values"},
		{"patch nothing", "PATCH", " ", "the request body is empty: expected a JSON object with configuration keys and their values"},
		{"put object as value", "PUT", `{"a":{}}`, "field a: expected a string, a number or a boolean, found an object"},
		{"patch array as value", "PATCH", `{"a":[1]}`, "field a: expected a string, a number or a boolean, found an array"},
		{"patch string", "PATCH", `"a"`, "the request body is a string: expected a JSON object with configuration keys and their values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, newHandler(t, newRunning(), Options{}), request{method: tt.method, path: "/connectors/g1/config", body: tt.body}, 400, badRequestBody(tt.message))
		})
	}
}

func TestBodySize(t *testing.T) {
	const create = `{"name":"n","config":{"a":"%s"}}`
	fits := fmt.Sprintf(create, strings.Repeat("x", 100-len(create)+len("%s")))
	tests := []struct {
		name, body string
		status     int
	}{
		{"as large as may be", fits, 201},
		{"a byte more", fits + " ", 413},
		{"much more", fits + strings.Repeat(" ", 1<<20), 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, newHandler(t, newFake(), Options{MaxBody: 100}), request{method: "POST", path: "/connectors", body: tt.body})
			if resp.StatusCode != tt.status {
				t.Fatalf("answered %d %s, want %d", resp.StatusCode, body, tt.status)
			}
			if want := `{"error_code":413,"message":"the request body is larger than 100 bytes, the most that is accepted"}`; tt.status == 413 && body != want {
				t.Errorf("answered %s, want %s", body, want)
			}
		})
	}
	t.Run("default", func(t *testing.T) {
		resp, body := ask(t, newHandler(t, newFake(), Options{}), request{method: "PUT", path: "/connectors/n/config", body: strings.Repeat(" ", DefaultMaxBody+1)})
		if resp.StatusCode != 413 || !strings.Contains(body, "1048576 bytes") {
			t.Errorf("answered %d %s", resp.StatusCode, body)
		}
	})
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodyThatBreaksOff(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/connectors", brokenBody{})
	w := httptest.NewRecorder()
	newHandler(t, newFake(), Options{}).ServeHTTP(w, r)
	if want := badRequestBody("the request body broke off: connection reset"); w.Code != 400 || w.Body.String() != want {
		t.Errorf("answered %d %s, want 400 %s", w.Code, w.Body, want)
	}
}

// bodyOperations are those that read a body.
func bodyOperations() []request {
	return []request{
		{method: "POST", path: "/connectors"},
		{method: "PUT", path: "/connectors/g1/config"},
		{method: "PATCH", path: "/connectors/g1/config"},
		{method: "PATCH", path: "/connectors/g1/offsets"},
		{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate"},
		{method: "PUT", path: "/admin/loggers/root"},
	}
}

// FuzzBodies holds that no body is the worker's fault: whatever comes, the answer is no 5xx, and valid JSON (invariant 2).
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		"", " ", "null", "[]", "{", `{"`, `{"a":`, `{"a":1}`, `{"name":"n","config":{"a":null}}`, `{"name":"n","config":{},"initial_state":"x"}`,
		`{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":"0"},"offset":{"kafka_offset":1}}]}`, `{"offsets":[null]}`, `{"offsets":{}}`,
		`{"connector.class":"FileStreamSink","a":{}}`, `{"level":"INFO"}`, "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, "{\"\\u0000\":1}\n{}",
		strings.Repeat(`{"a":`, 50), strings.Repeat("[", 20000),
	} {
		for i := range bodyOperations() {
			f.Add(i, []byte(seed))
		}
	}
	a, err := New(newRunning(), Options{Logger: quiet()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, operation int, body []byte) {
		ops := bodyOperations()
		op := ops[uint(operation)%uint(len(ops))]
		r := httptest.NewRequestWithContext(t.Context(), op.method, op.path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s with %q: answered %d %s", op.method, op.path, body, w.Code, w.Body)
		}
		if w.Body.Len() > 0 && (!json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes())) {
			t.Errorf("%s %s with %q: the answer is no JSON: %q", op.method, op.path, body, w.Body)
		}
	})
}
