package api

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func usersFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func basic(credentials string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))}}
}

func TestBasicAuth(t *testing.T) {
	a := newHandler(t, newRunning(), Options{
		BasicAuthFile: usersFile(t, "# operators\n\nada=lovelace\n ! more\ngrace : hop\\=per\nempty\\ name=x=y\n"),
		AllowOrigin:   "*", ResponseHeaders: "set X-A: 1", Metrics: http.NotFoundHandler(),
	})
	const refused = `{"error_code":401,"message":"User cannot access the resource."}`
	preflight := http.Header{"Origin": {"http://a"}, "Access-Control-Request-Method": {"DELETE"}}
	tests := []struct {
		name string
		ask  request
		in   bool
	}{
		{"right", request{method: "GET", path: "/connectors", header: basic("ada:lovelace")}, true},
		{"another user", request{method: "GET", path: "/connectors", header: basic("grace:hop=per")}, true},
		{"password with an equals sign", request{method: "GET", path: "/connectors", header: basic("empty name:x=y")}, true},
		{"no credentials", request{method: "GET", path: "/connectors"}, false},
		{"wrong password", request{method: "GET", path: "/connectors", header: basic("ada:hop=per")}, false},
		{"no password", request{method: "GET", path: "/connectors", header: basic("ada:")}, false},
		{"unknown user", request{method: "GET", path: "/connectors", header: basic("eve:lovelace")}, false},
		{"nobody", request{method: "GET", path: "/connectors", header: basic(":")}, false},
		{"another scheme", request{method: "GET", path: "/connectors", header: http.Header{"Authorization": {"Bearer lovelace"}}}, false},
		{"health", request{method: "GET", path: "/health"}, false},
		{"unknown path", request{method: "GET", path: "/nope"}, false},
		{"metrics", request{method: "GET", path: "/metrics"}, false},
		{"writing", request{method: "DELETE", path: "/connectors/g1"}, false},
		{"preflight", request{method: "OPTIONS", path: "/connectors", header: preflight}, true},
		{"options that are no preflight", request{method: "OPTIONS", path: "/connectors"}, false},
		{"preflight headers on another method", request{method: "DELETE", path: "/connectors/g1", header: preflight}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, a, tt.ask)
			if tt.in != (resp.StatusCode == 200) {
				t.Errorf("answered %d %s", resp.StatusCode, body)
			}
			if tt.in {
				return
			}
			if resp.StatusCode != 401 || body != refused || resp.Header.Get("WWW-Authenticate") != `Basic realm="connect", charset="UTF-8"` {
				t.Errorf("answered %d %s with WWW-Authenticate %q, want 401 %s", resp.StatusCode, body, resp.Header.Get("WWW-Authenticate"), refused)
			}
			if resp.Header.Get("X-A") != "1" {
				t.Error("the configured response header is missing")
			}
		})
	}
}

func TestUsersFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no equals sign", "ada=1\nsecret-of-grace", "line 2: expected user=password"},
		{"no user", "=secret", "line 1: expected user=password"},
		{"no password", "ada=", "line 1: expected user=password"},
		{"nobody", "# nobody\n", "has no user; add a line user=password, or do without the file"},
		{"a line without end", "ada=" + strings.Repeat("x", 1<<20), "token too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(nil, Options{BasicAuthFile: usersFile(t, tt.text)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v shows what may be a password", err)
			}
		})
	}
}
