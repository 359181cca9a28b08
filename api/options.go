package api

import (
	"log/slog"
	"net/http"
	"time"
)

// Options say how the API answers. The zero value serves everything, on every request, with the defaults named here.
// The names in brackets are those of Kafka Connect's worker properties.
type Options struct {
	// Logger takes one line for each request at debug, and panics. Nil: slog.Default.
	Logger *slog.Logger
	// RequestTimeout ends requests that the worker cannot serve in time. Zero: DefaultRequestTimeout.
	RequestTimeout time.Duration
	// MaxBody is the largest request body in bytes; a larger one is answered with 413. Zero: DefaultMaxBody.
	MaxBody int64
	// AllowOrigin lists, with commas, the origins that browsers may call from (access.control.allow.origin): "*" for
	// all, or origins such as https://ops.example, or regular expressions for whole origins. Empty: no CORS headers.
	AllowOrigin string
	// AllowMethods lists the methods that such origins may use (access.control.allow.methods). Empty: GET, HEAD, POST.
	AllowMethods string
	// ResponseHeaders are rules for further headers of every answer (response.http.headers.config), separated by commas:
	// "[set|add|setDate|addDate] name:value", in double quotes where the value has a comma.
	ResponseHeaders string
	// BasicAuthFile names a file of user=password lines (the file of Connect's PropertyFileLoginModule); where it is
	// given, every request needs the name and password of one of them.
	BasicAuthFile string
	// Part is what of the API is served.
	Part Part
	// Peers sends requests on to other workers. Nil: plain HTTP, or HTTPS with the authorities of the system.
	Peers http.RoundTripper
	// Metrics answers GET /metrics. Nil: the path does not exist.
	Metrics http.Handler
}

// Part is a part of the API: with admin.listeners, /admin may live on listeners of its own, or nowhere.
type Part int

// The parts.
const (
	Everything Part = iota
	WithoutAdmin
	OnlyAdmin
)

// Defaults of Options.
const (
	DefaultRequestTimeout = 90 * time.Second // Connect's
	DefaultMaxBody        = 1 << 20          // what Kafka takes as one record of the config topic by default
)
