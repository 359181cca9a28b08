package deadletter

import (
	"errors"
	"strconv"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

// Stage is where a record failed, by Kafka Connect's names.
type Stage string

// The stages of a sink.
const (
	KeyConverter    Stage = "KEY_CONVERTER"
	ValueConverter  Stage = "VALUE_CONVERTER"
	HeaderConverter Stage = "HEADER_CONVERTER"
	Transformation  Stage = "TRANSFORMATION"
	TaskPut         Stage = "TASK_PUT"
)

// SinkTask is the class that Kafka Connect names where a sink rejects a record.
const SinkTask = "org.apache.kafka.connect.sink.SinkTask"

// DataException is Kafka Connect's exception for records that do not fit.
const DataException = "org.apache.kafka.connect.errors.DataException"

// Cause says what went wrong with a record.
type Cause struct {
	Stage     Stage
	Class     string // what failed: the class of a converter or of a transformation, or SinkTask
	Exception string // Kafka Connect's class of the exception; empty: DataException
	Message   string // Kafka Connect's text of the exception; empty: that of Err
	Err       error  // what happened, in this worker's words
}

// Text is the message of the exception.
func (c Cause) Text() string {
	if c.Message != "" || c.Err == nil {
		return c.Message
	}
	return c.Err.Error()
}

func (c Cause) exception() string {
	if c.Exception == "" {
		return DataException
	}
	return c.Exception
}

// trace takes the place of the stack trace: the exception and what caused it.
func (c Cause) trace() string {
	t := c.exception() + ": " + c.Text()
	if cause := errors.Unwrap(c.Err); cause != nil && !strings.Contains(t, cause.Error()) {
		t += "\nCaused by: " + cause.Error()
	}
	return t
}

// Letter is a record that cannot be processed.
type Letter struct {
	Partition connectors.Partition
	Offset    int64
	Record    *kafka.Message // as it was read; nil: it is read again
	Cause     Cause
	Owner     any // comes back with the result

	size int64
}

// Result is what became of a letter.
type Result struct {
	Letter Letter
	Err    *connectors.Error // nil: Kafka has it
}

// headerPrefix begins the names of the context headers.
const headerPrefix = "__connect.errors."

// context makes the context headers, in Kafka Connect's order.
func (l *Letter) context(connector string, task int) []kafka.Header {
	var headers []kafka.Header
	add := func(name, value string) {
		headers = append(headers, kafka.Header{Key: headerPrefix + name, Value: []byte(value)})
	}
	add("topic", l.Partition.Topic)
	add("partition", strconv.Itoa(int(l.Partition.ID)))
	add("offset", strconv.FormatInt(l.Offset, 10))
	add("connector.name", connector)
	add("task.id", strconv.Itoa(task))
	add("stage", string(l.Cause.Stage))
	add("class.name", l.Cause.Class)
	add("exception.class.name", l.Cause.exception())
	add("exception.message", l.Cause.Text())
	add("exception.stacktrace", l.Cause.trace())
	return headers
}

// letterOverhead is what a letter without content takes, about, with its context headers.
const letterOverhead = 1024

// weigh notes the memory that a letter takes.
func (l *Letter) weigh() {
	l.size = letterOverhead + int64(len(l.Cause.Text()))*2
	if m := l.Record; m != nil {
		l.size += int64(len(m.Key) + len(m.Value))
		for _, h := range m.Headers {
			l.size += int64(len(h.Key) + len(h.Value))
		}
	}
}
