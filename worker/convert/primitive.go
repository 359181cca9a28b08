package convert

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// fixed is a converter of values of a fixed number of bytes, big-endian: Kafka Connect's of numbers and of booleans.
type fixed struct {
	class  string
	name   string // in messages
	schema *data.Schema
	size   int
	read   func([]byte) (any, error)
}

var _ Converter = (*fixed)(nil)

func newFixed(class string) *fixed {
	f := &fixed{class: class}
	number := func(name string, t data.Type, size int, read func([]byte) any) *fixed {
		f.name, f.schema, f.size = name, data.OptionalOf(t), size
		f.read = func(b []byte) (any, error) { return read(b), nil }
		return f
	}
	switch class {
	case ShortClass:
		return number("short", data.Int16, 2, func(b []byte) any { return int16(binary.BigEndian.Uint16(b)) })
	case IntegerClass:
		return number("integer", data.Int32, 4, func(b []byte) any { return int32(binary.BigEndian.Uint32(b)) })
	case LongClass:
		return number("long", data.Int64, 8, func(b []byte) any { return int64(binary.BigEndian.Uint64(b)) })
	case FloatClass:
		return number("float", data.Float32, 4, func(b []byte) any { return math.Float32frombits(binary.BigEndian.Uint32(b)) })
	case DoubleClass:
		return number("double", data.Float64, 8, func(b []byte) any { return math.Float64frombits(binary.BigEndian.Uint64(b)) })
	case BooleanClass:
		f.name, f.schema, f.size, f.read = "boolean", data.OptionalOf(data.Boolean), 1, readBoolean
		return f
	}
	return nil
}

func readBoolean(b []byte) (any, error) {
	switch b[0] {
	case 0:
		return false, nil
	case 1:
		return true, nil
	}
	return nil, fmt.Errorf("unexpected byte %d, a boolean is 0 or 1", b[0])
}

func (f *fixed) Class() string { return f.class }

func (*fixed) Payload() connectors.Payload { return connectors.PayloadJSON }

func (*fixed) Direct() bool { return false }

func (*fixed) KeepNulls() bool { return false }

// ToConnect implements Converter.
func (f *fixed) ToConnect(b []byte) (*data.Schema, any, error) {
	if b == nil {
		return f.schema, nil, nil
	}
	var v any
	err := fmt.Errorf("%d bytes, a %s has %d", len(b), f.name, f.size)
	if len(b) == f.size {
		v, err = f.read(b)
	}
	if err != nil {
		return nil, nil, &data.Error{Class: data.DataException, Message: "Failed to deserialize " + f.name + ": ", Cause: err}
	}
	return f.schema, v, nil
}
