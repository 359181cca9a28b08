package task

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/task/fetch"
)

// kafkaFailure makes an error of the client one of ours. Most are worth another try: the task starts again.
func kafkaFailure(op string, err error) *connectors.Error {
	if k, ok := errors.AsType[kafka.Error](err); ok {
		switch k.Code() {
		case kafka.ErrTopicAuthorizationFailed, kafka.ErrGroupAuthorizationFailed, kafka.ErrClusterAuthorizationFailed:
			return connectors.Unauthorized(op, err, "allow the worker's user to read the topic and to use the consumer group")
		case kafka.ErrAuthentication, kafka.ErrSaslAuthenticationFailed:
			return connectors.Unauthorized(op, err, "check the worker's Kafka credentials")
		}
	}
	return connectors.Retriable(op, err, "")
}

// fatal says whether the consumer cannot go on after this error, and why.
func (r *run) fatal(err error) *connectors.Error {
	var k kafka.Error
	if !errors.As(err, &k) {
		return nil
	}
	switch k.Code() {
	case kafka.ErrFencedInstanceID:
		r.fenced = true
		// Not for good: it may be one that was paused and woke up, whose client takes its place back before it learns that
		// somebody else has its work since. Whoever is not to run the task is told so; whoever is, comes back.
		return connectors.Retriable("reading records", err, "another consumer has taken this one's place; who is to run the task takes it back")
	case kafka.ErrTopicAuthorizationFailed, kafka.ErrGroupAuthorizationFailed, kafka.ErrClusterAuthorizationFailed, kafka.ErrAuthentication, kafka.ErrSaslAuthenticationFailed:
		return kafkaFailure("reading records", err)
	}
	if k.IsFatal() {
		r.fenced = true
		return connectors.Retriable("reading records", err, "the consumer cannot go on and is made anew")
	}
	return nil
}

// kafkaError handles an error that the consumer reports while it goes on.
func (r *run) kafkaError(err error) {
	if fatal := r.fatal(err); fatal != nil {
		r.fail(fatal)
		return
	}
	e := connectors.Retriable("reading records", err, "the consumer keeps trying")
	if k, ok := errors.AsType[kafka.Error](err); ok {
		switch k.Code() {
		case kafka.ErrUnknownTopicOrPart:
			e.Hint = "create the topic or change topics; the consumer keeps looking for it"
		case kafka.ErrTransport:
			return // one of several brokers; ErrAllBrokersDown follows where that matters
		case kafka.ErrMaxPollExceeded:
			e.Hint = "the task was stalled; it joins the group again"
		}
	}
	r.log.Debug("consumer reports an error", "error", err)
	r.troubles.set(kafkaTrouble, e)
}

// statistics is what is read of librdkafka's.
type statistics struct {
	Brokers map[string]struct {
		NodeID int32  `json:"nodeid"`
		State  string `json:"state"`
	} `json:"brokers"`
	Topics map[string]struct {
		Partitions map[string]struct {
			Partition int32 `json:"partition"`
			End       int64 `json:"ls_offset"`
			High      int64 `json:"hi_offset"`
		} `json:"partitions"`
	} `json:"topics"`
}

// stats takes lag and the state of the brokers from the client's own statistics.
func (r *run) stats(text string) {
	var s statistics
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		r.log.Debug("statistics of the client are not readable", "error", err)
		return
	}
	for _, b := range s.Brokers {
		if b.NodeID >= 0 && b.State == "UP" {
			r.brokersAnswer()
			break
		}
	}
	var lag int64
	for topic, t := range s.Topics {
		for _, sp := range t.Partitions {
			p := r.partitions[connectors.Partition{Topic: topic, ID: sp.Partition}]
			if p == nil || p.next < 0 {
				continue
			}
			end := sp.End
			if end < 0 {
				end = sp.High
			}
			lag = max(lag, end-p.next)
		}
	}
	if r.cfg.Metrics != nil {
		r.cfg.Metrics.Lag(lag)
	}
}

// brokersAnswer ends the trouble that no broker could be reached.
func (r *run) brokersAnswer() {
	if r.brokersAway() {
		r.troubles.over(kafkaTrouble)
	}
}

func (r *run) brokersAway() bool {
	t := r.troubles.now[kafkaTrouble]
	return t != nil && isCode(t, kafka.ErrAllBrokersDown)
}

func isCode(err error, code kafka.ErrorCode) bool {
	var k kafka.Error
	return errors.As(err, &k) && k.Code() == code
}

// gauges refreshes what is shown of the flow.
func (r *run) gauges() {
	if r.cfg.Metrics == nil {
		return
	}
	var active int64
	for _, p := range r.partitions {
		if p.committed >= 0 && p.next > p.committed {
			active += p.next - p.committed
		}
	}
	r.cfg.Metrics.Flow(active, r.credit.used, r.held)
}

// readLog hands the client's log lines to ours.
func (r *run) readLog() {
	r.reader.ReadLog(func(line fetch.Line) {
		level := slog.LevelDebug
		switch {
		case line.Level <= 4: // warning and worse; the task's own errors are reported by other ways
			level = slog.LevelWarn
		case line.Level <= 5:
			level = slog.LevelInfo
		}
		r.log.Log(context.Background(), level, line.Text, "client", r.cfg.Consumer["client.id"], "tag", line.Facility)
	})
}
