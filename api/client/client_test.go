package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

// TestNames sends names as one segment each (invariant 3).
func TestNames(t *testing.T) {
	for _, test := range []struct{ name, path string }{
		{"plain", "/connectors/plain/status"},
		{"with space", "/connectors/with%20space/status"},
		{"a/b", "/connectors/a%2Fb/status"},
		{"100%", "/connectors/100%25/status"},
		{"a%2Fb", "/connectors/a%252Fb/status"},
		{"a?b#c;d", "/connectors/a%3Fb%23c%3Bd/status"},
		{"größe→", "/connectors/gr%C3%B6%C3%9Fe%E2%86%92/status"},
		{"..", "/connectors/%2E%2E/status"},
		{"a+b", "/connectors/a+b/status"},
		{strings.Repeat("n", 300), "/connectors/" + strings.Repeat("n", 300) + "/status"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var path, name string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path = r.RequestURI
				name = strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/connectors/"), "/status")
				_, _ = w.Write([]byte(`{}`))
			}))
			defer server.Close()
			c, err := client.New(client.Config{URLs: []string{server.URL}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Status(t.Context(), test.name); err != nil {
				t.Fatal(err)
			}
			if path != test.path || name != test.name {
				t.Errorf("asked %s for %q", path, name)
			}
		})
	}
}

// TestEmptyNames refuses what would name something else (invariant 3).
func TestEmptyNames(t *testing.T) {
	c := with(t, func(r *http.Request) (*http.Response, error) {
		t.Errorf("asked %s %s", r.Method, r.URL)
		return response(200, `{}`), nil
	})
	for name, call := range map[string]func(context.Context) error{
		"connector": func(ctx context.Context) error { return c.Delete(ctx, "") },
		"plugin":    func(ctx context.Context) error { _, err := c.PluginConfig(ctx, "", ""); return err },
		"logger":    func(ctx context.Context) error { _, err := c.Logger(ctx, ""); return err },
	} {
		if err := call(t.Context()); err == nil {
			t.Errorf("an empty %s is taken", name)
		}
	}
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name string
		urls []string
		want []string
		err  string
	}{
		{name: "as given", urls: []string{"https://a:1/"}, want: []string{"https://a:1"}},
		{name: "without a scheme", urls: []string{"a:1", "b"}, want: []string{"http://a:1", "http://b"}},
		{name: "behind a path", urls: []string{"http://proxy/kafka/connect/"}, want: []string{"http://proxy/kafka/connect"}},
		{name: "with credentials", urls: []string{"http://u:secret@a"}, want: []string{"http://a"}},
		{name: "none", err: "no URL of a worker is given"},
		{name: "another scheme", urls: []string{"ftp://u:secret@a"}, err: "ftp://u:xxxxx@a is not the URL of a worker: expected one like http://127.0.0.1:8083"},
		{name: "with a query", urls: []string{"http://a?b"}, err: "http://a?b is not the URL of a worker: expected one like http://127.0.0.1:8083"},
		{name: "not a URL", urls: []string{"http://u:secret@a b"}, err: "the URL of a worker cannot be read: expected one like http://127.0.0.1:8083"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := client.New(client.Config{URLs: test.urls})
			if message(err) != test.err {
				t.Fatalf("error %v, want %s", err, test.err)
			}
			if err == nil && !cmp.Equal(c.URLs(), test.want) {
				t.Errorf("URLs %v, want %v", c.URLs(), test.want)
			}
		})
	}
}

// TestCredentials sends them, and shows them nowhere (invariant 5).
func TestCredentials(t *testing.T) {
	for _, test := range []struct {
		name string
		url  string
		user string
		want string
	}{
		{name: "none", url: "http://a"},
		{name: "of the configuration", url: "http://a", user: "u", want: "u hidden"},
		{name: "of the URL", url: "http://v:hidden@a", want: "v hidden"},
		{name: "of both", url: "http://v:other@a", user: "u", want: "u hidden"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			c := with(t, func(r *http.Request) (*http.Response, error) {
				if user, password, ok := r.BasicAuth(); ok {
					got = user + " " + password
				}
				return response(401, ``), nil
			}, urls(test.url), func(c *client.Config) { c.User, c.Password = test.user, "hidden" })
			err := get(t.Context(), c)
			if got != test.want {
				t.Errorf("sent %q, want %q", got, test.want)
			}
			if !client.IsUnauthorized(err) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestHealth gives the health of workers that have none.
func TestHealth(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   api.Health
		err    string
	}{
		{name: "healthy", status: 200, body: `{"status":"healthy","message":"m"}`, want: api.Health{Status: "healthy", Message: "m"}},
		{name: "starting", status: 503, body: `{"status":"starting","message":"m"}`, want: api.Health{Status: "starting", Message: "m"}},
		{name: "unhealthy", status: 500, body: `{"status":"unhealthy","message":"m"}`, want: api.Health{Status: "unhealthy", Message: "m"}},
		{name: "an old Kafka Connect", status: 404, body: `{"error_code":404,"message":"HTTP 404 Not Found"}`, err: "GET http://one/health: 404: HTTP 404 Not Found"},
		{name: "a proxy", status: 503, body: `<html>`, err: "GET http://one/health: 503: Service Unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := with(t, always(answers(test.status, test.body)))
			got, err := c.Health(t.Context())
			if got != test.want || message(err) != test.err {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestOffsets sends and reads offsets in Connect's form.
func TestOffsets(t *testing.T) {
	const text = `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"kafka_offset":42}},{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":null}]}`
	at := int64(42)
	offsets := []api.PartitionOffset{{Topic: "t", Partition: 0, Offset: &at}, {Topic: "t", Partition: 1}}
	c := with(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return response(200, text), nil
		}
		compareJSON(t, r.Body, text)
		return response(200, `{"message":"done"}`), nil
	})
	got, err := c.Offsets(t.Context(), "c")
	if err != nil || !cmp.Equal(got, offsets) {
		t.Errorf("read %v, %v", got, err)
	}
	if said, err := c.AlterOffsets(t.Context(), "c", offsets); err != nil || said != "done" {
		t.Errorf("altered: %s, %v", said, err)
	}
}

// TestCreate says the initial state in Connect's words.
func TestCreate(t *testing.T) {
	for state, want := range map[api.TargetState]string{
		"":          `{"name":"c","config":{"a":"b"}}`,
		api.Started: `{"name":"c","config":{"a":"b"},"initial_state":"RUNNING"}`,
		api.Stopped: `{"name":"c","config":{"a":"b"},"initial_state":"STOPPED"}`,
	} {
		c := with(t, func(r *http.Request) (*http.Response, error) {
			compareJSON(t, r.Body, want)
			return response(201, `{"name":"c"}`), nil
		})
		if _, err := c.Create(t.Context(), api.CreateRequest{Name: "c", Config: map[string]string{"a": "b"}, InitialState: state}); err != nil {
			t.Error(err)
		}
	}
}

// TestTLS trusts the authorities it is given, and shows its certificate.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[]`)) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()

	dir := t.TempDir()
	own := server.TLS.Certificates[0] // the client shows the server's own: any will do
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", own.Certificate[0])
	writePEM(t, keyFile, "PRIVATE KEY", key)

	for _, test := range []struct {
		name           string
		ca, cert, key  string
		loads, reaches bool
	}{
		{name: "all", ca: certFile, cert: certFile, key: keyFile, loads: true, reaches: true},
		{name: "no certificate to show", ca: certFile, loads: true},
		{name: "an authority that is not known", cert: certFile, key: keyFile, loads: true},
		{name: "nothing", loads: true},
		{name: "no file", ca: filepath.Join(dir, "none")},
		{name: "no certificate in the file", ca: keyFile},
		{name: "a certificate without its key", cert: certFile},
		{name: "a key in place of the certificate", cert: keyFile, key: keyFile},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, err := client.LoadTLS(test.ca, test.cert, test.key)
			if (err == nil) != test.loads {
				t.Fatal("loading:", err)
			}
			if err != nil {
				return
			}
			c, err := client.New(client.Config{URLs: []string{server.URL}, TLS: config})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := get(t.Context(), c); (err == nil) != test.reaches {
				t.Errorf("got %v", err)
			}
		})
	}
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestError reads what stands between a client and a worker says, as well as workers.
func TestError(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       string
		code       int
	}{
		{"of Connect", `{"error_code":40401,"message":"m"}`, "m", 40401},
		{"without a code", `{"message":"m"}`, "m", 404},
		{"a line", "no such backend\n", "Not Found: no such backend", 404},
		{"a page", "<html>", "Not Found", 404},
		{"other JSON", `{"a":1}`, "Not Found", 404},
		{"nothing", "", "Not Found", 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := get(t.Context(), with(t, always(answers(404, test.body))))
			var e *client.Error
			if !errors.As(err, &e) || e.Message != test.want || e.Code != test.code || e.Status != 404 || !client.IsNotFound(err) {
				t.Errorf("got %#v", err)
			}
		})
	}
}
