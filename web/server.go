package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluice-connect/sluice/web/publish"
)

// retryAfter is what a person is told to wait, in seconds, when the buffer is full.
const retryAfter = "2"

// publisher takes events off the handler's hands without making it wait.
type publisher interface {
	Publish(value []byte, at time.Time) error
	Counts() publish.Counts
	Status() publish.Status
}

var _ publisher = (*publish.Publisher)(nil)

// service holds what the handlers share.
type service struct {
	publisher publisher
	settings  settings
	logger    *slog.Logger
	now       func() time.Time
	duration  *prometheus.HistogramVec
}

// newHandler builds the whole HTTP surface. pub is registered for /metrics when it is a Prometheus collector.
func newHandler(s settings, pub publisher, now func() time.Time, logger *slog.Logger) http.Handler {
	svc := &service{publisher: pub, settings: s, logger: logger, now: now}
	svc.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "sluice_web_select_duration_seconds",
		Help:    "Time to answer GET /api/select, by status code.",
		Buckets: []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1},
	}, []string{"code"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(svc.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if c, ok := pub.(prometheus.Collector); ok {
		registry.MustRegister(c)
	}

	r := chi.NewRouter()
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed(r))
	mountPage(r)
	r.Route("/api", func(api chi.Router) {
		api.Use(anyOrigin) // runs before routing, so that errors carry the header too (invariant 4)
		api.Options("/select", preflight)
		api.Method(http.MethodGet, "/select", promhttp.InstrumentHandlerDuration(svc.duration, http.HandlerFunc(svc.selectColor)))
	})
	r.Get("/health", svc.health)
	r.Head("/health", svc.health)
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	return r
}

// anyOrigin lets pages of any origin read the answers. The header is set whether or not the request names an origin, so that a
// cached answer suits everyone.
func anyOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		next.ServeHTTP(w, r)
	})
}

// preflight answers a browser that asks before it sends a request with headers of its own.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// selectColor publishes one pick. Nothing here waits for Kafka (invariant 1).
func (s *service) selectColor(w http.ResponseWriter, r *http.Request) {
	color, user, err := selectParams(r.URL.RawQuery)
	if bad, ok := errors.AsType[*paramError](err); ok {
		writeJSON(w, http.StatusBadRequest, problem{Error: bad.Error(), Parameter: bad.parameter})
		return
	}
	at := s.now()
	value, err := encodeSelect(at, r.UserAgent(), color, user)
	if err != nil {
		s.logger.Error("cannot encode an event", "error", err)
		writeJSON(w, http.StatusInternalServerError, problem{Error: "the selection could not be recorded"})
		return
	}
	if err := s.publisher.Publish(value, at); err != nil {
		w.Header().Set("Retry-After", retryAfter)
		writeJSON(w, http.StatusServiceUnavailable, problem{Error: err.Error() + "; please try again shortly"})
		return
	}
	writeJSON(w, http.StatusAccepted, accepted{Status: "accepted"})
}

type accepted struct {
	Status string `json:"status"`
}

// problem is the body of every error.
type problem struct {
	Error     string `json:"error"`
	Parameter string `json:"parameter,omitempty"`
}

// healthBody is the answer of /health. The status is about this service, which is up for as long as it answers: a probe must not
// restart it because Kafka is away, since the buffer would be lost.
type healthBody struct {
	Status string       `json:"status"`
	Kafka  kafkaHealth  `json:"kafka"`
	Buffer bufferHealth `json:"buffer"`
}

type kafkaHealth struct {
	Reachable bool   `json:"reachable"`
	Topic     string `json:"topic"`
	Ready     bool   `json:"topicReady"`
	Problem   string `json:"problem,omitempty"`
}

type bufferHealth struct {
	Events    int64   `json:"events"`
	MaxEvents int64   `json:"maxEvents"`
	Bytes     int64   `json:"bytes"`
	MaxBytes  int64   `json:"maxBytes"`
	Fill      float64 `json:"fill"` // 0 to 1, the fuller of the two bounds
}

func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	counts, status := s.publisher.Counts(), s.publisher.Status()
	maxEvents, maxBytes := int64(s.settings.bufferEvents), s.settings.bufferBytes
	writeJSON(w, http.StatusOK, healthBody{
		Status: "up",
		Kafka: kafkaHealth{
			Reachable: status.Reachable, Topic: s.settings.topic, Ready: status.Topic, Problem: status.Problem,
		},
		Buffer: bufferHealth{
			Events: counts.Buffered, MaxEvents: maxEvents, Bytes: counts.BufferedBytes, MaxBytes: maxBytes,
			Fill: max(float64(counts.Buffered)/float64(maxEvents), float64(counts.BufferedBytes)/float64(maxBytes)),
		},
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusNotFound, problem{Error: "there is nothing at " + r.URL.Path})
}

func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	methods := []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, m := range methods {
			if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				allowed = append(allowed, m)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeJSON(w, http.StatusMethodNotAllowed, problem{Error: r.Method + " is not allowed here"})
	}
}

// writeJSON answers with a small JSON body that nobody may cache.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil { // the bodies are the structs above, which always encode
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may be gone; there is nobody else to tell
}
