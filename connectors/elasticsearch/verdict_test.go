package elasticsearch

import (
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		op     op
		status int
		kind   string
		reason string
		want   verdict
	}{
		{"stored", opIndex, 201, "", "", stored},
		{"bad value", opIndex, 400, "document_parsing_exception", "", malformed},
		{"bad value in 7.x", opIndex, 400, "mapper_parsing_exception", "", malformed},
		{"strict mapping", opIndex, 400, "strict_dynamic_mapping_exception", "", malformed},
		{"too many fields", opIndex, 400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded", malformed},
		{"old version", opIndex, 409, "version_conflict_engine_exception", "", conflict},
		{"existing id", opCreate, 409, "version_conflict_engine_exception", "", conflict},
		{"concurrent update", opUpdate, 409, "version_conflict_engine_exception", "", again},
		{"update of a missing document", opUpdate, 404, "document_missing_exception", "", malformed},
		{"nothing to delete", opDelete, 404, "", "", stored},
		{"index into a data stream", opIndex, 400, "illegal_argument_exception", "only write ops with an op_type of create are allowed in data streams", unwritable},
		{"no such pipeline", opIndex, 400, "illegal_argument_exception", "pipeline with id [x] does not exist", unwritable},
		{"no index", opIndex, 404, "index_not_found_exception", "", missing},
		{"no index to delete from", opDelete, 404, "index_not_found_exception", "", missing},
		{"bad index name", opIndex, 400, "invalid_index_name_exception", "", unwritable},
		{"closed index", opIndex, 400, "index_closed_exception", "", blocked},
		{"write block", opIndex, 403, "cluster_block_exception", "", blocked},
		{"flood stage", opIndex, 429, "cluster_block_exception", "", blocked},
		{"queue full", opIndex, 429, "es_rejected_execution_exception", "", again},
		{"no primary", opIndex, 503, "unavailable_shards_exception", "", blocked},
		{"server error", opIndex, 500, "exception", "", again},
		{"no privilege", opIndex, 403, "security_exception", "", unwritable},
		{"unheard of", opIndex, 422, "something_new", "", malformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e *serverError
			if tc.kind != "" {
				e = &serverError{Type: tc.kind, Reason: tc.reason}
			}
			if got := judge(tc.op, tc.status, e); got != tc.want {
				t.Errorf("judge = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	const validation = `{"error":{"type":"action_request_validation_exception","reason":"id is too long"},"status":400}`
	for _, tc := range []struct {
		name          string
		status        int
		body          string
		code          connectors.Code
		cause         cause
		halve, single bool
	}{
		{"memory pressure", 429, `{"error":{"type":"es_rejected_execution_exception"}}`, connectors.CodeRetriable, causeBusy, true, false},
		{"too large", 413, ``, connectors.CodeRetriable, causeOther, true, true},
		{"bad gateway", 502, `<html>`, connectors.CodeRetriable, causeUnavailable, false, false},
		{"unavailable", 503, ``, connectors.CodeRetriable, causeUnavailable, false, false},
		{"gateway timeout", 504, ``, connectors.CodeRetriable, causeUnavailable, false, false},
		{"server error", 500, ``, connectors.CodeRetriable, causeUnavailable, false, false},
		{"no credentials", 401, ``, connectors.CodeUnauthorized, causeOther, false, false},
		{"no privilege", 403, ``, connectors.CodeUnauthorized, causeOther, false, false},
		{"redirect", 301, ``, connectors.CodeMisconfigured, causeOther, false, false},
		{"not found", 404, ``, connectors.CodeRetriable, causeOther, false, false},
		{"one item spoils all", 400, validation, connectors.CodeRetriable, causeOther, true, true},
		{"malformed request", 400, `{"error":{"type":"illegal_argument_exception"}}`, connectors.CodeFatal, causeOther, false, false},
		{"wrong method", 405, ``, connectors.CodeFatal, causeOther, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := refused(tc.status, http.Header{}, []byte(tc.body))
			if f.code != tc.code || f.cause != tc.cause || f.halve != tc.halve || f.single != tc.single {
				t.Errorf("refused = %+v", f)
			}
		})
	}
	if f := refused(429, http.Header{"Retry-After": {"7"}}, nil); f.wait != 7*time.Second {
		t.Errorf("wait %v", f.wait)
	}
	for _, odd := range []string{"", "-3", "Wed, 21 Oct 2015 07:28:00 GMT", "1h", "nan"} {
		if d := retryAfter(http.Header{"Retry-After": {odd}}); d != 0 {
			t.Errorf("Retry-After %q gives %v", odd, d)
		}
	}
	if d := retryAfter(http.Header{"Retry-After": {"999999"}}); d != maxRetryAfter {
		t.Errorf("Retry-After is not bounded: %v", d)
	}
}

func TestUnreached(t *testing.T) {
	for _, tc := range []struct {
		err   error
		code  connectors.Code
		cause cause
	}{
		{io.EOF, connectors.CodeRetriable, causeConnection},
		{io.ErrUnexpectedEOF, connectors.CodeRetriable, causeConnection},
		{os.ErrDeadlineExceeded, connectors.CodeRetriable, causeTimeout},
		{errors.New("the client noticed that the server is not Elasticsearch and we do not support this unknown product"), connectors.CodeMisconfigured, causeOther},
	} {
		if f := unreached(tc.err); f.code != tc.code || f.cause != tc.cause {
			t.Errorf("unreached(%v) = %+v", tc.err, f)
		}
	}
}
