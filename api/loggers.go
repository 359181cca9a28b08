package api

import (
	"net/http"
)

func loggers(h Herder, r *http.Request) (answer, error) {
	all, err := h.Loggers(r.Context())
	if all == nil {
		all = map[string]LoggerLevel{}
	}
	return ok(all), err
}

func logger(h Herder, r *http.Request) (answer, error) {
	level, err := h.Logger(r.Context(), param(r, "logger"))
	return ok(level), err
}

// setLogger changes a level: of this worker unless the scope is the cluster.
func setLogger(h Herder, r *http.Request) (answer, error) {
	fields, err := decodeMap(r)
	if err != nil {
		return answer{}, err
	}
	level := fields["level"]
	if level == nil {
		return answer{}, badRequest("Desired 'level' parameter was not specified in request.")
	}
	cluster := r.URL.Query().Get("scope") == "cluster"
	changed, err := h.SetLogger(r.Context(), param(r, "logger"), *level, cluster)
	if cluster {
		return empty(http.StatusNoContent), err
	}
	return ok(list(changed)), err
}
