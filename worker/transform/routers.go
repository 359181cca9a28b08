package transform

import (
	"errors"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
	"github.com/sluice-connect/sluice/worker/data/simpledate"
	"github.com/sluice-connect/sluice/worker/transform/javaregex"
)

func regexRouterClasses() []*Class {
	pattern := connectors.String("regex", "Regular expression (Java's) that the whole name of the topic must match.", high(connectors.Required(), valid("valid regex"))...)
	replacement := connectors.String("replacement", "What takes the place of the match in the name; $1 and ${name} stand for groups.", high(connectors.Required())...)
	return whole("RegexRouter", "Gives topics other names.", connectors.Define(pattern, replacement), map[string]check{"regex": regex},
		func(cfg connectors.Config) (Transformation, error) {
			re, err := javaregex.Compile(pattern.Get(cfg))
			if err != nil {
				return nil, configError(err.Error())
			}
			return &regexRouter{pattern: re, replacement: replacement.Get(cfg), known: map[string]string{}}, nil
		})
}

type regexRouter struct {
	pattern     *javaregex.Regexp
	replacement string
	known       map[string]string // by topic; there are few of them
}

const topicsKept = 64

func (x *regexRouter) Apply(r *data.Record) (bool, error) {
	if topic, ok := x.known[r.Topic]; ok {
		r.Topic = topic
		return true, nil
	}
	topic := r.Topic
	ok, err := x.pattern.Matches(r.Topic)
	if err == nil && ok {
		topic, err = x.pattern.ReplaceFirst(r.Topic, x.replacement)
	}
	if err != nil {
		class := "java.lang.IllegalArgumentException"
		if errors.Is(err, javaregex.ErrNoGroup) {
			class = "java.lang.IndexOutOfBoundsException"
		}
		return false, &data.Error{Class: class, Message: err.Error()}
	}
	if len(x.known) == topicsKept {
		clear(x.known)
	}
	x.known[r.Topic] = topic
	r.Topic = topic
	return true, nil
}

func timestampRouterClasses() []*Class {
	topic := connectors.String("topic.format", "Name of the topic; ${topic} stands for the old name and ${timestamp} for the timestamp.", high(connectors.Default("${topic}-${timestamp}"))...)
	format := connectors.String("timestamp.format", "Pattern of the timestamp, as for Java's SimpleDateFormat; the time is UTC.", high(connectors.Default("yyyyMMdd"))...)
	return whole("TimestampRouter", "Names topics by the timestamps of records.", connectors.Define(topic, format), nil,
		func(cfg connectors.Config) (Transformation, error) {
			t := &timestampRouter{topic: topic.Get(cfg)}
			t.format, t.err = simpledate.New(format.Get(cfg)) // Kafka Connect finds out when the first record comes
			return t, nil
		})
}

type timestampRouter struct {
	topic  string
	format *simpledate.Format
	err    error
	buffer []byte

	// The latest answer: most records come in runs.
	lastTopic, lastText, last string
}

func (t *timestampRouter) Apply(r *data.Record) (bool, error) {
	if r.Timestamp < 0 {
		return false, data.Errorf("Timestamp missing on record: topic %s, partition %d, offset %d", r.Topic, r.Partition, r.Offset)
	}
	if t.err != nil {
		return false, illegalArgument(t.err.Error())
	}
	t.buffer = t.format.Append(t.buffer[:0], r.Timestamp)
	if t.last == "" || string(t.buffer) != t.lastText || r.Topic != t.lastTopic {
		t.lastTopic, t.lastText = r.Topic, string(t.buffer)
		topic := strings.ReplaceAll(t.topic, "${topic}", r.Topic)
		t.last = strings.ReplaceAll(topic, "${timestamp}", t.lastText)
	}
	r.Topic = t.last
	return true, nil
}
