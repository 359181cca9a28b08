package convert

import (
	"bytes"
	"errors"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// jsonConverter is Kafka Connect's JsonConverter.
type jsonConverter struct {
	schemas   bool // documents are envelopes with schema and payload
	keepNulls bool // replace.null.with.default=false
	content   *data.Schema
	cache     generations[string, *data.Schema] // by the text of the schema

	latest     *data.Schema
	latestText []byte
}

var _ Converter = (*jsonConverter)(nil)

func newJSON(c connectors.Config) (*jsonConverter, error) {
	j := &jsonConverter{schemas: schemasEnable.Get(c), keepNulls: !replaceNull.Get(c), cache: newGenerations[string, *data.Schema](schemasCacheSize.Get(c))}
	content := schemaContent.Get(c)
	if content == "" {
		return j, nil
	}
	doc, err := JSON([]byte(content))
	if err != nil {
		return nil, &data.Error{Class: data.DataException, Message: "Failed to parse schema in converter config due to serialization error: ", Cause: err}
	}
	if doc != nil {
		if j.content, err = j.schemaOf(parse(doc)); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (*jsonConverter) Class() string { return JSONClass }

func (*jsonConverter) Payload() connectors.Payload { return connectors.PayloadJSON }

func (c *jsonConverter) Direct() bool { return !c.schemas }

func (c *jsonConverter) KeepNulls() bool { return c.keepNulls }

// noEnvelope is Kafka Connect's text.
const noEnvelope = `JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields.` +
	" If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."

// NotJSON is how JsonConverter refuses bytes that are no JSON; err is what JSON said.
func NotJSON(err error) *data.Error {
	return &data.Error{Class: data.DataException, Message: "Converting byte[] to Kafka Connect data failed due to serialization error: ", Cause: err}
}

// ToConnect implements Converter.
func (c *jsonConverter) ToConnect(b []byte) (*data.Schema, any, error) {
	if b == nil {
		return nil, nil, nil
	}
	doc, err := JSON(b)
	if err != nil {
		return nil, nil, NotJSON(err)
	}
	if !c.schemas || c.content != nil {
		n := &node{} // missing
		if doc != nil {
			n = parse(doc)
		} else if skipSpace(b, 0) < len(b) {
			n.kind = null
		}
		s := c.content
		if !c.schemas {
			s = nil
		}
		v, err := c.value(s, n)
		return s, v, err
	}
	if doc == nil {
		return nil, nil, data.Errorf(noEnvelope)
	}
	schema, payload, ok := envelope(doc)
	if !ok {
		return nil, nil, data.Errorf(noEnvelope)
	}
	s := c.latest
	if !bytes.Equal(schema, c.latestText) { // most records have the schema of the one before
		if s, ok = c.cache.get(string(schema)); !ok {
			if s, err = c.schemaOf(parse(schema)); err != nil {
				return nil, nil, err
			}
			c.cache.put(string(schema), s)
		}
		c.latest, c.latestText = s, append(c.latestText[:0], schema...)
	}
	v, err := c.value(s, parse(payload))
	if err != nil {
		return nil, nil, err
	}
	return s, v, nil
}

// Cause is what Kafka Connect would name as exception and message of an error of a converter, and what lies behind it.
func Cause(err error) (exception, message string, _ error) {
	if e, ok := errors.AsType[*data.Error](err); ok {
		return e.Class, e.Message, e
	}
	return data.DataException, err.Error(), err
}
