package task

import (
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/convert"
	"github.com/sluice-connect/sluice/worker/data"
	"github.com/sluice-connect/sluice/worker/deadletter"
	"github.com/sluice-connect/sluice/worker/task/fetch"
	"github.com/sluice-connect/sluice/worker/transform"
)

// conversion is how records become what the plugin gets where that is not their bytes.
type conversion struct {
	key, value side
	header     convert.Converter // nil: headers are not looked at
	chain      *transform.Chain  // nil: none
	record     data.Record       // on its way through the chain
}

// side converts keys or values.
type side struct {
	convert.Converter
	wire  *convert.Wire
	stage deadletter.Stage
	use   transform.Use
}

// Format is what batches hold of records that these converters read and this chain, or none, changes: what a transformation
// made is JSON, whatever it was before.
func Format(key, value convert.Converter, chain *transform.Chain) connectors.Format {
	f := connectors.Format{Key: key.Payload(), Value: value.Payload()}
	if chain.Key().Changes {
		f.Key = connectors.PayloadJSON
	}
	if chain.Value().Changes {
		f.Value = connectors.PayloadJSON
	}
	return f
}

// newConversion is nil where bytes can go to the plugin as they are.
func newConversion(c *Config) *conversion {
	if c.Key == nil || c.Value == nil {
		return nil
	}
	header := c.Header
	if header != nil && header.Direct() && header.Payload() != connectors.PayloadJSON {
		header = nil // whatever the bytes are, they pass
	}
	if c.Key.Direct() && c.Value.Direct() && header == nil && c.Transform == nil {
		return nil
	}
	return &conversion{
		key:    side{c.Key, convert.NewWire(c.Records.Key, c.Key.KeepNulls()), deadletter.KeyConverter, c.Transform.Key()},
		value:  side{c.Value, convert.NewWire(c.Records.Value, c.Value.KeepNulls()), deadletter.ValueConverter, c.Transform.Value()},
		header: header,
		chain:  c.Transform,
	}
}

// read gives the schema and the payload that stand for the bytes of a record.
func (s *side) read(b []byte) (schema, payload []byte, err error) {
	if s.Direct() {
		payload, err = s.direct(b)
		return nil, payload, err
	}
	sch, v, err := s.ToConnect(b)
	if err != nil {
		return nil, nil, err
	}
	return s.write(sch, v)
}

// direct gives bytes that pass as they are, checked where they must be.
func (s *side) direct(b []byte) ([]byte, error) {
	if b == nil || s.Payload() != connectors.PayloadJSON {
		return b, nil
	}
	b, err := convert.JSON(b)
	if err != nil {
		return nil, convert.NotJSON(err)
	}
	return b, nil
}

// write gives the schema and the payload that stand for a value.
func (s *side) write(sch *data.Schema, v any) (schema, payload []byte, err error) {
	if schema, err = s.wire.Schema(sch); err != nil {
		return nil, nil, err
	}
	payload, err = s.wire.Payload(sch, v)
	return schema, payload, err
}

// addConverted is add for records whose bytes do not go to the plugin.
func (r *run) addConverted(p *partition, m *fetch.Record) {
	var c common
	var key, value []byte
	var err error
	if c.keySchema, key, err = r.convert.key.read(m.Key); err != nil {
		r.unfit(p, m, failed(r.convert.key.stage, r.convert.key.Class(), err))
		return
	}
	if c.valueSchema, value, err = r.convert.value.read(m.Value); err != nil {
		r.unfit(p, m, failed(r.convert.value.stage, r.convert.value.Class(), err))
		return
	}
	if err := r.convertHeaders(m); err != nil {
		r.unfit(p, m, failed(deadletter.HeaderConverter, r.convert.header.Class(), err))
		return
	}
	r.collectConverted(p, m, c, key, value)
}

// collectConverted is collect for records with schemas.
func (r *run) collectConverted(p *partition, m *fetch.Record, c common, key, value []byte) {
	// A null that has no schema fits any: tombstones do not begin another batch.
	if p.builder != nil && key == nil && c.keySchema == nil {
		c.keySchema = p.common.keySchema
	}
	if p.builder != nil && value == nil && c.valueSchema == nil {
		c.valueSchema = p.common.valueSchema
	}
	r.collect(p, m, c, key, value, r.headers)
}

// headerText is the text of a header's value, nil for null.
func headerText(v any) []byte {
	if v == nil {
		return nil
	}
	return data.AppendText([]byte{}, v)
}

// convertHeaders fills r.headers. What a converter has read reaches the plugin as SimpleHeaderConverter writes it: as text.
func (r *run) convertHeaders(m *fetch.Record) error {
	r.headers = r.headers[:0]
	for i := range m.Headers {
		h := connectors.Header{Key: m.Headers[i].Key, Value: m.Headers[i].Value}
		if r.convert.header != nil && h.Value != nil {
			_, v, err := r.convert.header.ToConnect(h.Value)
			if err != nil {
				return err
			}
			h.Value = headerText(v)
		}
		r.headers = append(r.headers, h)
	}
	return nil
}
