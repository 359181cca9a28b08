package convert

import (
	"github.com/sluice-connect/sluice/worker/data"
)

// value makes a value of a schema, or of none, as JsonConverter.convertToConnect of Kafka Connect does: a number is forced into
// its type, and what is no number is 0. n is nil for a member that is not there.
func (c *jsonConverter) value(s *data.Schema, n *node) (any, error) {
	if s == nil {
		return c.free(n)
	}
	if n == nil || n.kind == null {
		switch {
		case s.Default != nil && !c.keepNulls:
			return s.Default, nil
		case s.Optional:
			return nil, nil
		}
		return nil, data.Errorf("Invalid null value for required %s field", s.Type)
	}
	switch s.Name {
	case data.DecimalName:
		return decimalOf(s, n)
	case data.DateName, data.TimeName, data.TimestampName:
		return instantOf(s, n)
	}
	switch s.Type {
	case data.Boolean:
		return n.isTrue(), nil
	case data.Int8:
		return int8(n.long()), nil
	case data.Int16:
		return int16(n.long()), nil
	case data.Int32:
		return int32(n.long()), nil
	case data.Int64:
		return n.long(), nil
	case data.Float32:
		return float32(n.float(32)), nil
	case data.Float64:
		return n.float(64), nil
	case data.String:
		if n.kind != text {
			return nil, nil
		}
		return n.string(), nil
	case data.Bytes:
		if n.kind != text {
			return nil, nil
		}
		b, err := n.binary()
		if err != nil {
			return nil, &data.Error{Class: data.DataException, Message: "Invalid bytes field", Cause: err}
		}
		return b, nil
	case data.ArrayType:
		return c.list(s.Value, n)
	case data.MapType:
		return c.mapOf(s, n)
	default:
		return c.structOf(s, n)
	}
}

// free is value without a schema.
func (c *jsonConverter) free(n *node) (any, error) {
	switch n.kind {
	case boolean:
		return n.isTrue(), nil
	case number:
		if n.integral() {
			return n.long(), nil
		}
		return n.float(64), nil
	case text:
		return n.string(), nil
	case array:
		return c.list(nil, n)
	case object:
		m := data.NewMap(len(n.items))
		for i := range n.items {
			v, err := c.free(&n.items[i])
			if err != nil {
				return nil, err
			}
			m.Put(n.names[i], v)
		}
		return m, nil
	default:
		return nil, nil
	}
}

// list takes the elements of an array, and the values of an object as Kafka Connect does.
func (c *jsonConverter) list(elem *data.Schema, n *node) (any, error) {
	list := make([]any, len(n.items))
	for i := range n.items {
		var err error
		if list[i], err = c.value(elem, &n.items[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (c *jsonConverter) mapOf(s *data.Schema, n *node) (any, error) {
	m := data.NewMap(len(n.items))
	if s.Key.Type == data.String {
		if n.kind != object {
			return nil, data.Errorf("Maps with string fields should be encoded as JSON objects, but found %s", n.kind)
		}
		for i := range n.items {
			v, err := c.value(s.Value, &n.items[i])
			if err != nil {
				return nil, err
			}
			m.Put(n.names[i], v)
		}
		return m, nil
	}
	if n.kind != array {
		return nil, data.Errorf("Maps with non-string fields should be encoded as JSON array of tuples, but found %s", n.kind)
	}
	for i := range n.items {
		pair := &n.items[i]
		switch {
		case pair.kind != array:
			return nil, data.Errorf("Found invalid map entry instead of array tuple: %s", pair.kind)
		case len(pair.items) != 2:
			return nil, data.Errorf("Found invalid map entry, expected length 2 but found :%d", len(pair.items))
		}
		k, err := c.value(s.Key, &pair.items[0])
		if err != nil {
			return nil, err
		}
		v, err := c.value(s.Value, &pair.items[1])
		if err != nil {
			return nil, err
		}
		m.Put(k, v)
	}
	return m, nil
}

func (c *jsonConverter) structOf(s *data.Schema, n *node) (any, error) {
	if n.kind != object {
		return nil, data.Errorf("Structs should be encoded as JSON objects, but found %s", n.kind)
	}
	st := data.NewStruct(s)
	for i := range s.Fields {
		f := &s.Fields[i]
		v, err := c.value(f.Schema, n.near(f.Name, i))
		if err != nil {
			return nil, err
		}
		if err := st.Set(i, v); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func decimalOf(s *data.Schema, n *node) (any, error) {
	switch n.kind {
	case number:
		if d, ok := n.decimal(); ok {
			return d, nil
		}
		return nil, data.Errorf("Invalid bytes for Decimal field")
	case text:
		scale, err := scaleOf(s)
		var b []byte
		if err == nil {
			b, err = n.binary()
		}
		if err == nil && len(b) == 0 {
			err = errNoDigits
		}
		if err != nil {
			return nil, &data.Error{Class: data.DataException, Message: "Invalid bytes for Decimal field", Cause: err}
		}
		return data.DecimalOfBytes(b, scale), nil
	default:
		return nil, data.Errorf("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", n.kind)
	}
}

var errNoDigits = data.Errorf("Zero length BigInteger")

const dayMillis = 24 * 60 * 60 * 1000

func instantOf(s *data.Schema, n *node) (any, error) {
	v := n.long()
	isInt := n.integral() && v == int64(int32(v)) && len(n.raw) <= len("-2147483648")
	switch s.Name {
	case data.DateName:
		if !isInt {
			return nil, data.Errorf("Invalid type for Date, underlying representation should be integer but was %s", n.kind)
		}
		return data.Instant(v * dayMillis), nil
	case data.TimeName:
		if !isInt {
			return nil, data.Errorf("Invalid type for Time, underlying representation should be integer but was %s", n.kind)
		}
		if v < 0 || v > dayMillis {
			return nil, data.Errorf("Time values must use number of milliseconds greater than 0 and less than 86400000")
		}
		return data.Instant(v), nil
	}
	if !n.integral() {
		return nil, data.Errorf("Invalid type for Timestamp, underlying representation should be integral but was %s", n.kind)
	}
	return data.Instant(v), nil
}
