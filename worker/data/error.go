package data

import (
	"fmt"
	"strings"
)

// Java classes of problems, as dead letters name them.
const (
	DataException          = "org.apache.kafka.connect.errors.DataException"
	ConnectException       = "org.apache.kafka.connect.errors.ConnectException"
	SchemaBuilderException = "org.apache.kafka.connect.errors.SchemaBuilderException"
)

// Error is a problem with data or a schema. Kafka Connect would throw an exception of the class with this message.
type Error struct {
	Class   string // of the exception, such as [DataException]
	Message string
	Cause   error // what the message is about; nil: nothing further
}

// Errorf makes an [Error] of class [DataException].
func Errorf(format string, args ...any) *Error {
	return &Error{Class: DataException, Message: fmt.Sprintf(format, args...)}
}

// Error is the message, and the cause behind it.
func (e *Error) Error() string {
	if e.Cause != nil {
		return strings.TrimSuffix(e.Message, ": ") + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }
