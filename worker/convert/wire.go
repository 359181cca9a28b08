package convert

import (
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// wireSchemas is how many schemas a Wire keeps in their JSON form.
const wireSchemas = 1000

// Wire makes of values what batches carry: a payload, and the schema as JSON. It is for one goroutine.
type Wire struct {
	payload connectors.Payload
	nulls   bool
	schemas generations[*data.Schema, []byte]
	buf     []byte
}

// NewWire makes a Wire for a payload. keepNulls leaves a null as it is where its schema has a default.
func NewWire(payload connectors.Payload, keepNulls bool) *Wire {
	return &Wire{payload: payload, nulls: keepNulls, schemas: newGenerations[*data.Schema, []byte](wireSchemas)}
}

// Schema is the JSON form of a schema, nil for none, and nil where the payload is no JSON: text and bytes need none. Schemas that are
// the same pointer give the same memory.
func (w *Wire) Schema(s *data.Schema) ([]byte, error) {
	if s == nil || w.payload != connectors.PayloadJSON {
		return nil, nil
	}
	if b, ok := w.schemas.get(s); ok {
		return b, nil
	}
	b, err := s.JSON()
	if err != nil {
		return nil, err
	}
	w.schemas.put(s, b)
	return b, nil
}

// Payload is the value in the form of the payload, nil for null; it is valid until the next call. JSON is as Kafka Connect's
// JsonConverter writes it, without an envelope; where it would refuse a decimal because that has another scale than its schema, decimals
// become numbers.
func (w *Wire) Payload(s *data.Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	var err error
	switch w.payload {
	case connectors.PayloadBytes:
		if b, ok := value.([]byte); ok {
			return b, nil
		}
		return nil, data.Errorf("ByteArrayConverter is not compatible with objects of type class %s", data.JavaClass(value))
	case connectors.PayloadString:
		text, ok := value.(string)
		if !ok {
			return nil, data.Errorf("class %s is no text", data.JavaClass(value))
		}
		w.buf = append(w.buf[:0], text...)
	default:
		options := data.JSONOptions{KeepNulls: w.nulls}
		if w.buf, err = options.Append(w.buf[:0], s, value); err != nil {
			options.NumericDecimals = true
			var again error
			if w.buf, again = options.Append(w.buf[:0], s, value); again != nil {
				return nil, err
			}
		}
	}
	return w.buf, nil
}
