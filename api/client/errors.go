package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is an answer that is no success.
type Error struct {
	Status     int           // HTTP status
	Code       int           // the body's error_code; the status where it has none
	Message    string        // what the worker says
	RetryAfter time.Duration // when to try again; zero where it does not say
	Request    string        // method and URL of what was asked

	body []byte
}

// Error says what was asked, and what the worker said.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %d: %s", e.Request, e.Status, e.Message)
}

// newError reads an error in the form of Connect, or whatever something between here and the worker says instead.
func newError(a answer, header http.Header) *Error {
	e := &Error{Status: a.status, Code: a.status, Request: a.request, body: a.body}
	var said struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(a.body, &said) == nil && said.Message != "" {
		e.Message = said.Message
		if said.Code != 0 {
			e.Code = said.Code
		}
	} else {
		e.Message = http.StatusText(a.status)
		if text := strings.TrimSpace(string(a.body)); text != "" && len(text) <= 200 && text[0] != '<' && text[0] != '{' {
			e.Message += ": " + text // not a page
		}
	}
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// didNothing says that the worker did nothing, for now: it is starting, or the cluster is rebalancing.
func (e *Error) didNothing() bool {
	return e.Status == http.StatusServiceUnavailable || e.rebalancing()
}

// rebalancing tells the three 409s of Connect that pass from those that do not, such as a connector that exists.
func (e *Error) rebalancing() bool {
	return e.Status == http.StatusConflict && (e.RetryAfter > 0 || strings.HasPrefix(e.Message, "Cannot complete request"))
}

// Unreachable says that no worker answered.
type Unreachable struct {
	URLs   []string // those that were tried
	Causes []error  // why, one for each URL
}

func (e *Unreachable) add(url string, cause error) {
	e.URLs, e.Causes = append(e.URLs, url), append(e.Causes, cause)
}

// Error names each URL and its cause.
func (e *Unreachable) Error() string {
	var b strings.Builder
	b.WriteString("no worker answers at ")
	for i, url := range e.URLs {
		if i > 0 {
			b.WriteString(", nor at ")
		}
		b.WriteString(url + " (" + e.Causes[i].Error() + ")")
	}
	return b.String()
}

// Unwrap gives the causes.
func (e *Unreachable) Unwrap() []error { return e.Causes }

// IsNotFound says that a connector, task, plugin or logger does not exist.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict says that the worker cannot do it: the connector exists already, or the cluster is rebalancing.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

// IsInvalid says that what was sent is wrong, such as a configuration; the message says in which way.
func IsInvalid(err error) bool { return hasStatus(err, http.StatusBadRequest) }

// IsUnauthorized says that credentials are missing or wrong.
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsRebalancing says that the cluster was rebalancing for as long as the client tried.
func IsRebalancing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.rebalancing()
}

// IsUnreachable says that no worker answered.
func IsUnreachable(err error) bool {
	var e *Unreachable
	return errors.As(err, &e)
}

func hasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}
