package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// endpoint is a resource: a path and what its methods do.
type endpoint struct {
	pattern string
	methods map[string]operation
}

// operation answers a request. The herder is there when it is called.
type operation func(h Herder, r *http.Request) (answer, error)

// routes declares the API (invariant 6): the 28 public operations of Kafka Connect 4.3, the two that its workers
// keep among themselves, and one of our own: /admin/cluster.
func (a *Handler) routes() []endpoint {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []endpoint{
		{"/", map[string]operation{get: server}},
		{"/health", map[string]operation{get: health}},
		{"/connectors", map[string]operation{get: connectors, post: create}},
		{"/connectors/{connector}", map[string]operation{get: connector, del: remove}},
		{"/connectors/{connector}/config", map[string]operation{get: connectorConfig, put: putConfig, patch: patchConfig}},
		{"/connectors/{connector}/status", map[string]operation{get: status}},
		{"/connectors/{connector}/restart", map[string]operation{post: restart}},
		{"/connectors/{connector}/pause", map[string]operation{put: setState(Paused, http.StatusAccepted)}},
		{"/connectors/{connector}/resume", map[string]operation{put: setState(Started, http.StatusAccepted)}},
		{"/connectors/{connector}/stop", map[string]operation{put: setState(Stopped, http.StatusNoContent)}},
		{"/connectors/{connector}/tasks", map[string]operation{get: tasks, post: internal}},
		{"/connectors/{connector}/tasks/{task}/status", map[string]operation{get: taskStatus}},
		{"/connectors/{connector}/tasks/{task}/restart", map[string]operation{post: restartTask}},
		{"/connectors/{connector}/topics", map[string]operation{get: topics}},
		{"/connectors/{connector}/topics/reset", map[string]operation{put: resetTopics}},
		{"/connectors/{connector}/offsets", map[string]operation{get: offsets, patch: alterOffsets, del: resetOffsets}},
		{"/connectors/{connector}/fence", map[string]operation{put: internal}},
		{"/connector-plugins", map[string]operation{get: plugins}},
		{"/connector-plugins/{plugin}/config", map[string]operation{get: pluginConfig}},
		{"/connector-plugins/{plugin}/config/validate", map[string]operation{put: validate}},
		{"/admin/cluster", map[string]operation{get: cluster}},
		{"/admin/loggers", map[string]operation{get: loggers}},
		{"/admin/loggers/{logger}", map[string]operation{get: logger, put: setLogger}},
	}
}

// allMethods is every method in the order in which Connect lists them.
var allMethods = [...]string{http.MethodHead, http.MethodDelete, http.MethodPost, http.MethodGet, http.MethodOptions, http.MethodPut, http.MethodPatch}

// resource serves an endpoint: first what makes a request unfit for it, in the order of Connect's answers, then the
// operation.
func (a *Handler) resource(e endpoint) http.Handler {
	var allowed []string
	for _, m := range allMethods {
		_, has := e.methods[m]
		_, get := e.methods[http.MethodGet]
		if has || m == http.MethodOptions || (m == http.MethodHead && get) {
			allowed = append(allowed, m)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // net/http leaves out the body
		}
		op, has := e.methods[method]
		consumes, wellFormed := consumesJSON(r.Header.Values("Content-Type"))
		switch {
		case method == http.MethodOptions:
			options(w, r, allowed)
			return
		case !has:
			refuse(w, http.StatusMethodNotAllowed)
			return
		case !wellFormed:
			a.fail(w, r, badRequest("malformed header Content-Type: expected application/json"))
			return
		case !consumes:
			refuse(w, http.StatusUnsupportedMediaType)
			return
		case !accepts(r.Header.Values("Accept"), jsonTypes...):
			refuse(w, http.StatusNotAcceptable)
			return
		}
		h := a.herder.Load()
		switch {
		case h != nil:
			a.serve(w, r, *h, op)
		case e.pattern == "/health":
			a.send(w, r, starting)
		default:
			a.fail(w, r, errStarting)
		}
	})
}

// serve has the herder answer, or the worker that it names.
func (a *Handler) serve(w http.ResponseWriter, r *http.Request, h Herder, op operation) {
	body := &keep{ReadCloser: r.Body}
	r.Body = body
	if r.Header.Get(signatureHeader) != "" {
		sent, err := body.all()
		if err == nil {
			err = checkSignature(r, h, sent)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	ans, err := op(h, r)
	if other, ok := errors.AsType[*Elsewhere](err); ok {
		var sent []byte
		if sent, err = body.all(); err == nil {
			if err = a.forward(w, r, h, other.URL, sent); err == nil {
				return
			}
		}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.send(w, r, ans)
}

// options says what a resource allows: in words to those who read text.
func options(w http.ResponseWriter, r *http.Request, allowed []string) {
	w.Header().Set("Allow", strings.Join(allowed, ","))
	accept := r.Header.Values("Accept")
	if accepts(accept, "text/plain", "text/*", "*/*", "*") {
		write(w, http.StatusOK, "text/plain", []byte(strings.Join(allowed, ", ")))
		return
	}
	write(w, http.StatusOK, splitList(accept[0])[0], nil)
}

// page serves a handler that reads, whatever the client accepts.
func page(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuse(w, http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// consumesJSON says whether a Content-Type can stand for JSON; a request without one says nothing of its body.
func consumesJSON(header []string) (consumes, wellFormed bool) {
	if len(header) == 0 {
		return true, true
	}
	t, _, err := mime.ParseMediaType(header[0])
	return matchesJSON(t), err == nil && strings.Contains(t, "/")
}

// isJSON says whether a Content-Type is that of JSON, whatever its parameters say of the charset.
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}

// accepts says whether a client takes what an answer has, going by what it accepts. Weights are of no interest: there is
// one kind of answer.
func accepts(accept []string, mediaTypes ...string) bool {
	asked := false
	for _, header := range accept {
		for _, element := range splitList(header) {
			asked = true
			t, _, err := mime.ParseMediaType(element)
			if err == nil && slices.Contains(mediaTypes, t) {
				return true
			}
		}
	}
	return !asked
}

func matchesJSON(mediaType string) bool { return slices.Contains(jsonTypes, mediaType) }

// What stands for JSON in Accept and Content-Type.
var jsonTypes = []string{"application/json", "application/*", "*/*", "*"}
