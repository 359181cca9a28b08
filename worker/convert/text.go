package convert

import (
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// plain is a converter whose values are the bytes themselves: StringConverter and ByteArrayConverter.
type plain struct {
	class  string
	schema *data.Schema
}

var _ Converter = (*plain)(nil)

func (p *plain) Class() string { return p.class }

func (p *plain) Payload() connectors.Payload {
	if p.class == StringClass {
		return connectors.PayloadString
	}
	return connectors.PayloadBytes
}

func (*plain) Direct() bool { return true }

func (*plain) KeepNulls() bool { return false }

// ToConnect implements Converter.
func (p *plain) ToConnect(b []byte) (*data.Schema, any, error) {
	switch {
	case b == nil:
		return p.schema, nil, nil
	case p.class == StringClass:
		return p.schema, strings.ToValidUTF8(string(b), "\uFFFD"), nil
	}
	return p.schema, b, nil
}
