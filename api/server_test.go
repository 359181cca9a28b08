package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listen starts a server on free ports and ends it with the test.
func listen(t *testing.T, o ServerOptions) *Server {
	t.Helper()
	o.Logger = quiet()
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client makes connections that end with the test.
func client(t *testing.T, transport *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get gives status and body, or the error of a request.
func get(t *testing.T, c *http.Client, u *url.URL, path string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.JoinPath(path).String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestServer(t *testing.T) {
	s := listen(t, ServerOptions{Listeners: []string{"http://127.0.0.1:0", " http://localhost:0/ "}})
	c := client(t, &http.Transport{})
	urls := s.URLs()
	if len(urls) != 2 || urls[0].Hostname() != "127.0.0.1" || urls[1].Hostname() != "localhost" {
		t.Fatalf("URLs %v", urls)
	}
	for _, u := range urls {
		if status, body, err := get(t, c, u, "connectors"); status != 503 || err != nil {
			t.Errorf("%s before Attach: answered %d %s, %v", u, status, body, err)
		}
	}
	s.Attach(newRunning())
	for _, u := range urls {
		if status, body, err := get(t, c, u, "connectors"); status != 200 || body != `["g1"]` || err != nil {
			t.Errorf("%s: answered %d %s, %v", u, status, body, err)
		}
	}
	urls[0] = nil
	if s.URLs()[0] == nil {
		t.Error("URLs shares its memory")
	}
}

func TestHead(t *testing.T) {
	s := listen(t, ServerOptions{Listeners: []string{"http://127.0.0.1:0"}})
	s.Attach(newRunning())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.URLs()[0].JoinPath("connectors").String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client(t, &http.Transport{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) > 0 || resp.StatusCode != 200 || resp.ContentLength != 6 || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("answered %d, %d bytes of %d, %q, %v", resp.StatusCode, len(body), resp.ContentLength, resp.Header.Get("Content-Type"), err)
	}
}

func TestAdminListeners(t *testing.T) {
	free := freePort(t)
	tests := []struct {
		name   string
		both   []string // listeners
		admin  []string
		answer []string // of each URL: the paths of these that exist
	}{
		{"not set", []string{"http://127.0.0.1:0"}, nil, []string{"/connectors /admin/loggers"}},
		{"none", []string{"http://127.0.0.1:0"}, []string{}, []string{"/connectors"}},
		{"one of its own", []string{"http://127.0.0.1:0"}, []string{"http://127.0.0.1:0"}, []string{"/connectors", "/admin/loggers"}},
		{"the same one", []string{"http://127.0.0.1:" + free, "http://127.0.0.1:0"}, []string{"http://127.0.0.1:" + free}, []string{"/connectors /admin/loggers", "/connectors"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
			s := listen(t, ServerOptions{Options: Options{Metrics: metrics}, Listeners: tt.both, AdminListeners: tt.admin})
			s.Attach(newRunning())
			c := client(t, &http.Transport{})
			var answer []string
			for _, u := range s.URLs() {
				var there []string
				for _, path := range []string{"/connectors", "/admin/loggers"} {
					if status, _, err := get(t, c, u, path); err != nil {
						t.Error(err)
					} else if status == 200 {
						there = append(there, path)
					}
				}
				answer = append(answer, strings.Join(there, " "))
				if status, _, err := get(t, c, u, "/metrics"); err != nil || (status == 200) != slices.Contains(there, "/connectors") {
					t.Errorf("/metrics beside %v: %d, %v", there, status, err)
				}
			}
			if !slices.Equal(answer, tt.answer) {
				t.Errorf("the listeners answer %q, want %q", answer, tt.answer)
			}
		})
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMetricsPage(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	a := newHandler(t, nil, Options{Metrics: metrics})
	expect(t, a, request{method: "GET", path: "/metrics", header: http.Header{"Accept": {"text/plain"}}}, 200, "up 1\n")
	expect(t, a, request{method: "POST", path: "/metrics"}, 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`)
}

func TestListenersThatCannotBe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const expected = "; expected a URL such as http://127.0.0.1:8083, https://worker1.example:8443 or, for all interfaces, http://:8083"
	tests := []struct {
		name    string
		options ServerOptions
		want    string
	}{
		{"no URL", ServerOptions{Listeners: []string{"http://%"}}, `invalid value "http://%" for configuration listeners: it is no URL` + expected},
		{"no scheme", ServerOptions{Listeners: []string{"127.0.0.1:8083"}}, "it is no URL"},
		{"another scheme", ServerOptions{Listeners: []string{"ftp://127.0.0.1:1"}}, "the scheme is neither http nor https"},
		{"no port", ServerOptions{Listeners: []string{"http://127.0.0.1"}}, "it has no port"},
		{"path", ServerOptions{Listeners: []string{"http://127.0.0.1:0/x"}}, "it has more than scheme, host and port"},
		{"user", ServerOptions{Listeners: []string{"http://a:b@127.0.0.1:0"}}, "it has more than scheme, host and port"},
		{"admin", ServerOptions{Listeners: []string{"http://127.0.0.1:0"}, AdminListeners: []string{"x"}}, `invalid value "x" for configuration admin.listeners`},
		{"taken port", ServerOptions{Listeners: []string{"http://127.0.0.1:0", "http://" + taken.Addr().String()}}, "the port is taken: end the program that has it, or set listeners to a free one"},
		{"no address of this machine", ServerOptions{Listeners: []string{"http://192.0.2.1:0"}}, "set it to an address of this machine and a free port"},
		{"https without a key", ServerOptions{Listeners: []string{"https://127.0.0.1:0"}}, "set listeners.https.ssl.keystore.location, or ssl.keystore.location, to a file"},
		{"options", ServerOptions{Options: Options{AllowOrigin: "("}, Listeners: []string{"http://127.0.0.1:0"}}, "access.control.allow.origin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := Listen(tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
				if err == nil {
					_ = s.Close(t.Context())
				}
			}
		})
	}
}

func TestDefaultListener(t *testing.T) {
	plans, err := plan(nil, nil)
	if err != nil || len(plans) != 1 || plans[0].url.String() != DefaultListener || plans[0].part != Everything {
		t.Errorf("plans %v, %v", plans, err)
	}
}

func TestCloseWaitsForRequests(t *testing.T) {
	h, began, finish := newRunning(), make(chan struct{}), make(chan struct{})
	h.before = func(context.Context) { close(began); <-finish }
	s, err := Listen(ServerOptions{Options: Options{Logger: quiet()}, Listeners: []string{"http://127.0.0.1:0"}, ShutdownTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	s.Attach(h)
	c, u := client(t, &http.Transport{}), s.URLs()[0]
	answered := make(chan error, 1)
	go func() {
		status, body, err := get(t, c, u, "connectors/g1/topics")
		if err == nil && status != 200 {
			err = fmt.Errorf("answered %d %s", status, body)
		}
		answered <- err
	}()
	<-began
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	for { // until it listens no more
		conn, err := net.Dial("tcp", u.Host)
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	select {
	case err := <-closed:
		t.Fatalf("closed while a request was under way: %v", err)
	default:
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	select {
	case err := <-s.Failed():
		t.Errorf("failed although it was closed: %v", err)
	default:
	}
}

func TestCloseCutsOff(t *testing.T) {
	h, began := newRunning(), make(chan struct{})
	ended := make(chan struct{})
	h.before = func(ctx context.Context) { close(began); <-ctx.Done(); close(ended) }
	s, err := Listen(ServerOptions{Options: Options{Logger: quiet()}, Listeners: []string{"http://127.0.0.1:0"}, ShutdownTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.Attach(h)
	conn, err := net.Dial("tcp", s.URLs()[0].Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /connectors/g1/topics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := s.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "requests were cut off") {
		t.Errorf("error %v, want one that says that requests were cut off", err)
	}
	<-ended // the request's context ends with its connection
}

func TestListenerThatBreaks(t *testing.T) {
	s := listen(t, ServerOptions{Listeners: []string{"http://127.0.0.1:0"}})
	_ = s.bound[0].listener.Close()
	if err := <-s.Failed(); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "serving the REST API on 127.0.0.1:") {
		t.Errorf("error %v", err)
	}
}

// TestRawRequests sends what no client library would.
func TestRawRequests(t *testing.T) {
	s := listen(t, ServerOptions{Options: Options{MaxBody: 100}, Listeners: []string{"http://127.0.0.1:0"}})
	s.Attach(newRunning())
	tests := []struct {
		name, send string
		status     int
	}{
		{"HTTP/1.0", "GET /connectors HTTP/1.0\r\n\r\n", 200},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"garbage", "HELLO\r\n\r\n", 400},
		{"malformed percent-encoding", "GET /connectors/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"chunks", "POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n18\r\n{\"name\":\"n\",\"config\":{}}\r\n0\r\n\r\n", 201},
		{"chunks that are too many", "POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n66\r\n" + strings.Repeat(" ", 102) + "\r\n0\r\n\r\n", 413},
		{"header that is too large", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
		{"absolute URL", "GET http://worker1/connectors HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.URLs()[0].Host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.send); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("answered %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}
