package api

import (
	"net/http"
	"strings"
)

func cluster(h Herder, r *http.Request) (answer, error) {
	info, err := h.Cluster(r.Context())
	info.Workers = list(info.Workers)
	for i := range info.Workers {
		info.Workers[i].Plugins = list(info.Workers[i].Plugins)
	}
	return ok(info), err
}

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
	fields, err := decodeMap(r, "level")
	if err != nil {
		return answer{}, err
	}
	level := fields["level"]
	switch {
	case level == nil:
		return answer{}, badRequest("Desired 'level' parameter was not specified in request.")
	case *level == "":
		return answer{}, badRequest("field level: expected the name of a level, such as INFO, found nothing")
	}
	cluster := strings.EqualFold(query(r).Get("scope"), "cluster")
	changed, err := h.SetLogger(r.Context(), param(r, "logger"), *level, cluster)
	if cluster {
		return empty(http.StatusNoContent), err
	}
	return ok(list(changed)), err
}
