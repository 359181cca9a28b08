package client

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of Config.
const (
	DefaultTimeout  = 100 * time.Second // a worker answers within 90
	DefaultRetryFor = 10 * time.Second
	connectWithin   = 5 * time.Second
)

// Config says where the workers are and how to reach them. Only URLs is needed.
type Config struct {
	// URLs are the workers of one cluster; any of them will do, and the others are asked when it does not answer. A URL
	// without a scheme is one of http; it may have a path, where a proxy wants one.
	URLs []string
	// User and Password are those of the basic authentication. No user: none, unless a URL has its own.
	User, Password string
	// TLS is for URLs of https: see LoadTLS. Nil: the system's authorities, and no certificate of our own.
	TLS *tls.Config
	// Timeout bounds a call, whatever its context says. Zero: DefaultTimeout.
	Timeout time.Duration
	// RetryFor bounds how long a call waits for workers that are starting or rebalancing. Zero: DefaultRetryFor;
	// negative: it does not wait.
	RetryFor time.Duration
	// Transport sends requests, in place of one made of TLS.
	Transport http.RoundTripper
}

// Client is a client of one cluster of workers.
type Client struct {
	workers  []worker
	first    atomic.Int32 // index of the worker that answered last
	http     *http.Client
	timeout  time.Duration
	retryFor time.Duration
}

// worker is a base URL, without a slash at its end and without credentials, and the credentials.
type worker struct {
	base           string
	user, password string
}

// New makes a client. It connects with the first call.
func New(c Config) (*Client, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL of a worker is given")
	}
	client := &Client{
		timeout:  cmp.Or(c.Timeout, DefaultTimeout),
		retryFor: cmp.Or(c.RetryFor, DefaultRetryFor),
		http:     &http.Client{Transport: c.Transport},
	}
	for _, raw := range c.URLs {
		w, err := parseWorker(raw)
		if err != nil {
			return nil, err
		}
		if c.User != "" {
			w.user, w.password = c.User, c.Password
		}
		client.workers = append(client.workers, w)
	}
	if c.Transport == nil {
		client.http.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: connectWithin}).DialContext,
			TLSClientConfig:     c.TLS,
			TLSHandshakeTimeout: connectWithin,
			ForceAttemptHTTP2:   true,
			IdleConnTimeout:     time.Minute,
		}
	}
	return client, nil
}

func parseWorker(raw string) (worker, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return worker{}, errors.New("the URL of a worker cannot be read: expected one like http://127.0.0.1:8083") // without the cause, which repeats credentials
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return worker{}, fmt.Errorf("%s is not the URL of a worker: expected one like http://127.0.0.1:8083", u.Redacted())
	}
	var w worker
	if u.User != nil {
		w.user = u.User.Username()
		w.password, _ = u.User.Password()
		u.User = nil
	}
	w.base = strings.TrimRight(u.String(), "/")
	return w, nil
}

// URLs are the base URLs of the workers.
func (c *Client) URLs() []string {
	urls := make([]string, len(c.workers))
	for i, w := range c.workers {
		urls[i] = w.base
	}
	return urls
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
