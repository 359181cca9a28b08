package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestCORS(t *testing.T) {
	tests := []struct {
		name, allow, origin string
		allowed             bool
	}{
		{"all", "*", "https://any.example", true},
		{"one", "https://ops.example", "https://ops.example", true},
		{"another", "https://ops.example", "https://evil.example", false},
		{"a dot is a dot", "https://ops.example", "https://opsxexample", false},
		{"case matters", "https://ops.example", "https://OPS.example", false},
		{"of a list", "https://a.example , https://b.example", "https://b.example", true},
		{"expression", `https://.*\.example`, "https://ops.example", true},
		{"expression is anchored", `https://.*\.example`, "https://ops.example.evil", false},
		{"expression with a choice is anchored", `http://a|http://b`, "http://ax", false},
		{"port", "http://localhost:3000", "http://localhost:3001", false},
		{"null origin", "https://ops.example", "null", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newHandler(t, newRunning(), Options{AllowOrigin: tt.allow})
			resp := expect(t, a, request{method: "GET", path: "/connectors", header: http.Header{"Origin": {tt.origin}}}, 200, `["g1"]`)
			want := ""
			if tt.allowed {
				want = tt.origin
			}
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("Access-Control-Allow-Origin %q, want %q", got, want)
			}
			if got := resp.Header.Get("Vary"); got != "Origin" {
				t.Errorf("Vary %q: caches must keep the answers to different origins apart", got)
			}
		})
	}
}

func TestCORSIsOffByDefault(t *testing.T) {
	resp := expect(t, newHandler(t, newRunning(), Options{}), request{method: "GET", path: "/connectors", header: http.Header{"Origin": {"http://a"}}}, 200, `["g1"]`)
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			t.Errorf("answered with %s", name)
		}
	}
}

func TestPreflight(t *testing.T) {
	preflight := func(origin string) request {
		return request{method: "OPTIONS", path: "/connectors", header: http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}}
	}
	tests := []struct {
		name, methods, origin, want string
	}{
		{"default methods", "", "http://a", "POST,HEAD,GET"},
		{"methods", " GET, PUT ,DELETE,GET", "http://a", "PUT,GET,DELETE"},
		{"another origin", "GET", "http://b", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newHandler(t, newRunning(), Options{AllowOrigin: "http://a", AllowMethods: tt.methods})
			resp := expect(t, a, preflight(tt.origin), 200, "HEAD, POST, GET, OPTIONS")
			if got := resp.Header.Get("Access-Control-Allow-Methods"); got != tt.want {
				t.Errorf("Access-Control-Allow-Methods %q, want %q", got, tt.want)
			}
			if got := resp.Header.Get("Access-Control-Max-Age"); (got == "60") != (tt.want != "") {
				t.Errorf("Access-Control-Max-Age %q", got)
			}
		})
	}
}

func TestErrorsCarryCORSHeaders(t *testing.T) {
	a := newHandler(t, newRunning(), Options{AllowOrigin: "*"})
	for _, path := range []string{"/nope", "/connectors/none"} {
		resp, _ := ask(t, a, request{method: "GET", path: path, header: http.Header{"Origin": {"http://a"}}})
		if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != 404 || got != "http://a" {
			t.Errorf("%s: answered %d with Access-Control-Allow-Origin %q: a page could not read why", path, resp.StatusCode, got)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		want    string
	}{
		{"origin", Options{AllowOrigin: "http://("}, `invalid value "http://(" for configuration access.control.allow.origin: neither *, nor an origin, nor a regular expression for one`},
		{"header action", Options{ResponseHeaders: "put X-A: b"}, `invalid rule "put X-A: b" in configuration response.http.headers.config: the action is "put"; expected set, add, setDate or addDate`},
		{"header without a colon", Options{ResponseHeaders: "set X-A b"}, `"X-A b" has no colon; expected name:value`},
		{"header name", Options{ResponseHeaders: "set X A: b"}, `"X A" is no name of a header`},
		{"header value", Options{ResponseHeaders: "set X-A: a\nb"}, "the value of X-A has control characters"},
		{"header date", Options{ResponseHeaders: "setDate Expires: soon"}, `the value of Expires is "soon"; expected milliseconds from the time of the answer`},
		{"users", Options{BasicAuthFile: "testdata/none"}, "reading the users of the REST API: open testdata/none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(nil, tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}
