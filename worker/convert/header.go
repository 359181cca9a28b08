package convert

import (
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

// simpleHeader is Kafka Connect's SimpleHeaderConverter: headers are text, in which it finds numbers, dates, lists and maps.
type simpleHeader struct{}

var _ Converter = simpleHeader{}

func (simpleHeader) Class() string { return SimpleHeaderClass }

func (simpleHeader) Payload() connectors.Payload { return connectors.PayloadString }

func (simpleHeader) Direct() bool { return true }

func (simpleHeader) KeepNulls() bool { return false }

// ToConnect implements Converter.
func (simpleHeader) ToConnect(b []byte) (*data.Schema, any, error) {
	if b == nil {
		return nil, nil, nil
	}
	s, v := data.ParseText(strings.ToValidUTF8(string(b), "\uFFFD"))
	return s, v, nil
}
