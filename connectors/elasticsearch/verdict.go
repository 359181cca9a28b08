package elasticsearch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// verdict is what to do about an item.
type verdict uint8

const (
	stored     verdict = iota
	conflict           // the server has this version, or a later one, or this very document: stored before
	again              // refused for now
	blocked            // refused until the index, or its shard, can be written to again
	missing            // there is no such index: make it, then again
	malformed          // refused for good
	unwritable         // refused for all documents alike until somebody changes something
)

// judge decides about an item from the server's answer (invariants 3, 5 and 6).
func judge(o op, status int, e *serverError) verdict {
	if status >= 200 && status < 300 {
		return stored
	}
	kind, reason := "", ""
	if e != nil {
		kind, reason = e.Type, e.Reason
	}
	switch {
	case status == http.StatusConflict:
		if o == opUpdate {
			return again // somebody else wrote at the same time
		}
		return conflict
	case status == http.StatusNotFound && o == opDelete && e == nil:
		return stored // there was nothing to delete
	case kind == "index_not_found_exception":
		return missing
	case isBlock(kind):
		return blocked
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return again
	case status == http.StatusUnauthorized, kind == "security_exception",
		kind == "invalid_index_name_exception",
		kind == "illegal_argument_exception" && aboutTarget(reason):
		return unwritable
	default:
		return malformed
	}
}

// isBlock tells errors of an index that is read-only, above the flood stage, closed or red.
func isBlock(kind string) bool {
	switch kind {
	case "cluster_block_exception", "index_closed_exception", "unavailable_shards_exception", "no_shard_available_action_exception":
		return true
	}
	return false
}

// aboutTarget tells refusals that concern index, alias or pipeline from those that concern a document; the type is the same.
func aboutTarget(reason string) bool {
	for _, s := range []string{
		"only write ops with an op_type of create are allowed in data streams",
		"no write index is defined for alias",
		"has more than one indices associated with it",
		"has more than one index associated with it",
		"pipeline with id [",
	} {
		if strings.Contains(reason, s) {
			return true
		}
	}
	return false
}

// failure is a request that failed as a whole, or whose items were refused for now.
type failure struct {
	cause  cause
	code   connectors.Code
	err    error
	hint   string
	wait   time.Duration // what the server asked for with Retry-After
	halve  bool          // a smaller request may pass
	single bool          // of one item alone: that document is to blame

	tooLarge bool // the size was refused
	patient  bool // it ends when somebody acts, and is waited for however long that takes
}

// at makes the error of it.
func (f *failure) at(op string) *connectors.Error {
	return &connectors.Error{Code: f.code, Op: op, Offset: -1, Err: f.err, Hint: f.hint}
}

// cause groups failures for the metrics.
type cause uint8

const (
	causeConnection cause = iota
	causeTimeout
	causeBusy
	causeUnavailable
	causeItems
	causeBlocked
	causeOther
	causes
)

func (c cause) String() string {
	return [...]string{"connection", "timeout", "busy", "unavailable", "items", "blocked", "other"}[c]
}

// hintBlocked is what helps an index that cannot be written to.
const hintBlocked = "release the index (index.blocks.*), free disk space, open it or bring its shards back; sluice waits and goes on by itself"

// retriable says whether repeating helps without anybody's doing; only then max.retries counts.
func (f *failure) retriable() bool { return f.code == connectors.CodeRetriable }

// unreached makes the failure of a request without an answer.
func unreached(err error) *failure {
	f := &failure{cause: causeConnection, code: connectors.CodeRetriable, err: err, hint: "check connection.url and whether Elasticsearch runs"}
	switch {
	case strings.Contains(err.Error(), "server is not Elasticsearch"):
		f.code, f.cause = connectors.CodeMisconfigured, causeOther
		f.err = errors.New("the server does not identify itself as Elasticsearch (header X-Elastic-Product)")
		f.hint = "correct connection.url, or set sluice.product.check to false for OpenSearch or Elasticsearch before 7.14"
	case outOfTime(err):
		f.cause = causeTimeout
		f.hint = "check whether Elasticsearch is overloaded or frozen, or raise read.timeout.ms"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.err = fmt.Errorf("the server closed the connection: %w", err)
	case strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "tls:"):
		f.hint = "check elastic.https.ssl.* and the server's certificate"
	}
	return f
}

func outOfTime(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// refused makes the failure of a request that was answered with another status than 2xx.
func refused(status int, header http.Header, body []byte) *failure {
	e := parseRequestError(body)
	f := &failure{cause: causeOther, code: connectors.CodeRetriable, err: statusError(status, e)}
	switch {
	case isBlock(e.Type):
		f.cause, f.patient, f.hint = causeBlocked, true, hintBlocked
	case status == http.StatusTooManyRequests:
		f.cause, f.wait, f.halve = causeBusy, retryAfter(header), true
		f.hint = "Elasticsearch is overloaded; sending is slowed down"
	case status == http.StatusRequestEntityTooLarge:
		f.halve, f.single, f.tooLarge = true, true, true
		f.hint = "raise http.max_content_length in Elasticsearch, or lower bulk.size.bytes"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		f.code, f.hint = connectors.CodeUnauthorized, "check the credentials and the user's privileges on the index"
	case status >= 300 && status < 400:
		f.code = connectors.CodeMisconfigured
		f.hint = "the address redirects to " + fmt.Sprintf("%q", cut(header.Get("Location"), 200)) + "; set connection.url to where it leads"
	case status == http.StatusRequestTimeout, status >= 500:
		f.cause, f.wait = causeUnavailable, retryAfter(header)
		f.hint = "check the health of Elasticsearch"
	case status == http.StatusNotFound:
		f.hint = "check the path in connection.url"
	case status == http.StatusBadRequest && e.Type != "illegal_argument_exception":
		// such as action_request_validation_exception: one item spoils the whole request
		f.halve, f.single = true, true
	default:
		f.code = connectors.CodeFatal
	}
	return f
}

func statusError(status int, e *serverError) error {
	text := fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))
	if said := strings.TrimPrefix(strings.TrimSpace(e.Error()), ": "); said != "" {
		text += ": " + said
	}
	return errors.New(text)
}

// maxRetryAfter bounds what a server can ask for.
const maxRetryAfter = time.Minute

func retryAfter(h http.Header) time.Duration {
	d, err := time.ParseDuration(h.Get("Retry-After") + "s")
	if err != nil || d < 0 {
		return 0
	}
	return min(d, maxRetryAfter)
}
