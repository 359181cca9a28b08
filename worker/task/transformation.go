package task

import (
	"errors"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/task/fetch"
	"github.com/sluice-connect/sluice/worker/transform"
)

// passed is the value of a key, value or header that no transformation looks into: what the plugin gets, without nil.
type passed []byte

// addTransformed is add for records that pass a chain of transformations.
func (r *run) addTransformed(p *partition, m *fetch.Record) {
	c := r.convert
	rec := &c.record
	*rec = data.Record{Topic: p.Topic, Partition: p.ID, Offset: m.Offset, Timestamp: m.Timestamp, Headers: rec.Headers[:0]}
	var err error
	if rec.KeySchema, rec.Key, err = c.key.value(m.Key); err != nil {
		r.unfit(p, m, failed(c.key.stage, c.key.Class(), err))
		return
	}
	if rec.ValueSchema, rec.Value, err = c.value.value(m.Value); err != nil {
		r.unfit(p, m, failed(c.value.stage, c.value.Class(), err))
		return
	}
	if err := r.convertHeaders(m); err != nil {
		r.unfit(p, m, failed(deadletter.HeaderConverter, c.header.Class(), err))
		return
	}
	for _, h := range r.headers {
		rec.Headers = append(rec.Headers, data.Header{Key: h.Key, Value: asPassed(h.Value)})
	}
	keep, err := c.chain.Apply(rec)
	switch {
	case err != nil:
		r.unfit(p, m, untransformed(c.chain, err))
		return
	case !keep:
		r.pass(p, m.Offset)
		return
	}
	var together common
	if rec.Topic != p.Topic {
		together.topic = rec.Topic
	}
	var key, value []byte
	if together.keySchema, key, err = c.key.result(m.Key, rec.KeySchema, rec.Key); err == nil {
		together.valueSchema, value, err = c.value.result(m.Value, rec.ValueSchema, rec.Value)
	}
	if err != nil {
		r.unfit(p, m, untransformed(c.chain, err))
		return
	}
	r.headers = r.headers[:0]
	for _, h := range rec.Headers {
		made := connectors.Header{Key: h.Key}
		if same, ok := h.Value.(passed); ok {
			made.Value = same
		} else {
			made.Value = headerText(h.Value)
		}
		r.headers = append(r.headers, made)
	}
	r.collectConverted(p, m, together, key, value)
}

// untransformed says which transformation failed.
func untransformed(chain *transform.Chain, err error) deadletter.Cause {
	class := chain.Last() // it made what cannot be handed on
	if e, ok := errors.AsType[*transform.Error](err); ok {
		class = e.Class
	}
	return failed(deadletter.Transformation, class, err)
}

func asPassed(b []byte) any {
	if b == nil {
		return nil
	}
	return passed(b)
}

// value is what the chain gets for bytes: a value where a transformation may look into it.
func (s *side) value(b []byte) (*data.Schema, any, error) {
	if s.use.Reads || !s.Direct() {
		return s.ToConnect(b)
	}
	b, err := s.direct(b)
	return nil, asPassed(b), err
}

// result is what the plugin gets for what the chain left.
func (s *side) result(b []byte, schema *data.Schema, v any) (schemaJSON, payload []byte, err error) {
	if same, ok := v.(passed); ok {
		if !s.use.Changes {
			return nil, same, nil
		}
		// No step that changes this side was for this record, which is JSON nevertheless, like the others.
		if schema, v, err = s.ToConnect(b); err != nil {
			return nil, nil, err
		}
	}
	if s.Direct() && !s.use.Changes {
		payload, err = s.direct(b)
		return nil, payload, err
	}
	return s.write(schema, v)
}
