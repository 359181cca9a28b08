package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
)

// endpoint is a resource: a path and what its methods do.
type endpoint struct {
	pattern string
	methods map[string]operation
	anyType []string // methods that take whatever Content-Type
}

// operation answers a request. The herder is there when it is called.
type operation func(h Herder, r *http.Request) (answer, error)

// routes declares the API (invariant 6): the 28 public operations of Kafka Connect 4.3, the two that its workers
// keep among themselves, and one of our own: /admin/cluster.
func (a *Handler) routes() []endpoint {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []endpoint{
		{pattern: "/", methods: map[string]operation{get: server}, anyType: []string{get}},
		{pattern: "/health", methods: map[string]operation{get: health}, anyType: []string{get}},
		{pattern: "/connectors", methods: map[string]operation{get: connectors, post: create}},
		{pattern: "/connectors/{connector}", methods: map[string]operation{get: connector, del: remove}},
		{pattern: "/connectors/{connector}/config", methods: map[string]operation{get: connectorConfig, put: putConfig, patch: patchConfig}},
		{pattern: "/connectors/{connector}/status", methods: map[string]operation{get: status}},
		{pattern: "/connectors/{connector}/restart", methods: map[string]operation{post: restart}},
		{pattern: "/connectors/{connector}/pause", methods: map[string]operation{put: setState(Paused, http.StatusAccepted)}},
		{pattern: "/connectors/{connector}/resume", methods: map[string]operation{put: setState(Started, http.StatusAccepted)}},
		{pattern: "/connectors/{connector}/stop", methods: map[string]operation{put: setState(Stopped, http.StatusNoContent)}},
		{pattern: "/connectors/{connector}/tasks", methods: map[string]operation{get: tasks, post: putTasks}, anyType: []string{post}},
		{pattern: "/connectors/{connector}/tasks/{task}/status", methods: map[string]operation{get: taskStatus}},
		{pattern: "/connectors/{connector}/tasks/{task}/restart", methods: map[string]operation{post: restartTask}},
		{pattern: "/connectors/{connector}/topics", methods: map[string]operation{get: topics}},
		{pattern: "/connectors/{connector}/topics/reset", methods: map[string]operation{put: resetTopics}},
		{pattern: "/connectors/{connector}/offsets", methods: map[string]operation{get: offsets, patch: alterOffsets, del: resetOffsets}},
		{pattern: "/connectors/{connector}/fence", methods: map[string]operation{put: fence}, anyType: []string{put}},
		{pattern: "/connector-plugins", methods: map[string]operation{get: plugins}},
		{pattern: "/connector-plugins/{plugin}/config", methods: map[string]operation{get: pluginConfig}},
		{pattern: "/connector-plugins/{plugin}/config/validate", methods: map[string]operation{put: validate}},
		{pattern: "/admin/cluster", methods: map[string]operation{get: cluster}},
		{pattern: "/admin/loggers", methods: map[string]operation{get: loggers}},
		{pattern: "/admin/loggers/{logger}", methods: map[string]operation{get: logger, put: setLogger}},
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
		switch {
		case method == http.MethodOptions:
			options(w, r, allowed)
			return
		case !has:
			refuse(w, http.StatusMethodNotAllowed)
			return
		case !slices.Contains(e.anyType, method) && !consumesJSON(r):
			refuse(w, http.StatusUnsupportedMediaType)
			return
		case !acceptsJSON(r):
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
