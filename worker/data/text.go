package data

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/worker/data/simpledate"
)

// The forms in which Kafka Connect writes dates, times and timestamps in a text.
const (
	dateForm      = "yyyy-MM-dd"
	timeForm      = "HH:mm:ss.SSS'Z'"
	timestampForm = dateForm + "'T'" + timeForm
)

// formatInstant writes an instant in the form that fits it: a time on the first day of 1970 and before, a date at midnight.
func formatInstant(dst []byte, i Instant) []byte {
	form := timestampForm
	switch {
	case i < dayMillis:
		form = timeForm
	case i%dayMillis == 0:
		form = dateForm
	}
	f, err := simpledate.New(form)
	if err != nil {
		panic(err) // a constant
	}
	return f.Append(dst, int64(i))
}

// Text is a value as Kafka Connect's Values.convertToString writes it: numbers and strings plain, bytes in base64, arrays, maps
// and structs much like JSON.
func Text(value any) string { return string(AppendText(nil, value)) }

// AppendText is Text behind what dst holds.
func AppendText(dst []byte, value any) []byte { return appendText(dst, value, false) }

func appendText(dst []byte, value any, embedded bool) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		if !embedded {
			return append(dst, v...)
		}
		dst = append(dst, '"')
		for i := range len(v) {
			if v[i] == '"' || v[i] == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, v[i])
		}
		return append(dst, '"')
	case []byte:
		if embedded {
			return appendBase64(dst, v)
		}
		return base64.StdEncoding.AppendEncode(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, e, true)
		}
		return append(dst, ']')
	case *Map:
		dst = append(dst, '{')
		for i, e := range v.entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(append(appendText(dst, e.Key, true), ':'), e.Value, true)
		}
		return append(dst, '}')
	case *Struct:
		dst = append(dst, '{')
		for i := range v.values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(append(appendText(dst, v.schema.Fields[i].Name, true), ':'), v.At(i), true)
		}
		return append(dst, '}')
	}
	return append(dst, Scalar(value)...)
}

// Scalar is a number, boolean, string or instant as Java's toString writes it, instants as in [Text], bytes in base64.
func Scalar(value any) string {
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int8:
		return strconv.FormatInt(int64(v), 10)
	case int16:
		return strconv.FormatInt(int64(v), 10)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float32:
		return FormatFloat(float64(v), 32)
	case float64:
		return FormatFloat(v, 64)
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case Decimal:
		return v.String()
	case Instant:
		return string(formatInstant(nil, v))
	}
	return JavaClass(value)
}

// ParseDecimal reads a number as Java's BigDecimal does.
func ParseDecimal(text string) (Decimal, bool) {
	mantissa, exponent := text, int64(0)
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(text[i+1:], 10, 32)
		if err != nil {
			return Decimal{}, false
		}
		mantissa, exponent = text[:i], e
	}
	sign := ""
	if mantissa != "" && (mantissa[0] == '+' || mantissa[0] == '-') {
		sign, mantissa = mantissa[:1], mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return Decimal{}, false
	}
	scale := int64(len(fraction)) - exponent
	if scale != int64(int32(scale)) {
		return Decimal{}, false
	}
	n, ok := new(big.Int).SetString(sign+digits, 10)
	return Decimal{Unscaled: n, Scale: int32(scale)}, ok
}

// Float is the number that is nearest to the decimal, infinite where it is too large.
func (d Decimal) Float(bits int) float64 {
	f, err := strconv.ParseFloat(d.Unscaled.String()+"e"+strconv.FormatInt(-int64(d.Scale), 10), bits)
	if err != nil && f == 0 {
		return math.NaN()
	}
	return f
}

// Int cuts the decimal to a whole number and that to 64 bits, as Java's longValue does.
func (d Decimal) Int() int64 {
	const most = 400 // more digits than any int64, and than any shift that could leave a rest in its low 64 bits
	n := d.Unscaled
	switch {
	case d.Scale > 0 && int(d.Scale) > len(n.Text(10)):
		return 0
	case d.Scale > 0:
		n = new(big.Int).Quo(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.Scale)), nil))
	case d.Scale < -most:
		return 0 // divisible by 2^64
	case d.Scale < 0:
		n = new(big.Int).Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(-int64(d.Scale)), nil))
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64() // And takes negative numbers in two's complement
	return int64(low)
}

// exact is the decimal as a whole number of 64 bits.
func (d Decimal) exact() (int64, bool) {
	if d.Unscaled.Sign() == 0 {
		return 0, true
	}
	if d.Scale < -19 || int(d.Scale) > len(d.Unscaled.Text(10)) {
		return 0, false
	}
	n, ten := d.Unscaled, big.NewInt(10)
	if d.Scale > 0 {
		rest := new(big.Int)
		n, rest = new(big.Int).QuoRem(n, new(big.Int).Exp(ten, big.NewInt(int64(d.Scale)), nil), rest)
		if rest.Sign() != 0 {
			return 0, false
		}
	} else {
		n = new(big.Int).Mul(n, new(big.Int).Exp(ten, big.NewInt(-int64(d.Scale)), nil))
	}
	return n.Int64(), n.IsInt64()
}

// parseInstant reads a date, time or timestamp, by the length of the text.
func parseInstant(text string) (*Schema, any) {
	text = strings.ReplaceAll(text, `\:`, ":")
	form, schema := "", (*Schema)(nil)
	switch utf8.RuneCountInString(text) {
	case 10:
		form, schema = dateForm, DateSchema(false)
	case 13:
		form, schema = timeForm, TimeSchema(false)
	case 24:
		form, schema = timestampForm, TimestampSchema(false)
	default:
		return nil, nil
	}
	f, err := simpledate.New(form)
	if err != nil {
		panic(err) // a constant
	}
	millis, err := f.Parse(text)
	if err != nil {
		return nil, nil
	}
	return schema, Instant(millis)
}
