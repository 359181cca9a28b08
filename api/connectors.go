package api

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	starting    = answer{status: http.StatusServiceUnavailable, body: Health{Status: "starting", Message: "Worker is still starting up."}}
	errStarting = &Error{Status: http.StatusServiceUnavailable, Message: "Worker is still starting up. Try again in a moment.", RetryAfter: time.Second}
)

func server(h Herder, r *http.Request) (answer, error) {
	info, err := h.Server(r.Context())
	return ok(info), err
}

func health(h Herder, r *http.Request) (answer, error) {
	state := h.Health(r.Context())
	switch state.Status {
	case "healthy":
		return ok(state), nil
	case "starting":
		return answer{status: http.StatusServiceUnavailable, body: state}, nil
	default:
		return answer{status: http.StatusInternalServerError, body: state}, nil
	}
}

// connectors lists names, or with expand a map of what is asked for. Expansions that do not exist are passed over, and
// so is a connector that goes away meanwhile.
func connectors(h Herder, r *http.Request) (answer, error) {
	names, err := h.Connectors(r.Context())
	if err != nil {
		return answer{}, err
	}
	expand, asked := query(r)["expand"]
	if !asked {
		return ok(list(names)), nil
	}
	out := make(map[string]map[string]any, len(names))
	for _, name := range names {
		expanded, err := expansion(h, r, name, expand)
		var e *Error
		switch {
		case errors.As(err, &e) && e.Status == http.StatusNotFound:
		case err != nil:
			return answer{}, err
		default:
			out[name] = expanded
		}
	}
	return ok(out), nil
}

func expansion(h Herder, r *http.Request, name string, expand []string) (map[string]any, error) {
	out := map[string]any{}
	for _, what := range expand {
		switch what {
		case "status":
			s, err := h.Status(r.Context(), name)
			if err != nil {
				return nil, err
			}
			s.Tasks = list(s.Tasks)
			out[what] = s
		case "info":
			info, err := h.Connector(r.Context(), name)
			if err != nil {
				return nil, err
			}
			info.Tasks = list(info.Tasks)
			out[what] = info
		}
	}
	return out, nil
}

func create(h Herder, r *http.Request) (answer, error) {
	req, err := decodeCreate(h, r)
	if err != nil {
		return answer{}, err
	}
	info, err := h.Create(r.Context(), req)
	info.Tasks = list(info.Tasks)
	return created(info), err
}

func created(info ConnectorInfo) answer {
	return answer{status: http.StatusCreated, body: info, location: "/connectors/" + pathOf(info.Name)}
}

// pathOf is a name as Connect writes it in a path. Slashes and what looks like an escape it leaves alone.
func pathOf(name string) string {
	return escape.ReplaceAllString(unescaped.Replace(url.PathEscape(name)), "%$1")
}

var (
	unescaped = strings.NewReplacer("%2F", "/", "%2C", ",", "%3B", ";", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")
	escape    = regexp.MustCompile(`%25([0-9A-Fa-f]{2})`)
)

func connector(h Herder, r *http.Request) (answer, error) {
	info, err := h.Connector(r.Context(), param(r, "connector"))
	info.Tasks = list(info.Tasks)
	return ok(info), err
}

func remove(h Herder, r *http.Request) (answer, error) {
	return empty(http.StatusNoContent), h.Delete(r.Context(), param(r, "connector"))
}

func connectorConfig(h Herder, r *http.Request) (answer, error) {
	info, err := h.Connector(r.Context(), param(r, "connector"))
	return ok(info.Config), err
}

func putConfig(h Herder, r *http.Request) (answer, error) {
	config, err := decodeConfig(h, r, param(r, "connector"))
	if err != nil {
		return answer{}, err
	}
	info, isNew, err := h.PutConfig(r.Context(), param(r, "connector"), config)
	info.Tasks = list(info.Tasks)
	if isNew {
		return created(info), err
	}
	return ok(info), err
}

func patchConfig(h Herder, r *http.Request) (answer, error) {
	patch, err := decodeMap(r, settings)
	if _, nothing := errors.AsType[*absentBody](err); nothing { // Connect looks for the connector first
		if _, unknown := h.Connector(r.Context(), param(r, "connector")); unknown != nil {
			return answer{}, unknown
		}
	}
	if err != nil {
		return answer{}, err
	}
	info, err := h.PatchConfig(r.Context(), param(r, "connector"), patch)
	info.Tasks = list(info.Tasks)
	return ok(info), err
}

func status(h Herder, r *http.Request) (answer, error) {
	s, err := h.Status(r.Context(), param(r, "connector"))
	s.Tasks = list(s.Tasks)
	return ok(s), err
}

// restart answers in two ways: a plain restart with nothing, one with either flag with the status that is coming.
func restart(h Herder, r *http.Request) (answer, error) {
	q := query(r)
	opts := RestartOptions{IncludeTasks: isTrue(q.Get("includeTasks")), OnlyFailed: isTrue(q.Get("onlyFailed"))}
	s, err := h.Restart(r.Context(), param(r, "connector"), opts)
	if opts == (RestartOptions{}) {
		return empty(http.StatusNoContent), err
	}
	s.Tasks = list(s.Tasks)
	return answer{status: http.StatusAccepted, body: s}, err
}

// isTrue reads a boolean as Java does: what is not "true" is false.
func isTrue(s string) bool { return strings.EqualFold(s, "true") }

func setState(target TargetState, status int) operation {
	return func(h Herder, r *http.Request) (answer, error) {
		return empty(status), h.SetState(r.Context(), param(r, "connector"), target)
	}
}

func tasks(h Herder, r *http.Request) (answer, error) {
	infos, err := h.Tasks(r.Context(), param(r, "connector"))
	return ok(list(infos)), err
}

func taskStatus(h Herder, r *http.Request) (answer, error) {
	id, err := taskID(r)
	if err != nil {
		return answer{}, err
	}
	s, err := h.TaskStatus(r.Context(), id)
	return ok(s), err
}

func restartTask(h Herder, r *http.Request) (answer, error) {
	id, err := taskID(r)
	if err != nil {
		return answer{}, err
	}
	return empty(http.StatusNoContent), h.RestartTask(r.Context(), id)
}

// taskID reads the task of a path; one that is no number does not exist.
func taskID(r *http.Request) (TaskID, error) {
	n, err := strconv.ParseInt(param(r, "task"), 10, 32)
	if err != nil {
		return TaskID{}, &Error{Status: http.StatusNotFound, Message: refusal(http.StatusNotFound)}
	}
	return TaskID{Connector: param(r, "connector"), Task: int(n)}, nil
}

func topics(h Herder, r *http.Request) (answer, error) {
	name := param(r, "connector")
	names, err := h.Topics(r.Context(), name)
	return ok(map[string]any{name: map[string][]string{"topics": list(names)}}), err
}

func resetTopics(h Herder, r *http.Request) (answer, error) {
	return empty(http.StatusAccepted), h.ResetTopics(r.Context(), param(r, "connector"))
}
