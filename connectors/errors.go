package connectors

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Code is the closed set of reasons for which a sink can fail. It crosses the wire and decides what the worker does.
type Code uint8

// The codes. Their numbers are those of the protocol and never change.
const (
	CodeFatal         Code = iota + 1 // a bug or a state that no retry mends: the task fails and stays failed
	CodeRetriable                     // the service is away, busy or refuses for now: the task restarts with back-off
	CodeBadRecord                     // this one record can never be stored
	CodeMisconfigured                 // the configuration is wrong: the task fails until it is changed
	CodeUnauthorized                  // credentials or permissions are missing: the task restarts with back-off
)

// String gives the name used in messages.
func (c Code) String() string {
	switch c {
	case CodeFatal:
		return "fatal"
	case CodeRetriable:
		return "retriable"
	case CodeBadRecord:
		return "bad record"
	case CodeMisconfigured:
		return "misconfigured"
	case CodeUnauthorized:
		return "unauthorized"
	default:
		return "code(" + strconv.Itoa(int(c)) + ")"
	}
}

// Error is an error of a sink as the worker and its user see it.
type Error struct {
	Code      Code
	Op        string    // what was tried, a verb phrase: "renaming /a to /b", "sending bulk request to http://…"
	Partition Partition // zero where no partition is concerned
	Offset    int64     // -1 where no offset is concerned
	Err       error     // the cause
	Hint      string    // what the user can do; a sentence without a capital and without a full stop
}

// Retriable says that trying again later can help.
func Retriable(op string, err error, hint string) *Error {
	return &Error{Code: CodeRetriable, Op: op, Offset: -1, Err: err, Hint: hint}
}

// Fatal says that no retry mends it.
func Fatal(op string, err error, hint string) *Error {
	return &Error{Code: CodeFatal, Op: op, Offset: -1, Err: err, Hint: hint}
}

// Misconfigured says that the configuration must change first.
func Misconfigured(op string, err error, hint string) *Error {
	return &Error{Code: CodeMisconfigured, Op: op, Offset: -1, Err: err, Hint: hint}
}

// Unauthorized says that credentials or permissions are missing.
func Unauthorized(op string, err error, hint string) *Error {
	return &Error{Code: CodeUnauthorized, Op: op, Offset: -1, Err: err, Hint: hint}
}

// BadRecord says that the record at this offset can never be stored.
func BadRecord(p Partition, offset int64, err error) *Error {
	return &Error{Code: CodeBadRecord, Op: "storing record", Partition: p, Offset: offset, Err: err}
}

// ProbeError is an error of a [Prober] that knows which keys of the configuration it is about.
type ProbeError struct {
	Keys []string
	Err  error
}

// Error is that of the cause.
func (e *ProbeError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *ProbeError) Unwrap() error { return e.Err }

// At returns a copy of e that names a partition and an offset (-1 for none).
func (e *Error) At(p Partition, offset int64) *Error {
	c := *e
	c.Partition, c.Offset = p, offset
	return &c
}

// Error gives one line: operation, place, cause, hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Partition != (Partition{}) {
		b.WriteString(" (")
		b.WriteString(e.Partition.String())
		if e.Offset >= 0 {
			b.WriteString(" offset ")
			b.WriteString(strconv.FormatInt(e.Offset, 10))
		}
		b.WriteString(")")
	}
	if e.Err != nil {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf gives the code of an error: its own where it has one, retriable for an expired deadline, fatal otherwise.
// It is 0 for nil.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	var e *Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return CodeRetriable
	}
	return CodeFatal
}

// AsError returns err as an *Error, wrapping it with its code and the given operation where it is none.
func AsError(op string, err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeOf(err), Op: op, Offset: -1, Err: err}
}
