package api

import (
	"context"
	"net/http"
	"slices"
	"testing"
)

func TestExpand(t *testing.T) {
	const (
		status = `"status":{"name":"s1","connector":{"state":"STOPPED","worker_id":"worker1:8083","version":"4.3.1"},"tasks":[],"type":"sink"}`
		info   = `"info":{"name":"s1","config":{},"tasks":[],"type":"sink"}`
	)
	tests := []struct{ name, query, body string }{
		{"status", "?expand=status", `{"s1":{` + status + `}}`},
		{"info", "?expand=info", `{"s1":{` + info + `}}`},
		{"both", "?expand=info&expand=status", `{"s1":{` + info + `,` + status + `}}`},
		{"one twice", "?expand=info&expand=info", `{"s1":{` + info + `}}`},
		{"unknown", "?expand=config", `{"s1":{}}`},
		{"unknown beside known", "?expand=config&expand=info", `{"s1":{` + info + `}}`},
		{"commas are not understood", "?expand=status,info", `{"s1":{}}`},
		{"other case", "?expand=INFO", `{"s1":{}}`},
		{"empty", "?expand=", `{"s1":{}}`},
		{"not asked", "?expanded=info", `["s1"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newFake()
			h.connectors["s1"] = fakeConnector{config: map[string]string{}, state: "STOPPED"}
			expect(t, newHandler(t, h, Options{}), request{method: "GET", path: "/connectors" + tt.query}, 200, tt.body)
		})
	}
}

// goingFake lists a connector that is gone by the time that it is looked at.
type goingFake struct{ *fakeHerder }

func (goingFake) Connectors(context.Context) ([]string, error) { return []string{"g1", "gone"}, nil }

func TestExpandPassesOverWhatGoesAway(t *testing.T) {
	h := newFake()
	h.connectors["g1"] = fakeConnector{config: map[string]string{}, state: "RUNNING"}
	expect(t, newHandler(t, goingFake{h}, Options{}), request{method: "GET", path: "/connectors?expand=info"}, 200,
		`{"g1":{"info":{"name":"g1","config":{},"tasks":[],"type":"sink"}}}`)
	h.err = &Error{Status: http.StatusConflict, Message: "rebalance"}
	expect(t, newHandler(t, goingFake{h}, Options{}), request{method: "GET", path: "/connectors?expand=status"}, 409, `{"error_code":409,"message":"rebalance"}`)
}

func TestEmptyListsAreLists(t *testing.T) {
	a := newHandler(t, newFake(), Options{})
	expect(t, a, request{method: "GET", path: "/connectors"}, 200, `[]`)
	expect(t, a, request{method: "GET", path: "/connectors?expand=info"}, 200, `{}`)
	expect(t, a, request{method: "GET", path: "/connectors/none/topics"}, 200, `{"none":{"topics":[]}}`)
	expect(t, a, request{method: "PUT", path: "/admin/loggers/none", body: `{"level":"INFO"}`}, 200, `[]`)
}

func TestRestartFlags(t *testing.T) {
	tests := []struct {
		query  string
		call   string
		status int
	}{
		{"", `Restart "g1" {"IncludeTasks":false,"OnlyFailed":false}`, 204},
		{"?includeTasks=false&onlyFailed=false", `Restart "g1" {"IncludeTasks":false,"OnlyFailed":false}`, 204},
		{"?includeTasks=yes", `Restart "g1" {"IncludeTasks":false,"OnlyFailed":false}`, 204},
		{"?includeTasks", `Restart "g1" {"IncludeTasks":false,"OnlyFailed":false}`, 204},
		{"?INCLUDETASKS=true", `Restart "g1" {"IncludeTasks":false,"OnlyFailed":false}`, 204},
		{"?includeTasks=TRUE", `Restart "g1" {"IncludeTasks":true,"OnlyFailed":false}`, 202},
		{"?onlyFailed=true", `Restart "g1" {"IncludeTasks":false,"OnlyFailed":true}`, 202},
		{"?includeTasks=true&onlyFailed=true", `Restart "g1" {"IncludeTasks":true,"OnlyFailed":true}`, 202},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			h := newRunning()
			resp, body := ask(t, newHandler(t, h, Options{}), request{method: "POST", path: "/connectors/g1/restart" + tt.query})
			if resp.StatusCode != tt.status || (body == "") != (tt.status == 204) {
				t.Errorf("answered %d %s, want %d", resp.StatusCode, body, tt.status)
			}
			if got := h.made(); !slices.Equal(got, []string{tt.call}) {
				t.Errorf("asked the herder %q, want %q", got, tt.call)
			}
		})
	}
}

func TestRequestsAmongWorkers(t *testing.T) {
	signed := http.Header{"X-Connect-Authorization": {"c2lnbmF0dXJl"}, "X-Connect-Request-Signature-Algorithm": {"HmacSHA256"}}
	tests := []struct {
		name   string
		header http.Header
		status int
		body   string
	}{
		{"unsigned", nil, 400, `{"error_code":400,"message":"Internal request missing required signature"}`},
		{"without an algorithm", http.Header{"X-Connect-Authorization": {"c2lnbmF0dXJl"}}, 400, `{"error_code":400,"message":"Internal request missing required signature"}`},
		{"signed", signed, 403, `{"error_code":403,"message":"Internal request contained invalid signature."}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newRunning()
			a := newHandler(t, h, Options{})
			expect(t, a, request{method: "POST", path: "/connectors/g1/tasks", body: "[]", header: tt.header}, tt.status, tt.body)
			expect(t, a, request{method: "PUT", path: "/connectors/g1/fence", header: tt.header}, tt.status, tt.body)
			if calls := h.made(); len(calls) > 0 {
				t.Errorf("asked the herder %q", calls)
			}
		})
	}
}
