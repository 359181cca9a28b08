package client_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-connect/sluice/api/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transport answers requests in place of a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// response is an answer with a body of JSON and headers, given as pairs.
func response(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// with is a client whose requests a function answers; change changes its configuration.
func with(t *testing.T, f transport, change ...func(*client.Config)) *client.Client {
	t.Helper()
	c := client.Config{URLs: []string{"http://one"}, Transport: f}
	for _, change := range change {
		change(&c)
	}
	made, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func urls(urls ...string) func(*client.Config) {
	return func(c *client.Config) { c.URLs = urls }
}
