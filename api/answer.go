package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// answer is what a request gets.
type answer struct {
	status   int
	body     any    // nil: none
	location string // path of what was created, percent-encoded
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func empty(status int) answer { return answer{status: status} }

// message is the body of answers that say in words what was done.
type message struct {
	Message string `json:"message"`
}

type errorBody struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// send writes an answer in one piece.
func (a *Handler) send(w http.ResponseWriter, r *http.Request, ans answer) {
	if ans.location != "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		w.Header().Set("Location", scheme+"://"+r.Host+ans.location)
	}
	if ans.body == nil {
		if ans.status != http.StatusNoContent {
			w.Header().Set("Content-Length", "0")
		}
		w.WriteHeader(ans.status)
		return
	}
	body, err := encode(ans.body)
	if err != nil {
		a.fail(w, r, fmt.Errorf("writing the answer as JSON: %w", err))
		return
	}
	write(w, ans.status, answerType(r), body)
}

// fail answers with an error: one of ours keeps its status, anything else is the worker's fault (invariant 2).
func (a *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded) && r.Context().Err() != nil:
		e = &Error{Status: http.StatusInternalServerError, Message: a.timedOut()}
	default:
		e = &Error{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	if e.Status < 400 || e.Status > 599 {
		e = &Error{Status: http.StatusInternalServerError, Message: e.Message, RetryAfter: e.RetryAfter}
	}
	if e.RetryAfter > 0 { // whole seconds, never too early
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	body, err := encode(errorBody{e.Status, e.Message})
	if err != nil { // two plain fields
		panic(err)
	}
	write(w, e.Status, answerType(r), body)
}

// timedOut says what the worker was busy with instead.
func (a *Handler) timedOut() string {
	if h := a.herder.Load(); h != nil {
		if s, ok := (*h).(Stager); ok {
			stage, since := s.Stage()
			return fmt.Sprintf("Request timed out. The worker is currently %s, which began at %s", stage, since.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	return "Request timed out"
}

// refuse answers a request that no resource took, as Connect does: with a body of JSON and no Content-Type.
func refuse(w http.ResponseWriter, status int) {
	body := fmt.Appendf(nil, `{"error_code":%d,"message":"%s"}`, status, refusal(status))
	write(w, status, "", body)
}

// refusal is the text of such an answer.
func refusal(status int) string { return fmt.Sprintf("HTTP %d %s", status, http.StatusText(status)) }

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	} else {
		w.Header()["Content-Type"] = nil // none, not even a guess
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is no error of ours
}

// encode writes JSON as Connect does: without escapes for HTML, without a newline.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// list is a slice that JSON shows as [] when it is empty.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// badRequest is an error in what was sent.
func badRequest(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}
