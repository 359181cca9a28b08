package api

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// DefaultListener is where the API listens unless told otherwise: on the loopback interface. (Kafka Connect's default,
// http://:8083, is every interface; written out, it means the same here.)
const DefaultListener = "http://127.0.0.1:8083"

const (
	idleTimeout = 60 * time.Second // between two requests of a connection
	maxHeader   = 32 << 10
)

// ServerOptions say where the API listens.
type ServerOptions struct {
	Options // Part is chosen by the server

	// Listeners are URLs such as http://127.0.0.1:8083, https://worker1.example:8443, http://localhost:0 for a free
	// port, http://:8083 or http://0.0.0.0:8083 for all interfaces (listeners). None: DefaultListener.
	Listeners []string
	// AdminListeners are those of /admin (admin.listeners). Nil: /admin is on Listeners with everything else. Empty:
	// there is none. Otherwise it is on these only; one that is in Listeners, too, has all.
	AdminListeners []string
	// TLS is for Listeners of https, AdminTLS for AdminListeners of https.
	TLS, AdminTLS TLS
	// Patience is the time that clients have; a slow one costs a connection, not a worker.
	Patience Patience
	// ShutdownTimeout is how long requests may take to end when the server stops. Zero: five seconds.
	ShutdownTimeout time.Duration
}

// Patience is how long clients may take for their part of an exchange, after which they are cut off.
type Patience struct {
	Header time.Duration // to send the header of a request. Zero: ten seconds
	Body   time.Duration // to send header and body. Zero: 30 seconds
	Answer time.Duration // to take the answer, beyond the request timeout. Zero: 30 seconds
}

// Server is the API on its listeners.
type Server struct {
	log      *slog.Logger
	handlers []*Handler
	bound    []bound
	grace    time.Duration
	running  sync.WaitGroup
	failed   chan error
	urls     []*url.URL
}

type bound struct {
	listener net.Listener
	server   *http.Server
}

// Listen opens the listeners, all or none, and begins to answer: that the worker is starting, until Attach. Whoever
// calls it calls Close.
func Listen(o ServerOptions) (*Server, error) {
	s := &Server{
		log:   cmp.Or(o.Logger, slog.Default()),
		grace: cmp.Or(o.ShutdownTimeout, 5*time.Second),
	}
	plans, err := plan(o.Listeners, o.AdminListeners)
	if err != nil {
		return nil, err
	}
	secure, err := secureConfigs(plans, o)
	if err != nil {
		return nil, err
	}
	if o.Peers == nil && slices.ContainsFunc(plans, func(p listenerPlan) bool { return p.url.Scheme == "https" }) {
		c, err := o.TLS.client()
		if err != nil {
			return nil, err
		}
		o.Peers = newPeers(c)
	}
	for _, p := range plans {
		if err := s.open(p, o.Options, o.Patience, secure[p.property]); err != nil {
			for _, b := range s.bound {
				_ = b.listener.Close() // the error to tell is the other one
			}
			return nil, err
		}
	}
	s.failed = make(chan error, len(s.bound))
	for _, b := range s.bound {
		s.running.Go(func() {
			if err := b.server.Serve(b.listener); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serving the REST API on %s: %w", b.listener.Addr(), err)
			}
		})
	}
	return s, nil
}

// secureConfigs makes what listeners of https need, by the property that has them.
func secureConfigs(plans []listenerPlan, o ServerOptions) (map[string]*tls.Config, error) {
	configs := map[string]*tls.Config{}
	for _, p := range plans {
		if p.url.Scheme != "https" || configs[p.property] != nil {
			continue
		}
		t := o.TLS
		if p.property == adminProperty {
			t = o.AdminTLS
		}
		c, err := t.config(p.property)
		if err != nil {
			return nil, err
		}
		configs[p.property] = c
	}
	return configs, nil
}

// The properties that have listeners.
const (
	listenersProperty = "listeners"
	adminProperty     = "admin.listeners"
)

// listenerPlan is a listener to be.
type listenerPlan struct {
	text     string // as configured
	property string
	url      *url.URL
	part     Part
}

// plan decides which listeners there are and what each serves.
func plan(listeners, admin []string) ([]listenerPlan, error) {
	if len(listeners) == 0 {
		listeners = []string{DefaultListener}
	}
	part := Everything
	if admin != nil {
		part = WithoutAdmin
	}
	var plans []listenerPlan
	for _, l := range listeners {
		u, err := parseListener(listenersProperty, l)
		if err != nil {
			return nil, err
		}
		plans = append(plans, listenerPlan{l, listenersProperty, u, part})
	}
	for _, l := range admin {
		u, err := parseListener(adminProperty, l)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(plans, func(p listenerPlan) bool { return u.Port() != "0" && *p.url == *u }); i >= 0 {
			plans[i].part = Everything
			continue
		}
		plans = append(plans, listenerPlan{l, adminProperty, u, OnlyAdmin})
	}
	return plans, nil
}

// parseListener reads scheme://host:port.
func parseListener(property, text string) (*url.URL, error) {
	wrong := func(why string) error {
		return fmt.Errorf("invalid value %q for configuration %s: %s; expected a URL such as http://127.0.0.1:8083, https://worker1.example:8443 or, for all interfaces, http://:8083", text, property, why)
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, wrong("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, wrong("the scheme is neither http nor https")
	case u.Port() == "":
		return nil, wrong("it has no port")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, wrong("it has more than scheme, host and port")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func (s *Server) open(p listenerPlan, o Options, patience Patience, secure *tls.Config) error {
	o.Part = p.part
	h, err := New(nil, o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", p.url.Host) //nolint:noctx // opens at once or fails
	if err != nil {
		hint := "set it to an address of this machine and a free port"
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "the port is taken: end the program that has it, or set " + p.property + " to a free one"
		}
		return fmt.Errorf("listening for REST requests on %s (configuration %s): %w; %s", p.text, p.property, err, hint)
	}
	u := *p.url
	u.Host = net.JoinHostPort(p.url.Hostname(), port(l))
	if p.url.Scheme == "https" {
		l = tls.NewListener(l, secure)
	}
	s.urls = append(s.urls, &u)
	s.handlers = append(s.handlers, h)
	s.bound = append(s.bound, bound{l, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: cmp.Or(patience.Header, 10*time.Second),
		ReadTimeout:       cmp.Or(patience.Body, 30*time.Second),
		WriteTimeout:      cmp.Or(o.RequestTimeout, DefaultRequestTimeout) + cmp.Or(patience.Answer, 30*time.Second),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}})
	return nil
}

func port(l net.Listener) string {
	_, p, _ := net.SplitHostPort(l.Addr().String()) // an address of the net package has a port
	return p
}

// Attach gives the API its herder, when it is ready.
func (s *Server) Attach(h Herder) {
	for _, handler := range s.handlers {
		handler.Attach(h)
	}
}

// URLs are the listeners as configured, with the ports that were given to those that asked for any, in the order of
// Listeners and then AdminListeners. The host is empty where the listener is on all interfaces.
func (s *Server) URLs() []*url.URL { return slices.Clone(s.urls) }

// Failed yields the error of a listener that broke while it should have served.
func (s *Server) Failed() <-chan error { return s.failed }

// Close stops listening, waits for requests to end as long as the context and the shutdown timeout allow, and then
// cuts off what remains.
func (s *Server) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.grace)
	defer cancel()
	errs := make([]error, len(s.bound))
	var stopping sync.WaitGroup
	for i, b := range s.bound {
		stopping.Go(func() {
			err := b.server.Shutdown(ctx)
			if err != nil {
				_ = b.server.Close() // the first error is the one to tell
				errs[i] = fmt.Errorf("stopping the REST API on %s: requests were cut off: %w", b.listener.Addr(), err)
			}
		})
	}
	stopping.Wait()
	s.running.Wait()
	return errors.Join(errs...)
}
