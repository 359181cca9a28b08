package data

import (
	"math/big"
	"strconv"
	"strings"
	"time"
)

// The names of the logical types, and the parameter of a Decimal.
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
	ScaleName     = "scale"
)

// Decimal is an exact decimal number: Unscaled × 10^-Scale. It is immutable.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// Instant is a moment in milliseconds since 1970 in UTC: a Date (midnight), a Time (on 1 January 1970) or a Timestamp.
type Instant int64

// Time gives the moment as Go has it, in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

func logical(t Type, name string, optional bool, parameters ...Parameter) *Schema {
	one := int32(1)
	return &Schema{Type: t, Optional: optional, Name: name, Version: &one, Parameters: parameters}
}

// DecimalSchema is the schema of decimals with a scale.
func DecimalSchema(scale int32, optional bool) *Schema {
	return logical(Bytes, DecimalName, optional, Parameter{ScaleName, strconv.Itoa(int(scale))})
}

// DateSchema is the schema of days: instants at midnight in UTC, days since 1970 in int32.
func DateSchema(optional bool) *Schema { return logical(Int32, DateName, optional) }

// TimeSchema is the schema of times of a day: milliseconds since midnight in int32.
func TimeSchema(optional bool) *Schema { return logical(Int32, TimeName, optional) }

// TimestampSchema is the schema of moments: milliseconds since 1970 in int64.
func TimestampSchema(optional bool) *Schema { return logical(Int64, TimestampName, optional) }

// NewDecimal makes a decimal of an integer: 12345 with scale 2 is 123.45.
func NewDecimal(unscaled int64, scale int32) Decimal {
	return Decimal{Unscaled: big.NewInt(unscaled), Scale: scale}
}

// DecimalOfBytes reads the form in which a Decimal's bytes lie: the unscaled value, big-endian in two's complement.
func DecimalOfBytes(b []byte, scale int32) Decimal {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return Decimal{Unscaled: n, Scale: scale}
}

// Bytes is that form: the fewest bytes that hold the unscaled value and its sign.
func (d Decimal) Bytes() []byte {
	n := d.Unscaled
	if n.Sign() >= 0 {
		b := make([]byte, n.BitLen()/8+1)
		n.FillBytes(b)
		return b
	}
	size := new(big.Int).Not(n).BitLen()/8 + 1
	b := make([]byte, size)
	new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size)*8)).FillBytes(b)
	return b
}

// String is the number as Java's BigDecimal writes it: plain, or with an exponent where the scale is negative or the number
// very small.
func (d Decimal) String() string {
	digits := new(big.Int).Abs(d.Unscaled).String()
	sign := ""
	if d.Unscaled.Sign() < 0 {
		sign = "-"
	}
	exponent := int64(len(digits)) - 1 - int64(d.Scale) // of the first digit
	if d.Scale == 0 {
		return sign + digits
	}
	if d.Scale > 0 && exponent >= -6 {
		return sign + point(digits, int(d.Scale))
	}
	out := sign + digits[:1]
	if len(digits) > 1 {
		out += "." + digits[1:]
	}
	if exponent != 0 {
		out += "E"
		if exponent > 0 {
			out += "+"
		}
		out += strconv.FormatInt(exponent, 10)
	}
	return out
}

// Plain is the number without an exponent.
func (d Decimal) Plain() string {
	digits, sign := new(big.Int).Abs(d.Unscaled).String(), ""
	if d.Unscaled.Sign() < 0 {
		sign = "-"
	}
	switch {
	case d.Scale > 0:
		return sign + point(digits, int(d.Scale))
	case d.Scale < 0 && digits != "0":
		return sign + digits + strings.Repeat("0", -int(d.Scale))
	}
	return sign + digits
}

func point(digits string, scale int) string {
	if len(digits) > scale {
		return digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	return "0." + strings.Repeat("0", scale-len(digits)) + digits
}
